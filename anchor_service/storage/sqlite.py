"""SQLite: a file, one writer at a time, readers beside it."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from anchor_service.ports import StoreRefused
from anchor_service.storage.turns import Turns

READERS: Final = 16
TURN: Final = 30.0
"""Seconds that a writer waits for its turn; transactions take milliseconds."""
_BUSY: Final = 5_000
"""Milliseconds that SQLite waits for a lock that another process holds (a backup, say)."""


class SqlitePlace:
    """A log's database in a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __str__(self) -> str:
        return str(self._path)

    def exists(self) -> bool:
        """Say whether there is a database."""
        return self._path.exists()

    def create(self, fill: Callable[[Connection], None]) -> None:
        """Create a database, whole or not at all; StoreRefused (`log_exists`) where there is one."""
        path = self._path
        if path.exists():
            raise StoreRefused("log_exists", f"{path} is there already")
        new = path.with_name(path.name + ".new")
        for leftover in (new, Path(f"{new}-wal"), Path(f"{new}-shm")):
            leftover.unlink(missing_ok=True)
        new.touch(mode=0o600)
        engine = _engine(new, write=True)
        try:
            with engine.connect() as connection, connection.begin():
                fill(connection)
        finally:
            engine.dispose()
        # Up to here there is no log; a crash leaves a file that the next attempt removes.
        new.rename(path)
        directory = os.open(path.parent, os.O_RDONLY)
        os.fsync(directory)
        os.close(directory)

    def engine(self, *, write: bool) -> Engine:
        """Make an engine for writing, or for reading."""
        return _engine(self._path, write=write)

    def turns(self) -> Turns:
        """Return how those who write take turns."""
        return Turns(self._path, TURN)


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
                f"mmap_size = {268435456 if write else 0}",
                f"cache_size = -{65536 if write else 8192}",
                f"query_only = {'off' if write else 'on'}",
                "wal_autocheckpoint = 16000",
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
        pool_size=1 if write else READERS,
        max_overflow=0,
        pool_timeout=TURN,
        pool_use_lifo=True,  # the connection used last has its pages in memory
        pool_reset_on_return="rollback",
    )

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> Any:  # noqa: ANN401 - SQLAlchemy's own signature
        driver: Any = connection.connection.driver_connection
        driver.execute("begin immediate" if write else "begin")

    return engine
