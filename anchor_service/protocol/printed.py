"""Events of a proof as text: printed from their parts, and the plain ones read from that very text (SPEC 14.2, 14.3).

Nothing is read here but what the strict reader reads to the same values: each part is by a template that leaves it one
text, or is printed again and compared.  All else is a ValueError or Malformed, which says nothing of what is wrong: the
strict reader does.
"""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

from anchor_service.protocol.canonical import JSON, MAX_DEPTH, SAFE_INTEGER, print_json
from anchor_service.protocol.event import MAX_FIELDS, EventEntry, parse_printed_event_entry
from anchor_service.protocol.hashes import HASH_SIZE, Hash, made
from anchor_service.protocol.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_PATH: Final = 64
_LONGEST: Final = 16_000
"""Bytes of an event's disclosures, all together: none of them is too long then, and searching them ends soon."""
_NAME: Final = "([a-z0-9_.]{1,64})"
_NUMBER: Final = "(0|[1-9][0-9]{0,15})"
# A disclosure as it stands in a JSON string: salt, name, and a text without escapes or another value.
_DISCLOSURE: Final = re.compile(
    rf'\[\\"([0-9a-f]{{32}})\\",\\"{_NAME}\\",(?:\\"([^"\\\x00-\x1f]*)\\"|(.+?))\](?:","|\Z)',
    re.ASCII,
)
_HIDDEN: Final = re.compile(f'"{_NAME}":"([0-9a-f]{{64}})"', re.ASCII)
_END: Final = re.compile(rf'([^}}]*)\}},"index":{_NUMBER},"path":\[([^\]]*)', re.ASCII)


class PrintedEvent(NamedTuple):
    """An event's members (`place` is its index), and its entry's values."""

    view: View
    entry_text: str
    entry: EventEntry
    place: int
    path: tuple[Hash, ...]
    anchor: int


def split_events(printed: bytes) -> list[bytes]:
    """Split the items of the member `events` of a proof: what stands between `{"anchor":` and `]}` of each."""
    # Neither end of an event can stand within one, where quotes are escaped.
    if not (printed.startswith(b'{"anchor":') and printed.endswith(b"]}")):
        raise ValueError("not events")
    return printed[10:-2].split(b']},{"anchor":')


class PlainEvents:
    """Reads the events of one proof, and keeps what they share."""

    def __init__(self) -> None:
        self._ordered: set[tuple[str, ...]] = set()
        self._texts: list[str] = []
        self._values: list[JSON] = []

    def read(self, printed: bytes) -> PrintedEvent:
        """Read an event that was split off; whether its values are canonical is left to `finish`."""
        # Bytes as characters: text beyond ASCII is in values alone, and read there.
        before, _, after = printed.decode("latin-1").partition('"],"entry":"')
        anchor, _, disclosed = before.partition(',"disclosed":["')
        entry, _, rest = after.partition('","hidden":{')
        end = _END.fullmatch(rest)
        if end is None:
            raise ValueError("an event ends otherwise")
        hidden, index, path = end.groups()
        view, values = self._view(disclosed, hidden), parse_printed_event_entry(entry)
        return PrintedEvent(view, entry.replace("\\", ""), values, _whole(index), read_path(path), _whole(anchor))

    def finish(self) -> None:
        """Check of all values at once that their texts are canonical.

        Each text is one value and no more, so that they begin and end in the list's text where those printed do.
        """
        if print_json(self._values).decode() != f"[{','.join(self._texts)}]":
            raise ValueError("a value is printed otherwise")

    def _view(self, disclosed: str, hidden: str) -> View:
        if len(disclosed) > _LONGEST:
            raise ValueError("perhaps too long")
        found = _DISCLOSURE.findall(disclosed)
        texts = [f'["{salt}","{name}","{text}"]' for salt, name, text, _ in found]
        fields: dict[str, JSON] = {name: text for _, name, text, _ in found}
        odd = [at for at, (_, _, text, other) in enumerate(found) if other or not text.isascii()]
        for at in odd:
            salt, name, _, other = found[at]
            if other:
                texts[at] = f'["{salt}","{name}",{_without_escapes(other)}]'
        raws = _check_whole(texts, disclosed)
        for at in odd:
            _, name, _, other = found[at]
            texts[at] = text = raws[at].decode()
            value = text[len(name) + 39 : -1]
            fields[name] = self._value(value) if other else value[1:-1]
        digests = _read_hidden(hidden) if hidden else {}
        if len(fields | digests) != len(texts) + len(digests) or len(texts) + len(digests) > MAX_FIELDS:
            raise ValueError("a field is there twice, or there are too many")
        self._check_ordered(tuple(fields))
        view = View(tuple(texts), fields, digests)
        view.__dict__["raws"] = raws
        return view

    def _check_ordered(self, names: tuple[str, ...]) -> None:
        """Check that names ascend; those of an order's events are much alike."""
        if names not in self._ordered:
            if [*names] != sorted(names):
                raise ValueError("names are in another order")
            self._ordered.add(names)

    def _value(self, text: str) -> JSON:
        # The disclosure is one level more.  Brackets in texts count as well: a plain value has few.
        if text.count("[") + text.count("{") >= MAX_DEPTH:
            raise ValueError("perhaps nested too deep")
        value: JSON
        value, end = _VALUES.raw_decode(text)
        if end != len(text):
            raise ValueError("more than one value")
        self._texts.append(text)
        self._values.append(value)
        return value


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"no plain number: {text[:24]}")


