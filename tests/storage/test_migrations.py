"""The schema's versions: what they make is what the tables say, and a half one is none."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command, op
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select

from anchor_service.ports import AlreadyThere, NotFound, StoreRefused, Tenant
from anchor_service.storage import database as module
from anchor_service.storage import migrate
from anchor_service.storage.database import Database, Place, create_database, database_exists, upgrade_database
from anchor_service.storage.migrate import upgrade
from anchor_service.storage.reading import Reading
from anchor_service.storage.tables import BY_STATEMENT, events, labels, metadata, streams, tenants
from anchor_service.storage.tenants import Tenants
from tests.storage.rows import accept, stream


def check_schema(database: Database) -> None:
    """Check that a database has the tables as they are declared."""
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    expected = []
    if database.shared:  # test_store shows that triggers do what these do elsewhere
        keys = [key for table in metadata.sorted_tables for key in table.foreign_key_constraints]
        expected = [key.name for key in keys if any(part.info == BY_STATEMENT for part in (key, *key.elements))]
    assert sorted((what, key.name) for what, key in differences) == sorted(("add_fk", name) for name in expected)


def test_the_migrations_make_the_tables(place: Place) -> None:
    create_database(place, {"a": "b"}, 1)
    with closing(Database(place)) as database:
        check_schema(database)


def test_a_creation_that_breaks_off_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
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
            create_database(place, {"a": "b"}, 1)
    assert len(made) == 5
    assert not database_exists(place)
    create_database(place, {"a": "b"}, 1)
    with closing(Database(place)) as database:
        assert database.facts == {"a": "b"}


def test_an_upgrade_that_breaks_off_changes_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    create_database(place, {"a": "b"}, 1)
    upgrade_database(place)  # what is there already is quiet

    def breaks(connection: Any) -> None:
        upgrade(connection)
        connection.exec_driver_sql("drop table lease")
        raise RuntimeError("the power goes")

    with monkeypatch.context() as patch:
        patch.setattr(module, "upgrade", breaks)
        with pytest.raises(RuntimeError):
            upgrade_database(place)
    with closing(Database(place)) as database, database.read() as connection:
        assert connection.exec_driver_sql("select count(*) from lease").scalar() == 1


def create_as_of(version: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def upgrade_to(connection: Any) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, version)

    with monkeypatch.context() as patch:
        patch.setattr(module, "upgrade", upgrade_to)
        create_database(place, {"a": "b"}, 1)


def test_an_upgrade_keeps_rows_and_what_they_point_to(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    create_as_of("0004", place, monkeypatch)
    engine = module._place(place).engine(write=True)
    with engine.connect() as connection, connection.begin():
        connection.execute(insert(tenants), {"id": "acme", "name": "Acme", "created": 1})
        for number in (1, 2):
            row = {"number": number, "tenant": "acme", "order_id": f"A-{number}", "salt": bytes(32), "weight": 7}
            connection.execute(insert(streams), row | {"stream": bytes([number]) * 32})
            event = {"number": number, "tenant": "acme", "stream": number, "event_id": f"e{number}", "accepted": 3}
            connection.execute(insert(events), event | {"commitment": bytes(32), "disclosures": b""})
        connection.execute(insert(labels), {"token": "t", "tenant": "acme", "stream": 2, "created": 1})
        before = [connection.execute(select(table)).all() for table in (streams, events, labels)]
    engine.dispose()
    with pytest.raises(StoreRefused, match="schema 0004"):
        Database(place)
    upgrade_database(place)
    with closing(Database(place)) as database:
        check_schema(database)
        with database.read() as connection:
            assert [connection.execute(select(table)).all() for table in (streams, events, labels)] == before
        for wrong, refusal in (
            (insert(labels).values(token="u", tenant="acme", stream=3, created=1), NotFound),
            (events.update().values(stream=9), NotFound),
            (streams.delete(), NotFound),
            (streams.update().where(streams.c.number == 1).values(order_id="A-2"), AlreadyThere),
        ):
            with pytest.raises(refusal), database.write() as connection:
                connection.execute(wrong)


def test_creating_a_file_takes_up_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_upgrading_nothing_is_refused(place: Place) -> None:
    with pytest.raises(StoreRefused, match="not there"):
        upgrade_database(place)


def test_a_log_of_version_0_is_refused(place: Place) -> None:
    """Its seals commit no map: there is no way from it, and nothing is changed in it."""
    create_database(place, {"a": "b"}, 1)
    with closing(Database(place)) as database, database.write() as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")
    for open_it in (Database, upgrade_database):
        with pytest.raises(StoreRefused, match="version 0") as refused:
            open_it(place)
        assert refused.value.code == "format"


def test_an_upgrade_keeps_what_is_there(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A log as it was before parents were looked for by statements."""

    create_as_of("0003", place, monkeypatch)
    with pytest.raises(StoreRefused, match="upgrade it first"):
        Database(place)
    upgrade_database(place)
    with closing(Database(place)) as database:
        Tenants(database).add_tenant(Tenant("acme", "Acme"), 5)
        accept(database, stream(), "e1")
        with pytest.raises(NotFound):
            accept(database, stream("A-2", "nobody"), "e2")
        with Reading(database).snapshot() as snapshot:
            assert [item.event.event_id for item in snapshot.all_events(0, 9)] == ["e1"]
