from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anchor_service.ports import Tenant
from anchor_service.settings import Settings
from anchor_service.storage.database import Database, create_database
from anchor_service.storage.tenants import Tenants
from anchor_service.wiring.places import DATABASE
from tests.postgres import Postgres
from tests.services.log import TENANT, OpenLog, create_log, open_log


@pytest.fixture(scope="session")
def new_log(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A log as it is right after it was created; never opened, only copied."""
    return create_log(tmp_path_factory.mktemp("new") / "data")


SQLITE_ONLY = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
"""For what looks into the file itself."""


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request: pytest.FixtureRequest, new_log: Settings, tmp_path: Path) -> Settings:
    """Of a new log, on either database."""
    copied = copy_log(new_log, tmp_path / "data")
    if request.param == "sqlite":
        return copied
    server: Postgres = request.getfixturevalue("postgres")
    return move_to_postgres(copied, server)


def copy_log(log: Settings, data: Path) -> Settings:
    """Copy a new log."""
    shutil.copytree(log.data, data)
    return log.model_copy(update={"data": data})


def move_to_postgres(log: Settings, server: Postgres) -> Settings:
    """Put a new log with its one tenant on PostgreSQL instead: what `create` would have made there."""
    file = log.data / DATABASE
    moved = log.model_copy(update={"database": server.url()})
    with closing(Database(file)) as old:
        create_database(moved.database, old.facts, time.time_ns() // 1_000_000)
    with closing(Database(moved.database)) as new:
        Tenants(new).add_tenant(Tenant(TENANT, "Acme Goods"), 1)
    file.unlink()
    return moved


@pytest.fixture
def log(settings: Settings) -> Iterator[OpenLog]:
    with open_log(settings) as opened:
        yield opened
