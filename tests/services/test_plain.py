"""The quick way to prepare an event against the strict one: the same to the byte, or no answer."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.ports import Prepared
from anchor_service.protocol import model
from anchor_service.protocol.canonical import MAX_DEPTH
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.lifecycle import TYPES
from anchor_service.services.prepare import plain, prepare_strictly
from anchor_service.services.prepare.plain import prepare_plain
from scripts.benches.orders import events
from scripts.vectors.canonical import ACCEPTED, REFUSED
from tests.protocol.test_canonical import VALUES
from tests.protocol.test_model import FULL, PHOTO

SECRET = bytes(range(32))
STRICT_ONLY = {"attachments", "secret", "sensor", "signature"}
PLAIN: dict[str, Any] = {name: value for name, value in FULL.items() if name not in STRICT_ONLY} | {"note": "a note"}

# Texts that are right, and what the strict way refuses or writes in its own manner.
ODD = '\x00\x1f\x7f\x80\x9f\xa0"\\/\n\t ·é金😀\ufeff\u2028'
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from(ODD), max_size=12)
TEXTS = (
    *(
        "",
        " ",
        "x" * 500,
        "x" * 501,
        "金" * 500,
        "😀" * 500,
        "😀" * 501,
        "12.50",
        "-0",
        "1e5",
        "CN",
        "cn",
        "CN\n",
        "ＣＮ",
    ),
    *("06901234567892", "06901234567893", "96385074", "٩٦٣٨٥٠٧٤", "2026-05-03T14:05:00.123456789Z", "brand", *TYPES),
    *(f"a{character}b" for character in ODD),
)
PARTS = (*FULL.values(), PHOTO, *TEXTS, {}, [], None, True, 0, 1.5, {"": {"é": [1e21]}})
MEMBERS = sorted(
    {*FULL, *model._ITEM, "secret", "role", "reference", "latitude", "masked", "recipient", "point", "unheard_of", "é"}
)
HOSTILE = (
    *(raw for raw, _ in (*ACCEPTED, *REFUSED) if len(raw) < 200),
    *(b"NaN", b"-0", b"-0.0", b"1.0", b"1e400", b"9007199254740992", b"1" * 5000, b"[" * 40 + b"]" * 40, b'"\\ud800"'),
    *(b'"\\udc00\\ud800"', b'"\\ud83d\\ude00"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc2\x85"', b'"\\u0085"', b'"\x7f"'),
    *(b'"\\u007f"', b'"\x01"', b"'a'", b'"\\""', b'"\\\\"', b'"\\\\\\""', b'{"a":1,"a":2}', b'{"a":"","\\u0061":""}'),
)


def strictly(raw: bytes, key: str | None = None) -> Prepared | None:
    try:
        return prepare_strictly(raw, key, SECRET)
    except Malformed:
        return None


def agree(raw: bytes, key: str | None = None) -> None:
    quick = prepare_plain(raw, key, SECRET)
    assert quick is None or quick == strictly(raw, key)


class Writer:
    """Writes an event in some layout, with some of its members changed, twice, or hostile, and now and then damaged."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._space = self._random.choice([b"", b"", b" ", b"\n\t\r "] + [b"\x0b", b"\xc2\xa0"] * (seed % 40 == 0))
        self._ascii = self._random.random() < 0.5
        self._changes = self._random.choice([0, 0, 1, 2])
        """How many of some 40 values are changed, about."""

    def event(self) -> bytes:
        """Write an event of the model."""
        left_out = STRICT_ONLY if self._random.random() < 0.9 else {"signature"}
        needed = {"order_id", "type", "occurred_at", "actor"}
        event = {
            name: value
            for name, value in (FULL | PLAIN).items()
            if name not in left_out and (name in needed or self._random.random() < 0.6)
        }
        event["type"] = self._random.choice(TYPES)
        raw = self._write(event)
        return self._damaged(raw) if self._random.random() < 0.1 else raw

    def _write(self, value: Any) -> bytes:
        if self._changed():
            if self._random.random() < 0.3:
                return self._random.choice(HOSTILE)
            value = self._random.choice(TEXTS if isinstance(value, str) else PARTS)
        if isinstance(value, dict):
            members = [(json.dumps(name).encode(), self._write(part)) for name, part in value.items()]
            if members and self._changed():
                members.insert(self._random.randint(0, len(members)), self._random.choice(members))
            if self._changed():
                members.append((json.dumps(self._random.choice(MEMBERS)).encode(), self._write("text")))
            space = self._space
            return b"{" + b",".join([space + name + space + b":" + part + space for name, part in members]) + b"}"
        if isinstance(value, list):
            return b"[" + b",".join(map(self._write, value)) + self._space + b"]"
        printed = json.dumps(value, ensure_ascii=self._ascii)
        if isinstance(value, str) and self._random.random() < 0.1:
            printed = printed.replace("/", "\\/").replace("a", "\\u0061").replace("e", "\\u0065")
        return printed.encode()

    def _changed(self) -> bool:
        return self._random.random() < self._changes / 40

    def _damaged(self, raw: bytes) -> bytes:
        at = self._random.randint(0, len(raw))
        return self._random.choice(
            [
                raw[:at],
                raw[:at]
                + self._random.choice([b",", b'"', b"\\", b"{", b"]", b"\x00", b"\x7f", b"\xc2\x85"])
                + raw[at:],
                self._random.choice([b"\xef\xbb\xbf", b" ", b"\x00", b"[]"]) + raw,
                raw + self._random.choice([b" \n", b"\x00", b"x", b"{}"]),
            ]
        )


