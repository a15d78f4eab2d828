"""Cases of orders of which something was left out, and of codes that were never in the log (SPEC 10, 15.9, 15.18)."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.canonical import print_json
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.streammap import MapLeaf, bit, shared_bits
from scripts.vectors.case import ABSENT, Case, Document, altered, good, invalid, only, skipped, unknown
from scripts.vectors.damaged_records import Damaged, flip
from scripts.vectors.documents import leaf_document
from scripts.vectors.good import told
from scripts.vectors.orders import PLACED, PRIVATE, SHIPPED, SIGNED
from scripts.vectors.world import World, first_world, map_root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scripts.vectors.case import Found

ORDER = "A-1001"
LEFT_OUT = only(complete=invalid("left_out"))


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _left_out(first_world())
    yield from _histories()
    yield from _absences(first_world())


def _left_out(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())

    def front(proof: Document) -> None:
        del proof["events"][0], proof["anchors"][0]
        for later in proof["events"]:
            later["anchor"] = 0

    broken = LEFT_OUT | only(sequence=invalid("sequence"))
    yield damaged("left_out_tail", "The last event is left out.", lambda p: p["events"].pop(), **LEFT_OUT)
    yield damaged("left_out_middle", "The second of three events is left out.", lambda p: p["events"].pop(1), **broken)
    yield damaged("left_out_front", "The first event is left out.", front, **broken)
    older = world.map_path(world.stream(ORDER), world.anchors[0].size)
    yield damaged("map_of_another_seal", "The path of an older seal's map.", lambda p: p.update(map=older), **LEFT_OUT)
    other = world.map_path(world.stream("other-0"), world.anchors[1].size)
    yield damaged("map_of_another_stream", "Another stream's path.", lambda p: p.update(map=other), **LEFT_OUT)
    foreign = first_world("another world")
    path = foreign.map_path(foreign.stream(ORDER), foreign.anchors[1].size)
    yield damaged("map_of_another_log", "The order's path in another log.", lambda p: p.update(map=path), **LEFT_OUT)
    yield damaged(
        "map_flipped", "The path with a bit flipped.", lambda p: p["map"].__setitem__(0, flip(p["map"][0])), **LEFT_OUT
    )
    yield damaged("map_too_short", "The path without its last hash.", lambda p: p["map"].pop(), **LEFT_OUT)
    yield damaged("map_too_long", "The path with a hash more.", lambda p: p["map"].append("ab" * 32), **LEFT_OUT)
    yield damaged(
        "map_ends_in_zeros",
        "A path whose deepest subtree beside is empty, which no map has.",
        lambda p: p["map"].append("00" * 32),
        complete=invalid("map_path"),
    )
    alone = World("alone")
    alone.tell(ORDER, PLACED)
    alone.tell(ORDER, SIGNED)
    alone.seal()
    alone.anchor(1_000)
    yield good("map_of_one_stream", "The only order of a log: the path is empty.", alone.proof(ORDER), alone.policy())
    grown = first_world()
    grown.noise(20)
    grown.seal()
    grown.anchor(1_024)
    yield good(
        "anchor_of_no_event",
        "The newest anchor covers no event more, and shows that there was none until then.",
        grown.proof(ORDER),
        grown.policy(),
    )
    crowded = World("crowded")
    for number in range(300):
        crowded.tell(f"order {number}", PLACED)
    crowded.tell("order 7", SIGNED)
    crowded.seal()
    crowded.anchor(1_000)
    yield good("map_of_300_streams", "An order among 300.", crowded.proof("order 7"), crowded.policy())
    yield Damaged(crowded.proof("order 7"), crowded.policy())(
        "left_out_among_300", "The last event of an order among 300.", lambda p: p["events"].pop(), **LEFT_OUT
    )


def _histories() -> Iterator[Case]:
    """Two histories of one stream, each of which the log's entries support."""

    def forked(second: Document, other: Document) -> tuple[World, Document]:
        """Log an event and two that both claim to be the second; the map holds the history of the last."""
        world = World("forked")
        first = world.tell(ORDER, PLACED)
        shown = world.tell(ORDER, second)
        hidden = world.tell(ORDER, other, seq=2, prev=leaf_hash(first.entry.encode()))
        stream = world.stream(ORDER)
        map_lies(world, MapLeaf(stream, 2, world.leaves[hidden.index]))
        world.anchor(1_000)
        return world, world.proof(ORDER, events=[first, shown])

    world, proof = forked(SHIPPED, SIGNED)
    yield altered(
        "history_not_in_the_map",
        "One of two histories under one checkpoint: the map holds the other.",
        proof,
        world.policy(),
        LEFT_OUT,
    )
    later = told(PLACED, SHIPPED)
    first, shipped = later.told["demo", ORDER]
    signed = later.tell(ORDER, SIGNED, seq=2, prev=leaf_hash(first.entry.encode()))
    map_lies(later, MapLeaf(later.stream(ORDER), 2, later.leaves[signed.index]))
    later.anchor(1_012)
    yield altered(
        "history_of_an_older_checkpoint",
        "The history that an older checkpoint's map holds, shown under a newer one whose map holds another.",
        later.proof(ORDER, events=[first, shipped]),
        later.policy(),
        LEFT_OUT,
    )
    denied = World("denied")
    denied.tell(ORDER, PLACED)
    denied.noise(3)
    map_lies(denied, None)
    denied.anchor(1_000)
    yield altered(
        "stream_not_in_the_map", "The log has the event, and its map denies the stream.",
        denied.proof(ORDER), denied.policy(), LEFT_OUT,
    )  # fmt: skip


