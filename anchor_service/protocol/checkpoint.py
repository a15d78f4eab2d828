"""Checkpoints: the signed statement (origin, size, root) of the log (SPEC 8; C2SP tlog-checkpoint)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import SAFE_INTEGER
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.protocol.note import Note, VerifierKey, parse_base64, parse_note, print_base64, sign_note

if TYPE_CHECKING:
    from collections.abc import Callable

_TEXT: Final = re.compile(r"([^\n]+)\n([1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n", re.ASCII)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log is at a size ≥ 1; the note around it is kept, since its bytes are what is signed."""

    origin: str
    size: int
    root: Hash
    note: Note


def origin_of(name: str, log: LogId) -> str:
    """Return a log's origin: the operator's schema-less URL, a slash and the log id (SPEC 8.2)."""
    return f"{name}/{log.hex()}"


def sign_checkpoint(size: int, root: Hash, key: VerifierKey, sign: Callable[[bytes], bytes]) -> str:
    """Print and sign a checkpoint; the key's name is the origin."""
    return sign_note(f"{key.name}\n{size}\n{print_base64(root)}\n", key, sign)


def parse_checkpoint(text: str) -> Checkpoint:
    """Read a checkpoint; nothing about origin or signature is checked yet.  Malformed otherwise."""
    note = parse_note(text)
    match = _TEXT.fullmatch(note.text)
    if match is None or int(match[2]) > SAFE_INTEGER:
        raise Malformed("checkpoint_syntax", "not the three lines origin, size and root")
    root = Hash(parse_base64(match[3], "root"))  # 44 characters with one of padding are 32 bytes
    return Checkpoint(match[1], int(match[2]), root, note)
