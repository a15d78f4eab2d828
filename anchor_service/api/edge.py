"""What every request passes: its id, safe headers, HEAD, CORS for the public routes, counting, and our last resort."""

from __future__ import annotations

import re
import time
import traceback
from random import getrandbits
from typing import Final

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from anchor_service.api.errors import Problem
from anchor_service.api.metrics import Metrics

_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_PUBLIC: Final = re.compile(r"/(?:checkpoint|rpc|tile/.*|v1/labels/.*)")
_SAFE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
)
# An answer is data, never a document with scripts; the page alone says otherwise for itself.
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_ANY_ORIGIN: Final = (
    (b"access-control-allow-origin", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"access-control-expose-headers", b"etag, retry-after, x-request-id"),
)
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"content-type"),
    (b"access-control-max-age", b"86400"),
)


class Edge:
    """Pure ASGI: one pass around the whole app.

    Paths are matched as they were sent, still percent-encoded, so that a slash in an order's id (%2F) stays one id.
    Labels' tokens and orders' ids are in paths, so what is logged and counted is the route's pattern.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = structlog.get_logger("sealtrail.api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method: str = scope["method"]
        # A copy: the server goes by its own, where HEAD is HEAD.
        scope = {**scope, "method": "GET" if method == "HEAD" else method}
        if raw_path := scope.get("raw_path"):
            scope["path"] = raw_path.decode("ascii", "replace")
        headers = _headers(scope)
        status = 0
        started = time.perf_counter()

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = message.get("headers", [])
                names = {name for name, _ in own}
                message["headers"] = [*own, *(pair for pair in headers if pair[0] not in names)]
            elif method == "HEAD":
                message = {**message, "body": b""}
            await send(message)

        try:
            if method == "OPTIONS" and _PUBLIC.fullmatch(scope["path"]):
                await _preflight(send_with_headers)
            else:
                await self._app(scope, receive, send_with_headers)
        except Exception as error:
            self._report(scope, error)
            if status:  # the answer has begun: a broken connection is the honest end of it
                raise
            await _own_bug(scope, receive, send_with_headers)
        finally:
            route = getattr(scope.get("route"), "path", "unmatched")
            self._metrics.request(method, route, status, time.perf_counter() - started)

    def _report(self, scope: Scope, error: Exception) -> None:
        """Log our own bug: where it happened, and never the words of the error, which may hold what was sent."""
        frames = [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)
        ]
        self._log.error(
            "our_bug",
            request_id=scope["state"]["request_id"],
            method=scope["method"],
            route=getattr(scope.get("route"), "path", None),
            error=type(error).__name__,
            frames=frames[-8:],
        )


def _headers(scope: Scope) -> list[tuple[bytes, bytes]]:
    given = dict(scope["headers"]).get(b"x-request-id", b"")
    # An id, not a secret: drawn without asking the system, which would let go of the interpreter's lock.
    request_id = given if _REQUEST_ID.fullmatch(given) else b"%016x" % getrandbits(64)
    scope.setdefault("state", {})["request_id"] = request_id.decode()
    public = _ANY_ORIGIN if _PUBLIC.fullmatch(scope["path"]) else ()
    return [(b"x-request-id", request_id), *_SAFE, _POLICY, *public]


async def _preflight(send: Send) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": list(_PREFLIGHT)})
    await send({"type": "http.response.body", "body": b""})


async def _own_bug(scope: Scope, receive: Receive, send: Send) -> None:
    request_id = scope["state"]["request_id"]
    problem = Problem(500, "our_bug", f"This is a fault of the service. Its log names it under {request_id}.")
    await problem.response()(scope, receive, send)
