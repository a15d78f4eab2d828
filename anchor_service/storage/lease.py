"""The lease of who seals and anchors: one process at a time, and a token that grows with every holder.

What the holder writes is fenced by its token (`Database.write_fenced`), so that one that was stopped and goes on later
can do nothing.  The lease itself only says when another may try.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text, update

from anchor_service.storage.database import Database
from anchor_service.storage.tables import lease


class LeaseRow(NamedTuple):
    """Who holds the lease; `live`: it has not lapsed by the database's clock; `said`: what it last said of itself."""

    token: int
    holder: str
    live: bool
    said: str


class Leases:
    """Takes, renews and releases the lease for one process."""

    def __init__(self, database: Database, holder: str, length: int) -> None:
        """`holder` names this process for people; `length` in ms."""
        self._database = database
        self._holder = holder
        self._length = length

    def take(self) -> bool:
        """Take the lease if nobody holds it; what is written from now on is fenced by its new token."""
        with self._database.write() as connection:
            now = _now(connection)
            taken = (
                update(lease)
                .where(lease.c.until <= now)
                .values(token=lease.c.token + 1, holder=self._holder, until=now + self._length, said="")
                .returning(lease.c.token)
            )
            token = connection.execute(taken).scalar()
        if token is None:
            return False
        self._database.token = token
        return True

    def renew(self, said: str) -> bool:
        """Hold the lease on, and say how it is; False where another holds it by now."""
        with self._database.write() as connection:
            renewed = (
                update(lease)
                .where(lease.c.token == self._database.token)
                .values(until=_now(connection) + self._length, said=said)
            )
            return connection.execute(renewed).rowcount == 1

    def release(self) -> None:
        """Let another take it at once."""
        with self._database.write() as connection:
            connection.execute(update(lease).where(lease.c.token == self._database.token).values(until=0))

    def look(self) -> LeaseRow:
        """Say who holds it."""
        return read_lease(self._database)


def read_lease(database: Database) -> LeaseRow:
    """Say who holds the lease."""
    with database.read() as connection:
        row = connection.execute(select(lease)).one()
        return LeaseRow(row.token, row.holder, row.until > _now(connection), row.said)


def _now(connection: Connection) -> int:
    """Return ms UTC by the clock that all processes share."""
    if connection.dialect.name != "postgresql":
        return time.time_ns() // 1_000_000
    found = connection.execute(select(func.floor(func.extract("epoch", text("clock_timestamp()")) * 1000))).scalar_one()
    return int(found)
