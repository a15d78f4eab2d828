"""Replaying a log: every rule broken once; and going on where an earlier replay ended."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

import pytest

from anchor_service.protocol.audit import CROWD, ROW, Finding, Position, Replay, Streams
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import ZERO, Hash, LogId
from anchor_service.protocol.merkle import tree_root
from anchor_service.protocol.streammap import MapLeaf, subtree
from scripts.vectors.orders import PLACED, SHIPPED
from scripts.vectors.world import World, other_of

HOUR = 3_600_000


def replay(world: World, entries: Iterable[bytes] | None = None) -> tuple[Replay, list[Finding]]:
    """Replay all entries, and return the findings as well."""
    one = Replay(world.log)
    found = [finding for entry in (world.entries if entries is None else entries) for finding in one.add(entry)]
    return one, found


def codes(found: Iterable[Finding]) -> list[tuple[str, int]]:
    return [(finding.code, finding.index) for finding in found]


def grown(seed: int) -> World:
    """A log of several batches, some of them empty, in which orders go on."""
    chance, world = random.Random(seed), World(f"grown {seed}")
    for _ in range(chance.randrange(1, 5)):
        for _ in range(chance.randrange(4)):
            world.tell(f"A-{chance.randrange(4)}", PLACED)
        world.seal()
    return world


def test_a_good_log_of_every_small_size_has_no_findings() -> None:
    world = World("sizes")
    one = Replay(world.log)
    for size in range(1, 140):
        if size % 5 == 0:
            world.seal()
        else:
            world.tell(f"A-{size * 7 % 11}", PLACED)
        assert one.add(world.entries[-1]) == ()
        assert (one.size, one.root) == (size, tree_root(world.leaves))
        found = codes(one.check(parse_checkpoint(world.checkpoint())))
        assert found == ([] if size % 5 == 0 else [("unsealed", size - 1)])
    assert one.streams == 11


@pytest.mark.parametrize("seed", range(20))
def test_good_logs_of_odd_batches(seed: int) -> None:
    world = grown(seed)
    one, found = replay(world)
    assert found == []
    assert one.check(parse_checkpoint(world.checkpoint())) == ()


@pytest.mark.parametrize("seed", range(5))
def test_a_replay_goes_on_where_another_ended(seed: int) -> None:
    world = grown(seed)
    whole, _ = replay(world)
    for cut in range(len(world.entries) + 1):
        first, _ = replay(world, world.entries[:cut])
        rows = list(first.rows())
        assert [len(row) for row in rows] == [ROW] * first.streams
        second = Replay(world.log, first.position, rows)
        assert [finding for entry in world.entries[cut:] for finding in second.add(entry)] == []
        assert (second.position, list(second.rows())) == (whole.position, list(whole.rows()))
    assert Replay(world.log).position == Position()


# --- every rule, broken once ------------------------------------------------------------------------------------------


def started() -> World:
    """Two orders in one batch, and the first event of the next."""
    world = World("rules")
    world.tell("A", PLACED)
    world.tell("B", PLACED)
    world.seal()
    world.tell("A", SHIPPED)
    return world


BREAKS: dict[str, tuple[str, Callable[[World], Any]]] = {
    "an event of another log": ("entry_log", lambda world: world.tell("B", SHIPPED, log=other_of(world.log))),
    "a gap": ("sequence", lambda world: world.tell("B", SHIPPED, seq=3)),
    "a number again": ("sequence", lambda world: world.tell("B", SHIPPED, seq=1)),
    "a number of none": ("sequence", lambda world: world.tell("C", PLACED, seq=0)),
    "after another": ("sequence", lambda world: world.tell("B", SHIPPED, prev=world.leaves[0])),
    "after none": ("sequence", lambda world: world.tell("B", SHIPPED, prev=ZERO)),
    "a first after another": ("sequence", lambda world: world.tell("C", PLACED, prev=world.leaves[0])),
    "accepted before": ("time", lambda world: world.tell("B", SHIPPED, accepted=world._clock - HOUR)),
    "a seal of another log": ("entry_log", lambda world: world.seal(log=other_of(world.log))),
    "a batch left out": ("batch", lambda world: world.seal(batch=3)),
    "a batch again": ("batch", lambda world: world.seal(batch=1)),
    "a larger size": ("seal_size", lambda world: world.seal(size=6)),
    "a smaller size": ("seal_size", lambda world: world.seal(size=4)),
    "another seal before": ("prev_seal", lambda world: world.seal(prev_seal=world.leaves[0])),
    "no seal before": ("prev_seal", lambda world: world.seal(prev_seal=ZERO)),
    "sealed before": ("time", lambda world: world.seal(sealed=world._clock - HOUR)),
    "a stream more": ("streams", lambda world: world.seal(streams=3)),
    "a stream less": ("streams", lambda world: world.seal(streams=1)),
    "another map": ("map", lambda world: world.seal(map=Hash(sha256(b"another").digest()))),
    "the map of before": ("map", lambda world: world.seal(map=map_of(world, 3))),
    "an empty map": ("map", lambda world: world.seal(map=ZERO)),
}


def map_of(world: World, size: int) -> Hash:
    return subtree([(leaf.stream, leaf.hash) for leaf in world.maps[size]], 0).hash


@pytest.mark.parametrize("name", BREAKS)
def test_each_rule_that_is_broken_is_named_once(name: str) -> None:
    code, change = BREAKS[name]
    world = started()
    change(world)
    broken = len(world.entries) - 1
    if b'"kind":"event"' in world.entries[-1]:
        # What the log holds is counted, whatever its number says: the seal that says so is right.
        world.seal()
    assert codes(replay(world)[1]) == [(code, broken)]


@pytest.mark.parametrize(
    "entry",
    [
        b"",
        b"{}",
        b'{"kind":"seal"}',
        b"\xff\xfe",
        started().entries[0].replace(b'"v":1', b'"v":0'),
        started().entries[0] + b" ",
        started().entries[2].replace(b'"batch":1', b'"batch":01'),
        started().entries[0].replace(b"event", b"other"),
        started().entries[0].replace(b'"seq":1', b'"seq":9007199254740992'),
        started().entries[0].replace(b'"seq":1', '"seq":１'.encode()),
    ],
)
def test_an_entry_by_no_template(entry: bytes) -> None:
    world = started()
    one, found = replay(world, [*world.entries, entry])
    assert codes(found) == [("entry_syntax", 4)]
    assert one.size == 5


def test_times_of_batches_never_go_back_either() -> None:
    world = World("times")
    world.seal()
    world.seal(sealed=world._clock - HOUR)
    world.tell("A", PLACED)
    world.seal()
    assert codes(replay(world)[1]) == [("time", 1)]


def test_a_map_that_is_changed_back_is_found() -> None:
    """A4: map histories A, B, A.  A seal is judged by the entries alone, whatever an earlier one said."""
    world = started()
    world.seal()
    world.seal(map=map_of(world, 3), streams=2)
    world.seal()
    assert codes(replay(world)[1]) == [("map", 5)]


def test_a_checkpoint_with_another_root() -> None:
    world = started()
    world.seal()
    one, _ = replay(world)
    other = parse_checkpoint(world.checkpoint(root=Hash(sha256(b"another").digest())))
    assert codes(one.check(other)) == [("root", 4)]
    with pytest.raises(ValueError, match="size 3 for a log of 5"):
        one.check(parse_checkpoint(world.checkpoint(3)))


# --- the table of streams ---------------------------------------------------------------------------------------------


def test_the_table_is_the_map_at_every_size() -> None:
    chance, streams, known = random.Random(5), Streams(), dict[bytes, MapLeaf]()
    for step in range(400):
        stream = Hash(chance.choice(sorted(known)) if known and step % 3 == 0 else chance.randbytes(32))
        leaf = MapLeaf(stream, len(known) + 1, Hash(chance.randbytes(32)))  # type: ignore[arg-type]
        known[stream] = leaf
        streams.put(stream, leaf.count, leaf.head)
        assert streams.get(stream) == (leaf.count, leaf.head)
        if step % 7 == 0 or step < 40:
            leaves = [(leaf.stream, leaf.hash) for _, leaf in sorted(known.items())]
            assert (streams.root(), len(streams)) == (subtree(leaves, 0).hash, len(known))
            assert streams.root() == subtree(leaves, 0).hash
            again = Streams(streams.rows())
            assert (again.root(), list(again.rows())) == (streams.root(), list(streams.rows()))
    assert streams.get(Hash(chance.randbytes(32))) == (0, ZERO)
    assert Streams().root() == ZERO


def test_ids_that_no_hash_gives_end_a_replay() -> None:
    streams = Streams()
    for number in range(CROWD):
        streams.put(bytes(28) + number.to_bytes(4), 1, ZERO)
    with pytest.raises(Altered) as raised:
        streams.put(bytes(27) + b"\1" * 5, 1, ZERO)
    assert raised.value.code == "stream_ids"


@pytest.mark.parametrize("rows", [[b"short"], [bytes(31) + b"\1" + bytes(40)] * 2, [b"\2" * 72, b"\1" * 72]])
def test_rows_that_are_none(rows: list[bytes]) -> None:
    with pytest.raises(ValueError, match="72 bytes"):
        Replay(LogId(bytes(32)), None, rows)
