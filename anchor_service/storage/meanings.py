"""What a database's errors mean to whoever asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from anchor_service.ports import AlreadyThere, Busy, NotFound, StoreRefused
from anchor_service.protocol.errors import SealtrailError

_UNIQUE: Final = "23505"
_FOREIGN_KEY: Final = "23503"
_PASSING: Final = ("08", "25", "40", "53", "55", "57", "58")
"""Classes of SQLSTATE that pass: connection, state of the transaction (a standby, a time-out), rollback, resources,
locks, intervention of the operator, system."""


@contextmanager
def meanings() -> Iterator[None]:
    """Raise AlreadyThere, NotFound, Busy or StoreRefused for what the database's driver raises."""
    try:
        yield
    except (DBAPIError, sqlite3.Error, psycopg.Error) as problem:
        raise _meaning(problem) from problem
    except PoolTimeout as problem:
        raise Busy(f"the database cannot be used now: {problem.args[0]}") from problem


def driver_error(problem: BaseException) -> BaseException | None:
    """Return what the driver itself said."""
    return problem.orig if isinstance(problem, DBAPIError) else problem


def _meaning(problem: Exception) -> SealtrailError:
    match driver_error(problem):
        case sqlite3.IntegrityError() as said:
            foreign = said.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
            return _refused_rows(said, foreign=foreign)
        case psycopg.errors.IntegrityError() as said if said.sqlstate in {_UNIQUE, _FOREIGN_KEY}:
            return _refused_rows(said, foreign=said.sqlstate == _FOREIGN_KEY)
        case sqlite3.OperationalError() | psycopg.OperationalError() | psycopg.InterfaceError() as said:
            return Busy(f"the database cannot be used now: {said}")
        case psycopg.Error() as said if (said.sqlstate or "").startswith(_PASSING):
            return Busy(f"the database cannot be used now: {said}")
        case said:
            return StoreRefused("database", f"the database cannot be read: {said}")


def _refused_rows(said: Exception, *, foreign: bool) -> SealtrailError:
    if foreign:
        return NotFound("parent_unknown", f"the database refuses the rows: {said}")
    return AlreadyThere("exists", f"the database refuses the rows: {said}")
