"""For those who keep the service running."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from anchor_service.api import examples
from anchor_service.api.docs import page
from anchor_service.api.metrics import CONTENT_TYPE
from anchor_service.api.parts import Log, parts_of
from anchor_service.api.wire import reply

router = APIRouter(tags=["operations"])


@router.get("/healthz", openapi_extra=examples.HEALTH)
async def healthz() -> Response:
    """Say that the process is alive."""
    return reply({"alive": True})


@router.get("/readyz", openapi_extra=examples.READY)
def readyz(log: Log) -> Response:
    """Say whether the service takes and stores events (503 where not), and how far sealing and anchoring are."""
    health = log.health()
    return reply(asdict(health), 200 if health.ready else 503)


@router.get("/metrics", openapi_extra=examples.METRICS)
def metrics(request: Request) -> Response:
    """Return counters in Prometheus' text format; no tenant, order or label is named in them."""
    return Response(parts_of(request).metrics.text(), media_type=CONTENT_TYPE)


@router.get("/docs", include_in_schema=False)
def docs(request: Request) -> Response:
    """A page that lists the routes; it needs no script and nothing from elsewhere."""
    return Response(
        page(request.app.openapi()),
        headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
        media_type="text/html; charset=utf-8",
    )


@router.get("/", include_in_schema=False)
async def root() -> Response:
    """Whoever comes here by hand is shown the routes."""
    return RedirectResponse("/docs", 303)
