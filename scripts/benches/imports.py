"""Importing a large CSV file: events a second, progress seen, CPU, and the memory of all processes at most.

Into a new SQLite file, or into SEALTRAIL_DATABASE where that is set: the URL of a PostgreSQL schema without a log.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.benches import server
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
# A process of its own, so that its peak is its own.  Prints: events, seconds, calls of progress, CPU seconds of the
# import in this process, those of its children from their start on, and the seconds until all is sealed and anchored.
PROGRAM = """
import resource, sys, time
from pathlib import Path

def main():
    from anchor_service.cli.importing import _local  # not above, where its children would import it too
    from anchor_service.services.imports import Import, rows_of
    from anchor_service.settings import Settings
    from anchor_service.wiring.opening import build
    from anchor_service.wiring.creating import create
    folder = Path(sys.argv[1])
    table, settings = folder / "orders.csv", Settings(data=folder / "log")
    create(settings)
    service = build(settings)
    service.keys.create_tenant("bench", "Bench")
    service.stop()
    calls = []
    with _local(settings, "bench") as submit:
        begin, cpu = time.perf_counter(), time.process_time()
        with rows_of(table, (folder / "mapping.yaml").read_bytes()) as rows:
            report = Import(table, rows, submit, folder / "state").run(calls.append)
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    whole = time.perf_counter() - begin
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(report.accepted, seconds, len(calls), cpu, children.ru_utime + children.ru_stime, whole)

if __name__ == "__main__":
    main()
"""


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    rows = 50_000 if quick else 1_000_000
    table = Bench(f"Import of a CSV file of {rows:,} rows, {'PostgreSQL' if _is_postgresql() else 'SQLite'}")
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
        out, peak = _watched([sys.executable, str(folder / "program.py"), str(folder)])
    accepted, seconds, calls, cpu, children, whole = out.split()[-6:]
    if int(accepted) != rows:
        raise RuntimeError(f"{accepted} of {rows} rows were accepted")
    table.add("events imported", [rows / float(seconds)], "events/s", goal="≥ 15k", note=f"progress {calls} times")
    table.add("the same until all is provable", [rows / float(whole)], "events/s", note="sealed, and anchored as final")
    table.add("CPU an event: storing", [float(cpu) / rows * 1e6], "µs")
    table.add(
        "CPU an event: reading, preparing and sealing apart",
        [float(children) / rows * 1e6],
        "µs",
        note="with their start",
    )
    table.add("peak memory of all processes", [peak], "MiB", goal="bounded")
    return table


def _is_postgresql() -> bool:
    return bool(os.environ.get("SEALTRAIL_DATABASE"))


def _watched(command: list[str]) -> tuple[str, float]:
    """Run a program; return what it printed, and the most memory in MiB that it and its children had together."""
    peak = 0.0
    with tempfile.TemporaryFile("w+") as out, subprocess.Popen(command, stdout=out) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(server.resident, server.tree(process.pid))))
            time.sleep(0.2)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        out.seek(0)
        return out.read(), peak
