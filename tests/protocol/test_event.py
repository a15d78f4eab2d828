"""Fields, disclosures, commitments, streams and entries, against values worked out by hand."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.protocol.canonical import SAFE_INTEGER, print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import (
    MAX_DISCLOSURE,
    BlockId,
    Disclosure,
    EventEntry,
    SealEntry,
    check_mandatory,
    commit,
    commitment,
    derive_salts,
    disclose,
    follows,
    parse_disclosure,
    parse_event_entry,
    parse_name,
    parse_seal_entry,
    parse_time,
    print_event_entry,
    print_seal_entry,
    read_disclosures,
    stream_id,
)
from anchor_service.protocol.hashes import ZERO, Hash, Leaf, LogId, StreamId, parse_hash, tagged
from anchor_service.protocol.merkle import leaf_hash
from tests.protocol.test_canonical import TEXTS, VALUES

SECRET = bytes(range(32))
HASHES = st.binary(min_size=32, max_size=32).map(Hash)
WHOLE = st.integers(0, SAFE_INTEGER)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_.", min_size=1, max_size=64)


# --- fields ---------------------------------------------------------------------------------------------------------


def test_salts_and_digests_by_hand() -> None:
    stream = hashlib.shake_256(b"sealtrail/v1/salts\0" + SECRET).digest(48)
    assert derive_salts(SECRET, 3) == [stream[:16], stream[16:32], stream[32:]]
    fields: dict[str, Any] = {"type": "placed", "note": 'a "b"\n', "items": [{"name": "米", "quantity": "2"}]}
    disclosed = disclose(SECRET, fields)
    assert disclosed == [
        ("items", f'["{stream[:16].hex()}","items",[{{"name":"米","quantity":"2"}}]]'.encode()),
        ("note", f'["{stream[16:32].hex()}","note","a \\"b\\"\\n"]'.encode()),
        ("type", f'["{stream[32:].hex()}","type","placed"]'.encode()),
    ]
    digests = {name: hashlib.sha256(b"sealtrail/v1/field\0" + raw).digest() for name, raw in disclosed}
    statement = json.dumps({name: digests[name].hex() for name in sorted(digests)}, separators=(",", ":"))
    assert commit(disclosed) == hashlib.sha256(b"sealtrail/v1/event\0" + statement.encode()).digest()


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=64))
def test_what_is_disclosed_reads_back(fields: dict[str, Any]) -> None:
    disclosed = disclose(SECRET, fields)
    assert [name for name, _ in disclosed] == sorted(fields)
    for name, raw in disclosed:
        read = parse_disclosure(raw.decode())
        assert (read.name, read.value) == (name, fields[name])
        assert read.digest == tagged(b"sealtrail/v1/field\0", raw)
        assert print_json(json.loads(raw)) == raw
    assert commitment({name: parse_disclosure(raw.decode()).digest for name, raw in disclosed}) == commit(disclosed)
    assert dict(read_disclosures([raw.decode() for _, raw in disclosed])) == fields


def test_a_disclosure_has_a_largest_size() -> None:
    room = MAX_DISCLOSURE - len(f'["{"0" * 32}","note",""]')
    [(_, raw)] = disclose(SECRET, {"note": "x" * room})
    assert len(raw) == MAX_DISCLOSURE
    assert parse_disclosure(raw.decode()).name == "note"
    with pytest.raises(Malformed) as problem:
        disclose(SECRET, {"note": "x" * (room + 1)})
    assert problem.value.code == "field_size"
    with pytest.raises(Malformed):
        parse_disclosure(raw.decode().replace("x", "xx", 1))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        f'["{"0" * 32}","type"]',
        f'["{"0" * 32}","type","placed",1]',
        f'["{"0" * 31}","type","placed"]',
        f'["{"A" * 32}","type","placed"]',
        f'["{"0" * 32}","Type","placed"]',
        f'["{"0" * 32}","","placed"]',
        f'["{"0" * 32}","{"a" * 65}","placed"]',
        f'["{"0" * 32}",1,"placed"]',
        '[0,"type","placed"]',
        f'["{"0" * 32}", "type","placed"]',
        f'["{"0" * 32}","type","\\u0070laced"]',
        f'["{"0" * 32}","type","placed"]\n',
        f'["{"0" * 32}","type","placed"]\n["{"0" * 32}","type","placed"]',
        f'\n["{"0" * 32}","type","placed"]',
        f'["{"0" * 32}","type","pla\nced"]',
    ],
)
def test_what_is_no_disclosure(text: str) -> None:
    with pytest.raises(Malformed):
        parse_disclosure(text)
    plain = f'["{"0" * 32}","type","placed"]'
    for texts in ([text], [plain, text], [text, plain], [plain, text, plain]):
        with pytest.raises(Malformed):
            read_disclosures(texts)


def test_values_without_canonical_form_are_refused() -> None:
    values: list[Any] = ["\ud800", 2**53, [float("nan")]]
    for value in values:
        with pytest.raises((Malformed, UnicodeEncodeError)):
            disclose(SECRET, {"note": value})


def test_misuse_is_our_own_bug() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        derive_salts(b"short", 1)
    with pytest.raises(ValueError, match="32 bytes"):
        stream_id(b"short", "demo", "A-1001")
    with pytest.raises(ValueError, match="32 bytes"):
        Hash(b"short")


# --- names, times, mandatory fields ---------------------------------------------------------------------------------


@given(TEXTS)
def test_names(text: str) -> None:
    good = 1 <= len(text) <= 200 and not any(ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F for c in text)
    if good:
        assert parse_name(text, "order_id") == text
    else:
        with pytest.raises(Malformed, match="order_id"):
            parse_name(text, "order_id")


@pytest.mark.parametrize("value", ["", "x" * 201, "a\n", "\x7f", "\x9f", "\ud800", None, 1, ["a"]])
def test_no_names(value: Any) -> None:
    with pytest.raises(Malformed):
        parse_name(value, "order_id")


def test_names_count_characters_not_bytes() -> None:
    assert parse_name("𝒜" * 200, "order_id")
    assert parse_name("\u2028\ufeff", "order_id")


@given(
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-(23 * 60 + 59), 23 * 60 + 59),
    st.text("0123456789", max_size=9),
)
def test_times(moment: datetime, offset: int, digits: str) -> None:
    hours, minutes = divmod(abs(offset), 60)
    zone = f"{'-' if offset < 0 else '+'}{hours:02}:{minutes:02}"
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0")
    read = parse_time(f"{text}{'.' if digits else ''}{digits}{zone}")
    assert read.utcoffset() == timedelta(minutes=offset)
    assert (read.year, read.month, read.day, read.hour, read.minute, read.second) == moment.timetuple()[:6]
    assert read.microsecond == int(digits[:6].ljust(6, "0"))


def test_times_compare_at_the_ends() -> None:
    early, late = parse_time("0001-01-01T00:00:00+23:59"), parse_time("9999-12-31T23:59:59.999999999-23:59")
    assert early < parse_time("0001-01-01T00:00:00Z") < parse_time("9999-12-31T23:59:59Z") < late
    assert max(early, late) is late


@pytest.mark.parametrize(
    "fields", [{"type": "x"}, {"type": None}, {"occurred_at": "now"}, {"actor.role": "Brand"}, {"actor.role": 1}]
)
def test_mandatory_fields_have_a_grammar(fields: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        check_mandatory(fields)


def test_fields_that_are_not_there_are_not_checked() -> None:
    check_mandatory({})
    check_mandatory({"type": "placed", "occurred_at": "2026-05-03T14:05:00Z", "actor.role": "brand"})


# --- streams and hashes ---------------------------------------------------------------------------------------------


def test_stream_ids_by_hand() -> None:
    opening = '["demo","订单 \\"1\\""]'.encode()
    wanted = hashlib.sha256(b"sealtrail/v1/stream\0" + SECRET + opening).digest()
    assert stream_id(SECRET, "demo", '订单 "1"') == wanted
    assert stream_id(SECRET, "dem", "oA") != stream_id(SECRET, "demo", "A")


@pytest.mark.parametrize("value", ["", "ab" * 31, "AB" * 32, "ab" * 32 + "\n", "0x" + "ab" * 31, "３" * 64, None, 1])
def test_no_hashes(value: Any) -> None:
    with pytest.raises(Malformed, match="here"):
        parse_hash(value, "here")


def test_hashes_print_as_they_read() -> None:
    assert str(parse_hash("ab" * 32, "here")) == "ab" * 32


# --- entries --------------------------------------------------------------------------------------------------------


def test_entries_by_hand() -> None:
    one, two, three, four = (Hash(bytes([n]) * 32) for n in (1, 2, 3, 4))
    entry = EventEntry(LogId(one), StreamId(two), 3, three, four, 1777790000000)
    assert print_event_entry(entry) == (
        '{"accepted":1777790000000,"commitment":"' + "04" * 32 + '","kind":"event","log":"' + "01" * 32 + '","prev":"'
        + "03" * 32 + '","seq":3,"stream":"' + "02" * 32 + '","v":1}'
    ).encode()  # fmt: skip
    seal = SealEntry(LogId(one), 7, 12, 5, four, two, 1777790000001, BlockId(9, three))
    assert print_seal_entry(seal) == (
        '{"batch":7,"kind":"seal","log":"' + "01" * 32 + '","map":"' + "04" * 32 + '","not_before":{"hash":"'
        + "03" * 32 + '","number":9},"prev_seal":"' + "02" * 32
        + '","sealed":1777790000001,"size":12,"streams":5,"v":1}'
    ).encode()  # fmt: skip


@given(st.builds(EventEntry, HASHES.map(LogId), HASHES.map(StreamId), WHOLE, HASHES, HASHES, WHOLE))
def test_event_entries_read_back(entry: EventEntry) -> None:
    raw = print_event_entry(entry)
    assert parse_event_entry(raw.decode()) == entry
    assert print_json(json.loads(raw)) == raw


BLOCKS = st.none() | st.builds(BlockId, WHOLE, HASHES)


@given(st.builds(SealEntry, HASHES.map(LogId), WHOLE, WHOLE, WHOLE, HASHES, HASHES, WHOLE, BLOCKS))
def test_seal_entries_read_back(entry: SealEntry) -> None:
    raw = print_seal_entry(entry)
    assert parse_seal_entry(raw.decode()) == entry
    assert print_json(json.loads(raw)) == raw


@pytest.mark.parametrize("seal", [False, True])
def test_every_flipped_bit_of_an_entry_is_refused_or_another_entry(seal: bool) -> None:
    entry = EventEntry(LogId(ZERO), StreamId(ZERO), 3, ZERO, ZERO, 1777790000000)
    last = SealEntry(LogId(ZERO), 7, 12, 5, ZERO, ZERO, 1777790000001, BlockId(9, ZERO))
    raw = print_seal_entry(last) if seal else print_event_entry(entry)
    accepted = 0
    for place in range(len(raw)):
        for bit in range(7):
            text = (raw[:place] + bytes([raw[place] ^ 1 << bit]) + raw[place + 1 :]).decode()
            try:
                read = parse_seal_entry(text) if seal else parse_event_entry(text)
            except Malformed:
                continue
            accepted += 1
            printed = print_seal_entry(read) if isinstance(read, SealEntry) else print_event_entry(read)
            assert printed.decode() == text
    assert accepted


def test_numbers_of_entries_have_an_end() -> None:
    entry = EventEntry(LogId(ZERO), StreamId(ZERO), 1, ZERO, ZERO, SAFE_INTEGER)
    text = print_event_entry(entry).decode()
    assert parse_event_entry(text) == entry
    for number in (str(2**53), "9" * 16, "9" * 17, "01", "-1", "1.0", "1e3", ""):
        with pytest.raises(Malformed):
            parse_event_entry(text.replace(str(SAFE_INTEGER), number))


def test_what_follows() -> None:
    def entry(seq: int, prev: Hash) -> tuple[EventEntry, Leaf]:
        made = EventEntry(LogId(ZERO), StreamId(ZERO), seq, prev, ZERO, 1)
        return made, leaf_hash(print_event_entry(made))

    one = entry(1, ZERO)
    two = entry(2, one[1])
    assert follows([])
    assert follows([one])
    assert follows([one, two])
    assert not follows([two])
    assert not follows([two, one])
    assert not follows([one, one])
    assert not follows([one, entry(3, one[1])])
    assert not follows([one, entry(2, ZERO)])
    assert not follows([entry(1, one[1])])


def test_a_disclosure_is_a_value() -> None:
    assert Disclosure("type", "placed", "x") == Disclosure("type", "placed", "x")
