"""The schema's versions: what they make is what the tables say, and a half one is none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import op
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from anchor_service.ports import StoreRefused
from anchor_service.storage.database import Database, create_database, upgrade_database
from anchor_service.storage.tables import metadata


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")]


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    create_database(tmp_path / "log.db", {"a": "b"}, 1)
    with closing(Database(tmp_path / "log.db")) as database, database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_a_migration_that_breaks_off_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.db"
    path.touch()
    create_table = op.create_table
    made: list[str] = []

    def breaks(name: str, *arguments: Any, **options: Any) -> Any:
        if len(made) == 5:
            raise RuntimeError("the power goes")
        made.append(name)
        return create_table(name, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(op, "create_table", breaks)
        with pytest.raises(RuntimeError):
            upgrade_database(path)
    assert len(made) == 5
    assert names(path) == []
    upgrade_database(path)
    assert "events" in names(path)
    upgrade_database(path)  # again is quiet


def test_creating_takes_up_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.db"

    def crash(_self: Path, _target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", crash)
        with pytest.raises(KeyboardInterrupt):
            create_database(path, {"a": "b"}, 1)
    assert not path.exists()
    create_database(path, {"a": "b"}, 1)
    with closing(Database(path)) as database:
        assert database.facts == {"a": "b"}
    assert path.stat().st_mode & 0o077 == 0


def test_upgrading_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="not there"):
        upgrade_database(tmp_path / "log.db")
