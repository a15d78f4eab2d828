"""The import itself: rows in order, a few requests under way, and a note of how far everything is acknowledged."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.model import parse_event
from anchor_service.services.imports.rows import Built, RowRefused, build_row
from anchor_service.services.imports.tables import Counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from anchor_service.services.imports.mapping import Mapping

BATCH: Final = 1_000
UNDER_WAY: Final = 4


@dataclass(slots=True)
class Report:
    """What an import did: counts, and every refusal with its line and reason."""

    rows: int = 0
    accepted: int = 0
    known: int = 0
    resumed_after: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    refused: list[RowRefused] = field(default_factory=list)
    first: list[bytes] = field(default_factory=list)


class Import:
    """Imports one CSV file by one mapping.

    Every event's id follows from its row, so that sending a row again changes nothing: a second run answers "known",
    and a run that was cut off goes on after the last row of which everything was acknowledged (kept in `state`).
    """

    def __init__(
        self,
        table: Path,
        mapping: Mapping,
        submit: Callable[[Sequence[bytes]], Future[list[str | SealtrailError]]],
        state: Path,
    ) -> None:
        """Take the file, its mapping, the file to note progress in, and what sends events.

        `submit` answers for each event, in order: "accepted", "known", or the problem that it was refused for.
        """
        self._table = table
        self._mapping = mapping
        self._submit = submit
        self._state = state

    def dry_run(self, show: int, progress: Callable[[int], None] = lambda _read: None) -> Report:
        """Go over the whole file without storing anything: every event is made and checked; the first are kept."""
        report = Report()
        for _, results, read in self._rows(report, 0):
            for result in results:
                if isinstance(result, RowRefused):
                    report.refused.append(result)
                    continue
                try:
                    parse_event(result.raw)
                except SealtrailError as problem:
                    report.refused.append(RowRefused(result.line, result.step, problem.code, problem.message))
                    continue
                _count(report, result)
                if len(report.first) < show:
                    report.first.append(result.raw)
            progress(read)
        return report

    def run(self, progress: Callable[[int], None] = lambda _read: None) -> Report:
        """Import; raises what `submit` raises, after which a second run goes on where this one was acknowledged."""
        report = Report(resumed_after=self._resume())
        under_way: deque[tuple[Future[list[str | SealtrailError]], list[Built], int, int]] = deque()
        batch: list[Built] = []
        rows = read = 0
        for rows, results, read in self._rows(report, report.resumed_after):
            for result in results:
                if isinstance(result, Built):
                    batch.append(result)
                else:
                    report.refused.append(result)
            if len(batch) >= BATCH:
                under_way.append((self._submit([event.raw for event in batch]), batch, rows, read))
                batch = []
            if len(under_way) >= UNDER_WAY:
                self._settle(under_way.popleft(), report, progress)
        if batch:
            under_way.append((self._submit([event.raw for event in batch]), batch, rows, read))
        while under_way:
            self._settle(under_way.popleft(), report, progress)
        self._state.unlink(missing_ok=True)
        return report

    def _settle(
        self,
        sent: tuple[Future[list[str | SealtrailError]], list[Built], int, int],
        report: Report,
        progress: Callable[[int], None],
    ) -> None:
        """Wait for a request's answers, count them, and note how far everything is acknowledged."""
        future, batch, rows, read = sent
        for event, answer in zip(batch, future.result(), strict=True):
            if isinstance(answer, SealtrailError):
                report.refused.append(RowRefused(event.line, event.step, answer.code, answer.message))
                continue
            if answer == "known":
                report.known += 1
            else:
                report.accepted += 1
            _count(report, event)
        self._note(rows)
        progress(read)

    def _rows(self, report: Report, skip: int) -> Iterator[tuple[int, list[Built | RowRefused], int]]:
        """Yield (rows so far, what the row became, bytes read so far) for each row after the first `skip`."""
        dialect = self._mapping.dialect
        with self._table.open("rb") as file:
            counted = Counted(file)
            rows = csv.reader(counted.lines(dialect.encoding), delimiter=dialect.delimiter, strict=True)
            next(rows, None)
            number = 0
            while True:
                try:
                    row = next(rows)
                except StopIteration:
                    return
                except csv.Error as problem:
                    report.refused.append(RowRefused(rows.line_num, None, "csv_syntax", str(problem)))
                    continue
                if not row:
                    continue
                number += 1
                if number <= skip:
                    continue
                report.rows += 1
                yield number, build_row(self._mapping, row, rows.line_num), counted.read

    # --- how far -----------------------------------------------------------------------------------------------------

    def _fingerprint(self) -> list[object]:
        stat = self._table.stat()
        return [self._mapping.digest, stat.st_size, stat.st_mtime_ns]

    def _resume(self) -> int:
        """Return how many rows an earlier run of this file and mapping had acknowledged."""
        try:
            noted = json.loads(self._state.read_bytes())
            return int(noted["rows"]) if noted["of"] == self._fingerprint() else 0
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def _note(self, rows: int) -> None:
        """Keep the number of rows of which everything is acknowledged; whole or not at all."""
        temporary = self._state.with_name(self._state.name + ".new")
        temporary.write_text(json.dumps({"of": self._fingerprint(), "rows": rows}))
        os.replace(temporary, self._state)  # noqa: PTH105 - the atomic one, by name


def _count(report: Report, event: Built) -> None:
    report.steps[event.step] += 1
    if event.note is not None:
        report.notes[event.note] += 1
