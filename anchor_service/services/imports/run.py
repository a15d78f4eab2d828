"""The import itself: rows in order, a few requests under way, and a note of how far everything is acknowledged."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.model import parse_event
from anchor_service.services.imports.chunks import Chunk, Source
from anchor_service.services.imports.rows import Built, RowRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

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
        source: Source,
        submit: Callable[[Sequence[bytes]], Future[list[str | SealtrailError]]],
        state: Path,
    ) -> None:
        """Take the file, what reads it by its mapping, the file to note progress in, and what sends events.

        `submit` answers for each event, in order: "accepted", "known", or the problem that it was refused for.
        """
        self._table = table
        self._source = source
        self._submit = submit
        self._state = state

    def dry_run(self, show: int, progress: Callable[[int], None] = lambda _read: None) -> Report:
        """Go over the whole file without storing anything: every event is made and checked; the first are kept."""
        report = Report()
        for chunk in self._source.chunks(0):
            _take(report, chunk)
            for event in chunk.built:
                try:
                    parse_event(event.raw)
                except SealtrailError as problem:
                    report.refused.append(RowRefused(event.line, event.step, problem.code, problem.message))
                    continue
                _count(report, event)
                if len(report.first) < show:
                    report.first.append(event.raw)
            progress(chunk.read)
        return report

    def run(self, progress: Callable[[int], None] = lambda _read: None) -> Report:
        """Import; raises what `submit` raises, after which a second run goes on where this one was acknowledged."""
        report = Report(resumed_after=self._resume())
        under_way: deque[tuple[Future[list[str | SealtrailError]], Chunk]] = deque()
        for chunk in self._source.chunks(report.resumed_after):
            _take(report, chunk)
            if chunk.built:
                under_way.append((self._submit([event.raw for event in chunk.built]), chunk))
            if len(under_way) >= UNDER_WAY:
                self._settle(*under_way.popleft(), report, progress)
        while under_way:
            self._settle(*under_way.popleft(), report, progress)
        self._state.unlink(missing_ok=True)
        return report

    def _settle(
        self,
        answers: Future[list[str | SealtrailError]],
        chunk: Chunk,
        report: Report,
        progress: Callable[[int], None],
    ) -> None:
        """Wait for a request's answers, count them, and note how far everything is acknowledged."""
        for event, answer in zip(chunk.built, answers.result(), strict=True):
            if isinstance(answer, SealtrailError):
                report.refused.append(RowRefused(event.line, event.step, answer.code, answer.message))
                continue
            if answer == "known":
                report.known += 1
            else:
                report.accepted += 1
            _count(report, event)
        self._note(chunk.rows)
        progress(chunk.read)

    # --- how far -----------------------------------------------------------------------------------------------------

    def _fingerprint(self) -> list[object]:
        stat = self._table.stat()
        return [self._source.digest, stat.st_size, stat.st_mtime_ns]

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


def _take(report: Report, chunk: Chunk) -> None:
    report.rows += chunk.new
    report.refused += chunk.refused


def _count(report: Report, event: Built) -> None:
    report.steps[event.step] += 1
    if event.note is not None:
        report.notes[event.note] += 1
