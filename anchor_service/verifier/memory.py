"""What an auditor remembers from one run to the next: checkpoints seen, where the replay stands, evidence found.

A directory of its own for each log.  Every file is written whole or not at all: under another name first, then renamed.

    state.json           checkpoints seen, the replay's position, the size of the newest anchor that was checked
    streams-<size>.bin   72 bytes for each stream; state.json names its hash
    fork-<hash>.json     fork evidence, for anybody
    findings-<size>.json what an entry does wrong, and the checkpoint that binds it
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.audit import ROW, Position
from anchor_service.protocol.canonical import JSON, parse_json, print_json
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import LogId, parse_hash
from anchor_service.protocol.shape import VERSION, document, items, members, text, whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

FORMAT: Final = "sealtrail/audit-state"
MOST_NOTES: Final = 100
"""How many checkpoints are remembered: the first, the newest, and fewer and fewer in between."""
_MAX_STATE: Final = 2**20
_NUMBERS: Final = ("accepted", "batch", "ended", "sealed", "size")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What an earlier run left: checkpoint notes by ascending size, the position, the streams' rows."""

    notes: tuple[str, ...]
    position: Position
    rows: tuple[bytes, ...]
    anchored: int


class Memory:
    """The directory of one log; made where it is not there.  Malformed (`state`) where it cannot be used."""

    def __init__(self, place: Path, log: LogId) -> None:
        self._place = place
        self._log = log
        try:
            place.mkdir(parents=True, exist_ok=True)
        except OSError as problem:
            raise Malformed("state", f"{place}: {problem.strerror}") from None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other audits out of the directory."""
        with (self._place / "lock").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise Malformed("state", f"{self._place}: another audit is running there") from None
            yield

    def load(self) -> Remembered | None:
        """Return what is remembered, None for nothing; Malformed where it is not what was written."""
        state = self._place / "state.json"
        if not state.exists():
            return None
        try:
            return self._parse(_bounded(state, _MAX_STATE))
        except (Malformed, OSError, ValueError) as problem:
            raise Malformed(
                "state", f"{state} is damaged ({problem}): with an empty directory the audit starts anew"
            ) from None

    def _parse(self, raw: bytes) -> Remembered:
        names = ("anchored", "format", "log", "notes", "position", "streams", "v")
        top = members(document(parse_json(raw), FORMAT), names, "state")
        if parse_hash(top["log"], "log") != self._log:
            raise Malformed("state", "it is another log's")
        at = members(top["position"], (*_NUMBERS, "peaks", "seal"), "position")
        numbers = {name: whole(at[name], name) for name in _NUMBERS}
        peaks = tuple(parse_hash(peak, "peaks") for peak in items(at["peaks"], 64, "peaks"))
        if len(peaks) != numbers["size"].bit_count():
            raise Malformed("state", "the position is none")
        notes = tuple(text(note, "notes") for note in items(top["notes"], MOST_NOTES, "notes", 1))
        if [parse_checkpoint(note).size for note in notes][-1] != numbers["size"]:
            raise Malformed("state", "the position is not the newest checkpoint's")
        streams = members(top["streams"], ("count", "sha256"), "streams")
        count, digest = whole(streams["count"], "count"), parse_hash(streams["sha256"], "sha256")
        data = _bounded(self._streams(numbers["size"]), count * ROW)
        if sha256(data).digest() != digest:
            raise Malformed("state", "the file of streams is not the one that was written")
        return Remembered(
            notes=notes,
            position=Position(peaks=peaks, seal=parse_hash(at["seal"], "seal"), **numbers),
            rows=tuple(data[at : at + ROW] for at in range(0, len(data), ROW)),
            anchored=whole(top["anchored"], "anchored"),
        )

    def _streams(self, size: int) -> Path:
        return self._place / f"streams-{size}.bin"

    def save(self, notes: tuple[str, ...], position: Position, rows: Iterable[bytes], anchored: int) -> None:
        """Remember this; a crash at any moment leaves what was remembered before, or this."""
        data = b"".join(rows)
        self._write(self._streams(position.size), data)
        numbers: dict[str, JSON] = {name: getattr(position, name) for name in _NUMBERS}
        peaks: list[JSON] = [peak.hex() for peak in position.peaks]
        state = print_json(
            {
                "anchored": anchored,
                "format": FORMAT,
                "log": self._log.hex(),
                "notes": list(thinned(notes)),
                "position": numbers | {"peaks": peaks, "seal": position.seal.hex()},
                "streams": {"count": len(data) // ROW, "sha256": sha256(data).hexdigest()},
                "v": VERSION,
            }
        )
        self._write(self._place / "state.json", state)
        for old in self._place.glob("streams-*.bin"):
            if old != self._streams(position.size):
                old.unlink()

    def forks(self) -> list[tuple[Path, bytes]]:
        """Return the fork evidence that is here, by name."""
        return [(path, path.read_bytes()) for path in sorted(self._place.glob("fork-*.json"))]

    def keep(self, name: str, raw: bytes) -> Path:
        """Write a file that is there to stay, and return where it is."""
        path = self._place / name
        self._write(path, raw)
        return path

    def _write(self, path: Path, data: bytes) -> None:
        half = path.with_name(f".{path.name}.half")
        try:
            with half.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            half.replace(path)
        except OSError as problem:
            raise Malformed("state", f"{path}: {problem.strerror}") from None


def thinned(notes: tuple[str, ...]) -> tuple[str, ...]:
    """Return at most MOST_NOTES notes: where there are more, every second of the older half goes."""
    if len(notes) <= MOST_NOTES:
        return notes
    half = MOST_NOTES // 2
    return thinned((notes[0], *notes[1:-half][1::2], *notes[-half:]))


def _bounded(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        raw = file.read(most + 1)
    if len(raw) > most:
        raise Malformed("state", f"{path.name} is longer than what was written")
    return raw
