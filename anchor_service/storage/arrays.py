"""A column's values as one parameter: an array as PostgreSQL takes it in binary, made at once.

The driver makes arrays value by value; here the values of many rows are laid out in a few calls.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, Final, NamedTuple

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

_OIDS: Final[Mapping[str, int]] = {"int8": 20, "text": 25, "bytea": 17}
_NULL: Final = b"\xff\xff\xff\xff"
_EIGHT: Final = struct.pack("!i", 8)
_size: Final[Callable[[int], bytes]] = struct.Struct("!i").pack
_number: Final[Callable[[int], bytes]] = struct.Struct("!q").pack


class Column(NamedTuple):
    """Values of one kind (`int8`, `text` or `bytea`), or None, for `%b::kind[]`."""

    kind: str
    values: Sequence[Any]


def register(connection: psycopg.Connection[Any]) -> None:
    """Let a connection take `Column` as a parameter."""
    connection.adapters.register_dumper(Column, _ColumnDumper)


class _ColumnDumper(Dumper):
    """An array of one dimension: its head, then each value behind its size (PostgreSQL's array_send)."""

    format = Format.BINARY
    oid = 0  # the statement says it

    def dump(self, obj: Column) -> bytes:
        return print_array(*obj)


def print_array(kind: str, values: Sequence[Any]) -> bytes:
    """Return an array in PostgreSQL's binary form."""
    nulls = None in values
    head = struct.pack("!5i", 1, nulls, _OIDS[kind], len(values), 1)
    if kind == "int8":
        if not nulls:
            return head + struct.pack("!" + len(values) * "iq", *chain.from_iterable(zip(repeat(8), values)))
        return head + b"".join([_NULL if value is None else _EIGHT + _number(value) for value in values])
    if kind == "text":
        values = [None if value is None else value.encode() for value in values]
    return head + b"".join(
        [part for value in values for part in ((_NULL,) if value is None else (_size(len(value)), value))]
    )
