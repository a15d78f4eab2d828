"""Many rows in one statement, on PostgreSQL: by arrays, a column in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Table, make_url

from anchor_service.storage.arrays import Column
from anchor_service.storage.postgresql import cursor_of

_PART: Final = 1_000
"""Rows in one statement: more spill to the disk of the server."""
_TYPES: Final = {"BIGINT": "int8", "TEXT": "text", "BYTEA": "bytea"}


@cache
def _types(table: Table) -> tuple[str, ...]:
    dialect = _dialect()
    return tuple(_TYPES[column.type.compile(dialect=dialect)] for column in table.columns)


@cache
def _dialect() -> Any:  # noqa: ANN401 - SQLAlchemy's dialects are made without types
    return make_url("postgresql+psycopg://").get_dialect()()


@cache
def _insert(table: Table) -> str:
    names = ", ".join(column.name for column in table.columns)
    arrays = ", ".join(f"%b::{kind}[]" for kind in _types(table))
    return f"insert into {table.name} ({names}) select * from unnest({arrays})"  # noqa: S608 - our own names


@cache
def _upsert(table: Table) -> str:
    keys = [column.name for column in table.primary_key]
    others = ", ".join(f"{name} = excluded.{name}" for name in table.columns.keys() if name not in keys)  # noqa: SIM118
    return f"{_insert(table)} on conflict ({', '.join(keys)}) do update set {others}"


def insert_many(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Insert rows whose values are in the order of the table's columns."""
    _send(connection, table, _insert(table), rows)


def upsert_many(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, replacing those of the same primary key."""
    names = table.columns.keys()
    _send(connection, table, _upsert(table), [tuple(row[name] for name in names) for row in rows])


def _send(connection: Connection, table: Table, text: str, rows: Sequence[tuple[object, ...]]) -> None:
    cursor, kinds = cursor_of(connection), _types(table)
    for first in range(0, len(rows), _PART):
        columns = zip(*rows[first : first + _PART], strict=True)
        cursor.execute(text, [Column(kind, values) for kind, values in zip(kinds, columns, strict=True)])


def add_to_many(connection: Connection, table: Table, column: str, added: Mapping[int, int]) -> None:
    """Add to a column of the rows with these keys."""
    (key,) = table.primary_key
    cursor_of(connection).execute(
        f"update {table.name} set {column} = {column} + added.more "  # noqa: S608 - our own names
        f"from unnest(%b::int8[], %b::int8[]) as added (place, more) where {key.name} = added.place",
        [Column("int8", list(added)), Column("int8", list(added.values()))],
    )


def buckets_as_of(
    connection: Connection, depth: int, batch: int, numbers: Sequence[int]
) -> list[tuple[int, int, bytes, bytes]]:
    """Return (bucket, holds, hash, streams) of those of the buckets that have a row of this batch or an older one."""
    cursor = cursor_of(connection).execute(
        "select newest.* from unnest(%b::int8[]) as asked (bucket) cross join lateral "
        "(select bucket, holds, hash, streams from map_buckets where depth = %b and bucket = asked.bucket "
        "and batch <= %b order by batch desc limit 1) as newest",
        [Column("int8", numbers), depth, batch],
    )
    return cursor.fetchall()