_VALUES: Final = json.JSONDecoder(parse_float=_no_fraction, parse_constant=_no_fraction)


def _without_escapes(text: str) -> str:
    text = text.replace('\\"', '"')
    if "\\" in text:
        raise ValueError("more than quotes is escaped")
    return text


def _check_whole(texts: Sequence[str], escaped: str) -> list[bytes]:
    """Check that what was found of JSON strings is all of it, each quote in them escaped; return the texts' bytes."""
    joined = "\n".join(texts)
    # Each character of each text is there, in order; if there are so many, there is nothing else.
    if len(escaped) != len(joined) + joined.count('"') + 2 * (len(texts) - 1) or not texts:
        raise ValueError("other disclosures")
    return joined.encode("latin-1").split(b"\n")


def _read_hidden(text: str) -> dict[str, Hash]:
    found = _HIDDEN.findall(text)
    names = [name for name, _ in found]
    if text != ",".join([f'"{name}":"{digest}"' for name, digest in found]) or names != sorted(set(names)):
        raise ValueError("what is hidden is printed otherwise")
    return {name: made(Hash, bytes.fromhex(digest)) for name, digest in found}


def read_path(text: str) -> tuple[Hash, ...]:
    """Read what stands between the brackets of a printed path."""
    if not text:
        return ()
    steps = text[1:-1].split('","')
    digits = "".join(steps)
    found = bytes.fromhex(digits)
    if found.hex() != digits or {*map(len, steps)} != {2 * HASH_SIZE} or not text[0] == text[-1] == '"':
        raise ValueError("a path is printed otherwise")
    if len(steps) > MAX_PATH:
        raise ValueError("a path is too long")
    return tuple([made(Hash, found[at : at + HASH_SIZE]) for at in range(0, len(found), HASH_SIZE)])


def _whole(digits: str) -> int:
    value = int(digits)
    if not 0 <= value <= SAFE_INTEGER or str(value) != digits:
        raise ValueError("a number is too large, or printed otherwise")
    return value


def join_event(
    *, anchor: int, disclosed: bytes, entry: bytes, hidden: bytes, index: int, path: Iterable[bytes]
) -> bytes:
    """Print an event from its parts: `disclosed` JSON strings, `hidden` JSON members, by commas in order of names."""
    return b'{"anchor":%d,"disclosed":[%b],"entry":%b,"hidden":{%b},"index":%d,"path":%b}' % (
        anchor,
        disclosed,
        encode_basestring(entry.decode()).encode(),
        hidden,
        index,
        join_path(path),
    )


def join_path(path: Iterable[bytes]) -> bytes:
    """Print a path."""
    steps = '","'.join([step.hex() for step in path])
    return b'["%b"]' % steps.encode() if steps else b"[]"
