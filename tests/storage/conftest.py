from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anchor_service.ports import Tenant
from anchor_service.storage.database import Database, Place, create_database
from anchor_service.storage.lease import Leases
from anchor_service.storage.tenants import Tenants
from tests.postgres import Postgres

FACTS = {"log": "x"}


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where a database could be; there is none yet."""
    if request.param == "sqlite":
        return tmp_path / "log.db"
    server: Postgres = request.getfixturevalue("postgres")
    return server.url()


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """An open database with two tenants, whose lease is ours."""
    create_database(place, FACTS, 5)
    with closing(Database(place)) as opened:
        assert Leases(opened, "this test", 600_000).take()
        for tenant in ("acme", "other"):
            Tenants(opened).add_tenant(Tenant(tenant, tenant.title()), 5)
        yield opened
