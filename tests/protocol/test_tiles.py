"""Tiles: what appending writes, and what proofs read back, against the tree without tiles."""

from __future__ import annotations

import random

import pytest

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import leaf_hash, prove_consistency, prove_inclusion, range_root, tree_root
from anchor_service.protocol.tiles import (
    FULL,
    WIDTH,
    TileTree,
    append,
    bundle_path,
    check_tiles,
    parse_entries,
    print_entries,
    root,
    split,
    tile_path,
)
from scripts.vectors.world import Leaves


class Memory:
    """Tiles in a dict."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        return self.held.get((level, index), b"")


LEAVES = [leaf_hash(place.to_bytes(4, "big")) for place in range(70_000)]


def filled(*counts: int) -> Memory:
    """Tiles after appending as many leaves at a time."""
    tiles, size = Memory(), 0
    for count in counts:
        tiles.held |= append(size, LEAVES[size : size + count], tiles)
        size += count
    return tiles


@pytest.mark.parametrize("size", [1, 2, 3, 255, 256, 257, 300, 511, 512, 513, 1000])
def test_proofs_are_those_of_the_tree(size: int) -> None:
    tree, plain = TileTree(filled(size)), Leaves(LEAVES[:size])
    assert range_root(tree, 0, size) == tree_root(LEAVES[:size])
    for index in {0, 1, size // 2, size - 2, size - 1} & set(range(size)):
        assert prove_inclusion(tree, index, size) == prove_inclusion(plain, index, size)
        assert prove_consistency(tree, index + 1, size) == prove_consistency(plain, index + 1, size)


def test_two_levels_of_full_tiles() -> None:
    size = WIDTH * WIDTH + 3
    tiles = filled(size)
    assert set(tiles.held) == {(0, index) for index in range(WIDTH + 1)} | {(1, 0), (2, 0)}
    assert len(tiles.held[1, 0]) == FULL
    assert tiles.held[2, 0] == tree_root(LEAVES[: WIDTH * WIDTH])
    assert TileTree(tiles).subtree(16, 0) == tree_root(LEAVES[: WIDTH * WIDTH])
    assert range_root(TileTree(tiles), 0, size) == tree_root(LEAVES[:size])


def test_how_the_leaves_are_cut_does_not_matter() -> None:
    chance = random.Random(9162)
    whole = filled(5_000).held
    for _ in range(10):
        counts: list[int] = []
        while sum(counts) < 5_000:
            counts.append(min(chance.choice([1, 2, 100, 255, 256, 257, 1_000]), 5_000 - sum(counts)))
        assert filled(*counts).held == whole


def test_a_partial_tile_is_a_prefix_of_the_later_one() -> None:
    before, after = filled(300).held, filled(300, 500).held
    for where, data in before.items():
        assert after[where].startswith(data)


def test_only_changed_tiles_are_written() -> None:
    tiles = filled(600)
    assert set(append(600, LEAVES[600:601], tiles)) == {(0, 2)}
    assert set(append(600, LEAVES[600:768], tiles)) == {(0, 2), (1, 0)}
    assert append(600, [], tiles) == {}


def test_longer_tiles_than_the_size_are_cut() -> None:
    """After a crash between writing tiles and the row, the tiles know more than the log does."""
    tiles = filled(700)
    tiles.held |= append(600, LEAVES[1_600:1_700], tiles)
    assert TileTree(tiles).subtree(0, 600) == LEAVES[1_600]
    assert TileTree(tiles).subtree(0, 599) == LEAVES[599]


def test_missing_tiles_are_not_made_up() -> None:
    tiles = filled(300)
    for level, index in [(0, 300), (3, 38), (8, 1), (9, 0), (60, 0)]:
        with pytest.raises(LookupError):
            TileTree(tiles).subtree(level, index)
    tiles.held[0, 1] = tiles.held[0, 1][:32]
    with pytest.raises(LookupError):
        append(300, LEAVES[300:301], tiles)


def test_a_tile_is_read_once() -> None:
    class Counting(Memory):
        reads = 0

        def tile(self, level: int, index: int) -> bytes:
            self.reads += 1
            return super().tile(level, index)

    tiles = Counting()
    tiles.held = filled(513).held
    tree = TileTree(tiles)
    assert [tree.subtree(0, place) for place in range(256)] == split(tiles.held[0, 0])
    assert tiles.reads == 1
    assert isinstance(tree.subtree(8, 0), Hash)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 255, 256, 257, 300, 511, 512, 513, 1_000, 65_535, 65_536, 65_537, 66_000])
def test_the_root_is_read_from_the_last_tiles(size: int) -> None:
    tiles = filled(size)
    assert root(size, tiles) == tree_root(LEAVES[:size])
    tiles.held |= append(size, LEAVES[size : size + 700], tiles)
    assert root(size, tiles) == tree_root(LEAVES[:size])  # later leaves change nothing


def test_there_is_no_root_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="empty log"):
        root(0, Memory())
    tiles = filled(300)
    for size in (301, 512, 600):
        with pytest.raises(LookupError):
            root(size, tiles)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        ((0, 0), "tile/0/000"),
        ((3, 5, 7), "tile/3/005.p/7"),
        ((1, 999), "tile/1/999"),
        ((1, 1_000), "tile/1/x001/000"),
        ((0, 1_234_067, 255), "tile/0/x001/x234/067.p/255"),
        ((0, 1_000_000), "tile/0/x001/x000/000"),
    ],
)
def test_paths_are_those_of_c2sp(tile: tuple[int, ...], path: str) -> None:
    assert tile_path(*tile) == path


def test_tiles_are_compared_with_what_was_written() -> None:
    tiles = filled(300)
    check_tiles(dict(tiles.held), tiles)
    changed = dict(tiles.held)
    changed[0, 1] = changed[0, 1][:-1] + b"x"
    with pytest.raises(ValueError, match=r"\(0, 1\)"):
        check_tiles(changed, tiles)
    with pytest.raises(ValueError, match=r"\(5, 0\)"):
        check_tiles({(5, 0): b"x"}, tiles)


# --- entry bundles ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entries", [[b""], [b"a"], [b"", b"ab", b"\0" * 65_535], [b"x" * number for number in range(256)]]
)
def test_entry_bundles(entries: list[bytes]) -> None:
    bundle = print_entries(entries)
    assert parse_entries(bundle, len(entries)) == entries
    for count in {0, len(entries) - 1, len(entries) + 1}:
        with pytest.raises(Malformed):
            parse_entries(bundle, count)
    for damaged in (bundle[:-1], bundle + b"\0", bundle + b"\0\0", bundle[1:]):
        with pytest.raises(Malformed):
            parse_entries(damaged, len(entries))


def test_an_entry_bundle_has_the_path_of_its_tile() -> None:
    assert print_entries([b"ab"]) == b"\0\2ab"
    assert [bundle_path(index, 256) for index in (0, 999, 1_000, 1_234_067)] == [
        "tile/entries/000", "tile/entries/999", "tile/entries/x001/000", "tile/entries/x001/x234/067",
    ]  # fmt: skip
    assert bundle_path(7, 12) == "tile/entries/007.p/12"
