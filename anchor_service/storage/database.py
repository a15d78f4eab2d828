"""The connection to the database: who may write when, and what its errors mean.

SQLite takes one writer at a time.  All writes of a process go through one connection that is handed from thread to
thread, in transactions that are short, and processes take turns (`turns`); each reader has a connection and a snapshot
of its own and waits for nobody.  PostgreSQL takes many writers, in many processes; those who must take turns do so by
locks that it keeps (`Events.turn`, `write_fenced`).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, cast

import psycopg
from sqlalchemy import (
    ColumnElement,
    Connection,
    Dialect,
    Select,
    Table,
    bindparam,
    func,
    insert,
    select,
)
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.exc import DBAPIError

from anchor_service.ports import LeaseLost, StoreRefused
from anchor_service.storage import tables
from anchor_service.storage.bulk import add_to_many, buckets_as_of, insert_many, upsert_many
from anchor_service.storage.meanings import driver_error, meanings
from anchor_service.storage.migrate import newest_version, upgrade, version_of
from anchor_service.storage.postgresql import PostgresPlace, cursor_of
from anchor_service.storage.sqlite import SqlitePlace

T = TypeVar("T")

_CHUNK: Final = 5_000
"""Values in one statement; SQLite takes 32,766."""
_PART: Final = 10_000
"""Rows that are fetched in one go where there are very many."""
Place: TypeAlias = "Path | str"
"""Where a database is: a file (SQLite), or the URL of a PostgreSQL database, with the log's schema."""


def _place(place: Place) -> SqlitePlace | PostgresPlace:
    return SqlitePlace(place) if isinstance(place, Path) else PostgresPlace(place)


def database_exists(place: Place) -> bool:
    """Say whether there is a log's database; Busy where the server does not answer."""
    with meanings():
        return _place(place).exists()


def create_database(place: Place, facts: Mapping[str, str], created: int) -> None:
    """Create a database with an empty log, whole or not at all; StoreRefused (`log_exists`) where there is one.

    `facts` say what the log is (`Database.facts` gives them back); `created` in ms UTC.
    """

    def fill(connection: Connection) -> None:
        upgrade(connection)
        connection.execute(insert(tables.meta), [{"name": name, "value": value} for name, value in facts.items()])
        empty = {"id": 1, "size": 0, "root": bytes(32), "batch": 0, "seal": bytes(32), "last_event": 0}
        connection.execute(insert(tables.head), {**empty, "sealed": created})

    with meanings():
        _place(place).create(fill)


def upgrade_database(place: Place) -> None:
    """Bring a database that is there to this program's schema, whole or not at all; StoreRefused (`log_missing`).

    StoreRefused (`format`) for a log of format version 0: there is no way from it.
    """
    where = _place(place)
    with meanings():
        if not where.exists():
            raise StoreRefused("log_missing", f"{where} is not there")
        engine = where.engine(write=True)
        try:
            with engine.connect() as connection:
                if isinstance(where, SqlitePlace):
                    # A table is changed by a copy that takes its place, and rows point to the table meanwhile.  Not in
                    # a transaction, where it would be without effect; migrations that need it check all rows.
                    _driver(connection).execute("pragma foreign_keys = off")
                with connection.begin():
                    _refuse_version_0(where, version_of(connection))
                    upgrade(connection)
        finally:
            engine.dispose()


def _refuse_version_0(where: object, schema: str | None) -> None:
    if schema == "0001":
        raise StoreRefused(
            "format", f"{where} is a log of format version 0, whose seals commit no stream map: create a new log"
        )


class Database:
    """An open database; any thread may read or write."""

    def __init__(self, place: Place) -> None:
        """Open a database that is there, of this program's schema; StoreRefused (`log_missing`, `schema`, `format`)."""
        where = _place(place)
        with meanings():
            if not where.exists():
                raise StoreRefused("log_missing", f"{where} is not there: create a log first (sealtrail init)")
        self.shared = isinstance(where, PostgresPlace)
        """Whether other processes may write as well."""
        self.token: int | None = None
        """The lease's token that this process holds or held last; `Leases` sets it."""
        self._turns = where.turns() if isinstance(where, SqlitePlace) else None
        self._writer = where.engine(write=True)
        self._readers = where.engine(write=False)
        try:
            self.facts = self._read_facts(where)
        except BaseException:
            self.close()
            raise

    def _read_facts(self, where: object) -> Mapping[str, str]:
        with self.read() as connection:
            found = version_of(connection)
            _refuse_version_0(where, found)
            if found != newest_version():
                raise StoreRefused("schema", f"{where} has schema {found}, not {newest_version()}: upgrade it first")
            return {row.name: row.value for row in connection.execute(select(tables.meta))}

    def close(self) -> None:
        """Close all connections; nothing is lost by not calling this."""
        self._readers.dispose()
        self._writer.dispose()
        if self._turns is not None:
            self._turns.close()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one unchanging state of the database."""
        with meanings(), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in one transaction: durable when the block is left, absent where it raised.

        AlreadyThere where a row of that key exists, NotFound where a row's parent does not.  Busy for anything that
        the disk or a lock does; where that happens on commit, the transaction may be durable nevertheless.
        """
        with meanings(), self._writer.connect() as connection, self._turn():
            try:
                with connection.begin():
                    yield connection
                    self.before_commit()
                self.after_commit()
            except (DBAPIError, psycopg.Error, sqlite3.Error) as problem:
                # The driver's idea of the transaction may be wrong after an error of the disk: begin afresh.
                if not isinstance(driver_error(problem), psycopg.IntegrityError):
                    connection.invalidate()
                raise

    def _turn(self) -> AbstractContextManager[None]:
        """Take a turn among the processes that write; PostgreSQL sees to that itself."""
        return nullcontext() if self._turns is None else self._turns.turn()

    @contextmanager
    def write_fenced(self) -> Iterator[Connection]:
        """Write what only the holder of the lease may write; LeaseLost where that is another by now.

        On SQLite the lock on the data directory has said so already.
        """
        with self.write() as connection:
            if self.shared:
                # Nobody can take the lease over until this transaction ends: that would change the key that is locked
                # here.  Renewing it changes no key, and goes on meanwhile.
                query = select(tables.lease.c.token).with_for_update(read=True, key_share=True)
                found = connection.execute(query).scalar()
                if self.token is None or found != self.token:
                    raise LeaseLost("lease_lost", f"another process seals and anchors, under token {found}")
            yield connection

    def fold(self) -> bool:
        """Write what SQLite's log has gathered into the file, as far as that holds up nobody; never asks for more.

        Else it is all done by the one commit that finds the log long, and whoever writes waits for that.
        """
        if not self.shared:
            with meanings(), self._readers.connect() as connection:
                _driver(connection).execute("pragma wal_checkpoint(passive)")
        return False

    def before_commit(self) -> None:
        """Nothing; a test makes the write fail here, so that it is lost."""

    def after_commit(self) -> None:
        """Nothing; a test makes the write fail here, so that it is durable and nobody is told."""


