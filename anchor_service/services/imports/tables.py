"""CSV files: a main table that is streamed, and sibling tables that are joined to it by a column."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from anchor_service.protocol.errors import Malformed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Row = list[str]


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a CSV file is written."""

    encoding: str = "utf-8-sig"
    delimiter: str = ","


class Counted:
    """A binary file that knows how many bytes were read, for progress."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.read = 0

    def lines(self, encoding: str) -> Iterator[str]:
        """Yield the lines as text; Malformed where one is not in this encoding."""
        for number, line in enumerate(self._file, start=1):
            self.read += len(line)
            try:
                yield line.decode(
                    "utf-8-sig" if number == 1 and encoding == "utf-8-sig" else encoding.removesuffix("-sig")
                )
            except UnicodeDecodeError:
                raise Malformed(
                    "csv_encoding", f"line {number} is not {encoding}; say `encoding:` in the mapping"
                ) from None


def read_header(path: Path, dialect: Dialect) -> Row:
    """Return a table's column names; Malformed where there are none, or one stands twice."""
    try:
        with path.open("rb") as file:
            header = next(csv.reader(Counted(file).lines(dialect.encoding), delimiter=dialect.delimiter), [])
    except OSError as problem:
        raise Malformed("csv_file", f"{path}: {problem.strerror}") from None
    names = [name.strip() for name in header]
    if not names or len(set(names)) != len(names):
        raise Malformed("csv_header", f"{path}: the first line must name every column once")
    return names


@dataclass(slots=True)
class Joined:
    """A sibling table, by the value of one of its columns.  It is held in memory: some 100 bytes a cell."""

    columns: dict[str, int]
    ours: int
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def load(self, path: Path, dialect: Dialect, theirs: int) -> None:
        """Read the table."""
        width = len(self.columns)
        with path.open("rb") as file:
            lines = csv.reader(Counted(file).lines(dialect.encoding), delimiter=dialect.delimiter)
            next(lines, None)
            for row in lines:
                if not row:
                    continue
                if len(row) != width:
                    raise Malformed("csv_width", f"{path}, line {lines.line_num}: {len(row)} columns, not {width}")
                self.rows.setdefault(row[theirs], []).append(row)
