"""What is SQLite's own: its file, its locks, its full disk."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from anchor_service.ports import Busy, StoreRefused, Tenant
from anchor_service.storage.database import Database, create_database
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from tests.storage.conftest import FACTS
from tests.storage.rows import accept, stream


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    create_database(tmp_path / "log.db", FACTS, 5)
    with closing(Database(tmp_path / "log.db")) as opened:
        Tenants(opened).add_tenant(Tenant("acme", "Acme"), 5)
        yield opened


def test_what_another_program_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreRefused, match="read"):
        Database(tmp_path / "log.db")
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreRefused, match="schema"):
        Database(tmp_path / "empty.db")


def test_writes_are_durable_and_keys_are_watched(database: Database) -> None:
    with database.write() as connection:
        settings = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_a_full_disk_is_busy_and_nothing_is_torn(database: Database) -> None:
    accept(database, stream(), "e1")
    with database.write() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")
    of = stream("A-2")
    with pytest.raises(Busy, match="full"):
        accept(database, of, *(f"f{number}" for number in range(500)))
    with Reading(database).snapshot() as snapshot:
        assert len(snapshot.all_events(0, 1000)) == 1
    # The connection was thrown away, and the limit with it: there is room again.
    accept(database, of, *(f"f{number}" for number in range(500)))


def test_a_lock_that_another_holds_is_busy(database: Database, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db", isolation_level=None)) as other:
        other.execute("begin immediate")
        with database._writer.connect() as connection:
            connection.connection.driver_connection.execute("pragma busy_timeout = 10")  # type: ignore[union-attr]
        with pytest.raises(Busy, match="locked"):
            accept(database, stream(), "e1")
        other.execute("rollback")
    accept(database, stream(), "e1")


def test_what_was_written_gets_into_the_file_beside_those_who_write_and_read(
    database: Database, tmp_path: Path
) -> None:
    accept(database, stream(), "first-of-all")
    assert b"first-of-all" not in (tmp_path / "log.db").read_bytes()
    with database.write() as connection, Reading(database).snapshot():
        connection.exec_driver_sql("insert into meta values ('not', 'committed')")
        assert database.fold() is False
        assert b"first-of-all" in (tmp_path / "log.db").read_bytes()
        assert b"committed" not in (tmp_path / "log.db").read_bytes()
    assert database.fold() is False
    assert b"committed" in (tmp_path / "log.db").read_bytes()
