"""uvicorn in a thread of its own, so that the program decides when it stops, and in which order."""

from __future__ import annotations

import socket
import threading
from typing import Final, Self

import uvicorn
from starlette.types import ASGIApp

_BACKLOG: Final = 2048
_GRACE: Final = 20
"""Seconds that running requests have at the end."""


class HttpServer:
    """Listens from its creation on, answers from `start` to `stop`.

    OSError where the address is in use or not this machine's.  Port 0 takes a free one.
    """

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port."""
        return int(self._socket.getsockname()[1])

    def start(self, app: ASGIApp) -> None:
        """Answer with this app, once this returns."""
        config = uvicorn.Config(
            app, ws="none", lifespan="off", log_config=None, access_log=False, server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=_GRACE,
        )  # fmt: skip
        # Labels' tokens are in paths: uvicorn logs none of them.
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), name="http", daemon=True)
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("the HTTP server did not start")
            self._thread.join(0.01)

    def stop(self) -> None:
        """Take no more requests, finish those that run, and let go of the port."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()
