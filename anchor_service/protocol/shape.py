"""Reading the members of a JSON document by their exact shape (SPEC 14.1: Unknown or missing members are refused)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, SAFE_INTEGER
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import read_hex

if TYPE_CHECKING:
    from collections.abc import Iterable

VERSION: Final = 1
"""The format version of all documents and entries (SPEC 3.1)."""


def document(value: JSON, form: str) -> JSON:
    """Return what is a document of this format and of this program's version; Malformed `format`, `version`."""
    if not isinstance(value, dict) or value.get("format") != form:
        raise Malformed("format", f'not a document of the format "{form}"')
    # SPEC 3.1: A verifier refuses every other version with the code `version`.
    if value.get("v") != VERSION or isinstance(value["v"], bool):
        raise Malformed("version", f"format version {VERSION} is read here, not {str(value.get('v'))[:20]}")
    return value


def members(value: JSON, names: Iterable[str], where: str) -> dict[str, JSON]:
    """Return an object that has exactly these members."""
    expected = set(names)
    if not isinstance(value, dict):
        raise Malformed("shape", f"{where}: expected an object")
    if value.keys() != expected:
        odd = sorted(value.keys() ^ expected)
        raise Malformed("shape", f"{where}: member {odd[0][:80]!r} is {'unknown' if odd[0] in value else 'missing'}")
    return value


def items(value: JSON, most: int, where: str, least: int = 0) -> list[JSON]:
    """Return an array with `least` to `most` items."""
    if not isinstance(value, list) or not least <= len(value) <= most:
        raise Malformed("shape", f"{where}: expected an array of {least} to {most} items")
    return value


def text(value: JSON, where: str) -> str:
    """Return a string."""
    if not isinstance(value, str):
        raise Malformed("shape", f"{where}: expected a string")
    return value


def whole(value: JSON, where: str) -> int:
    """Return an integer from 0 to 2^53 - 1."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= SAFE_INTEGER:
        raise Malformed("shape", f"{where}: expected an integer from 0 to 2^53 - 1")
    return value


def flag(value: JSON, where: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise Malformed("shape", f"{where}: expected true or false")
    return value


def hex_bytes(value: JSON, most: int, where: str) -> bytes:
    """Return bytes printed as lower-case hexadecimal digits."""
    found = read_hex(value) if isinstance(value, str) and len(value) <= 2 * most else None
    if found is None:
        raise Malformed("shape", f"{where}: expected at most {most} bytes as lower-case hexadecimal digits")
    return found
