"""Accepted → sealed → anchored → provable, for as long as it runs: the rate, what waits, and memory."""

from __future__ import annotations

import threading
import time
from itertools import islice
from pathlib import Path

from scripts.benches import orders, world
from scripts.benches.table import Bench


def bench(*, quick: bool) -> Bench:
    """Run the bench: two clients in this process keep the service busy; the end waits until all is provable."""
    seconds = 20 if quick else 600
    table = Bench(f"Sustained for {seconds} s, everything in one process, SQLite")
    with world.opened() as service:
        service.start()
        counts = [0, 0]
        end = time.perf_counter() + seconds

        def client(number: int) -> None:
            stream = orders.events(f"sustained-{number}")
            while time.perf_counter() < end:
                service.ingest.submit(world.TENANT, list(islice(stream, 1_000))).result()
                counts[number] += 1_000

        begin = time.perf_counter()
        clients = [threading.Thread(target=client, args=(number,)) for number in range(len(counts))]
        for thread in clients:
            thread.start()
        memory = []
        while any(thread.is_alive() for thread in clients):
            time.sleep(1)
            memory.append(_resident())
        accepted = time.perf_counter() - begin
        if not service.settle(600):
            raise RuntimeError("not all is anchored")
        whole = time.perf_counter() - begin
    count = sum(counts)
    table.add("accepted", [count / accepted], "events/s")
    table.add("accepted, sealed, anchored, provable", [count / whole], "events/s", goal="≥ 6k")
    table.add("until the last was anchored, after sending ended", [whole - accepted], "s")
    table.add("memory, second by second", memory, "MiB")
    return table


def _resident() -> float:
    """Return this process's resident memory in MiB."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
