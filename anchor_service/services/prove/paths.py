"""Inclusion paths from tiles, of which the newest used are kept in memory with all that is hashed from them."""

from __future__ import annotations

import threading
from typing import Final, TypeVar

from anchor_service.ports import Snapshot
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.merkle import raise_level, range_root
from anchor_service.protocol.tiles import HEIGHT, WIDTH, TileTree, split

_KEPT: Final = 512
"""Tiles in memory, of 16 KiB each."""

K = TypeVar("K")
V = TypeVar("V")


class PathCache:
    """Hashes that paths are made of.

    They are checked where they are used, by the root that a path leads to: what is stored, or kept here, may be
    damaged.  Any thread may ask.
    """

    def __init__(self) -> None:
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._borders: dict[tuple[int, int], bytes] = {}
        self._above: dict[tuple[int, int], list[bytes]] = {}
        self._lock = threading.Lock()

    def path(self, snapshot: Snapshot, index: int, size: int) -> list[bytes]:
        """Return the inclusion path of an index in the log of this size; LookupError where a tile is too short."""
        where = index >> HEIGHT, size
        above = self._above.get(where)  # neighbours under one tile share all of it
        if above is None:
            above = self._part(snapshot, index, size, range(HEIGHT, max(index.bit_length(), size.bit_length())))
            self._keep(self._above, where, above)
        return self._part(snapshot, index, size, range(HEIGHT)) + above

    def _part(self, snapshot: Snapshot, index: int, size: int, levels: range) -> list[bytes]:
        """Return what an inclusion path has of these levels."""
        inner = (index ^ (size - 1)).bit_length()  # from there on, all neighbours are to the left
        path: list[bytes] = []
        tile: list[bytes] = []
        for level in levels:
            place, height = index >> level, level % HEIGHT
            if not height:
                tile = self._tile(snapshot, level // HEIGHT, place >> HEIGHT, size)
            if level == inner - 1:
                path.append(self._border(snapshot, place ^ 1, level, size))
            elif level < inner or place & 1:
                at = HASH_SIZE * ((place ^ 1) & WIDTH - 1 >> height)
                digest = tile[height][at : at + HASH_SIZE] if height < len(tile) else b""
                if len(digest) != HASH_SIZE:
                    raise LookupError(f"a tile of level {level // HEIGHT} does not hold what covers index {index}")
                path.append(digest)
        return path

    def forget(self) -> None:
        """Read all anew: something did not fit together."""
        with self._lock:
            self._tiles.clear()
            self._borders.clear()
            self._above.clear()

    def _tile(self, snapshot: Snapshot, level: int, index: int, size: int) -> list[bytes]:
        """Return a tile's hashes and the levels above them, with all that a log of this size has of them."""
        where = level, index
        needed = min(WIDTH, (size >> HEIGHT * level) - index * WIDTH)
        tile = self._tiles.get(where)
        if tile is None or len(tile[0]) < needed * HASH_SIZE:
            tile = _raised(snapshot.tile(level, index))
            self._keep(self._tiles, where, tile)
        return tile

    def _border(self, snapshot: Snapshot, place: int, level: int, size: int) -> bytes:
        """Return the root over what a log of this size has under a place that its last leaf is under."""
        where = place << level, size
        found = self._borders.get(where)
        if found is None:
            found = range_root(TileTree(snapshot), *where)
            self._keep(self._borders, where, found)
        return found

    def _keep(self, kept: dict[K, V], key: K, value: V) -> None:
        with self._lock:
            while len(kept) >= _KEPT:
                del kept[next(iter(kept))]
            kept[key] = value


def _raised(data: bytes) -> list[bytes]:
    row = split(data)
    levels = [data]
    while len(row) > 1:
        row = raise_level(row[: len(row) & ~1])
        levels.append(b"".join(row))
    return levels
