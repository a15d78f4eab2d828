"""Proofs, policies and receipts: what is printed reads back, and nothing else reads."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from anchor_service.protocol.canonical import parse_json, print_json
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.hashes import ZERO, Hash, LogId, StreamId
from anchor_service.protocol.policy import MAX_POLICY, parse_policy, print_policy
from anchor_service.protocol.proof import MAX_EVENTS, MAX_PROOF, parse_proof, parse_receipt, print_proof, print_receipt
from anchor_service.protocol.receipt import (
    CommitGroup,
    ReceiptLeaf,
    parse_receipt_leaf,
    print_receipt_leaf,
    receipts_origin,
    verify_receipt,
)
from scripts.vectors.case import pretty
from scripts.vectors.keys import named_key
from scripts.vectors.orders import PRIVATE, SIGNED
from scripts.vectors.world import World, first_world

WORLD = first_world()
WORLD.await_anchor("A-1001", SIGNED | {"type": "returned"})
PROOF = WORLD.proof("A-1001", hide=PRIVATE)
POLICY = WORLD.policy()


def test_a_proof_reads_back() -> None:
    raw = print_json(PROOF)
    proof = parse_proof(raw)
    assert print_proof(proof) == raw
    assert proof.opening.stream == WORLD.stream("A-1001")
    assert [event.entry.seq for event in proof.events] == [1, 2, 3]
    assert [anchor.seal.size for anchor in proof.anchors] == [anchor.checkpoint.size for anchor in proof.anchors]
    assert proof.pending[0].promise.stream == proof.opening.stream
    assert parse_receipt(print_receipt(proof.pending[0].receipt)) == proof.pending[0].receipt


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (b'"format":', b'"format": ', "not_canonical"),
        (b'"v":1}', b'"v":1.0}', "not_canonical"),
        (b'"v":1}', b'"v":1,"v":1}', "json_duplicate"),
        (b'"hidden":{', b'"hidden":{"note":"%b","note":"%b",' % (b"00" * 32, b"00" * 32), "json_duplicate"),
        (b'"index":', b'"index":-0,"index":', "json_number"),
        (b'"index":', b'"index":9007199254740993,"index":', "json_number"),
        (b'"index":', b'"index":%b,"index":' % (b"9" * 5_000), "json_number"),
        (b'"index":', b'"index":NaN,"index":', "json_number"),
        (b"A-1001", b"\\u0041-1001", "not_canonical"),
        (b"A-1001", b"\\ud800-1001", "json_surrogate"),
        (b"A-1001", b"\xed\xa0\x80-1001", "json_utf8"),
        (b'"format":', b'"deep":%b,"format":' % (b"[" * 100_000), "json_depth"),
        (b'{"anchors"', b'\xef\xbb\xbf{"anchors"', "json_syntax"),
    ],
)
def test_what_only_a_lenient_reader_takes_is_refused_by_the_strict_one(old: bytes, new: bytes, code: str) -> None:
    raw = print_json(PROOF)
    changed = raw.replace(old, new, 1)
    assert changed != raw
    with pytest.raises(Malformed) as problem:
        parse_proof(changed)
    assert problem.value.code == code


def test_a_proof_has_a_largest_size() -> None:
    with pytest.raises(Malformed) as problem:
        parse_proof(b" " * (MAX_PROOF + 1))
    assert problem.value.code == "proof_size"


def test_a_proof_has_at_most_10000_events() -> None:
    proof = PROOF | {"events": [PROOF["events"][0]] * (MAX_EVENTS + 1)}
    with pytest.raises(Malformed, match="10000"):
        parse_proof(print_json(proof))


def test_a_policy_reads_back() -> None:
    policy = parse_policy(pretty(POLICY))
    assert parse_policy(print_policy(policy)) == policy
    assert json.loads(print_policy(policy)) == POLICY
    more = POLICY | {
        "max_age": 60,
        "tenants": None,
        "actors": {"ab" * 32: "Wang Fang"},
        "rpc": [{"url": "/rpc", "operator": True}, {"url": "https://node.example", "operator": False}],
        "chain": POLICY["chain"] | {"finality": 12, "test": True},
        "log_keys": [POLICY["log_keys"][0] | {"until": 50}],
    }
    policy = parse_policy(pretty(more))
    assert json.loads(print_policy(policy)) == more
    block = BlockId(5, ZERO)
    assert policy.trusting([block]).blocks == (*policy.blocks, block)


def test_a_policy_has_a_largest_size() -> None:
    raw = pretty(POLICY)
    assert parse_policy(raw + b" " * (MAX_POLICY - len(raw))) == parse_policy(raw)
    with pytest.raises(Malformed) as problem:
        parse_policy(raw + b" " * (MAX_POLICY - len(raw) + 1))
    assert problem.value.code == "policy_size"


def wrong_values(value: Any) -> list[Any]:
    """Values of other kinds than this one."""
    others: list[Any] = [None, True, -1, 1.5, 2**53 - 1, "", "x", [], {}, ["x"], {"x": 1}]
    return [other for other in others if type(other) is not type(value)]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value in a document."""
    found = [path]
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        found += places(child, (*path, key))
    return found


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    copy = deepcopy(document)
    container = copy
    for step in path[:-1]:
        container = container[step]
    if isinstance(container, dict) != isinstance(path[-1], str):
        raise TypeError("the way leads elsewhere by now")
    container[path[-1]] = value
    return copy


