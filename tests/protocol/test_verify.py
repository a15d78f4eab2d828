"""Verification as a whole: it never raises, and what is not ours is never verified (FAULTS A13, A16)."""

from __future__ import annotations

import random
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_service.protocol.canonical import SAFE_INTEGER, print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import ZERO, Hash, StreamId
from anchor_service.protocol.merkle import prove_inclusion
from anchor_service.protocol.policy import Policy, parse_policy
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.tiles import TileTree, append
from anchor_service.protocol.verdict import NOT_PROVEN, Inputs, NodeAnswer, Result, State
from anchor_service.protocol.verify import ABSENCE_CHECKS, CHECKS, needed_blocks, verify
from scripts.vectors.case import pretty
from scripts.vectors.good import event, told
from scripts.vectors.keys import actor
from scripts.vectors.orders import PLACED, PRIVATE, SIGNED
from scripts.vectors.world import World, first_world
from tests.protocol.test_canonical import VALUES
from tests.protocol.test_documents import changed, places
from tests.protocol.test_tiles import Memory


def signed_world() -> World:
    """An order with all that a proof can carry: hidden fields, an actor's signature, files, a pending event."""
    world = World("everything")
    world.noise(2)
    world.tell("A-1001", PLACED | {"note": "x", "data": {"𝒜": [0.5, None]}})
    world.seal(not_before=None)
    world.anchor(1_000)
    world.tell("A-1001", SIGNED | {"attachments": [{"sha256": "ab" * 32}]}, signer=actor("recipient"))
    world.noise(3)
    world.seal()
    world.anchor(1_010)
    world.await_anchor("A-1001", event("returned", "2026-05-04T10:00:00+08:00"))
    return world


WORLD = signed_world()
PROOF = WORLD.proof("A-1001", hide=PRIVATE)
RAW = print_json(PROOF)
POLICY = parse_policy(pretty(WORLD.policy()))


def test_what_is_ours_is_verified() -> None:
    verdict = verify(RAW, POLICY)
    assert verdict.state is State.VERIFIED_PENDING
    assert tuple(check.name for check in verdict.checks) == CHECKS
    assert verdict.check("signatures").result is Result.VALID
    assert [step.seq for step in verdict.steps] == [1, 2, None]
    assert [step.signed_by is not None for step in verdict.steps] == [False, True, False]
    assert verdict.as_of is not None
    assert verdict.as_of.number == 1_010
    assert verdict.tenant_name == "Demo Shop"
    assert NOT_PROVEN == ("truth", "object", "history")
    assert needed_blocks(parse_proof(RAW)) == (900, 1_000, 1_010)
    old = World("size 2")
    old.tell("A-1001", PLACED)
    old.seal(not_before=None)
    old.anchor(1_000)
    assert needed_blocks(parse_proof(print_json(old.proof("A-1001")))) == (1_000,)


def test_exit_codes() -> None:
    assert {state.value: state.exit_code for state in State} == {
        "verified": 0,
        "verified_pending": 0,
        "withdrawn": 0,
        "test_data": 0,
        "altered": 1,
        "malformed": 2,
        "could_not_check": 3,
        "unknown_code": 4,
    }


def test_every_changed_byte_is_seen() -> None:
    """Every byte is committed or implied: one place in seven, every kind of place."""
    chance = random.Random(14)
    for place in range(chance.randrange(7), len(RAW), 7):
        wrong = bytearray(RAW)
        wrong[place] ^= chance.randrange(1, 256)
        assert verify(bytes(wrong), POLICY).state.exit_code in (1, 2)


def test_every_dropped_repeated_or_swapped_byte_is_seen() -> None:
    chance = random.Random(15)
    for _ in range(300):
        place = chance.randrange(len(RAW) - 1)
        drop = RAW[:place] + RAW[place + 1 :]
        repeat = RAW[:place] + RAW[place : place + 1] + RAW[place:]
        swap = RAW[:place] + RAW[place + 1 : place + 2] + RAW[place : place + 1] + RAW[place + 2 :]
        for wrong in (drop, repeat, swap):
            if wrong != RAW:
                assert verify(wrong, POLICY).state.exit_code in (1, 2)


PLACES = [path for path in places(PROOF) if path]


