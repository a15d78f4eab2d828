"""Absence proofs: their grammar, and that no changed byte of one is believed."""

from __future__ import annotations

import random
from typing import Any

import pytest

from anchor_service.protocol.absence import is_absence, parse_absence, print_absence
from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.policy import parse_policy
from anchor_service.protocol.proof import MAX_PROOF
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import needed_blocks, verify_absence
from scripts.vectors.case import pretty
from scripts.vectors.world import first_world

WORLD = first_world()
POLICY = parse_policy(pretty(WORLD.policy()))
CODES = [StreamId(bytes([first]) + bytes(31)) for first in range(256)]
STREAM = next(code for code in CODES if WORLD.absence(code)["leaf"] is not None)
PROOF = WORLD.absence(STREAM)
RAW = print_json(PROOF)


def test_what_is_ours_is_believed() -> None:
    absence = parse_absence(RAW)
    assert print_absence(absence) == RAW
    assert verify_absence(RAW, POLICY, STREAM).state is State.UNKNOWN_CODE
    assert needed_blocks(absence) == (900, 1_012)
    empty = print_json(PROOF | {"leaf": None})
    assert print_absence(parse_absence(empty)) == empty
    assert verify_absence(empty, POLICY, STREAM).state is State.ALTERED


def test_every_changed_byte_is_seen() -> None:
    chance = random.Random(16)
    for place in range(chance.randrange(5), len(RAW), 5):
        wrong = bytearray(RAW)
        wrong[place] ^= chance.randrange(1, 256)
        assert verify_absence(bytes(wrong), POLICY, STREAM).state.exit_code in (1, 2)


def test_no_stream_of_the_log_is_absent() -> None:
    for tenant, order in WORLD.told:
        stream = WORLD.stream(order, tenant)
        assert verify_absence(RAW, POLICY, stream).state is State.ALTERED
        assert verify_absence(print_json(WORLD.absence(stream)), POLICY, stream).state is State.ALTERED


@pytest.mark.parametrize(
    ("raw", "is_one"),
    [(RAW, True), (b"", False), (b"{", False), (b"[]", False), (print_json({"format": "sealtrail/proof"}), False)],
)
def test_what_calls_itself_one(raw: bytes, is_one: bool) -> None:
    assert is_absence(raw) is is_one


@pytest.mark.parametrize(
    "change",
    [{"leaf": {"count": 0, "head": "ab" * 32, "stream": "ab" * 32}}, {"leaf": 1}, {"map": None}, {"v": 0}, {"zzz": 1}],
)
def test_what_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        parse_absence(print_json(PROOF | change))


def test_a_proof_that_is_too_long() -> None:
    raw = RAW + b" " * MAX_PROOF
    assert not is_absence(raw)
    with pytest.raises(Malformed, match="at most"):
        parse_absence(raw)
