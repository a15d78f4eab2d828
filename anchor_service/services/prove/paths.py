"""Inclusion paths from tiles: what they are made of is kept in memory, and what neighbours share is checked once."""

from __future__ import annotations

import threading
from hashlib import sha256
from typing import Final, NamedTuple, TypeVar

from anchor_service.protocol.hashes import HASH_SIZE, Hash, Leaf
from anchor_service.protocol.merkle import NODE_PREFIX, path_length, raise_level, range_root, verify_inclusion
from anchor_service.protocol.tiles import HEIGHT, WIDTH, Tiles, TileTree, split

_HALF: Final = HEIGHT // 2
_HALF_WIDTH: Final = 1 << _HALF
_TILES: Final = 256
"""Tiles of leaves in memory with all that follows from them, of 16 KiB each."""
_TOPS: Final = 32_768
"""Upper halves of other tiles of leaves, of 1 KiB each: the 240 hashes below take most of what a tile costs."""
_HIGHER: Final = 1_024
"""Tiles of higher levels, of 16 KiB each; there are 153 of them over ten million entries."""
_OTHERS: Final = 512
"""Paths above tiles, and borders, of less than a KiB each."""

K = TypeVar("K")
V = TypeVar("V")


class _Nodes(NamedTuple):
    """So many hashes that follow one another, and the complete subtrees over them, level by level."""

    held: int
    nodes: bytes


def _cuts(levels: int) -> list[list[slice]]:
    """Return for each of 2^levels places where the siblings are of what leads up from it."""
    width = 2 << levels
    return [
        [
            slice(HASH_SIZE * at, HASH_SIZE * (at + 1))
            for level in range(levels)
            for at in (width - (width >> level) + (place >> level ^ 1),)
        ]
        for place in range(1 << levels)
    ]


_OF_TILE: Final = _cuts(HEIGHT)
_OF_HALF: Final = _cuts(_HALF)
_TOP: Final = HASH_SIZE * 2 * (WIDTH - _HALF_WIDTH)
"""Where the nodes of a tile's upper half begin."""