def is_postgresql(connection: Connection) -> bool:
    """Say which of the two databases this is."""
    return connection.dialect.name == "postgresql"


def _driver(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection, in the transaction: its part is all that a small statement should cost."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)


@cache
def _insert_text(table: Table, dialect: Dialect) -> str:
    return str(insert(table).compile(dialect=dialect))


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows whose values are in the order of the table's columns, without a dictionary for each."""
    if not rows:
        return
    if is_postgresql(connection):
        insert_many(connection, table, rows)
    else:
        _driver(connection).executemany(_insert_text(table, connection.dialect), rows)


def add_to(connection: Connection, table: Table, column: str, added: Mapping[int, int]) -> None:
    """Add to a column of the rows with these keys."""
    if not added:
        return
    if is_postgresql(connection):
        add_to_many(connection, table, column, added)
        return
    (key,) = table.primary_key
    text = f"update {table.name} set {column} = {column} + ? where {key.name} = ?"  # noqa: S608 - our own names
    _driver(connection).executemany(text, [(more, place) for place, more in added.items()])


def among(connection: Connection, column: ColumnElement[T], values: Sequence[T]) -> ColumnElement[bool]:
    """Say that a column is one of these values, at most as many as `chunks` gives."""
    # One array on PostgreSQL: its driver sends thousands of single values slowly.
    return column == func.any(bindparam(None, values)) if is_postgresql(connection) else column.in_(values)


def driver_rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """Return what a query finds as the driver gives it, which can be had amid statements that are sent ahead."""
    if not is_postgresql(connection):
        return cast("Sequence[tuple[Any, ...]]", connection.execute(query).all())
    compiled = query.compile(dialect=connection.dialect)
    return cursor_of(connection).execute(str(compiled).encode(), compiled.params).fetchall()


def millions(connection: Connection, query: Select[*tuple[Any, ...]]) -> Iterator[Any]:
    """Return the rows of a query that finds very many, as tuples, some at a time.

    They are the driver's own, at half the cost.  PostgreSQL's holds the whole answer meanwhile, as it was sent.
    """
    cursor = connection.execute(query).cursor
    if cursor is None:
        raise AssertionError("a query without rows")
    while rows := cursor.fetchmany(_PART):
        yield from rows


def newest_of_buckets(
    connection: Connection, depth: int, batch: int, numbers: Sequence[int]
) -> Sequence[tuple[int, int, bytes, bytes]]:
    """Return (bucket, holds, hash, streams) of those of the buckets that have a row of this batch or an older one.

    One step down one index for each, in one statement for any number: sealing asks for thousands in every batch.
    """
    if is_postgresql(connection):
        return buckets_as_of(connection, depth, batch, numbers)
    text = (
        "select bucket, holds, hash, streams from json_each(?) as asked cross join map_buckets as found "
        "on found.rowid = (select rowid from map_buckets as older where older.depth = ? "
        "and older.bucket = asked.value and older.batch <= ? order by older.batch desc limit 1)"
    )
    found = connection.exec_driver_sql(text, (json.dumps(numbers), depth, batch)).all()
    return cast("Sequence[tuple[int, int, bytes, bytes]]", found)


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit one statement."""
    rest = iter(values)
    while part := list(islice(rest, _CHUNK)):
        yield part


def upsert(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, replacing those of the same primary key; no key twice."""
    if not rows:
        return
    if is_postgresql(connection):
        upsert_many(connection, table, rows)
        return
    keys = [column.name for column in table.primary_key]
    statement = insert_sqlite(table)
    others = {column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), list(rows))
