"""Starting after kill -9 under load, with a large log: until it is ready, takes an event, publishes a checkpoint."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from scripts.benches import grown, load, orders, server
from scripts.benches.table import Bench

if TYPE_CHECKING:
    import subprocess

_PATIENCE: Final = 300.0
_LOAD: Final = 5
"""Seconds under load before the process is killed."""


def bench(*, quick: bool) -> Bench:
    """Run the bench."""
    sizes, rounds = ((10_000,), 1) if quick else ((1_000_000, 10_000_000), 3)
    table = Bench("Start after kill -9 under load, as many streams as entries, SQLite")
    for size in sizes:
        with grown.grown(entries=size, streams=size) as folder:
            key = server.key(folder)
            took: dict[str, list[float]] = {"ready": [], "first event accepted": [], "first new checkpoint": []}
            memory, cpu = [], []
            for turn in range(rounds + 1):
                port = server.free_port()
                begin = time.perf_counter()
                with server.running(server.serving(folder, port), port, "/readyz", patience=_PATIENCE) as process:
                    ready = time.perf_counter() - begin
                    first = next(orders.batches(f"first-{turn}-{begin}", 1))
                    size_before = server.gauges(port)["log_size"]
                    _send(port, key, [first])
                    accepted = time.perf_counter() - begin
                    while server.gauges(port)["log_size"] == size_before:
                        time.sleep(0.05)
                    published = time.perf_counter() - begin
                    if turn:  # before the first there was no crash
                        for samples, sample in zip(took.values(), (ready, accepted, published), strict=True):
                            samples.append(sample)
                        memory.append(sum(map(_most_resident, server.tree(process.pid))))
                        cpu.append(sum(map(_processor_time, server.tree(process.pid))))
                    _kill_under_load(process, port, key, f"{turn}-{begin}")
            for name, samples in took.items():
                table.add(f"{name}, entries", samples, "s", goal="≤ 15 s" if size == sizes[-1] else "", size=size)
            table.add("processor time of all processes until then, entries", cpu, "s", size=size)
            table.add("most memory of each process until then, entries", memory, "MiB", size=size)
    return table


def _send(port: int, key: str, bodies: list[bytes]) -> None:
    done = load.run([port], "/v1/events", bodies, 2, headers=f"Authorization: Bearer {key}\r\n")
    if done.refused:
        raise RuntimeError(f"refused: {done.refused[0]!r}")


def _kill_under_load(process: subprocess.Popen[bytes], port: int, key: str, run: str) -> None:
    bodies = list(islice(orders.batches(f"load-{run}", 500), 20 * _LOAD))

    def send() -> None:
        with suppress(OSError, RuntimeError):  # it was killed
            _send(port, key, bodies)

    client = threading.Thread(target=send)
    client.start()
    time.sleep(_LOAD)
    process.kill()
    process.wait()
    client.join()


def _most_resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


def _processor_time(pid: int) -> float:
    """Return the seconds that a process has computed: on a busy machine it says more than the time of the wall."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