def map_lies(world: World, leaf: MapLeaf | None) -> None:
    """Seal a map that holds this of the order, whatever its entries are; nothing of it for None."""
    stream = world.stream(ORDER)
    world.seal()
    size = len(world.leaves)
    leaves = [held for held in world.maps[size] if held.stream != stream]
    leaves = sorted([*leaves, *([] if leaf is None else [leaf])], key=lambda held: held.stream)
    world.unseal()
    world.seal(map=map_root(leaves), streams=len(leaves))
    world.maps[size] = leaves


# --- absence ----------------------------------------------------------------------------------------------------------


def _absences(world: World) -> Iterator[Case]:
    policy = world.policy()
    leaves = world.maps[world.anchors[-1].size]
    # Found by counting, as an order's id would be: one beside another stream, one in an empty subtree.
    beside = next(stream for stream in _codes() if world.absence(stream)["leaf"] is not None)
    there = world.stream(ORDER)

    def absent(name: str, sentence: str, stream: StreamId, proof: Document, **rest: Any) -> Case:
        return good(name, sentence, proof, rest.pop("policy", policy), rest.pop("state", "unknown_code"),
                    well=ABSENT, inputs={"stream": stream.hex()}, **rest)  # fmt: skip

    def refused(
        name: str, sentence: str, damage: Callable[[Document], Any], stream: StreamId = beside, **checks: Found
    ) -> Case:
        proof = deepcopy(world.absence(beside))
        damage(proof)
        return altered(name, sentence, proof, policy, checks, well=ABSENT, inputs={"stream": stream.hex()})

    def malformed(name: str, sentence: str, damage: Callable[[Document], Any], code: str | None = None) -> Case:
        proof = deepcopy(world.absence(beside))
        damage(proof)
        checks = dict.fromkeys(ABSENT, skipped("malformed")) | {"format": invalid(code)}
        given = {"stream": beside.hex()}
        return Case(f"absent_{name}_fail", sentence, print_json(proof), policy, "malformed", checks, given, ABSENT)

    yield absent("absent", "A code that was never in the log, beside another.", beside, world.absence(beside))
    few, stream = _few()
    yield absent("absent_empty", "A code where the map is empty.", stream, few.absence(stream), policy=few.policy())
    nothing = World("nothing")
    nothing.seal()
    nothing.anchor(1_000)
    yield absent(
        "absent_from_an_empty_log",
        "A log without streams.",
        there,
        nothing.absence(there),
        policy=nothing.policy(),
    )
    chain = policy["chain"] | {"test": True, "name": "Development chain"}
    yield absent(
        "absent_test_data", "A code that a development chain's log never had.", beside, world.absence(beside),
        policy=world.policy(chain=chain), state="test_data",
    )  # fmt: skip
    yield absent(
        "absent_block_untrusted", "A code that was never in the log, in a block that nobody trusts.", beside,
        world.absence(beside), policy=world.policy(blocks=[]), state="could_not_check",
        checks={"block": unknown("block_untrusted"), "dated": unknown("not_before_untrusted")},
    )  # fmt: skip
    present = only(absent=invalid("present"))
    mine = next(leaf for leaf in leaves if leaf.stream == there)
    own = {"leaf": leaf_document(mine), "map": world.map_path(there, world.anchors[-1].size)}
    yield refused("absent_denied", "A stream is denied by its own leaf.", lambda p: p.update(own), there, **present)
    yield refused("absent_of_another_code", "Another code's absence.", lambda _: None, there, **present)
    far = max(leaves, key=lambda leaf: -shared_bits(leaf.stream, beside))
    yield refused(
        "absent_leaf_elsewhere", "A stream that stands elsewhere in the map.",
        lambda p: p.update(leaf=leaf_document(far), map=world.map_path(far.stream, world.anchors[-1].size)), **present,
    )  # fmt: skip
    yield refused("absent_leaf_dropped", "The other stream is left out.", lambda p: p.update(leaf=None), **present)
    yield refused(
        "absent_count_changed", "The other stream with another count.", lambda p: p["leaf"].update(count=9), **present
    )
    yield refused("absent_map_too_short", "A path without its last hash.", lambda p: p["map"].pop(), **present)
    yield refused(
        "absent_map_ends_in_zeros", "A path that ends in zeros.", lambda p: p["map"].append("00" * 32),
        absent=invalid("map_path"),
    )  # fmt: skip
    older = world.anchor_document(world.anchors[0])
    yield refused(
        "absent_older_seal", "The map of the newest seal with an older anchor.", lambda p: p.update(anchor=older),
        **present, dated=skipped("no_not_before"),
    )  # fmt: skip
    yield refused(
        "absent_seal_of_another_size", "The newest checkpoint with the seal entry of the one before.",
        lambda p: p["anchor"]["seal"].update(entry=older["seal"]["entry"]),
        inclusion=invalid("inclusion"), **present, dated=skipped("no_not_before"),
    )  # fmt: skip
    for name, sentence, damage in [
        ("count_0", "The other stream has no entry.", lambda p: p["leaf"].update(count=0)),
        ("leaf_list", "The other stream is an array.", lambda p: p.update(leaf=[])),
        ("map_257", "A path of 257 hashes.", lambda p: p.update(map=["ab" * 32] * 257)),
        ("unknown_member", "A member more.", lambda p: p.update(stream=beside.hex())),
        ("anchors", "Anchors, as proofs have them.", lambda p: p.update(anchors=[p.pop("anchor")])),
    ]:
        yield malformed(name, sentence, damage)
    yield malformed("version_0", "Version 0.", lambda p: p.update(v=0), "version")


def _codes() -> Iterator[StreamId]:
    number = 0
    while True:
        yield StreamId(sha256(f"a code that nobody gave out {number}".encode()).digest())
        number += 1


def _few() -> tuple[World, StreamId]:
    """A log of two streams whose ids begin alike, and a code that begins otherwise at that very place."""
    for number in range(1_000):
        world = World(f"few {number}")
        world.noise(2)
        one, other = (world.stream(order) for _, order in world.told)
        if shared_bits(one, other) >= 2 and bit(one, 0) == bit(other, 0):
            world.seal()
            world.anchor(1_000)
            return world, next(code for code in _codes() if world.absence(code)["leaf"] is None)
    raise ValueError("no two streams whose ids begin alike")
