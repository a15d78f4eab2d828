"""A small load generator: raw HTTP/1.1 over kept-open sockets, as little work for each request as Python can do."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from itertools import cycle
from statistics import quantiles
from typing import TYPE_CHECKING, cast

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence


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
    bodies: Iterable[bytes],
    clients: int,
    *,
    headers: str = "",
    rate: float | None = None,
) -> Load:
    """POST every body once, `clients` at a time, spread over the ports; with `rate`, so many a second at most."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{headers}".encode()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(ports, enumerate(bodies), clients, head, rate))


async def _run(
    ports: Sequence[int], bodies: Iterator[tuple[int, bytes]], clients: int, head: bytes, rate: float | None
) -> Load:
    load, loop = Load(), asyncio.get_running_loop()
    begin = time.perf_counter()
    started = [_Client(load, bodies, head, begin, rate) for _ in range(clients)]
    for client, port in zip(started, cycle(ports), strict=False):
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)  # type: ignore[misc] # bound now
    await asyncio.gather(*(client.done for client in started))
    load.seconds = time.perf_counter() - begin
    return load


class _Client(asyncio.Protocol):
    """One connection: sends a body, waits for the answer, takes the next body."""

    def __init__(
        self, load: Load, bodies: Iterator[tuple[int, bytes]], head: bytes, begin: float, rate: float | None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._load = load
        self._bodies = bodies
        self._head = head
        self._begin = begin
        self._rate = rate
        self._answer = bytearray()
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._next()

    def _next(self) -> None:
        place, body = next(self._bodies, (0, None))
        if body is None:
            self.done.set_result(None)
            self._transport.close()
            return
        request = b"%bContent-Length: %d\r\n\r\n%b" % (self._head, len(body), body)
        wait = 0.0 if self._rate is None else self._begin + place / self._rate - time.perf_counter()
        if wait > 0:
            self._loop.call_later(wait, self._send, request)
        else:
            self._send(request)

    def _send(self, request: bytes) -> None:
        self._sent = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        end = self._answer.find(b"\r\n\r\n")
        if end < 0 or len(self._answer) < end + 4 + _length(self._answer[:end]):
            return
        self._load.latencies.append(time.perf_counter() - self._sent)
        self._load.requests += 1
        if self._answer[9:10] != b"2":
            self._load.refused.append(bytes(self._answer[:400]))
        self._answer.clear()
        self._next()

    def connection_lost(self, _problem: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError("the server closed the connection"))


def _length(head: bytearray) -> int:
    """Return how many bytes follow the head of an answer."""
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0
