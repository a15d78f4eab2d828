"""Opening logs for commands.  What takes a second to import (chain, database) is imported when a log is opened."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from anchor_service.cli.console import err
from anchor_service.ports import StoreRefused
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.policy import print_policy
from anchor_service.services.page import bake
from anchor_service.settings import Settings

if TYPE_CHECKING:
    from anchor_service.wiring.desk import Desk
    from anchor_service.wiring.serving import Service


@contextmanager
def opened(settings: Settings) -> Iterator[Service]:
    """Open a log that is there, for this process alone."""
    from anchor_service.wiring.opening import build

    service = build(settings)
    try:
        yield service
    finally:
        service.stop()


@contextmanager
def looked_at(settings: Settings) -> Iterator[Desk]:
    """Open a log that is there, which another process may be serving."""
    from anchor_service.wiring.opening import look

    desk = look(settings)
    try:
        yield desk
    finally:
        desk.stop()


def log_exists(settings: Settings) -> bool:
    """Whether there is a log in the data directory, whoever serves it."""
    try:
        with looked_at(settings):
            pass
    except StoreRefused as refusal:
        if refusal.code == "log_missing":
            return False
        raise
    return True


def bake_page(policy: bytes, out: Path) -> None:
    """Write the page that trusts this policy."""
    bake(resources.files("anchor_service") / "page", policy, out)


def bake_own_page(log: Desk) -> None:
    """Write the page that trusts this log into its data directory; where none was built, say so and go on."""
    try:
        # Processes that start together take turns: each tidies up after the others.
        with (log.settings.data / "page.lock").open("ab") as turn:
            fcntl.flock(turn, fcntl.LOCK_EX)
            bake_page(print_policy(log.policy()), log.settings.data / "page")
    except SealtrailError as problem:
        if problem.code != "page_not_built":
            raise
        err().print(f"[yellow]Labels lead nowhere yet:[/] {escape(problem.message)}")
