"""Importing a large CSV file: events a second, progress seen, and what memory the process took at most."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benches.table import Bench

MAPPING = """version: 1
order_id: "{number}"
events:
  placed:
    at: "{bought}"
    actor: {role: brand, name: Golden Harvest}
    location: {name: "{city}", country: CN}
    private: {customer: "{customer}"}
"""
# A process of its own, so that its peak is its own.  Prints: seconds, calls of progress, peak in KiB.
PROGRAM = """
import resource, sys, time
from pathlib import Path
from anchor_service.cli.importing import _local
from anchor_service.services.imports import Import, rows_of
from anchor_service.settings import Settings
from anchor_service.wiring import build, create

def main():
    folder = Path(sys.argv[1])
    table, settings = folder / "orders.csv", Settings(data=folder / "log")
    create(settings)
    service = build(settings)
    service.keys.create_tenant("bench", "Bench")
    service.stop()
    calls = []
    with _local(settings, "bench") as submit:
        begin = time.perf_counter()
        with rows_of(table, (folder / "mapping.yaml").read_bytes()) as rows:
            report = Import(table, rows, submit, folder / "state").run(calls.append)
        seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(report.accepted, seconds, len(calls), peak)

if __name__ == "__main__":
    main()
"""


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    rows = 50_000 if quick else 1_000_000
    table = Bench(f"Import of a CSV file of {rows:,} rows")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with (folder / "orders.csv").open("w") as file:
            file.write("number,customer,bought,city\n")
            for row in range(rows):
                file.write(
                    f"A-{row:09d},c{row % 9999},2026-05-{row % 28 + 1:02d}T10:{row % 60:02d}:00+08:00,Shanghai\n"
                )
        (folder / "mapping.yaml").write_text(MAPPING)
        (folder / "program.py").write_text(PROGRAM)
        command = [sys.executable, str(folder / "program.py"), str(folder)]
        out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    accepted, seconds, calls, peak = out.split()[-4:]
    if int(accepted) != rows:
        raise RuntimeError(f"{accepted} of {rows} rows were accepted")
    table.add("events imported", [rows / float(seconds)], "events/s", goal="≥ 15k", note=f"progress {calls} times")
    table.add("peak memory of the process", [int(peak) / 1024], "MiB", goal="bounded")
    return table
