"""Inclusion paths from what is kept in memory, and their check, against those of the protocol."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import HASH_SIZE, Leaf
from anchor_service.protocol.merkle import leaf_hash, node_hash, prove_inclusion, range_root, verify_inclusion
from anchor_service.protocol.tiles import FULL, WIDTH, TileTree
from anchor_service.services.prove import paths
from anchor_service.services.prove.paths import Climb, PathCache
from tests.protocol.test_tiles import LEAVES, Memory, filled

FILLED = filled(len(LEAVES))
TREE = TileTree(FILLED)
SIZES = [1, 2, 3, 16, 17, 255, 256, 257, 300, 511, 512, 513, 4_095, 4_097, 65_535, 65_536, 65_537, 65_793, 70_000]


def indexes(size: int) -> Iterator[list[int]]:
    """Some ascending indexes: neighbours, and others far apart."""
    chosen = random.Random(size)
    for _ in range(4):
        last = chosen.randrange(size)
        yield list(range(max(0, last - 11), last + 1))
        yield sorted(chosen.sample(range(size), min(size, 12)))
    yield sorted({0, size // 2, size - 1})


@pytest.mark.parametrize("most", [1, 3, 100])
def test_paths_are_those_of_the_tree(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether whole tiles are kept, or their upper halves; sizes come and go."""
    monkeypatch.setattr(paths, "_TILES", most)
    cache = PathCache()
    for size in SIZES + SIZES[::-1]:
        for asked in indexes(size):
            for index in asked:
                assert tuple(cache.path(FILLED, index, size)) == prove_inclusion(TREE, index, size)
    assert len(cache._tiles) <= most < len(cache._tops)


def test_a_tile_that_grew_is_read_again() -> None:
    cache, tiles = PathCache(), filled(40)
    cache.path(tiles, 3, 40)
    tiles.held |= filled(40, 300).held
    assert tuple(cache.path(tiles, 3, 340)) == prove_inclusion(TileTree(tiles), 3, 340)


@pytest.mark.parametrize("where", [(0, 0), (0, 1), (1, 0)])
def test_a_tile_that_is_too_short(where: tuple[int, int]) -> None:
    tiles = filled(513)
    tiles.held[where] = tiles.held[where][:-HASH_SIZE]
    with pytest.raises(LookupError):
        PathCache().path(tiles, where[1] * WIDTH, 513)
    # Its upper half is kept, and the lower one is gone.
    cache = kept_by_halves(filled(513))
    tiles.held[0, 0] = bytes(FULL // WIDTH)
    with pytest.raises(LookupError):
        cache.path(tiles, 20, 513)


def kept_by_halves(tiles: Memory) -> PathCache:
    """Return a cache in which nothing but the upper half of the first tile is kept."""
    cache = PathCache()
    cache.path(tiles, 20, 513)
    tops = dict(cache._tops)
    cache.forget()
    cache._tops.update(tops)
    return cache


def test_nothing_that_is_kept_is_believed() -> None:
    """Each kind of what is kept leads to another root once it is damaged, and is gone when all is forgotten."""
    root = range_root(TREE, 0, 513)
    for kind in ("_tiles", "_higher", "_tops", "_above", "_borders"):
        cache = kept_by_halves(FILLED)
        cache.path(FILLED, 300, 513)
        if kind != "_tops":
            cache.path(FILLED, 20, 513)
            cache._tops.clear()
            cache.path(FILLED, 20, 513)
        if kind in ("_higher", "_borders"):
            cache._above.clear()
        kept = getattr(cache, kind)
        assert kept, kind
        for key, value in kept.items():
            kept[key] = flipped(value)
        with pytest.raises(Altered):
            Climb(513, root).verify(LEAVES[20], 20, cache.path(FILLED, 20, 513))
        cache.forget()
        Climb(513, root).verify(LEAVES[20], 20, cache.path(FILLED, 20, 513))


def flipped(value: object) -> object:
    """Return hashes with every bit changed."""
    match value:
        case bytes():
            return inverted(value)
        case paths._Nodes():
            return value._replace(nodes=inverted(value.nodes))
        case list():
            return [inverted(one) for one in value]
    raise TypeError(value)


def inverted(raw: bytes) -> bytes:
    return bytes(byte ^ 255 for byte in raw)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_climbed_is_what_the_protocol_verifies(size: int) -> None:
    """After any index before it, a path is taken where it leads to the root, and refused where one hash is another."""
    root = range_root(TREE, 0, size)
    for asked in indexes(size):
        climb = Climb(size, root)
        for index in asked:
            path: list[bytes] = [*prove_inclusion(TREE, index, size)]
            verify_inclusion(LEAVES[index], index, size, path, root)
            for at in range(len(path)):
                with pytest.raises(Altered, match="another root"):
                    climb.verify(LEAVES[index], index, [*path[:at], bytes(HASH_SIZE), *path[at + 1 :]])
            with pytest.raises(Altered, match="another root"):
                climb.verify(leaf_hash(b"another"), index, path)
            for longer in ([*path, bytes(HASH_SIZE)], [bytes(HASH_SIZE), *path]):
                with pytest.raises(Altered, match="hashes, not"):
                    climb.verify(LEAVES[index], index, longer)
            climb.verify(LEAVES[index], index, path)  # what was refused has left nothing behind
            assert climb._index == index


def test_paths_in_any_order_are_verified() -> None:
    climb = Climb(513, range_root(TREE, 0, 513))
    for index in (20, 400, 20, 512, 511, 0):
        path: list[bytes] = [*prove_inclusion(TREE, index, 513)]
        climb.verify(LEAVES[index], index, path)
        for other in (-1, index ^ 1, 513):
            with pytest.raises(Altered):
                climb.verify(LEAVES[index], other, path)


def test_an_inner_node_is_no_leaf() -> None:
    path: list[bytes] = [*prove_inclusion(TREE, 20, 513)]
    with pytest.raises(Altered, match="hashes, not"):
        Climb(513, range_root(TREE, 0, 513)).verify(Leaf(node_hash(LEAVES[20], LEAVES[21])), 10, path[1:])


def test_the_first_path_has_to_lead_to_the_root() -> None:
    path: list[bytes] = [*prove_inclusion(TREE, 20, 513)]
    with pytest.raises(Altered, match="another root"):
        Climb(513, range_root(TREE, 0, 512)).verify(LEAVES[20], 20, path)
