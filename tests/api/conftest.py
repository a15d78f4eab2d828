"""A real service on a temporary data directory, served by a real HTTP server: one for all tests of a file."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from anchor_service.api.app import create_app
from anchor_service.api.server import HttpServer
from anchor_service.services.keys import Scope
from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service

Event = dict[str, Any]


@dataclass
class World:
    """A running service with two tenants, and a client for each of their keys."""

    service: Service
    app: FastAPI
    url: str
    clients: dict[tuple[str, str], httpx2.Client] = field(default_factory=dict)

    def client(self, tenant: str = "acme", scope: str = "all") -> httpx2.Client:
        """A client with a key of this tenant and scope ("all": ingest and read; "none": without a key)."""
        if (tenant, scope) not in self.clients:
            scopes = {"all": [Scope.INGEST, Scope.READ], "none": []}.get(scope) or (
                [Scope(scope)] if scope != "none" else []
            )
            headers = {"Authorization": f"Bearer {self.service.keys.create(tenant, scopes)}"} if scopes else {}
            self.clients[tenant, scope] = httpx2.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False)
        return self.clients[tenant, scope]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    settings = Settings.model_validate(
        {
            "data": tmp_path_factory.mktemp("log"),
            "public_url": "https://shop.example",
            "seal_interval": 0.05,
            "anchor_interval": 0.05,
            "attachment_bytes": 100_000,
            "seal_process": False,
        }
    )
    create(settings)
    service = build(settings)
    service.start()
    for tenant in ("acme", "bolt"):
        service.keys.create_tenant(tenant, tenant.title())
    app = create_app(service, body_limit=2**20)
    with HttpServer("127.0.0.1", 0) as server:
        server.start(app)
        world = World(service, app, f"http://127.0.0.1:{server.port}")
        yield world
        for client in world.clients.values():
            client.close()
    service.stop()


@pytest.fixture(scope="module")
def http(world: World) -> httpx2.Client:
    """Acme's client."""
    return world.client()


_NUMBER = itertools.count(1)


@pytest.fixture
def event() -> Callable[..., Event]:
    """A new event of an order of its own, with members replaced; None leaves one out."""

    def make(**members: Any) -> Event:
        number = next(_NUMBER)
        made = {
            "event_id": f"e-{number}",
            "order_id": f"O-{number}",
            "type": "placed",
            "occurred_at": "2026-05-01T09:30:00+08:00",
            "actor": {"role": "brand", "name": "Acme"},
            "parties": {"recipient": {"name": "Wang Fang", "phone": "+86 1"}},
        }
        return {name: value for name, value in (made | members).items() if value is not None}

    return make
