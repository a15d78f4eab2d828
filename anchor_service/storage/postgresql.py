"""PostgreSQL: a log in a schema of its own, any number of processes, one of them accepting at a time.

The place is a URL as psql takes it, with one more parameter: `postgresql://user@host/name?schema=sealtrail`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final, cast

import psycopg
from sqlalchemy import URL, Connection, Engine, LargeBinary, Table, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import QueuePool

from anchor_service.ports import StoreRefused

SCHEMA: Final = "sealtrail"
_WRITERS: Final = 8
_READERS: Final = 16
_POOL: Final = 30.0
"""Seconds that a thread waits for a connection."""
LOCK_TIMEOUT: Final = 20_000
"""Milliseconds that a writer waits for another's transaction; those take milliseconds, tens of them for big groups."""
_IDLE: Final = 15_000
"""Milliseconds of silence after which the server ends a writer's transaction: less than others wait for it, so that a
process that was stopped in the middle delays them and does no more."""
_STATEMENT: Final = 60_000
_READER_IDLE: Final = 3_600_000
"""Readers hold up nobody, only the cleaning away of old rows."""
ACCEPTING: Final = 0x5EA1_0001
"""The advisory lock of who accepts events; with the schema's oid, so that logs in one database do not meet."""
_FEW: Final = 8
"""Up to so many rows INSERT is faster than COPY."""


class PostgresPlace:
    """A log's database in a schema of a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        """StoreRefused (`settings`) where the URL is none."""
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise StoreRefused("settings", "database: expected a URL postgresql://user@host/name") from None
        schema = parsed.query.get("schema", SCHEMA)
        if parsed.drivername not in {"postgresql", "postgres"}:
            raise StoreRefused("settings", "database: expected a URL postgresql://user@host/name")
        if not isinstance(schema, str) or not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", schema) or schema[:3] == "pg_":
            raise StoreRefused("settings", "database: schema: expected small letters, digits and _, a letter first")
        self._url: URL = parsed.difference_update_query(["schema"]).set(drivername="postgresql+psycopg")
        self._schema = schema

    def __str__(self) -> str:
        """Name it, without the password."""
        return f"{self._url.set(drivername='postgresql', password=None).render_as_string()}, schema {self._schema}"

    def exists(self) -> bool:
        """Say whether there is a log in the schema."""
        engine = self.engine(write=False)
        try:
            with engine.connect() as connection:
                return self._has_log(connection)
        finally:
            engine.dispose()

    def _has_log(self, connection: Connection) -> bool:
        return (
            connection.execute(text("select to_regclass(:name)"), {"name": f"{self._schema}.meta"}).scalar() is not None
        )

    def create(self, fill: Callable[[Connection], None]) -> None:
        """Create schema and tables in one transaction; StoreRefused (`log_exists`) where there is a log."""
        engine = self.engine(write=True)
        try:
            with engine.connect() as connection, connection.begin():
                connection.execute(text("select pg_advisory_xact_lock(hashtext(:name))"), {"name": self._schema})
                if self._has_log(connection):
                    raise StoreRefused("log_exists", f"{self} has a log already")
                connection.execute(text(f"create schema if not exists {self._schema}"))
                fill(connection)
        finally:
            engine.dispose()

    def engine(self, *, write: bool) -> Engine:
        """Make an engine for writing, or for reading one unchanging state at a time."""
        engine = create_engine(
            self._url,
            poolclass=QueuePool,
            pool_size=_WRITERS if write else _READERS,
            max_overflow=0,
            pool_timeout=_POOL,
            pool_pre_ping=True,  # goes on after the server was restarted
            use_native_hstore=False,
            connect_args={
                "connect_timeout": 10,
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 3,
                "application_name": "sealtrail",
            },
        )
        options = {
            "search_path": self._schema,
            "client_encoding": "UTF8",
            "lock_timeout": str(LOCK_TIMEOUT),
            "statement_timeout": str(_STATEMENT) if write else "0",
            "idle_in_transaction_session_timeout": str(_IDLE if write else _READER_IDLE),
        }

        # Before the dialect looks at the connection for the first time: it reads the schema's name.
        @event.listens_for(engine, "connect", insert=True)
        def connect(connection: psycopg.Connection, _record: object) -> None:
            connection.autocommit = True
            for name, value in options.items():
                connection.execute("select set_config(%s, %s, false)", (name, value))
            if write:
                # What was acknowledged is durable, whatever the server's default is; a stronger one stays.
                connection.execute(
                    "select set_config('synchronous_commit', 'on', false) "
                    "where current_setting('synchronous_commit') in ('off', 'local')"
                )
            else:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                connection.read_only = True
            connection.autocommit = False

        return engine


def cursor_of(connection: Connection) -> psycopg.Cursor[Any]:
    """Return a cursor of the driver's own, in the connection's transaction."""
    return cast("psycopg.Connection[Any]", connection.connection.driver_connection).cursor(binary=True)


def take_turn(connection: Connection) -> None:
    """Wait until nobody else accepts events; the turn ends with the transaction."""
    cursor_of(connection).execute(
        "select pg_advisory_xact_lock(%s, (select oid::bigint::bit(32)::int from pg_namespace where nspname = "
        "current_schema()))",
        (ACCEPTING,),
    )


def end_hung_turn(connection: Connection) -> None:
    """End the session of a process that has the turn and was silent in the middle of what it sends.

    The server ends one that is silent between two statements by itself; amid a COPY it waits for ever.
    """
    cursor_of(connection).execute(
        "select pg_terminate_backend(activity.pid) from pg_locks join pg_stat_activity activity using (pid) "
        "where locktype = 'advisory' and granted and classid = %s and pg_locks.database = "
        "(select oid from pg_database where datname = current_database()) and objid = "
        "(select oid from pg_namespace where nspname = current_schema()) and wait_event = 'ClientRead' "
        "and clock_timestamp() - query_start > %s * interval '1 millisecond'",
        (ACCEPTING, _IDLE),
    )


def analyze(connection: Connection) -> None:
    """Look at the tables that grow with the log, so that statements are planned for the rows that there are."""
    cursor_of(connection).execute("analyze streams, events, event_secrets, receipt_groups, entries, tiles, map_buckets")


_TYPES: Final = {"BIGINT": "int8", "TEXT": "text", "BYTEA": "bytea"}


@cache
def _types(table: Table) -> tuple[str, ...]:
    dialect = _dialect()
    return tuple(_TYPES[column.type.compile(dialect=dialect)] for column in table.columns)


@cache
def _dialect() -> Any:  # noqa: ANN401 - SQLAlchemy's dialects are made without types
    return make_url("postgresql+psycopg://").get_dialect()()


def copy_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows by binary COPY, or by INSERT where they are few; values in the order of the table's columns."""
    names = ", ".join(column.name for column in table.columns)
    with cursor_of(connection) as cursor:
        if len(rows) <= _FEW:
            places = ", ".join(f"%b::{kind}" for kind in _types(table))
            cursor.executemany(f"insert into {table.name} ({names}) values ({places})", rows)  # noqa: S608 - our own names
            return
        with cursor.copy(f"copy {table.name} ({names}) from stdin (format binary)") as copy:
            copy.set_types(_types(table))
            for row in rows:
                copy.write_row(row)


