"""py-evm's key-value store in one SQLite file: a transaction is whole or absent, whenever the power goes."""

from __future__ import annotations

import fcntl
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from eth.db.backends.base import BaseDB

from anchor_service.ports import ChainUnavailable

_SCHEMA: Final = """
create table state (key blob primary key, value blob not null) without rowid;
create table about (name text primary key, value integer not null) without rowid;
create table log (
    block integer not null,
    position integer not null,
    address blob not null,
    topic0 blob, topic1 blob, topic2 blob, topic3 blob,
    data blob not null,
    block_hash blob not null,
    tx blob not null,
    tx_index integer not null,
    primary key (block, position)
) without rowid;
create index log_by_topics on log (address, topic0, topic1, topic2, block, position);
"""


class FileLock:
    """An exclusive lock beside a file; the system lets go of it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        # Not on the file itself: closing any descriptor of it would drop SQLite's own locks.
        self._file = Path(f"{path}.lock").open("wb")  # noqa: SIM115 - held until `close`
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise ChainUnavailable("chain_locked", f"{path} is in use by another process") from None

    def close(self) -> None:
        """Let go; once more is quiet."""
        self._file.close()


class Database(BaseDB):
    """The store; writes are allowed inside `transaction` alone.  Not thread-safe: its owner takes turns."""

    def __init__(self, path: Path, *, create: bool) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self.connection.execute("pragma journal_mode = wal")
            self.connection.execute("pragma synchronous = full")
            if create:
                self.connection.executescript(_SCHEMA)
        except sqlite3.DatabaseError as problem:
            self.connection.close()
            raise ChainUnavailable("chain_storage", f"{path} cannot be opened: {problem}") from problem

    def close(self) -> None:
        """Fold the write-ahead log into the file."""
        self.connection.close()

    def about(self) -> dict[str, int]:
        """What was written down when the file was made; empty where it is no chain's."""
        try:
            return dict(self.connection.execute("select name, value from about").fetchall())
        except sqlite3.OperationalError:
            return {}

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """When this returns, what was written inside is durable; if it raises, nothing was written."""
        try:
            self.connection.execute("begin immediate")
            yield self.connection
            self.connection.execute("commit")
        except sqlite3.Error as problem:
            raise ChainUnavailable("chain_storage", f"the chain's file cannot be written: {problem}") from problem
        finally:
            if self.connection.in_transaction:
                self.connection.execute("rollback")

    def __getitem__(self, key: bytes) -> bytes:
        """The value; KeyError where there is none."""
        row = self.connection.execute("select value from state where key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        value: bytes = row[0]
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        """Write, inside a transaction."""
        assert self.connection.in_transaction, "the chain is written in transactions only"
        self.connection.execute("insert or replace into state values (?, ?)", (bytes(key), bytes(value)))

    def __delitem__(self, key: bytes) -> None:
        """Delete, inside a transaction; KeyError where there is nothing."""
        assert self.connection.in_transaction, "the chain is written in transactions only"
        if self.connection.execute("delete from state where key = ?", (key,)).rowcount == 0:
            raise KeyError(key)

    def _exists(self, key: bytes) -> bool:
        return self.connection.execute("select 1 from state where key = ?", (key,)).fetchone() is not None
