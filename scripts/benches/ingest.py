"""Ingest over HTTP: batches and singles, durable, receipts included, against a plain endpoint in the same run."""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path

from scripts.benches import load, orders, server
from scripts.benches.table import Bench


def bench(*, quick: bool) -> Bench:
    """Run the bench: service and reference in turn, so that a noisy machine disturbs both."""
    table = Bench("Ingest over HTTP, SQLite, events a second")
    rounds = 2 if quick else 5
    scale = 1 if quick else 4
    cases = [(100, 4, 80 * scale), (1_000, 2, 8 * scale), (1, 16, 1_500 * scale), (1, 128, 1_500 * scale)]
    with (
        tempfile.TemporaryDirectory() as ours,
        tempfile.TemporaryDirectory() as theirs,
        server.service(Path(ours) / "log") as (port, key),
        server.reference(Path(theirs)) as plain,
    ):
        auth = f"Authorization: Bearer {key}\r\n"
        for size, clients, requests in cases:
            rates: dict[str, list[float]] = {"sealtrail": [], "plain": []}
            latencies = []
            for turn in range(rounds):
                run = f"{size}-{clients}-{turn}"
                bodies = list(islice(orders.batches(run, size), requests))
                done = load.run(port, "/v1/events", bodies, clients, headers=auth)
                if done.refused:
                    raise RuntimeError(f"refused: {done.refused[0]!r}")
                rates["sealtrail"].append(done.requests * size / done.seconds)
                latencies.append(done.percentile(99))
                few = bodies[: max(2 * clients, requests // 8)]
                done = load.run(plain, "/many" if size > 1 else "/one", few, clients)
                if done.refused:
                    raise RuntimeError(f"refused: {done.refused[0]!r}")
                rates["plain"].append(done.requests * size / done.seconds)
            name = f"batches of {size}, {clients} clients" if size > 1 else f"single events, {clients} clients"
            reference = table.add(f"{name}: plain FastAPI + ORM", rates["plain"], "events/s")
            ours_row = table.add(
                f"{name}: sealtrail",
                rates["sealtrail"],
                "events/s",
                goal="≥ 12k, ≥ 7 ×" if size > 1 else "≥ 3k",
                note=f"p99 {sorted(latencies)[len(latencies) // 2]:.0f} ms",
            )
            table.compare(ours_row, reference, faster=True)
        bodies = list(islice(orders.batches("paced", 1), 4_000 * scale))
        done = load.run(port, "/v1/events", bodies, 128, headers=auth, rate=2_000)
        table.add(
            "single events at 2,000/s: p99",
            [done.percentile(99)],
            "ms",
            goal="≤ 50 ms",
            note=f"{done.requests / done.seconds:,.0f} events/s reached",
        )
    return table