def upsert_rows(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, replacing those of the same primary key, in one statement over arrays."""
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    arrays = ", ".join(f"%b::{kind}[]" for kind in _types(table))
    others = ", ".join(f"{name} = excluded.{name}" for name in names if name not in keys)
    cursor_of(connection).execute(
        f"insert into {table.name} ({', '.join(names)}) select * from unnest({arrays}) "  # noqa: S608 - our own names
        f"on conflict ({', '.join(keys)}) do update set {others}",
        [_array(column.type, [row[column.name] for row in rows]) for column in table.columns],
    )


def add_to_rows(connection: Connection, table: Table, column: str, added: Mapping[int, int]) -> None:
    """Add to a column of the rows with these keys, in one statement over arrays."""
    (key,) = table.primary_key
    cursor_of(connection).execute(
        f"update {table.name} set {column} = {column} + added.more "  # noqa: S608 - our own names
        f"from unnest(%b::int8[], %b::int8[]) as added (place, more) where {key.name} = added.place",
        (list(added), list(added.values())),
    )


def buckets_as_of(
    connection: Connection, depth: int, batch: int, numbers: Sequence[int]
) -> list[tuple[int, int, bytes, bytes]]:
    """Return (bucket, holds, hash, streams) of those of the buckets that have a row of this batch or an older one."""
    cursor = cursor_of(connection).execute(
        "select newest.* from unnest(%b::int8[]) as asked (bucket) cross join lateral "
        "(select bucket, holds, hash, streams from map_buckets where depth = %b and bucket = asked.bucket "
        "and batch <= %b order by batch desc limit 1) as newest",
        (list(numbers), depth, batch),
    )
    return cursor.fetchall()


def _array(kind: object, values: list[Any]) -> list[Any]:
    """Make the values of one type, which the driver asks of an array: Hash and Leaf are bytes, states are text."""
    if isinstance(kind, LargeBinary):
        return [None if value is None else bytes(value) for value in values]
    return [str(value) if isinstance(value, str) else value for value in values]
