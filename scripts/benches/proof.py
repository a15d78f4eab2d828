"""Proofs from storage: an order of 12 events in logs of several sizes, against pymerkle on SQLite.

CPU time of the thread that proves.  Events of an order lie side by side in the log, or in twelve tiles.  Cold: in a
process that has the map and the anchors in memory, with connections that have read nothing but the schema and the
database's files dropped from the system's memory, an order that nobody asked for before; told by the clock, since it
waits for the disk.  SEALTRAIL_DATABASE names a PostgreSQL to measure on.
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
ORDERS = 415
"""Orders of each kind."""
COLD = 20
"""Of them, for cold pages alone."""
SIZES = (10_000, 1_000_000, 10_000_000)
GOAL = "≤ 1 ms, flat"


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    database = "PostgreSQL" if Settings(data=Path()).database else "SQLite"
    table = Bench(f"A proof from storage, {database}")
    rounds = 60 if quick else 300
    for size in SIZES[:1] if quick else SIZES:
        with _log(size) as folder:
            _measure(table, folder, size, rounds)
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
        world.fill(service, ORDERS * STEPS, "beside", STEPS)
        world.fill(service, ORDERS * STEPS, "apart", STEPS, apart=True)
        if not service.settle(600):
            raise RuntimeError("not all is anchored")
        service.stop()
        yield folder


def _measure(table: Bench, folder: Path, size: int, rounds: int) -> None:
    settings = Settings(data=folder)
    desk = look(settings)
    try:
        begin = time.perf_counter()
        _prove(desk, _order("apart", 0))
        loading = [time.perf_counter() - begin]
        table.add("the first proof of a process, which loads the map, by the clock, entries", loading, "s", size=size)
        again: list[float] = []
        for kind, where in (("beside", "side by side"), ("apart", "in twelve tiles")):
            first: list[float] = []
            for _ in range(rounds):
                order = _order(kind, choice.randrange(ORDERS - COLD))
                for samples in (first, again):  # the same order twice: the second time its pages are warm
                    samples.append(_timed(lambda order=order: _prove(desk, order)))  # type: ignore[misc] # a default
            table.add(f"a proof of any order, events {where}, warm, entries", first, "ms", goal=GOAL, size=size)
        table.add("the same proof again, entries", again, "ms", goal=GOAL, size=size)
        if not settings.database:
            _measure_cold(table, desk, size)  # at last: what is cold then stays so for long
    finally:
        desk.stop()


def _order(kind: str, number: int) -> str:
    return f"{kind}-{number:011d}"


def _measure_cold(table: Bench, desk: Desk, size: int) -> None:
    """Measure proofs from cold pages, each of an order that was not asked for before."""
    for kind, where in (("beside", "side by side"), ("apart", "in twelve tiles")):
        found = [_cold(desk, _order(kind, number)) for number in range(ORDERS - COLD, ORDERS)]
        table.add(
            f"a proof from cold pages, events {where}, by the clock, entries",
            [took for took, _ in found],
            "ms",
            size=size,
        )
        table.add(
            f"what it reads from the disk, events {where}, entries",
            [read / 1024 for _, read in found],
            "KiB",
            size=size,
        )


def _cold(desk: Desk, order: str) -> tuple[float, int]:
    """Return milliseconds and bytes from the disk."""
    desk.prove.proofs._paths.forget()  # noqa: SLF001 - tiles that were read for other orders
    database = desk._database  # noqa: SLF001 - what it has mapped has to go before the system lets go of it
    database._readers.dispose()  # noqa: SLF001
    _drop_pages(desk.settings.data / DATABASE)
    with database.read() as connection:
        connection.exec_driver_sql("select 1 from sqlite_master").all()
    before, begin = _read_bytes(), time.perf_counter()
    _prove(desk, order)
    return (time.perf_counter() - begin) * 1000, _read_bytes() - before


def _read_bytes() -> int:
    """Return how much this process has had the disk read so far."""
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("read_bytes:"))


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
