"""The connection to the database: who may write when, and what its errors mean.

SQLite takes one writer at a time.  All writes go through one connection that is handed from thread to thread, in
transactions that are short; each reader has a connection and a snapshot of its own and waits for nobody.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Dialect, Engine, Table, create_engine, event, insert, select
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from anchor_service.ports import AlreadyThere, Busy, NotFound, StoreRefused
from anchor_service.storage import tables
from anchor_service.storage.migrate import newest_version, upgrade, version_of

_READERS: Final = 16
_TURN: Final = 30.0
"""Seconds that a writer waits for its turn; transactions take milliseconds."""
_BUSY: Final = 5_000
"""Milliseconds that SQLite waits for a lock that another process holds (a backup, say)."""


def create_database(path: Path, facts: Mapping[str, str], created: int) -> None:
    """Create a database with an empty log in a new file, whole or not at all; StoreRefused where there is one.

    `facts` say what the log is (`Database.facts` gives them back); `created` in ms UTC.
    """
    if path.exists():
        raise StoreRefused("log_exists", f"{path} is there already")
    new = path.with_name(path.name + ".new")
    for leftover in (new, Path(f"{new}-wal"), Path(f"{new}-shm")):
        leftover.unlink(missing_ok=True)
    new.touch(mode=0o600)
    engine = _engine(new, write=True)
    try:
        with engine.connect() as connection, connection.begin():
            upgrade(connection)
            connection.execute(insert(tables.meta), [{"name": name, "value": value} for name, value in facts.items()])
            empty = {"id": 1, "size": 0, "root": bytes(32), "batch": 0, "seal": bytes(32), "last_event": 0}
            connection.execute(insert(tables.head), {**empty, "sealed": created})
    finally:
        engine.dispose()
    # Up to here there is no log; a crash leaves a file that the next attempt removes.
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def upgrade_database(path: Path) -> None:
    """Bring a database that is there to this program's schema, whole or not at all; StoreRefused (`log_missing`).

    StoreRefused (`format`) for a log of format version 0: there is no way from it.
    """
    if not path.exists():
        raise StoreRefused("log_missing", f"{path} is not there")
    engine = _engine(path, write=True)
    try:
        with _meanings(), engine.connect() as connection, connection.begin():
            _refuse_version_0(path, version_of(connection))
            upgrade(connection)
    finally:
        engine.dispose()


def _refuse_version_0(path: Path, schema: str | None) -> None:
    if schema == "0001":
        raise StoreRefused(
            "format", f"{path} is a log of format version 0, whose seals commit no stream map: create a new log"
        )


class Database:
    """An open database; any thread may read or write."""

    def __init__(self, path: Path) -> None:
        """Open a database that is there, of this program's schema; StoreRefused (`log_missing`, `schema`, `format`)."""
        if not path.exists():
            raise StoreRefused("log_missing", f"{path} is not there: create a log first (sealtrail init)")
        self._writer = _engine(path, write=True)
        self._readers = _engine(path, write=False)
        try:
            self.facts = self._read_facts(path)
        except BaseException:
            self.close()
            raise

    def _read_facts(self, path: Path) -> Mapping[str, str]:
        with self.read() as connection:
            found = version_of(connection)
            _refuse_version_0(path, found)
            if found != newest_version():
                raise StoreRefused("schema", f"{path} has schema {found}, not {newest_version()}: upgrade it first")
            return {row.name: row.value for row in connection.execute(select(tables.meta))}

    def close(self) -> None:
        """Close all connections; nothing is lost by not calling this."""
        self._readers.dispose()
        self._writer.dispose()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Read one unchanging state of the database."""
        with _meanings(), self._readers.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Write in one transaction: durable when the block is left, absent where it raised.

        AlreadyThere where a row of that key exists, NotFound where a row's parent does not.  Busy for anything that
        the disk or a lock does; where that happens on commit, the transaction may be durable nevertheless.
        """
        with _meanings(), self._writer.connect() as connection:
            try:
                with connection.begin():
                    yield connection
                    self.before_commit()
                self.after_commit()
            except DBAPIError:
                # The driver's idea of the transaction may be wrong after an error of the disk: begin afresh.
                connection.invalidate()
                raise

    def before_commit(self) -> None:
        """Nothing; a test makes the write fail here, so that it is lost."""

    def after_commit(self) -> None:
        """Nothing; a test makes the write fail here, so that it is durable and nobody is told."""


@cache
def _insert_text(table: Table, dialect: Dialect) -> str | None:
    """Return a table's INSERT for a driver that takes values by place; None for one that takes them by name."""
    statement = insert(table).compile(dialect=dialect)
    return str(statement) if statement.positional else None


def insert_rows(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows whose values are in the order of the table's columns, without a dictionary for each."""
    statement = _insert_text(table, connection.dialect)
    if statement is not None:
        connection.exec_driver_sql(statement, list(rows))
    else:
        names = [column.name for column in table.columns]
        connection.execute(insert(table), [dict(zip(names, row, strict=True)) for row in rows])


@contextmanager
def _meanings() -> Iterator[None]:
    try:
        yield
    except IntegrityError as problem:
        if getattr(problem.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
            raise NotFound("parent_unknown", f"the database refuses the rows: {problem.orig}") from problem
        raise AlreadyThere("exists", f"the database refuses the rows: {problem.orig}") from problem
    except (OperationalError, PoolTimeout) as problem:
        raise Busy(f"the database cannot be used now: {problem.args[0]}") from problem
    except DatabaseError as problem:
        raise StoreRefused("database", f"the database cannot be read: {problem.orig}") from problem


def _engine(path: Path, *, write: bool) -> Engine:
    def connect() -> sqlite3.Connection:
        # mode=rw: opening never creates.
        connection = sqlite3.connect(
            f"file:{quote(str(path.absolute()))}?mode=rw",
            uri=True,
            isolation_level=None,  # transactions begin and end where we say so
            check_same_thread=False,  # the pool hands it to one thread at a time
            timeout=_BUSY / 1000,
            cached_statements=256,
        )
        try:
            for pragma in (
                "journal_mode = wal",
                "synchronous = full",
                "foreign_keys = on",
                "temp_store = memory",
                "mmap_size = 268435456",
                f"cache_size = -{65536 if write else 8192}",
                f"query_only = {'off' if write else 'on'}",
                "wal_autocheckpoint = 4000",
            ):
                connection.execute(f"pragma {pragma}")
        except BaseException:
            connection.close()  # no database, or one that cannot be read
            raise
        return connection

    engine = create_engine(
        "sqlite://",
        creator=connect,
        poolclass=QueuePool,
        pool_size=1 if write else _READERS,
        max_overflow=0,
        pool_timeout=_TURN,
        pool_reset_on_return="rollback",
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        connection.exec_driver_sql("begin immediate" if write else "begin")

    return engine
