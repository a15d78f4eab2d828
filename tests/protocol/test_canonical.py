"""Strict JSON, and its canonical form, against the tables, the standard library and rfc8785."""

from __future__ import annotations

import json
import math
import struct
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.protocol.canonical import MAX_DEPTH, SAFE_INTEGER, parse_canonical, parse_json, print_json
from anchor_service.protocol.errors import Malformed
from scripts.vectors.canonical import ACCEPTED, REFUSED

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
NUMBERS = st.integers(-SAFE_INTEGER, SAFE_INTEGER) | st.floats(
    -SAFE_INTEGER, SAFE_INTEGER, allow_nan=False, allow_infinity=False
).filter(lambda number: math.copysign(1, number) > 0 or number != 0)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)


@pytest.mark.parametrize(("raw", "printed"), ACCEPTED)
def test_accepted(raw: bytes, printed: bytes) -> None:
    assert print_json(parse_json(raw)) == printed
    assert print_json(parse_canonical(printed)) == printed
    if raw != printed:
        with pytest.raises(Malformed) as problem:
            parse_canonical(raw)
        assert problem.value.code == "not_canonical"


@pytest.mark.parametrize(("raw", "why"), REFUSED)
def test_refused(raw: bytes, why: str) -> None:
    with pytest.raises(Malformed) as problem:
        parse_json(raw)
    assert problem.value.code.startswith("json_"), why


@given(VALUES)
def test_rfc8785_agrees(value: Any) -> None:
    printed = print_json(value)
    assert printed == rfc8785.dumps(value)
    assert parse_canonical(printed) == value


@given(VALUES)
def test_any_layout_reads_alike(value: Any) -> None:
    for raw in (json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False), json.dumps(value, sort_keys=True)):
        assert parse_json(raw.encode()) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_print_and_read_back(number: float) -> None:
    refused = abs(number) > SAFE_INTEGER or (number == 0 and math.copysign(1, number) < 0)
    raw = json.dumps([number]).encode()
    if refused:
        with pytest.raises(Malformed) as problem:
            parse_json(raw)
        assert problem.value.code == "json_number"
    else:
        read = parse_json(raw)
        assert isinstance(read, list)
        assert read == [number]
        assert struct.pack(">d", read[0]) == struct.pack(">d", number)
        # A number is its value: whole ones are integers, however they are written.
        assert isinstance(read[0], int) == number.is_integer()


@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:\\u0019d8eE.+- tn', max_size=60).map(str.encode))
def test_only_malformed_is_ever_raised(raw: bytes) -> None:
    try:
        value = parse_json(raw)
    except Malformed:
        return
    # What we read, a lax reader reads as well, and to the same value.
    assert json.loads(raw) == value


@given(VALUES, st.integers(0, 10_000), st.integers(0, 7))
def test_one_flipped_bit_is_never_another_form_of_the_same_bytes(value: Any, place: int, bit: int) -> None:
    printed = bytearray(print_json(value))
    printed[place % len(printed)] ^= 1 << bit
    try:
        read = parse_canonical(bytes(printed))
    except Malformed:
        return
    assert print_json(read) == bytes(printed)


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, MAX_DEPTH + 2, 1_000, 200_000])
@pytest.mark.parametrize(
    ("opening", "closing"),
    [(b"[", b"]"), (b'{"a":', b"}"), (b'["]}",', b',"[{"]'), (b'["\\"]",', b',"[\\\\"]'), (b' [ "\\\\" , ', b"]")],
)
def test_depth_is_counted_outside_of_strings(depth: int, opening: bytes, closing: bytes) -> None:
    raw = opening * depth + b"1" + closing * depth
    if depth <= MAX_DEPTH:
        parse_json(raw)
    else:
        with pytest.raises(Malformed) as problem:
            parse_json(raw)
        assert problem.value.code == "json_depth"


def test_deep_and_unbalanced_is_refused_without_recursion() -> None:
    for raw in (b"[" * 100_000, b'{"a":' * 100_000, b"[[]," * 100_000, b"]" * 100_000, b"[" * 40):
        with pytest.raises(Malformed):
            parse_json(raw)


@pytest.mark.parametrize(
    "value", [2**53, -(2**53), 1e400, math.nan, -math.inf, "\ud800", {"\udfff": 1}, [{"é": 2**53}]]
)
def test_values_without_a_canonical_form(value: Any) -> None:
    with pytest.raises(Malformed) as problem:
        print_json(value)
    assert problem.value.code == "json_canonical"


def test_negative_zero_prints_as_zero_and_is_never_read() -> None:
    assert print_json([-0.0]) == b"[0]"
    with pytest.raises(Malformed):
        parse_json(b"[-0]")