NULLABLE = {("tenants",), ("max_age",), ("log_keys", 0, "until")}
NUMBERS = {("max_age",), ("log_keys", 0, "until"), ("chain", "finality")}


@pytest.mark.parametrize("path", [path for path in places(POLICY) if path], ids=str)
def test_every_member_of_a_policy_has_one_kind(path: tuple[Any, ...]) -> None:
    here: Any = POLICY
    for step in path:
        here = here[step]
    for value in wrong_values(here):
        free = path[0] == "tenants" and path != ("tenants",) and isinstance(value, str)
        null = value is None and path in NULLABLE
        number = path in NUMBERS and type(value) is int and value >= 0
        names = path == ("tenants",) and isinstance(value, dict) and set(value) <= {"x"} and not value
        if free or null or number or names:
            continue
        with pytest.raises(Malformed):
            parse_policy(pretty(changed(POLICY, path, value)))


@pytest.mark.parametrize("path", [path for path in places(PROOF) if path], ids=str)
def test_every_member_of_a_proof_has_one_kind(path: tuple[Any, ...]) -> None:
    here: Any = PROOF
    for step in path:
        here = here[step]
    for value in wrong_values(here):
        with pytest.raises(Malformed):
            parse_proof(print_json(changed(PROOF, path, value)))


@pytest.mark.parametrize("document", [PROOF, POLICY], ids=["proof", "policy"])
def test_every_object_has_exactly_its_members(document: Any) -> None:
    parse = parse_proof if document is PROOF else parse_policy
    free = {("tenants",), ("actors",)} | {path for path in places(PROOF) if path and path[-1] == "hidden"}
    for path in places(document):
        here: Any = document
        for step in path:
            here = here[step]
        if not isinstance(here, dict) or path in free:
            continue
        odd = [here | {"zzz": None}, *({name: here[name] for name in here if name != gone} for gone in here)]
        for value in odd:
            with pytest.raises(Malformed):
                parse(print_json(changed(document, path, value) if path else value))


# --- receipts -------------------------------------------------------------------------------------------------------

LEAF = ReceiptLeaf(LogId(ZERO), StreamId(ZERO), 'e "1" 订单', ZERO, 1777790000000, 1777790060000)


def test_a_receipt_leaf_reads_back() -> None:
    text = print_receipt_leaf(LEAF)
    assert parse_receipt_leaf(text) == LEAF
    assert print_json(parse_json(text.encode())) == text.encode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("accepted", wrong) for wrong in (-1, 1.5, True, None, "1")],
        *[("deadline", wrong) for wrong in (-1, 1.5, True, None, "1")],
        *[("event_id", wrong) for wrong in ("", "a\n", None, 1)],
        *[(name, wrong) for name in ("log", "stream", "commitment") for wrong in ("ab", None, "AB" * 32)],
        ("more", 1),
    ],
)
def test_no_receipt_leaf(name: str, value: Any) -> None:
    document: Any = parse_json(print_receipt_leaf(LEAF).encode())
    with pytest.raises(Malformed):
        parse_receipt_leaf(print_json(document | {name: value}).decode())
    del document["log"]
    with pytest.raises(Malformed):
        parse_receipt_leaf(print_json(document).decode())


@pytest.mark.parametrize("count", [*range(1, 18), 33, 100])
def test_one_signature_covers_a_commit_group(count: int) -> None:
    world = World()
    texts = [print_receipt_leaf(ReceiptLeaf(world.log, StreamId(ZERO), f"e-{n}", ZERO, n, n + 1)) for n in range(count)]
    group = CommitGroup(texts)
    note = group.sign(world.receipt_key.public, world.receipt_key.private.sign)
    for place in range(count):
        receipt = group.receipt(place, note)
        assert verify_receipt(receipt, world.origin, [world.receipt_key.public]).event_id == f"e-{place}"


def test_a_receipt_of_another_log_or_key_is_refused() -> None:
    world = World()
    group = CommitGroup([print_receipt_leaf(LEAF)])
    receipt = group.receipt(0, group.sign(world.receipt_key.public, world.receipt_key.private.sign))
    key = world.receipt_key.public
    other = named_key(receipts_origin(world.origin), "another").public
    for origin, keys in [("other.example/log", [key]), (world.origin, []), (world.origin, [other])]:
        with pytest.raises(Altered) as problem:
            verify_receipt(receipt, origin, keys)
        assert problem.value.code == "receipt"
    assert verify_receipt(receipt, world.origin, [other, key]) == LEAF


def test_hashes_have_their_own_types() -> None:
    assert isinstance(parse_receipt_leaf(print_receipt_leaf(LEAF)).stream, StreamId)
    assert isinstance(parse_policy(pretty(POLICY)).log, LogId)
    assert isinstance(parse_policy(pretty(POLICY)).blocks[0].hash, Hash)