@pytest.mark.parametrize("path", PLACES, ids=str)
def test_every_value_is_committed_or_implied(path: tuple[Any, ...]) -> None:
    """Each text with a character changed, each number one more, each array and object with a part less."""
    here: Any = PROOF
    for step in path:
        here = here[step]
    others: list[Any] = []
    match here:
        case str():
            others = [here[:-1], here + here[-1:], "0" + here[1:], here[:1] + "1" + here[2:]]
        case bool() | None:
            others = [True]
        case int():
            others = [here + 1, here - 1]
        case list():
            others = [here[1:], here[:-1], here[::-1], [*here, *here[-1:]]]
        case dict():
            others = [{name: here[name] for name in here if name != gone} for gone in here]
    for value in others:
        # That newer events wait is nobody's to prove: whoever shows the proof may leave them out.
        if value != here and (path, value) != (("pending",), []):
            verdict = verify(print_json(changed(PROOF, path, value)), POLICY)
            assert verdict.state.exit_code in (1, 2), value


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), VALUES), min_size=1, max_size=3), st.randoms(use_true_random=False))
def test_arbitrary_values_are_never_verified_and_never_raise(edits: Any, chance: random.Random) -> None:
    document = deepcopy(PROOF)
    for path, value in edits:
        new = value
        if chance.random() < 0.5:  # a value of the proof itself, in another place
            new = deepcopy(PROOF)
            for step in chance.choice(PLACES):
                new = new[step]
        try:
            document = changed(document, path, new)
        except (KeyError, IndexError, TypeError):
            continue
    raw = print_json(document)
    # Not by the values, which have `True` for 1.
    assert (verify(raw, POLICY).state.exit_code == 0) == (raw == RAW)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_malformed(raw: bytes) -> None:
    assert verify(raw, POLICY).state is State.MALFORMED


def test_every_pairwise_swap_of_two_proofs_parts_is_seen() -> None:
    """A13: parts of another proof of the same log, and of another log under the same keys."""
    one = first_world()
    one.tell("B-2002", PLACED)
    one.tell("B-2002", SIGNED)
    one.seal()
    one.anchor(1_020)
    policy = parse_policy(pretty(one.policy(tenants=None)))
    ours = one.proof("A-1001", hide=PRIVATE)
    for theirs in (one.proof("B-2002"), first_world("another").proof("A-1001")):
        assert verify(print_json(ours), policy).state is State.VERIFIED
        for path in [path for path in places(ours) if path]:
            here, there = ours, theirs
            try:
                for step in path:
                    here, there = here[step], there[step]
            except (KeyError, IndexError):
                continue
            if here != there:
                assert verify(print_json(changed(ours, path, there)), policy).state.exit_code in (1, 2), path


HASHES = st.binary(min_size=32, max_size=32).map(Hash)
WHOLE = st.integers(0, SAFE_INTEGER)
NEEDED = dict.fromkeys(needed_blocks(parse_proof(RAW)))
HONEST = {block.number: block.hash for block in POLICY.blocks}
NODES = st.builds(
    NodeAnswer,
    url=st.just("https://node.example"),
    operator=st.booleans(),
    error=st.none() | st.just("timed out"),
    chain_id=st.none() | st.sampled_from([POLICY.chain.id, 1]),
    final=st.none() | WHOLE | st.sampled_from(sorted(NEEDED)),
    blocks=st.fixed_dictionaries({number: st.none() | HASHES | st.just(HONEST[number]) for number in NEEDED}),
    head=st.none() | st.tuples(WHOLE, HASHES) | st.just((WORLD.anchors[-1].size, WORLD.anchors[-1].root)),
)


@settings(max_examples=400)
@given(
    st.lists(NODES, max_size=4),
    st.none() | WHOLE,
    st.none() | WHOLE,
    st.none() | HASHES.map(StreamId) | st.just(WORLD.stream("A-1001")),
    st.none() | st.dictionaries(HASHES.map(Hash.hex), HASHES.map(Hash.hex), max_size=2),
)
def test_whatever_is_given_beside_the_proof(
    nodes: list[NodeAnswer], now: int | None, max_age: int | None, stream: StreamId | None, files: dict[str, str] | None
) -> None:
    policy = replace(POLICY, blocks=(), max_age=max_age)
    verdict = verify(RAW, policy, Inputs(stream, tuple(nodes), files, now))
    counting = [node for node in nodes if node.error is None and node.chain_id == policy.chain.id and not node.operator]
    if verdict.state.exit_code == 0:
        # Verified: for each anchor a node that counts has the block, calls it final, and no other speaks against it.
        for anchored in WORLD.anchors:
            number, digest = anchored.block.number, anchored.block.hash
            said = {node.blocks[number] for node in counting} - {None}
            assert said == {digest}
            assert any(n.blocks[number] == digest and n.final is not None and n.final >= number for n in counting)
        assert stream in (None, WORLD.stream("A-1001"))
        assert not files
    if not counting and stream is None and not files:
        # A network that is down, or speaks of other chains, never reads as forgery.
        assert verdict.state is State.COULD_NOT_CHECK


