"""Proofs from storage: an order of 12 events in logs of several sizes, against pymerkle on SQLite.

CPU time of the thread that proves.  Cold: with connections opened anew, and the database file dropped from the page
cache; told by the clock, since it waits for the disk.  SEALTRAIL_DATABASE names a PostgreSQL to measure on.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from pymerkle import SqliteTree

from anchor_service.ports import Audience
from anchor_service.services.prove import NotYet
from anchor_service.settings import Settings
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.opening import look
from anchor_service.wiring.places import DATABASE
from scripts.benches import grown, world
from scripts.benches.table import Bench

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

STEPS = 12
ORDERS = 830
SIZES = (10_000, 1_000_000, 10_000_000)
GOAL = "≤ 1 ms, flat"


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    database = "PostgreSQL" if Settings(data=Path()).database else "SQLite"
    table = Bench(f"A proof from storage, {database}")
    rounds = 60 if quick else 300
    for size in SIZES[:1] if quick else SIZES:
        with _log(size) as folder:
            _measure(table, folder, size, [f"proof-{choice.randrange(ORDERS):011d}" for _ in range(rounds)])
    with tempfile.TemporaryDirectory() as place, SqliteTree(str(Path(place) / "tree.db")) as tree:
        tree.append_entries([b"entry %d" % number for number in range(SIZES[0])])
        paths = [_timed(lambda: tree.prove_inclusion(choice.randrange(SIZES[0]) + 1)) for _ in range(rounds // 10)]
    table.add(f"{SIZES[0]:,} entries: pymerkle, one inclusion path", paths, "ms")
    return table


choice = random.Random(1)  # noqa: S311 - which orders are asked for


@contextmanager
def _log(size: int) -> Iterator[Path]:
    """Make a log of that size, with orders of twelve events that came in through the service as its newest."""
    with ExitStack() as opened:
        if size > SIZES[0]:
            folder = opened.enter_context(grown.grown(entries=size, streams=size))
            service = opened.enter_context(world.resumed(folder))
        else:
            folder = Path(opened.enter_context(tempfile.TemporaryDirectory())) / "log"
            service = opened.enter_context(world.opened_in(folder))
        service.start()
        world.fill(service, ORDERS * STEPS, "proof", STEPS)
        if not service.settle(600):
            raise RuntimeError("not all is anchored")
        service.stop()
        yield folder


def _measure(table: Bench, folder: Path, size: int, orders: list[str]) -> None:
    settings = Settings(data=folder)
    desk = look(settings)
    try:
        begin = time.perf_counter()
        _prove(desk, orders[-1])
        loading = [time.perf_counter() - begin]
        table.add("the first proof of a process, which loads the map, by the clock, entries", loading, "s", size=size)
        if not settings.database:
            samples = [_cold(desk, order) for order in orders[:20]]
            table.add("a proof from cold pages, by the clock, entries", samples, "ms", size=size)
        first: list[float] = []
        again: list[float] = []
        for order in orders:
            for samples in (first, again):  # the same order twice: the second time its pages are warm
                samples.append(_timed(lambda order=order: _prove(desk, order)))  # type: ignore[misc] # a default
    finally:
        desk.stop()
    table.add("a proof of any order, warm, entries", first, "ms", goal=GOAL, size=size)
    table.add("the same proof again, entries", again, "ms", goal=GOAL, size=size)


def _cold(desk: Desk, order: str) -> float:
    desk._database._readers.dispose()  # noqa: SLF001 - with the connections go their caches and what they have mapped
    _drop_pages(desk.settings.data / DATABASE)
    begin = time.perf_counter()
    _prove(desk, order)
    return (time.perf_counter() - begin) * 1000


def _prove(desk: Desk, order: str) -> None:
    if isinstance(desk.prove.proof(world.TENANT, order, Audience.CONSUMER), NotYet):
        raise RuntimeError("an order without a proof")  # noqa: TRY004 - a state, not a type


def _drop_pages(path: Path) -> None:
    """Ask the system to forget what it has of a file in memory."""
    for part in (path, Path(f"{path}-wal")):
        if part.exists():
            handle = os.open(part, os.O_RDONLY)
            os.fsync(handle)
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(handle)


def _timed(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1000