@pytest.mark.parametrize("part", range(4))
def test_what_is_plain_is_prepared_as_strictly(part: int) -> None:
    met: Counter[tuple[bool, bool]] = Counter()
    for seed in range(5_000 * part, 5_000 * (part + 1)):
        raw = Writer(seed).event()
        quick, right = prepare_plain(raw, None, SECRET), strictly(raw)
        assert quick is None or quick == right, raw
        met[quick is not None, right is not None] += 1
    assert met[True, True] > 300
    assert met[False, True] > 20, "right and not plain"
    assert met[False, False] > 300


@given(st.none() | ANY_TEXT)
def test_any_key(key: str | None) -> None:
    agree(json.dumps({name: value for name, value in PLAIN.items() if name != "event_id"}).encode(), key)


@given(st.lists(st.tuples(st.sampled_from(sorted(PLAIN)), ANY_TEXT | st.sampled_from(TEXTS)), max_size=2), st.data())
def test_texts_that_are_changed(changes: list[tuple[str, str]], data: st.DataObject) -> None:
    """One text of an event, however deep, becomes another."""
    event = json.loads(json.dumps(PLAIN))
    for name, text in changes:
        place, part = event, name
        while isinstance(inner := place[part], dict | list) and inner:
            place, part = inner, data.draw(st.sampled_from(sorted(inner) if isinstance(inner, dict) else [0]))
        place[part] = text
    agree(json.dumps(event, ensure_ascii=data.draw(st.booleans())).encode())


@given(VALUES, st.sampled_from(HOSTILE))
def test_free_data_is_read_strictly(value: Any, hostile: bytes) -> None:
    for part in (json.dumps({"free": value}).encode(), hostile, b'{"free":' + hostile + b"}"):
        agree(json.dumps(PLAIN | {"data": 0}).encode().replace(b'"data": 0', b'"data": ' + part))


@pytest.mark.parametrize("hostile", [raw for raw, _ in (*ACCEPTED, *REFUSED)])
def test_hostile_json_in_every_place(hostile: bytes) -> None:
    raw = json.dumps(PLAIN).encode()
    agree(hostile)
    for at in (place for place in range(len(raw)) if raw[place : place + 1] in b'":{[,'):
        agree(raw[:at] + hostile + raw[at:])
        agree(raw[: at + 1] + hostile + raw[at + 1 :])


def test_every_byte_lost_and_every_bit_flipped() -> None:
    raw = json.dumps(PLAIN, ensure_ascii=False).encode()
    for at in range(len(raw)):
        agree(raw[:at] + raw[at + 1 :])
        for bit in range(8):
            agree(raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :])


