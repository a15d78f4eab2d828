"""Entries come back byte for byte, whatever they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anchor_service.protocol.event import EventEntry, SealEntry, print_event_entry, print_seal_entry
from anchor_service.protocol.hashes import Hash, LogId, StreamId
from anchor_service.storage.packing import pack, unpack

HASHES = st.binary(min_size=32, max_size=32)
LOG = LogId(b"l" * 32)
NUMBERS = st.integers(0, 2**53 - 1)


@given(HASHES, HASHES, HASHES, st.tuples(NUMBERS, NUMBERS))
def test_event_entries_come_back(stream: bytes, prev: bytes, commitment: bytes, numbers: tuple[int, int]) -> None:
    seq, accepted = numbers
    entry = print_event_entry(EventEntry(LOG, StreamId(stream), seq, Hash(prev), Hash(commitment), accepted))
    packed = pack(entry)
    assert len(packed) == 145
    assert unpack(packed) == entry


@given(st.binary().filter(lambda raw: not raw.startswith(b"\x01")))
def test_anything_else_stays_as_it_is(raw: bytes) -> None:
    assert unpack(pack(raw)) == raw


def test_what_is_an_entry_but_for_one_byte_comes_back() -> None:
    entry = print_event_entry(EventEntry(LOG, StreamId(b"s" * 32), 12, Hash(b"p" * 32), Hash(b"c" * 32), 17_000))
    for place in range(len(entry)):
        for byte in (0, ord("0"), ord("F"), ord(" "), entry[place] ^ 1):
            other = entry[:place] + bytes([byte]) + entry[place + 1 :]
            for near in (other, other[:place] + other[place + 1 :], other + b"\n"):
                assert unpack(pack(near)) == near


def test_seal_entries_are_not_packed() -> None:
    seal = print_seal_entry(SealEntry(LOG, 1, 2, 3, Hash(bytes(32)), Hash(bytes(32)), 4, None))
    assert pack(seal) == unpack(seal) == seal