def test_the_order_of_nodes_does_not_matter() -> None:
    chance = random.Random(158)
    world = first_world()
    raw, policy = print_json(world.proof("A-1001")), parse_policy(pretty(world.policy(blocks=[])))
    numbers = needed_blocks(parse_proof(raw))
    truth = {anchored.block.number: anchored.block.hash for anchored in world.anchors}
    for _ in range(200):
        nodes = [
            NodeAnswer(
                f"https://{n}.example",
                chance.random() < 0.2,
                None if chance.random() < 0.8 else "timed out",
                world.chain_id if chance.random() < 0.8 else 1,
                chance.choice([None, 1_000, 1_012, 5_000]),
                {n: chance.choice([truth.get(n), truth.get(n), ZERO, None]) for n in numbers},
                chance.choice([None, (11, world.root(11)), (11, ZERO), (12, ZERO), (4, world.root(4))]),
            )
            for n in range(chance.randrange(5))
        ]  # fmt: skip
        found = [(c.name, c.result, c.code) for c in verify(raw, policy, Inputs(nodes=tuple(nodes))).checks]
        chance.shuffle(nodes)
        again = [(c.name, c.result, c.code) for c in verify(raw, policy, Inputs(nodes=tuple(nodes))).checks]
        assert found == again


def test_a_policy_of_another_log_sees_only_strangers() -> None:
    other = parse_policy(pretty(first_world("another").policy()))
    verdict = verify(RAW, other)
    assert verdict.state is State.ALTERED
    assert {check.name for check in verdict.checks if check.result is Result.INVALID} >= {
        *("events", "checkpoint", "inclusion", "anchor", "pending"),
    }


def test_each_check_can_fail_alone() -> None:
    """The corpus has for every check but dated (which is never INVALID) a case in which it alone is INVALID."""
    import json

    alone = set()
    for file in (Path(__file__).resolve().parents[1] / "vectors").glob("*/expected.json"):
        failed = [name for name, result, _ in json.loads(file.read_bytes())["checks"] if result == "INVALID"]
        if len(failed) == 1:
            alone.add(failed[0])
    assert alone == {*CHECKS, *ABSENCE_CHECKS} - {"dated"}


def test_large_orders_take_time_in_proportion() -> None:
    """A thousand events verify; nothing is done anew for each that could be done once."""
    world = World("large")
    for place in range(1_000):
        world.tell("A-1001", event("arrived" if place else "placed", "2026-05-01T09:30:00Z"))
    world.seal()
    world.anchor(1_000)
    policy: Policy = parse_policy(pretty(world.policy()))
    tiles = Memory()
    tiles.held |= append(0, world.leaves, tiles)
    paths = [[step.hex() for step in prove_inclusion(TileTree(tiles), place, 1_001)] for place in range(1_001)]
    with mock.patch.object(world, "path", lambda index, _size: paths[index]):
        raw = print_json(world.proof("A-1001"))
    verdict = verify(raw, policy)
    assert verdict.state is State.VERIFIED
    assert len(verdict.steps) == 1_000


def test_told_helper_is_the_worlds() -> None:
    world = told(PLACED)
    assert verify(print_json(world.proof("A-1001")), parse_policy(pretty(world.policy()))).state is State.VERIFIED


def test_parsing_says_where() -> None:
    with pytest.raises(Malformed, match=r"events\[1\]\.index"):
        parse_proof(print_json(changed(PROOF, ("events", 1, "index"), "x")))


@pytest.mark.parametrize("case", ["swapped", "swapped_notes", "swapped_around", "repeated", "early"])
def test_pending_events_are_in_order_of_acceptance(case: str) -> None:
    """SPEC 14.2: else who serves a proof chooses where its lifecycle ends, and needs no key for it."""
    folder = Path(__file__).resolve().parents[1] / "vectors" / f"pending_{case}_fail"
    with pytest.raises(Malformed) as refused:
        parse_proof((folder / "proof.json").read_bytes())
    assert refused.value.code == "pending_order"
