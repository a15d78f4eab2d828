"""Ingest over HTTP: batches and singles, durable, receipts included, against a plain endpoint in the same run.

On SQLite one process does everything; on PostgreSQL two processes take events, first alone, then with a worker that
seals and anchors, and the plain endpoint runs as two processes on the same server.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from scripts.benches import load, orders, server
from scripts.benches.table import Bench
from tests.cli.fleet import WorkerProcess, fleet
from tests.postgres import run_postgres

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class _Sides:
    """Who is measured: the ports of the service and of the plain endpoint; `name` goes into every row."""

    name: str
    ours: Sequence[int]
    key: str
    plain: Sequence[int]

    @property
    def auth(self) -> str:
        return f"Authorization: Bearer {self.key}\r\n"


def bench(*, quick: bool) -> Bench:
    """Run the bench: service and reference in turn, so that a noisy machine disturbs both."""
    table = Bench("Ingest over HTTP, events a second")
    rounds, scale = (2, 1) if quick else (5, 4)
    batches = [(100, 4, 80 * scale), (1_000, 2, 8 * scale)]
    _on_sqlite(table, rounds, scale, batches)
    _on_postgresql(table, rounds, [(100, 16, 160 * scale), (1_000, 4, 16 * scale)])
    return table


def _on_sqlite(table: Bench, rounds: int, scale: int, batches: Sequence[tuple[int, int, int]]) -> None:
    with (
        tempfile.TemporaryDirectory() as ours,
        tempfile.TemporaryDirectory() as theirs,
        server.service(Path(ours) / "log") as (port, key),
        server.reference(f"sqlite:///{theirs}/reference.db") as plain,
    ):
        sides = _Sides("SQLite", [port], key, [plain])
        for case in batches:
            _compare(table, sides, rounds, case, "≥ 12k, ≥ 7 ×")
        for clients in (16, 128):
            _compare(table, sides, rounds, (1, clients, 1_500 * scale), "≥ 3k")
        bodies = list(islice(orders.batches("paced", 1), 4_000 * scale))
        done = load.run([port], "/v1/events", bodies, 128, headers=sides.auth, rate=2_000)
        table.add(
            "SQLite, single events at 2,000/s: p99",
            [done.percentile(99)],
            "ms",
            goal="≤ 50 ms",
            note=f"{done.requests / done.seconds:,.0f} events/s reached",
        )


def _on_postgresql(table: Bench, rounds: int, batches: Sequence[tuple[int, int, int]]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        postgres = stack.enter_context(run_postgres())
        log = stack.enter_context(fleet(folder, postgres, "bench"))
        ours = [stack.enter_context(server.serving_only(log.data)) for _ in range(2)]
        url = postgres.server("postgres").replace("postgresql://", "postgresql+psycopg://")
        plain = [stack.enter_context(server.reference(url)) for _ in range(2)]
        # A server that has just been made, with tables that are empty, is not what anybody has.
        warm = islice(orders.batches("warm", 1_000), 20)
        _answered(load.run(ours, "/v1/events", warm, 4, headers=f"Authorization: Bearer {log.key}\r\n"))
        for case in batches:
            _compare(table, _Sides("PostgreSQL, two processes", ours, log.key, plain), rounds, case, "≥ 20k, ≥ 7 ×")
        worker = WorkerProcess(log.data, folder / "worker.log")
        try:
            for case in batches:
                _compare(table, _Sides("PostgreSQL, two and a worker", ours, log.key, plain), rounds, case, "")
        finally:
            worker.process.terminate()
            worker.process.wait(60)


def _compare(table: Bench, sides: _Sides, rounds: int, case: tuple[int, int, int], goal: str) -> None:
    size, clients, requests = case
    rates: dict[str, list[float]] = {"sealtrail": [], "plain": []}
    latencies = []
    for turn in range(rounds):
        bodies = list(islice(orders.batches(f"{sides.name}-{size}-{clients}-{turn}", size), requests))
        done = _answered(load.run(sides.ours, "/v1/events", bodies, clients, headers=sides.auth))
        rates["sealtrail"].append(done.requests * size / done.seconds)
        latencies.append(done.percentile(99))
        few = bodies[: max(2 * clients, requests // 8)]
        done = _answered(load.run(sides.plain, "/many" if size > 1 else "/one", few, clients))
        rates["plain"].append(done.requests * size / done.seconds)
    what = f"batches of {size}" if size > 1 else "single events"
    name = f"{sides.name}, {what}, {clients} clients"
    reference = table.add(f"{name}: plain FastAPI + ORM", rates["plain"], "events/s")
    note = f"p99 {sorted(latencies)[len(latencies) // 2]:.0f} ms"
    row = table.add(f"{name}: sealtrail", rates["sealtrail"], "events/s", goal=goal, note=note)
    table.compare(row, reference, faster=True)


def _answered(done: load.Load) -> load.Load:
    if done.refused:
        raise RuntimeError(f"refused: {done.refused[0]!r}")
    return done
