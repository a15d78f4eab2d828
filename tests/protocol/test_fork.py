"""Fork evidence: what proves that the operator told two stories, and that nothing else does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.errors import Malformed, SealtrailError, Unproven
from anchor_service.protocol.fork import (
    MAX_FORK,
    make_log_fork,
    make_stream_fork,
    parse_fork,
    print_fork,
    verify_fork,
)
from anchor_service.protocol.policy import Policy, parse_policy
from scripts.vectors.keys import named_key
from scripts.vectors.orders import PLACED, SHIPPED, SIGNED
from scripts.vectors.world import Leaves, World


def policy_of(world: World, **changes: Any) -> Policy:
    return parse_policy(json.dumps(world.policy(**changes)).encode())


def story(*steps: str) -> World:
    """A log with the same keys whatever is told: one order's events, a seal after each."""
    world = World("fork")
    for step in steps:
        world.tell(step, PLACED)
        world.seal()
    return world


def log_fork(older: World, newer: World) -> bytes:
    fork = make_log_fork(older.checkpoint(), newer.checkpoint(), Leaves(newer.leaves))
    assert fork is not None
    return print_fork(fork)


def stream_fork() -> tuple[World, bytes]:
    world = story("A", "B", "C")
    world.tell("A", SHIPPED)
    told = world.tell("A", SIGNED, seq=2, prev=world.leaves[0])
    world.seal()
    fork = make_stream_fork(
        world.checkpoint(), Leaves(world.leaves), (6, world.entries[6]), (told.index, world.entries[told.index])
    )
    return world, print_fork(fork)


def code_of(raw: bytes, policy: Policy) -> str:
    with pytest.raises(SealtrailError) as raised:
        verify_fork(raw, policy)
    assert isinstance(raised.value, Malformed | Unproven)
    return raised.value.code


def test_two_entries_for_one_place_in_a_stream() -> None:
    world, raw = stream_fork()
    assert verify_fork(raw, policy_of(world)) == f"the log holds two different entries 2 of stream {world.stream('A')}"
    assert print_fork(parse_fork(raw)) == raw


def test_two_roots_of_one_size() -> None:
    one, other = story("A", "B"), story("A", "C")
    assert "two checkpoints of size 4" in verify_fork(log_fork(one, other), policy_of(one))
    assert make_log_fork(one.checkpoint(), one.checkpoint(), Leaves(one.leaves)) is None


@pytest.mark.parametrize("older", range(1, 9))
@pytest.mark.parametrize("more", range(5))
def test_a_later_checkpoint_that_does_not_extend_an_earlier_one(older: int, more: int) -> None:
    names = [f"N-{number}" for number in range(older + more)]
    one, other = story(*names[:older]), story(*names[: older - 1], "other", *names[older:])
    raw = log_fork(one, other)
    assert "the log key signed" in verify_fork(raw, policy_of(one))
    assert print_fork(parse_fork(raw)) == raw
    # What did grow makes no evidence, however it is dressed up.
    grown = story(*names)
    assert make_log_fork(one.checkpoint(), grown.checkpoint(), Leaves(grown.leaves)) is None
    dressed = json.loads(raw) | {"checkpoints": [one.checkpoint(), grown.checkpoint()]}
    assert code_of(print_json(dressed), policy_of(one)) == "fork_path"
    fork = make_log_fork(one.checkpoint(root=other.root(2 * older)), grown.checkpoint(), Leaves(grown.leaves))
    assert fork is not None
    honest = json.loads(print_fork(fork)) | {"checkpoints": [one.checkpoint(), grown.checkpoint()]}
    assert code_of(print_json(honest), policy_of(one)) == "fork_none"


def test_the_later_checkpoint_comes_second() -> None:
    one, other = story("A"), story("B", "C")
    swapped = json.loads(log_fork(one, other))
    swapped["checkpoints"].reverse()
    assert code_of(print_json(swapped), policy_of(one)) == "fork_path"


def test_only_the_log_keys_of_the_policy_bind_the_operator() -> None:
    one, other = story("A", "B"), story("A", "C")
    raw, stranger = log_fork(one, other), named_key(one.origin, "a stranger")
    keys = [{"key": stranger.vkey, "from": 1, "until": None}]
    assert code_of(raw, policy_of(one, log_keys=keys)) == "fork_checkpoint"
    forged = json.loads(raw) | {"checkpoints": [one.checkpoint(key=stranger), other.checkpoint()]}
    assert code_of(print_json(forged), policy_of(one)) == "fork_checkpoint"
    keys = [{"key": one.log_key.vkey, "from": 5, "until": None}]
    assert code_of(raw, policy_of(one, log_keys=keys)) == "fork_checkpoint"
    elsewhere = World("elsewhere")
    assert code_of(raw, policy_of(elsewhere)) == "fork_checkpoint"


def sides(change: Callable[[World, list[Any]], None]) -> tuple[World, bytes]:
    world, raw = stream_fork()
    document = json.loads(raw)
    change(world, document["sides"])
    return world, print_json(document)


def _same(_: World, two: list[Any]) -> None:
    two[1] = two[0]


def _other_stream(world: World, two: list[Any]) -> None:
    two[1] |= {"entry": world.entries[2].decode(), "index": 2, "path": world.path(2, len(world.leaves))}


def _other_seq(world: World, two: list[Any]) -> None:
    two[1] |= {"entry": world.entries[0].decode(), "index": 0, "path": world.path(0, len(world.leaves))}


@pytest.mark.parametrize("change", [_same, _other_stream, _other_seq])
def test_entries_that_agree_are_no_fork(change: Callable[[World, list[Any]], None]) -> None:
    world, raw = sides(change)
    assert code_of(raw, policy_of(world)) == "fork_none"


def test_entries_of_another_log_are_another_logs() -> None:
    other, world = World("other"), World("fork")
    world.tell("A", PLACED, log=other.log)
    world.tell("A", SHIPPED, log=other.log, seq=1)
    world.seal()
    fork = make_stream_fork(world.checkpoint(), Leaves(world.leaves), (0, world.entries[0]), (1, world.entries[1]))
    assert code_of(print_fork(fork), policy_of(world)) == "fork_log"


@pytest.mark.parametrize("make", [stream_fork, lambda: (story("A"), log_fork(story("A"), story("B", "C")))])
def test_no_byte_that_is_changed_leaves_a_proof(make: Callable[[], tuple[World, bytes]]) -> None:
    world, raw = make()
    policy, chance = policy_of(world), random.Random(9)
    verify_fork(raw, policy)
    for place in range(len(raw)):
        changed = raw[:place] + bytes([raw[place] ^ 1 << chance.randrange(8)]) + raw[place + 1 :]
        code_of(changed, policy)
        code_of(raw[:place], policy)
    code_of(raw + b"\n", policy)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": "else"}, "fork_kind"),
        ({"kind": None}, "fork_kind"),
        ({"v": 0}, "version"),
        ({"format": "sealtrail/proof"}, "format"),
        ({"more": 1}, "shape"),
        ({"proof": ["ab" * 32] * 65}, "shape"),
        ({"checkpoints": []}, "shape"),
        ({"checkpoints": ["x", "y"]}, "note_syntax"),
        ({"root": "x"}, "hash_syntax"),
    ],
)
def test_what_is_no_fork_evidence(changes: dict[str, Any], code: str) -> None:
    world = story("A")
    document = json.loads(log_fork(world, story("B"))) | changes
    assert code_of(print_json(document), policy_of(world)) == code
    assert code_of(b"[]", policy_of(world)) == "format"
    assert code_of(b" " * (MAX_FORK + 1), policy_of(world)) == "fork_size"
