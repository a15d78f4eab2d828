"""Bytes on disk an event, by table, as SQLite's own `dbstat` counts pages; indexes with their table."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from anchor_service.wiring import DATABASE
from scripts.benches import world
from scripts.benches.table import Bench


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
    table.add("all tables", [sum(size for _, size in sizes) / count], "bytes/event")
    for name, size in sizes:
        if size / count >= 1:
            table.add(name, [size / count], "bytes/event")
    return table
