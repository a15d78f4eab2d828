"""Starting after kill -9: how long until a log of so many events answers again."""

from __future__ import annotations

import tempfile
import time
from itertools import islice
from pathlib import Path

from scripts.benches import load, orders, server
from scripts.benches.table import Bench


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    sizes, rounds = ((10_000,), 2) if quick else ((10_000, 100_000, 1_000_000), 3)
    table = Bench("Start after kill -9")
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name) / "log"
            key = server.created(folder)
            took = []
            for turn in range(rounds):
                port = server.free_port()
                begin = time.perf_counter()
                with server.running(server.serving(folder, port), port, "/healthz") as process:
                    if turn:  # the log holds something
                        took.append(time.perf_counter() - begin)
                    bodies = list(islice(orders.batches(f"start-{turn}", 1_000), size // 1_000 // (rounds - 1)))
                    done = load.run([port], "/v1/events", bodies, 2, headers=f"Authorization: Bearer {key}\r\n")
                    if done.refused:
                        raise RuntimeError(f"refused: {done.refused[0]!r}")
                    process.kill()
            table.add(f"about {size:,} events", took, "s", note="a quarter as many streams")
    return table
