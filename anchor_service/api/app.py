"""The HTTP edge of an open log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from anchor_service import __version__
from anchor_service.api import examples
from anchor_service.api.edge import Edge
from anchor_service.api.errors import Problem, on_domain_error, printable
from anchor_service.api.gate import Gate
from anchor_service.api.lane import App, lane
from anchor_service.api.metrics import Metrics
from anchor_service.api.parts import Parts
from anchor_service.api.routes import attachments, events, labels, log, operations, orders, page
from anchor_service.api.singles import Singles
from anchor_service.protocol.errors import SealtrailError
from anchor_service.wiring.health import Health
from anchor_service.wiring.serving import Front

BODY_LIMIT: Final = 32 * 2**20
"""Bytes of a request to POST /v1/events."""


def create_app(
    service: Front,
    *,
    body_limit: int = BODY_LIMIT,
    public_entries: bool = False,
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> FastAPI:
    """Make the app of an open log, which it neither starts nor stops."""
    metrics = Metrics(lambda: _gauges(service.health(), wall()))
    # No interactive docs: they would load scripts from elsewhere.  /docs is ours.
    app = App(title="Sealtrail", version=__version__, docs_url=None, redoc_url=None, redirect_slashes=False)
    gate = Gate(service.keys.check, monotonic)
    app.state.parts = Parts(service, gate, Singles(service.ingest), metrics, body_limit, public_entries)
    for routes in (events, attachments, orders, labels, log, operations, page):
        app.include_router(routes.router)
    app.add_middleware(Edge, metrics=metrics)
    app.lane = Edge(lane, metrics)
    app.add_exception_handler(SealtrailError, on_domain_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_parameter)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


async def _on_http_exception(_: Request, error: Exception) -> Response:
    """Say what the framework refuses (no such route, no such method) as all else is said."""
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method"}.get(error.status_code, "http")
    detail = {404: "there is no such route", 405: "this route has other methods"}.get(error.status_code, error.detail)
    return Problem(error.status_code, code, detail, headers=dict(error.headers or {})).response()


async def _on_invalid_parameter(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    name = str(first["loc"][-1])
    return Problem(422, "parameter", printable(f"{name}: {first['msg']}"), name).response()


def _gauges(health: Health, now: float) -> Iterable[tuple[str, str, float]]:
    oldest = 0.0 if health.oldest_waiting is None else max(0.0, now - health.oldest_waiting / 1000)
    yield "sealtrail_ready", "Whether events can be stored.", float(health.ready)
    yield "sealtrail_problems", "What stands still; /readyz says it in words.", len(health.problems)
    yield "sealtrail_queued_events", "Events that wait to be stored.", health.queued
    yield "sealtrail_unsealed_events", "Stored events that wait for their seal.", health.waiting
    yield "sealtrail_oldest_unsealed_seconds", "Age of the oldest of these.", oldest
    yield "sealtrail_log_size", "Entries under the published checkpoint.", health.size
    yield "sealtrail_anchored_size", "Entries under an anchor that was mined.", health.anchored_size
    yield "sealtrail_final_size", "Entries under an anchor that is final.", health.final_size


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        spec = get_openapi(
            title=app.title,
            version=app.version,
            description="The story of an order, provable: events in, a record out that anyone can verify.",
            routes=app.routes,
            tags=examples.TAGS,
        )
        components = spec.setdefault("components", {})
        components["schemas"] = examples.SCHEMAS
        components["securitySchemes"] = examples.SECURITY
        for methods in spec["paths"].values():
            for operation in methods.values():
                _plain(operation)
        app.openapi_schema = spec
    return app.openapi_schema


def _plain(operation: dict[str, Any]) -> None:
    """Take out what the framework says by default and these routes do not do."""
    default = operation["responses"].get("422", {}).get("content", {}).get("application/json", {})
    if "HTTPValidationError" in str(default):
        del operation["responses"]["422"]["content"]["application/json"]
