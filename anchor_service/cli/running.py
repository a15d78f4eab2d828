"""A log that is served: HTTP and all that is behind it, stopped in order."""

from __future__ import annotations

import errno
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Final, NoReturn
from urllib.parse import urlsplit

from anchor_service.api.app import create_app
from anchor_service.api.server import HttpServer
from anchor_service.cli.console import Failure
from anchor_service.wiring.garbage import spare_garbage_collection
from anchor_service.wiring.serving import Front, Worker

_ENDS: Final = (signal.SIGINT, signal.SIGTERM)
_OWN: Final = ("localhost", "127.0.0.1", "::1")


def listen(host: str, port: int) -> HttpServer:
    """Take the port; Failure in one line where that cannot be."""
    try:
        return HttpServer(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Failure(
                f"port {port} is in use on {host}: stop what listens there, or choose another with --port"
            ) from None
        raise Failure(f"cannot listen on {host}, port {port}: {error.strerror or error}") from None


@contextmanager
def served(service: Front, server: HttpServer, *, public_entries: bool = False) -> Iterator[None]:
    """Serve an open log and close it: at the end requests finish first, then what they began, then all closes."""
    try:
        service.start()
        server.start(create_app(service, public_entries=public_entries))
        spare_garbage_collection()
        yield
    finally:
        server.stop()
        service.stop()


@contextmanager
def worked(worker: Worker) -> Iterator[None]:
    """Seal and anchor an open log, or stand by; at the end what was begun is finished, and the lease released."""
    try:
        worker.start()
        spare_garbage_collection()
        yield
    finally:
        worker.stop()


@contextmanager
def terminable() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C: a KeyboardInterrupt, on which everything closes in order.

    Only the first is heard.  Whoever presses Ctrl-C again would cut the order short, at whatever step, and leave
    threads behind that never end.
    """

    def first(number: int, frame: FrameType | None) -> NoReturn:
        for other in _ENDS:
            signal.signal(other, signal.SIG_IGN)
        signal.default_int_handler(number, frame)

    before = {number: signal.signal(number, first) for number in _ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def until_signal() -> Iterator[None]:
    """Sleep after the block until Ctrl-C or SIGTERM; within it they end it as well."""
    with suppress(KeyboardInterrupt):
        yield
        threading.Event().wait()


def leads_here(public_url: str, port: int) -> bool:
    """Whether links that begin so come straight to this port over the network, with no proxy or tunnel between."""
    try:
        parts = urlsplit(public_url)
        given = parts.port
    except ValueError:
        return False
    return parts.scheme == "http" and (given or 80) == port and parts.hostname not in _OWN


def lan_address() -> str:
    """This machine's address on the local network.  A connected UDP socket sends nothing; it only picks a route."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            raise Failure("no network was found: --lan needs one (or say --public-url URL)") from None
        return str(probe.getsockname()[0])
