"""What the routes work with: put into the app by `create_app`, taken out by the dependencies here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from anchor_service.api.gate import Gate
from anchor_service.api.metrics import Metrics
from anchor_service.api.singles import Singles
from anchor_service.services.keys import Access, Scope
from anchor_service.wiring.serving import Front


@dataclass(frozen=True, slots=True)
class Parts:
    """One app's parts; `body_limit` in bytes.  Where entries are public, auditing needs no key."""

    service: Front
    gate: Gate
    singles: Singles
    metrics: Metrics
    body_limit: int
    public_entries: bool


def parts_of(request: Request) -> Parts:
    """The parts of the app that serves this request."""
    return cast("Parts", request.app.state.parts)


async def service_of(request: Request) -> Front:
    """The open log."""
    return parts_of(request).service


async def reader(request: Request) -> Access:
    """A caller whose key may read."""
    return await parts_of(request).gate.access(request, Scope.READ)


async def writer(request: Request) -> Access:
    """A caller whose key may ingest."""
    return await parts_of(request).gate.access(request, Scope.INGEST)


async def watcher(request: Request) -> Access | None:
    """A caller whose key may read or audit; anybody where entries are public."""
    parts = parts_of(request)
    return None if parts.public_entries else await parts.gate.access(request, Scope.READ, Scope.AUDIT)


async def auditor(request: Request) -> Access | None:
    """A caller whose key may audit; anybody where entries are public."""
    parts = parts_of(request)
    return None if parts.public_entries else await parts.gate.access(request, Scope.AUDIT)


Log = Annotated[Front, Depends(service_of)]
Reader = Annotated[Access, Depends(reader)]
Writer = Annotated[Access, Depends(writer)]
Watcher = Annotated[Access | None, Depends(watcher)]
Auditor = Annotated[Access | None, Depends(auditor)]
