"""PostgreSQL: a log in a schema of its own, any number of processes, one of them accepting at a time.

The place is a URL as psql takes it, with one more parameter: `postgresql://user@host/name?schema=sealtrail`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, cast

import psycopg
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from anchor_service.ports import StoreRefused
from anchor_service.storage.arrays import register

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
_FRESH: Final = 1.0
"""Seconds after its last use until which a connection is taken to be alive."""


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
            register(connection)
            connection.autocommit = False

        @event.listens_for(engine, "checkin")
        def checkin(_connection: object, record: ConnectionPoolEntry) -> None:
            record.info["used"] = time.monotonic()

        @event.listens_for(engine, "checkout")
        def checkout(connection: psycopg.Connection, record: ConnectionPoolEntry, _proxy: object) -> None:
            # Goes on after the server was restarted; who writes all the time does not ask each time.
            if time.monotonic() - record.info.get("used", 0.0) > _FRESH and not _answers(connection):
                raise DisconnectionError

        return engine


def _answers(connection: psycopg.Connection) -> bool:
    try:
        connection.execute("select 1")
        connection.rollback()
    except psycopg.Error:
        return False
    return True


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

    The server ends one that is silent after a `sync` by itself; amid what is sent ahead it waits for ever.
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


@contextmanager
def send_ahead(connection: Connection) -> Iterator[psycopg.Pipeline]:
    """Send statements by `cursor_of` without waiting for what the ones before answer.

    `sync` of what this yields waits for all, and raises what the first of them failed with; so does leaving the block.
    Sooner or later one must be called: else the server does not know that it waits for us, and does so for ever.
    """
    with cast("psycopg.Connection[Any]", connection.connection.driver_connection).pipeline() as pipeline:
        yield pipeline
