"""Disclosures without their salts come back byte for byte, with their own secret alone."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.ports.disclosures import pack, packed_weight, unpack
from anchor_service.protocol.event import commit, disclose
from anchor_service.protocol.weight import weight

NAMES = st.from_regex(r"[a-z0-9_.]{1,20}", fullmatch=True)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
SECRETS = st.binary(min_size=32, max_size=32)


def lines(secret: bytes, fields: dict[str, object]) -> bytes:
    return b"\n".join(raw for _, raw in disclose(secret, fields))  # type: ignore[arg-type] # JSON by construction


@given(SECRETS, st.dictionaries(NAMES, VALUES, min_size=1, max_size=8))
def test_packed_disclosures_come_back(secret: bytes, fields: dict[str, object]) -> None:
    whole = lines(secret, fields)
    packed = pack(whole)
    assert len(packed) == len(whole) - 37 * len(fields)
    assert unpack(packed, secret) == whole
    assert packed_weight(packed) == weight(whole)


def test_whole_disclosures_stay_as_they_are() -> None:
    whole = lines(bytes(32), {"type": "placed", "items": ["[", '"']})
    assert unpack(whole, os.urandom(32)) == whole
    assert unpack(whole, b"") == whole


@pytest.mark.parametrize("secret", [b"", bytes(31), bytes(32), b"\1" * 32])
def test_another_secret_gives_another_commitment(secret: bytes) -> None:
    own = b"\2" * 32
    committed = commit(disclose(own, {"type": "placed", "note": "a"}))
    read = unpack(pack(lines(own, {"type": "placed", "note": "a"})), secret)
    assert commit((name, raw) for name, raw in zip(("note", "type"), read.split(b"\n"), strict=True)) != committed
