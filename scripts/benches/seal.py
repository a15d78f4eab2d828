"""Sealing: waiting events into the log, re-read and re-hashed, committed, signed; against hashing alone."""

from __future__ import annotations

import time
from hashlib import sha256

from scripts.benches import world
from scripts.benches.table import Bench


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    rounds, count = (3, 8_192) if quick else (5, 32_768)
    table = Bench(f"Sealing {count:,} waiting events, batches of 4,096, SQLite")
    rates, floors = [], []
    with world.opened() as service:
        service.ingest.start()
        for turn in range(rounds):
            world.fill(service, count, f"seal-{turn}")
            begin = time.perf_counter()
            sealed = 0
            while (batch := service.seal.run_once()) is not None:
                sealed += batch.events
            rates.append(sealed / (time.perf_counter() - begin))
            if sealed != count:
                raise RuntimeError(f"{sealed} events sealed of {count}")
            entry = bytes(400)
            begin = time.perf_counter()
            for _ in range(count):
                sha256(entry).digest()
                sha256(entry[:65]).digest()
            floors.append(count / (time.perf_counter() - begin))
    reference = table.add("hashlib: one leaf and one node an event", floors, "events/s")
    row = table.add("sealtrail: seal", rates, "events/s", goal="≥ 6k sustained")
    table.compare(row, reference, faster=True)
    return table