def test_every_member_twice() -> None:
    """A member that stands twice is refused, however deep, and with whatever value."""
    raw = json.dumps(PLAIN)
    strings = json.JSONDecoder(object_pairs_hook=lambda pairs: pairs).decode(raw)

    def doubled(pairs: Any) -> list[str]:
        if not isinstance(pairs, list) or not pairs or not isinstance(pairs[0], tuple):
            return [f"[{text}]" for text in doubled(pairs[0])] if isinstance(pairs, list) and pairs else []
        wholes = [f"{json.dumps(name)}:{printed(part)}" for name, part in pairs]
        texts = ["{" + ",".join([*wholes, again]) + "}" for again in wholes]
        for at, (name, part) in enumerate(pairs):
            inner = (f"{json.dumps(name)}:{text}" for text in doubled(part))
            texts += ["{" + ",".join([*wholes[:at], whole, *wholes[at + 1 :]]) + "}" for whole in inner]
        return texts

    def printed(value: Any) -> str:
        if isinstance(value, list) and value and isinstance(value[0], tuple):
            return "{" + ",".join(f"{json.dumps(name)}:{printed(part)}" for name, part in value) + "}"
        return "[" + ",".join(map(printed, value)) + "]" if isinstance(value, list) else json.dumps(value)

    texts = doubled(strings)
    assert len(texts) > 60
    for text in texts:
        assert strictly(text.encode()) is None
        assert prepare_plain(text.encode(), None, SECRET) is None


@pytest.mark.parametrize("layout", [{}, {"ensure_ascii": False}, {"indent": 2}, {"separators": (",", ":")}])
def test_common_events_are_plain(layout: dict[str, Any]) -> None:
    for event in (
        PLAIN,
        PLAIN | {"note": 'they said "no" \\ left'},
        *map(json.loads, itertools.islice(events("r"), 20)),
    ):
        raw = json.dumps(event, **layout).encode()
        quick = prepare_plain(raw, None, SECRET)
        assert quick is not None
        assert quick == strictly(raw)
        assert quick.looked_at == {}


def test_the_key_stands_for_a_missing_id() -> None:
    raw = json.dumps({name: value for name, value in PLAIN.items() if name != "event_id"}).encode()
    assert prepare_plain(raw, None, SECRET) is None
    quick = prepare_plain(raw, "key", SECRET)
    assert quick is not None
    assert quick == strictly(raw, "key")


@pytest.mark.parametrize("name", ["latitude", "longitude"])
@pytest.mark.parametrize("value", ["90", "-90.00", "90.0001", "180", "-180", "180.000000000000000001", "999"])
def test_degrees(name: str, value: str) -> None:
    point = {"latitude": "1", "longitude": "1"} | {name: value}
    agree(json.dumps(PLAIN | {"location": {"point": point}}).encode())


@pytest.mark.parametrize("depth", [1, 20, MAX_DEPTH - 2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 60_000])
def test_depth(depth: int) -> None:
    rest = {name: PLAIN[name] for name in ("order_id", "event_id", "type", "occurred_at", "actor")}
    raw = json.dumps(rest).encode()[:-1] + b', "data": ' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"
    agree(raw)


def test_the_types_name_what_the_model_names() -> None:
    """A member that the model learns later is refused here until it has its type."""
    assert {*plain._Event.__struct_fields__} | STRICT_ONLY == {*model._MEMBERS, "event_id", "order_id", "secret"}
    assert {*plain._Item.__struct_fields__} == model._ITEM.keys()
    assert {*plain._Point.__struct_fields__} == model._POINT.keys()
    assert {*plain._Contact.__struct_fields__} == {*model._CONTACT}
    assert {*plain._Recipient.__struct_fields__} == {*model._CONTACT, "masked"}
    assert {*plain._Parties.__struct_fields__} == model._PARTIES.keys()


def test_the_members_of_objects_are_declared_in_the_order_of_their_names() -> None:
    assert list(plain._NAMES) == sorted(plain._NAMES)
    kinds = plain._Members.__subclasses__()
    assert len(kinds) == 9
    for kind in kinds:
        assert list(kind.__struct_fields__) == sorted(kind.__struct_fields__)
