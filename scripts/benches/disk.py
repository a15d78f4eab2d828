"""Bytes on disk an event, by table, as SQLite's own `dbstat` counts pages; indexes with their table."""

from __future__ import annotations

import sqlite3
import tempfile
from itertools import islice
from pathlib import Path

from anchor_service.wiring.places import DATABASE
from scripts.benches import orders, world
from scripts.benches.table import Bench

PURPOSE = {
    "events": "names and values of all fields, commitments; two indexes",
    "event_secrets": "what the salts follow from; apart, to be erased",
    "streams": "orders, their salts and stream ids; two indexes",
    "receipt_groups": "signed notes of the receipts",
    "entries": "the log itself",
    "tiles": "hashes of the log's tree",
    "map_buckets": "the stream map: records and hashes, versions since the last final anchor",
}


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    count = 20_000 if quick else 200_000
    table = Bench(f"Disk, {count:,} events of about 600 bytes, 4 to an order, sealed and anchored")
    with tempfile.TemporaryDirectory() as name, world.opened_in(Path(name) / "log") as service:
        service.start()
        world.fill(service, count, "disk")
        if not service.settle(600):
            raise RuntimeError("not all is anchored")
        database = sqlite3.connect(f"file:{Path(name) / 'log' / DATABASE}?mode=ro", uri=True)
        try:
            sizes = database.execute(
                "SELECT m.tbl_name, sum(d.pgsize) FROM dbstat d JOIN sqlite_schema m ON m.name = d.name"
                " GROUP BY m.tbl_name ORDER BY 2 DESC"
            ).fetchall()
        finally:
            database.close()
    sent = table.add("one event as it is sent", [sum(map(len, islice(orders.events("disk"), 1_000))) / 1_000], "bytes")
    whole = table.add("all tables", [sum(size for _, size in sizes) / count], "bytes/event")
    table.compare(whole, sent, faster=False)
    for name, size in sizes:
        if size / count >= 1:
            table.add(name, [size / count], "bytes/event", note=PURPOSE.get(name, ""))
    return table