class PathCache:
    """Hashes that paths are made of.

    They are checked where they are used, by the root that a path leads to: what is stored, or kept here, may be
    damaged.  Any thread may ask.
    """

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], _Nodes] = {}
        self._higher: dict[tuple[int, int], _Nodes] = {}
        self._tops: dict[int, bytes] = {}
        self._borders: dict[tuple[int, int], bytes] = {}
        self._above: dict[tuple[int, int], list[bytes]] = {}
        self._lock = threading.Lock()

    def path(self, tiles: Tiles, index: int, size: int) -> list[bytes]:
        """Return the inclusion path of an index in the log of this size; LookupError where a tile is too short."""
        where = index >> HEIGHT, size
        above = self._above.get(where)  # neighbours under one tile share all of it
        if above is None:
            above = []
            for level in range(1, -(-size.bit_length() // HEIGHT)):
                above += self._through(tiles, level, index, size)
            self._keep(self._above, where, above, _OTHERS)
        if index >> HEIGHT < size - 1 >> HEIGHT:  # else siblings may not be whole
            tile = self._tiles.get((0, index >> HEIGHT))
            if tile is not None and tile.held == WIDTH:
                nodes = tile.nodes
                return [nodes[cut] for cut in _OF_TILE[index & WIDTH - 1]] + above
            top = self._tops.get(index >> HEIGHT)
            if top is not None:
                upper = [top[cut] for cut in _OF_HALF[index >> _HALF & _HALF_WIDTH - 1]]
                return self._below(tiles, index) + upper + above
        return self._through(tiles, 0, index, size) + above

    def _through(self, tiles: Tiles, level: int, index: int, size: int) -> list[bytes]:
        """Return what an inclusion path has of the tile of this level."""
        inner = (index ^ (size - 1)).bit_length()  # from there on, all neighbours are to the left
        lowest = level * HEIGHT
        place = index >> lowest
        nodes = self._tile(tiles, level, place >> HEIGHT, size)
        siblings = [nodes[cut] for cut in _OF_TILE[place & WIDTH - 1]]
        if inner > lowest + HEIGHT:
            return siblings
        path = []
        for height, sibling in enumerate(siblings, lowest):
            if height == inner - 1:
                path.append(self._border(tiles, index >> height ^ 1, height, size))
            elif height < inner or index >> height & 1:
                path.append(sibling)
        return path

    def _below(self, tiles: Tiles, index: int) -> list[bytes]:
        """Return what an inclusion path has of the lower half of a full tile of leaves."""
        first = HASH_SIZE * (index & WIDTH - _HALF_WIDTH)
        found = _raised(tiles.tile(0, index >> HEIGHT)[first : first + HASH_SIZE * _HALF_WIDTH], _HALF)
        if found.held != _HALF_WIDTH:
            raise LookupError(f"a tile of level 0 does not hold what covers index {index}")
        return [found.nodes[cut] for cut in _OF_HALF[index & _HALF_WIDTH - 1]]

    def forget(self) -> None:
        """Read all anew: something did not fit together."""
        with self._lock:
            self._tiles.clear()
            self._higher.clear()
            self._tops.clear()
            self._borders.clear()
            self._above.clear()

    def _tile(self, tiles: Tiles, level: int, index: int, size: int) -> bytes:
        """Return the nodes of a tile, with all that a log of this size has of them."""
        kept, most = (self._higher, _HIGHER) if level else (self._tiles, _TILES)
        needed = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
        tile = kept.get((level, index))
        if tile is None or tile.held < needed:
            tile = _raised(tiles.tile(level, index), HEIGHT)
            if tile.held < needed:
                raise LookupError(f"tile ({level}, {index}) does not hold {needed} hashes")
            self._keep(kept, (level, index), tile, most)
            if not level and tile.held == WIDTH:
                self._keep(self._tops, index, tile.nodes[_TOP:], _TOPS)
        return tile.nodes

    def _border(self, tiles: Tiles, place: int, level: int, size: int) -> bytes:
        """Return the root over what a log of this size has under a place that its last leaf is under."""
        where = place << level, size
        found = self._borders.get(where)
        if found is None:
            found = range_root(TileTree(tiles), *where)
            self._keep(self._borders, where, found, _OTHERS)
        return found

    def _keep(self, kept: dict[K, V], key: K, value: V, most: int) -> None:
        with self._lock:
            while len(kept) >= most:
                del kept[next(iter(kept))]
            kept[key] = value


def _raised(data: bytes, levels: int) -> _Nodes:
    row = split(data)
    held, found = len(row), []
    for level in range(levels):
        found.append(b"".join(row).ljust(HASH_SIZE << levels - level, b"\0"))
        row = raise_level(row[: len(row) & ~1])
    return _Nodes(held, b"".join(found))


class Climb:
    """Verifies inclusion paths in a log of one size and root, best of ascending indexes.

    A path is hashed up to where it meets the one before: from there on it is the same, which led to the root.
    """

    def __init__(self, size: int, root: Hash) -> None:
        self._size = size
        self._root = root
        self._index = -1
        self._path: list[bytes] = []
        self._nodes: list[bytes] = [root]  # what it has hashed, from its leaf to the root

    def verify(self, leaf: Leaf, index: int, path: list[bytes]) -> None:
        """Prove what `verify_inclusion` proves; Altered as there."""
        if not self._meets(leaf, index, path):
            verify_inclusion(leaf, index, self._size, path, self._root)

    def _meets(self, leaf: Leaf, index: int, path: list[bytes]) -> bool:
        """Say whether a path meets the one before, of a smaller index; for the first, whether it leads to the root."""
        if not self._index < index < self._size or len(path) != path_length(index, self._size):
            return False
        # They meet below the last leaf's branching from the smaller index: there its path has a hash for each level.
        meet = (index ^ self._index).bit_length() if self._path else 0
        shared, nodes = self._path[meet:], self._nodes[meet:]
        own = len(path) - len(shared)
        inner = (index ^ (self._size - 1)).bit_length()
        here: bytes = leaf
        climbed: list[bytes] = []
        for level in range(own):
            climbed.append(here)
            pair = path[level] + here if level >= inner or index >> level & 1 else here + path[level]
            here = sha256(NODE_PREFIX + pair).digest()
        if here != nodes[0] or path[own:] != shared:
            return False
        self._index, self._path, self._nodes = index, path, climbed + nodes
        return True
