"""Accepted → sealed → anchored → provable by a served log that is large already: the rates, what waits, and memory."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

from scripts.benches import grown, load, orders, server
from scripts.benches.table import Bench

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RATE: Final = 6_200
"""Events a second that are offered: a little more than the goal, which is 500 million a day."""
_SIZE: Final = 500
"""Events in a request."""
_PATIENCE: Final = 300.0


@dataclass
class _Samples:
    """What was seen second by second."""

    waiting: list[float] = field(default_factory=list)  # accepted, and not under a final anchor
    memory: list[float] = field(default_factory=list)
    provable: list[float] = field(default_factory=list)


def bench(*, quick: bool) -> Bench:
    """Run the bench: clients in a process of their own offer the goal's rate, whether it is kept up with or not."""
    seconds, sizes = (10, (10_000,)) if quick else (600, (1_000_000, 10_000_000))
    table = Bench(f"Sustained for {seconds} s, {RATE:,} events/s offered, 4 to an order, SQLite")
    for size in sizes:
        with grown.grown(entries=size, streams=size) as folder:
            _run(table, size, folder, seconds)
    return table


def _run(table: Bench, size: int, folder: Path, seconds: int) -> None:
    key, port = server.key(folder), server.free_port()
    with ExitStack() as opened:
        running = server.running(server.serving(folder, port), port, "/readyz", patience=_PATIENCE)
        process = opened.enter_context(running)
        pool = opened.enter_context(get_context("spawn").Pool(1))
        seen, before = _Samples(), server.gauges(port)["final_size"]
        begin = time.perf_counter()
        sent = pool.apply_async(_send, (port, key, seconds))
        while not sent.ready():
            time.sleep(1)
            _look(port, process.pid, seen)
        accepted, took, latency = sent.get()
        while (gauges := server.gauges(port))["final_size"] < before + accepted or gauges["unsealed_events"]:
            time.sleep(0.2)
        whole = time.perf_counter() - begin
    quarter = max(1, len(seen.memory) // 4)
    rate = accepted / took
    note = f"p99 {latency:.0f} ms a request"
    table.add("accepted, streams before", [rate], "events/s", note=note, size=size)
    table.add("provable, streams before", [accepted / whole], "events/s", goal="≥ 6k", size=size)
    table.add("provable after the last was accepted, streams before", [whole - took], "s", size=size)
    for part, samples in (("first", slice(quarter)), ("last", slice(-quarter, None))):
        table.add(f"not yet provable, {part} quarter, streams before", seen.waiting[samples], "events", size=size)
        table.add(f"memory of all processes, {part} quarter, streams before", seen.memory[samples], "MiB", size=size)


def _look(port: int, pid: int, seen: _Samples) -> None:
    gauges = server.gauges(port)
    seen.waiting.append(gauges["queued_events"] + gauges["unsealed_events"] + gauges["log_size"] - gauges["final_size"])
    seen.memory.append(sum(server.resident(process) for process in server.tree(pid)))


def _send(port: int, key: str, seconds: int) -> tuple[int, float, float]:
    """Return how many events were accepted in how many seconds, and the 99th percentile of the requests' ms."""
    bodies = _bodies(time.perf_counter() + seconds)
    authorization = f"Authorization: Bearer {key}\r\n"
    done = load.run([port], "/v1/events", bodies, 4, headers=authorization, rate=RATE / _SIZE)
    if done.refused:
        raise RuntimeError(f"refused: {done.refused[0]!r}")
    return done.requests * _SIZE, done.seconds, done.percentile(99)


def _bodies(end: float) -> Iterator[bytes]:
    bodies = orders.batches(f"sustained-{time.time_ns()}", _SIZE)
    while time.perf_counter() < end:
        yield next(bodies)
