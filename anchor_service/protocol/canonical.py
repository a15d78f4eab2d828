"""Strict JSON in, canonical JSON out (SPEC 2.3, 2.4; RFC 7493, RFC 8785)."""

from __future__ import annotations

import json
from collections import Counter
from typing import Final, NoReturn, TypeAlias

import rfc8785

from anchor_service.protocol.errors import Malformed

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"

MAX_DEPTH: Final = 32
SAFE_INTEGER: Final = 2**53 - 1
_LONGEST_SAFE: Final = len(str(-SAFE_INTEGER))
_BRACKETS: Final = bytes.maketrans(b"[]{}", b"()()")
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def _integer(text: str) -> int:
    if text == "-0":
        raise Malformed("json_number", "negative zero is refused")
    if len(text) > _LONGEST_SAFE or abs(value := int(text)) > SAFE_INTEGER:
        raise Malformed("json_number", f"a number of magnitude 2^53 or more is refused: {text[:24]}")
    return value


def _fraction(text: str) -> float:
    """Read a number with a fraction or exponent; where it is whole it is an integer, as 1.0 and 1 are one number."""
    value = float(text)
    if value == 0 and text[0] == "-":
        raise Malformed("json_number", "negative zero is refused")
    if abs(value) > SAFE_INTEGER:
        raise Malformed("json_number", f"a number of magnitude 2^53 or more is refused: {text[:24]}")
    return int(value) if value.is_integer() else value


def _constant(text: str) -> NoReturn:
    raise Malformed("json_number", f"{text} is not JSON")


def _members(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    members = dict(pairs)
    if len(members) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise Malformed("json_duplicate", f"duplicate key {twice[:80]!r}")
    return members


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_members, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _check_depth(raw: bytes) -> None:
    """Refuse nesting deeper than MAX_DEPTH before any recursive reader sees it."""
    if raw.count(b"[") + raw.count(b"{") <= MAX_DEPTH:
        return
    brackets = _without_strings(raw).translate(_BRACKETS, _NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"()", b"")  # every innermost pair at once: one level a round
    if b"()" in brackets or brackets.count(b"(") > MAX_DEPTH:
        raise Malformed("json_depth", f"nested deeper than {MAX_DEPTH}")


def _without_strings(raw: bytes) -> bytes:
    """Drop what stands between quotes; quotes after an odd run of backslashes do not count."""
    kept = []
    rest = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    for place, part in enumerate(rest.split(b'"')):
        if place % 2 == 0:
            kept.append(part)
    return b"".join(kept)


def parse_json(raw: bytes) -> JSON:
    """Read I-JSON strictly (SPEC 2.3); Malformed with a code `json_…` says what is wrong."""
    if raw.startswith(b"\xef\xbb\xbf"):
        raise Malformed("json_syntax", "a byte-order mark is refused")
    _check_depth(raw)
    try:
        text = raw.decode()
        value: JSON = _DECODER.decode(text)
        if b"\\u" in raw:
            _ENCODER.encode(value).encode()  # a lone surrogate can only come from an escape
    except UnicodeDecodeError as error:
        raise Malformed("json_utf8", f"byte {error.start} is not UTF-8") from None
    except UnicodeEncodeError:
        raise Malformed("json_surrogate", "a lone surrogate is refused") from None
    except json.JSONDecodeError as error:
        raise Malformed("json_syntax", f"{error.msg} at line {error.lineno}, column {error.colno}") from None
    return value


def _plain(value: JSON) -> bool:
    """Say whether the standard encoder prints this value as RFC 8785 does: no fraction, no key beyond ASCII."""
    if isinstance(value, str) or value is None:
        return True
    if isinstance(value, list):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(map(str.isascii, value)) and all(map(_plain, value.values()))
    return isinstance(value, int) and -SAFE_INTEGER <= value <= SAFE_INTEGER


def print_json(value: JSON) -> bytes:
    """Print canonical JSON (RFC 8785); Malformed where a value has none."""
    try:
        return _ENCODER.encode(value).encode() if _plain(value) else rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise Malformed("json_canonical", f"has no canonical form: {error}") from None


def parse_canonical(raw: bytes) -> JSON:
    """Read JSON that is its own canonical form, byte for byte (SPEC 2.4)."""
    value = parse_json(raw)
    if print_json(value) != raw:
        raise Malformed("not_canonical", "the bytes are not their own canonical form (RFC 8785)")
    return value
