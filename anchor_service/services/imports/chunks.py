"""A table in chunks: what its rows became, some thousand events at a time; read here, or in a process of its own."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from anchor_service.children import SPAWN, begin, starting
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.services.imports.mapping import Mapping, load_mapping
from anchor_service.services.imports.rows import Built, RowRefused, build_row
from anchor_service.services.imports.tables import Counted, Row

CHUNK: Final = 1_000
_WORTH: Final = 2**20
"""Tables of fewer bytes are read here: starting a process takes as long."""


class Chunk(NamedTuple):
    """What rows became that follow one another; a row is never torn apart."""

    rows: int
    """How many rows of the table end with this chunk."""
    new: int
    """How many of them are in it."""
    read: int
    """How many bytes of the table were read."""
    built: list[Built]
    refused: list[RowRefused]


class Source(Protocol):
    """A table and the mapping of its rows."""

    @property
    def digest(self) -> str:
        """The mapping's digest."""

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Yield what became of the rows after the first `skip`, in order; once."""


@contextmanager
def rows_of(table: Path, mapping: bytes) -> Iterator[Source]:
    """Read a table by a mapping; Malformed as load_mapping raises it.

    A large table is read in a process of its own, so that this one has but to store what comes.
    """
    if table.stat().st_size < _WORTH:
        yield Here(table, load_mapping(mapping, table))
        return
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=_read_apart, args=(theirs, table, mapping), name="reader", daemon=True)
    with starting():
        process.start()
    theirs.close()
    try:
        yield Apart(ours)
    finally:
        ours.close()
        process.terminate()
        process.join()


class Here:
    """Reads in the caller's thread."""

    def __init__(self, table: Path, mapping: Mapping) -> None:
        self._table = table
        self._mapping = mapping
        self.digest = mapping.digest

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Yield what became of the rows after the first `skip`, in order."""
        number = before = skip
        built: list[Built] = []
        refused: list[RowRefused] = []
        with self._table.open("rb") as file:
            counted = Counted(file)
            for number, line, row in self._rows(counted):
                if isinstance(row, RowRefused):
                    refused.append(row)
                elif number > skip:
                    for result in build_row(self._mapping, row, line):
                        (built if isinstance(result, Built) else refused).append(result)  # type: ignore[arg-type]
                if len(built) >= CHUNK or len(refused) >= CHUNK:
                    yield Chunk(number, max(number - before, 0), counted.read, built, refused)
                    before, built, refused = number, [], []
            yield Chunk(number, max(number - before, 0), counted.read, built, refused)

    def _rows(self, file: Counted) -> Iterator[tuple[int, int, Row | RowRefused]]:
        """Yield (rows so far, line, row) for each that is not empty; a refusal where something is no CSV."""
        dialect = self._mapping.dialect
        rows = csv.reader(file.lines(dialect.encoding), delimiter=dialect.delimiter, strict=True)
        next(rows, None)
        number = 0
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as problem:
                yield number, rows.line_num, RowRefused(rows.line_num, None, "csv_syntax", str(problem))
                continue
            if row:
                number += 1
                yield number, rows.line_num, row


class Apart:
    """Takes what another process reads, which is one chunk ahead, and ends with this one."""

    def __init__(self, other: Connection) -> None:
        self._other = other
        self.digest = str(self._receive())

    def chunks(self, skip: int) -> Iterator[Chunk]:
        """Yield what became of the rows after the first `skip`, in order."""
        self._other.send(skip)
        while chunk := self._receive():
            rows, new, read, built, refused = chunk
            yield Chunk(rows, new, read, list(map(Built._make, built)), list(map(RowRefused._make, refused)))

    def _receive(self) -> Any:  # noqa: ANN401 - what _read_apart sends
        try:
            answer = self._other.recv()
        except (EOFError, OSError):
            raise SealtrailError("import_reader", "the process that reads the table has ended; start again") from None
        if isinstance(answer, _Wrong):
            raise Malformed(*answer)
        return answer


class _Wrong(NamedTuple):
    code: str
    message: str


def _read_apart(other: Connection, table: Path, mapping: bytes) -> None:
    begin()
    with suppress(ConnectionError, EOFError):  # where the other is gone, nobody needs us
        try:
            source = Here(table, load_mapping(mapping, table))
            other.send(source.digest)
            for rows, new, read, built, refused in source.chunks(other.recv()):
                # as plain tuples: they cross at a fifth of the cost
                other.send((rows, new, read, list(map(tuple, built)), list(map(tuple, refused))))
            other.send(None)
        except Malformed as problem:
            other.send(_Wrong(problem.code, problem.message))
