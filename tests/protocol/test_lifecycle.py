"""The lifecycle's table is whole, and the story flags by it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from anchor_service.protocol import lifecycle
from anchor_service.protocol.lifecycle import ALWAYS, ANY_TIME, CBV, EXPECTED, START, TYPES, WITHDRAWN, advance
from anchor_service.protocol.story import flag_events

ROOT = Path(__file__).resolve().parents[2]
SPEC = (ROOT / "anchor_service" / "protocol" / "SPEC.md").read_text("utf-8")


def test_the_types_are_the_specs() -> None:
    listed = re.search(r"`type` is one of\s+(.*?)\.\n", SPEC, re.DOTALL)
    assert listed is not None
    assert [name.strip() for name in listed[1].split(",")] == list(TYPES)
    assert CBV.keys() == ALWAYS.keys()


def test_the_table_is_closed() -> None:
    states = {START, *filter(None, ALWAYS.values())}
    assert states == EXPECTED.keys()
    assert states >= WITHDRAWN
    for expected in EXPECTED.values():
        assert expected <= set(TYPES)
    for state in states:
        for kind in TYPES:
            after, _ = advance(state, kind)
            assert after in states


def test_every_state_can_be_reached_as_expected() -> None:
    reached, edge = {START}, [START]
    while edge:
        state = edge.pop()
        for kind in TYPES:
            after, expected = advance(state, kind)
            if expected and after not in reached:
                reached.add(after)
                edge.append(after)
    assert reached == EXPECTED.keys()


def test_nothing_but_placing_is_expected_first() -> None:
    assert [kind for kind in TYPES if advance(START, kind)[1]] == ["placed"]
    for state in EXPECTED.keys() - {START}:
        assert all(advance(state, kind)[1] for kind in ANY_TIME)


def test_unknown_words_are_our_own_bug() -> None:
    with pytest.raises(KeyError):
        advance("new", "teleported")
    with pytest.raises(KeyError):
        advance("lost", "placed")


def test_the_shared_table_is_this_one() -> None:
    shared = json.loads((ROOT / "tests" / "vectors" / "lifecycle.json").read_bytes())
    assert shared["start"] == lifecycle.START
    assert set(shared["withdrawn"]) == WITHDRAWN
    assert {(row["state"], row["type"]): (row["next"], row["expected"]) for row in shared["table"]} == {
        (state, kind): advance(state, kind) for state in EXPECTED for kind in TYPES
    }


def told(*events: tuple[object, object]) -> tuple[str, list[tuple[str, ...]]]:
    return flag_events({"type": kind, "occurred_at": at} for kind, at in events)  # type: ignore[dict-item]


def test_a_usual_order_has_no_flags() -> None:
    kinds = ["placed", "confirmed", "paid", "allocated", "picked", "packed", "shipped", "departed", "arrived"]
    kinds += ["out_for_delivery", "delivery_failed", "out_for_delivery", "delivered", "signed"]
    end, flags = told(*((kind, f"2026-05-{day:02}T10:00:00Z") for day, kind in enumerate(kinds, start=1)))
    assert end == "signed"
    assert not any(flags)


def test_disorder_is_flagged_and_goes_on() -> None:
    end, flags = told(
        ("placed", "2026-05-01T10:00:00+08:00"),
        ("signed", "2026-05-03T10:00:00+08:00"),
        ("shipped", "2026-05-02T10:00:00+08:00"),
        ("signed", "2026-05-03T02:00:00Z"),
        ("note", "2026-05-09T02:00:00Z"),
        (["placed"], 5),
        ("damaged", "2026-05-03T02:00:00Z"),
    )
    assert end == "signed"
    assert flags == [(), ("unexpected",), ("unexpected", "late"), (), (), (), ("late",)]


def test_equal_instants_are_not_late() -> None:
    _, flags = told(("placed", "2026-05-01T10:00:00+08:00"), ("packed", "2026-05-01T02:00:00.0000009Z"))
    assert flags == [(), ()]
