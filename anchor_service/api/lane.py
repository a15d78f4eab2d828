"""The short way to POST /v1/events: the same handler as the framework's route, without the framework's way there.

The route stays in the app for its documentation.
"""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from anchor_service.api.errors import on_domain_error
from anchor_service.api.routes.events import post_events, router
from anchor_service.protocol.errors import SealtrailError

_PATH: Final = b"/v1/events"
_ROUTE: Final = router.routes[0]


class App(FastAPI):
    """A FastAPI app whose POST /v1/events goes by `lane`, past the framework's own layers."""

    lane: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope.get("raw_path") == _PATH:
            scope["app"] = self
            await self.lane(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def lane(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve POST /v1/events; to be wrapped in `Edge`."""
    scope["route"] = _ROUTE
    request = Request(scope, receive)
    try:
        answer = await post_events(request)
    except SealtrailError as error:
        answer = await on_domain_error(request, error)
    await answer(scope, receive, send)
