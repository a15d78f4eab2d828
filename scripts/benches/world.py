"""A log of its own, opened in this process, for benches below HTTP."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service
from scripts.benches import orders

if TYPE_CHECKING:
    from collections.abc import Iterator

TENANT = "bench"


@contextmanager
def opened() -> Iterator[Service]:
    """Create a log in a fresh directory and open it; its loops stand still until somebody starts them."""
    with tempfile.TemporaryDirectory() as folder, opened_in(Path(folder) / "log") as service:
        yield service


@contextmanager
def opened_in(folder: Path) -> Iterator[Service]:
    """Create a log in this directory and open it."""
    settings = _in_one_process(folder)
    create(settings)
    service = build(settings)
    try:
        service.keys.create_tenant(TENANT, "Bench")
        yield service
    finally:
        service.stop()


@contextmanager
def resumed(folder: Path) -> Iterator[Service]:
    """Open a log that is there."""
    service = build(_in_one_process(folder))
    try:
        yield service
    finally:
        service.stop()


def _in_one_process(folder: Path) -> Settings:
    """Return settings by which all can be looked at from here."""
    return Settings(data=folder, seal_process=False)


def fill(service: Service, count: int, run: str, steps: int = 4, *, apart: bool = False) -> None:
    """Ingest so many events, `steps` to an order, a thousand a request.

    `apart`: not order by order, but the first events of all orders, then the second ones, and so on.
    """
    stream = orders.events(run, steps=steps)
    if apart:
        made = list(islice(stream, count))
        stream = chain.from_iterable(made[step::steps] for step in range(steps))
    sent = [
        service.ingest.submit(TENANT, list(islice(stream, min(1_000, count - at)))) for at in range(0, count, 1_000)
    ]
    for answer in sent:
        answer.result()
