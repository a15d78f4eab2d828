"""A small load generator: raw HTTP/1.1 over kept-open sockets, bodies made beforehand, so that it costs little CPU."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass
class Load:
    """What a run showed: requests answered, seconds taken, each request's latency in seconds, bad statuses."""

    requests: int = 0
    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    refused: list[bytes] = field(default_factory=list)

    def percentile(self, percent: int) -> float:
        """Return a latency percentile in milliseconds."""
        return quantiles(self.latencies, n=100)[percent - 1] * 1000


def run(
    ports: Sequence[int],
    path: str,
    bodies: Sequence[bytes],
    clients: int,
    *,
    headers: str = "",
    rate: float | None = None,
) -> Load:
    """POST every body once, `clients` at a time, spread over the ports; with `rate`, so many a second at most."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}"
    return asyncio.run(_run(ports, bodies, clients, head, rate))


async def _run(ports: Sequence[int], bodies: Sequence[bytes], clients: int, head: str, rate: float | None) -> Load:
    load = Load()
    todo = iter(enumerate(bodies))
    begin = time.perf_counter()

    async def client(port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place, body in todo:
            if rate is not None:
                await asyncio.sleep(max(0.0, begin + place / rate - time.perf_counter()))
            started = time.perf_counter()
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            status = await reader.readline()
            length = 0
            while (line := await reader.readline()) != b"\r\n":
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            answer = await reader.readexactly(length)
            load.latencies.append(time.perf_counter() - started)
            load.requests += 1
            if not status.split()[1].startswith(b"2"):
                load.refused.append(status + answer[:300])
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client(ports[number % len(ports)]) for number in range(clients)))
    load.seconds = time.perf_counter() - begin
    return load
