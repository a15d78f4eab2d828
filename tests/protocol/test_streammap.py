"""The stream map against a naive transcription of SPEC 10.3, in all small sizes, with ids that begin alike."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import MAP_NODE, ZERO, Hash, StreamId, tagged
from anchor_service.protocol.streammap import (
    EMPTY,
    MANY,
    MapLeaf,
    Subtree,
    Top,
    bit,
    bucket_of,
    shared_bits,
    subtree,
    subtree_path,
    verify_in_map,
    verify_not_in_map,
)

SIZES = [*range(34), 63, 64, 65, 100, 257]
DEPTHS = [0, 1, 2, 5, 8]


def naive(leaves: list[MapLeaf], depth: int = 0) -> Hash:
    """SPEC 10.3, word for word."""
    if not leaves:
        return ZERO
    if len(leaves) == 1:
        return leaves[0].hash
    left = naive([leaf for leaf in leaves if not bit(leaf.stream, depth)], depth + 1)
    right = naive([leaf for leaf in leaves if bit(leaf.stream, depth)], depth + 1)
    return tagged(MAP_NODE, left + right)


def streams(size: int, chance: random.Random) -> list[MapLeaf]:
    """Some streams in ascending order, a third of them beginning with the same two bytes, some with 31 the same."""
    heads = [b"", b"", b"\xab\xcd", bytes(31)]
    ids = {StreamId((chance.choice(heads) + chance.randbytes(32))[:32]) for _ in range(size)}
    return [MapLeaf(stream, chance.randrange(1, 2**53), Hash(chance.randbytes(32))) for stream in sorted(ids)]


def hashed(leaves: list[MapLeaf]) -> list[tuple[bytes, Hash]]:
    return [(leaf.stream, leaf.hash) for leaf in leaves]


def buckets(leaves: list[MapLeaf], depth: int) -> dict[int, list[tuple[bytes, Hash]]]:
    found: dict[int, list[tuple[bytes, Hash]]] = {}
    for leaf in leaves:
        found.setdefault(bucket_of(leaf.stream, depth), []).append((leaf.stream, leaf.hash))
    return found


@pytest.mark.parametrize("size", SIZES)
def test_roots_and_paths_of_all_small_maps(size: int) -> None:
    chance = random.Random(size)
    leaves = streams(size, chance)
    root = naive(leaves)
    assert subtree(hashed(leaves), 0).hash == root
    for leaf in leaves:
        path, end = subtree_path(hashed(leaves), 0, leaf.stream)
        assert end == leaf.stream
        verify_in_map(leaf, path, root)
        _refused("left_out", replace(leaf, count=leaf.count ^ 1), path, root)
        _refused("left_out", replace(leaf, head=Hash(bytes(31) + b"\1")), path, root)
        _refused("left_out", leaf, path, Hash(bytes(31) + b"\1"))
        if path:
            _refused("map_path" if path[-2:-1] == [ZERO] else "left_out", leaf, path[:-1], root)
        _refused("map_path", leaf, [*path, ZERO], root)
        with pytest.raises(Altered, match="other stream"):
            verify_not_in_map(leaf.stream, leaf, path, root)
    by_id = {leaf.stream: leaf for leaf in leaves}
    for _ in range(12):
        stranger = StreamId((chance.choice([b"", b"\xab\xcd", bytes(31)]) + chance.randbytes(32))[:32])
        if stranger in by_id:
            continue
        path, end = subtree_path(hashed(leaves), 0, stranger)
        other = None if end is None else by_id[StreamId(end)]
        verify_not_in_map(stranger, other, path, root)
        _refused("left_out", MapLeaf(stranger, 1, ZERO), path, root)


def _refused(code: str, leaf: MapLeaf, path: list[Hash], root: Hash) -> None:
    with pytest.raises(Altered) as caught:
        verify_in_map(leaf, path, root)
    assert caught.value.code == code


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 8, 33, 257])
def test_a_top_is_what_its_buckets_make(size: int, depth: int) -> None:
    chance = random.Random(size * 100 + depth)
    leaves = streams(size, chance)
    root, parts = naive(leaves), buckets(leaves, depth)
    whole = Top.of(depth, ((bucket, *subtree(part, depth)) for bucket, part in parts.items()))
    assert whole.root == root
    grown = Top(depth)
    order = list(parts.items())
    chance.shuffle(order)
    for at in range(0, len(order), 3):
        before = grown.root
        change = grown.prepare({bucket: subtree(part, depth) for bucket, part in order[at : at + 3]})
        assert grown.root == before  # nothing has changed yet
        grown.apply(change)
        assert grown.root == change.root
    assert grown.root == root
    assert grown.prepare({}).root == root
    by_id = {leaf.stream: leaf for leaf in leaves}
    strangers = [StreamId(chance.randbytes(32)) for _ in range(20)]
    for stream in [*by_id, *strangers]:
        path, end = _path(whole, parts, stream)
        if stream in by_id:
            verify_in_map(by_id[stream], path, root)
        else:
            verify_not_in_map(stream, None if end is None else by_id[StreamId(end)], path, root)


def _path(top: Top, parts: dict[int, list[tuple[bytes, Hash]]], stream: StreamId) -> tuple[list[Hash], bytes | None]:
    """A whole path, as who keeps a map puts it together."""
    path, bucket = top.path(stream)
    if bucket is None:
        return path, None
    rest, end = subtree_path(parts[bucket], len(path), stream)
    return path + rest, end


def test_a_bucket_that_changes_again_and_one_that_empties() -> None:
    top = Top(3)
    one, other = Subtree(MANY, Hash(b"1" * 32)), Subtree(MANY, Hash(b"2" * 32))
    top.apply(top.prepare({5: one}))
    first = top.root
    top.apply(top.prepare({5: other}))
    assert top.root != first
    top.apply(top.prepare({5: one}))
    assert top.root == first
    top.apply(top.prepare({5: EMPTY}))
    assert top.root == ZERO
    assert top.path(bytes(32)) == ([], None)


@pytest.mark.parametrize("holds", [0, 3, 255])
def test_a_bucket_holds_one_or_many(holds: int) -> None:
    with pytest.raises(ValueError, match="bucket 1 holds"):
        Top.of(1, [(1, holds, bytes(32))])


def test_shared_bits() -> None:
    assert shared_bits(bytes(32), bytes(32)) == 256
    assert shared_bits(bytes(32), b"\x80" + bytes(31)) == 0
    assert shared_bits(bytes(32), bytes(31) + b"\1") == 255
    assert [bit(b"\xa0" + bytes(31), depth) for depth in range(4)] == [1, 0, 1, 0]


def test_a_path_of_every_length_up_to_the_longest() -> None:
    """Two ids that differ in one bit alone: the path is as long as what they share and one more."""
    leaves: list[MapLeaf] = []
    for place in range(256):
        ids = [bytes(32), (1 << (255 - place)).to_bytes(32)]
        leaves = [MapLeaf(StreamId(stream), 1, ZERO) for stream in ids]
        path, _ = subtree_path(hashed(leaves), 0, ids[1])
        assert len(path) == place + 1
        verify_in_map(leaves[1], path, naive(leaves))
    _refused("map_path", leaves[1], [Hash(b"1" * 32)] * 257, ZERO)


def test_a_leaf_elsewhere_proves_no_absence() -> None:
    chance = random.Random(9)
    leaves = streams(40, chance)
    root = naive(leaves)
    for leaf in leaves:
        path, _ = subtree_path(hashed(leaves), 0, leaf.stream)
        for other in leaves:
            with pytest.raises(Altered) as caught:
                verify_not_in_map(other.stream, leaf, path, root)
            assert caught.value.code == "present"
