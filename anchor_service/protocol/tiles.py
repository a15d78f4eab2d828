"""The log as C2SP tlog-tiles: 256 hashes a full tile, and proofs read from them (SPEC 9).

Tile (level, index) holds the hashes of the complete subtrees of 256^level leaves from place 256·index on.  Only the
last tile of a level is partial; it grows in place, and any of its prefixes is what it was at an earlier size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import HASH_SIZE, Hash
from anchor_service.protocol.merkle import node_hash, raise_level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
FULL: Final = WIDTH * HASH_SIZE


class Tiles(Protocol):
    """Where tiles are read from."""

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, 32 bytes each, as many as there are; empty where there are none."""


class TileTree:
    """The subtrees of a log, read from its tiles; what it has read and hashed is kept as long as it lives."""

    def __init__(self, tiles: Tiles) -> None:
        self._tiles = tiles
        self._levels: dict[tuple[int, int], list[list[bytes]]] = {}

    def subtree(self, level: int, index: int) -> Hash:
        """Return the root over 2^level leaves; LookupError where the tiles do not hold them."""
        height = level % HEIGHT
        first = index << height  # the place of its first hash in the level of tiles
        where = (level // HEIGHT, first // WIDTH)
        levels = self._levels.get(where)
        if levels is None:
            levels = self._levels[where] = [split(self._tiles.tile(*where))]
        while len(levels) <= height:
            below = levels[-1]
            levels.append(raise_level(below[: len(below) & ~1]))
        place = first % WIDTH >> height
        if place >= len(levels[height]):
            raise LookupError(f"tile {where} does not hold subtree ({level}, {index})")
        return Hash(levels[height][place])


def split(data: bytes) -> list[bytes]:
    """Cut a tile into its hashes."""
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def append(size: int, leaves: Sequence[bytes], tiles: Tiles) -> dict[tuple[int, int], bytes]:
    """Return every tile that appending `leaves` to a log of `size` leaves changes, whole, by (level, index)."""
    changed: dict[tuple[int, int], bytes] = {}
    level, place, added = 0, size, list(leaves)
    while added:
        risen: list[bytes] = []
        index, held = divmod(place, WIDTH)
        data = tiles.tile(level, index)[: held * HASH_SIZE] if held else b""
        if len(data) != held * HASH_SIZE:
            raise LookupError(f"tile ({level}, {index}) does not hold {held} hashes")
        at = 0
        while at < len(added):
            more = added[at : at + WIDTH - held]
            data += b"".join(more)
            changed[level, index] = data
            if len(data) == FULL:
                risen.append(_root_of_full(data))
            at += len(more)
            index, held, data = index + 1, 0, b""
        level, place, added = level + 1, place // WIDTH, risen
    return changed


def _root_of_full(data: bytes) -> bytes:
    hashes = split(data)
    while len(hashes) > 1:
        hashes = raise_level(hashes)
    return hashes[0]


def root(size: int, tiles: Tiles) -> Hash:
    """Return the root of the first `size` leaves, size ≥ 1, from the last tile of each level."""
    if size < 1:
        raise ValueError("an empty log has no root")
    # The log is a row of complete subtrees, the largest first; the last tile of each level holds those that the next
    # level does not cover yet.
    right: Hash | None = None
    level, count = 0, size
    while count:
        index, held = divmod(count, WIDTH)
        hashes = split(tiles.tile(level, index)[: held * HASH_SIZE]) if held else []
        if len(hashes) != held:
            raise LookupError(f"tile ({level}, {index}) does not hold {held} hashes")
        for subtree in reversed(_complete(hashes)):
            right = Hash(subtree) if right is None else node_hash(subtree, right)
        level, count = level + 1, index
    assert right is not None, "a log of one leaf or more has a root"
    return right


def _complete(hashes: list[bytes]) -> list[bytes]:
    """Return the roots of the complete subtrees in a row of hashes, the largest first."""
    roots: list[bytes] = []
    while hashes:
        if len(hashes) % 2:
            roots.append(hashes.pop())
        hashes = raise_level(hashes)
    return roots[::-1]


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Print a tile's path by C2SP tlog-tiles: `tile/<L>/<N>[.p/<W>]`, N in groups of three digits."""
    return f"tile/{level}/{_place(index, width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Print the path of the entries under a tile of level 0: `tile/entries/<N>[.p/<W>]`."""
    return f"tile/entries/{_place(index, width)}"


def _place(index: int, width: int) -> str:
    groups = f"{index % 1000:03}"
    index //= 1000
    while index:
        groups = f"x{index % 1000:03}/{groups}"
        index //= 1000
    return groups + ("" if width == WIDTH else f".p/{width}")


def print_entries(entries: Sequence[bytes]) -> bytes:
    """Print an entry bundle: each entry of at most 65,535 bytes after its length in two bytes (C2SP tlog-tiles)."""
    return b"".join(len(entry).to_bytes(2) + entry for entry in entries)


def parse_entries(bundle: bytes, count: int) -> list[bytes]:
    """Read an entry bundle of exactly `count` entries; Malformed (`entry_bundle`) otherwise."""
    entries: list[bytes] = []
    at = 0
    while at < len(bundle) and len(entries) < count:
        end = at + 2 + int.from_bytes(bundle[at : at + 2])
        if end > len(bundle):
            break
        entries.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(entries) != count:
        raise Malformed("entry_bundle", f"not an entry bundle of {count} entries")
    return entries


def check_tiles(changed: Mapping[tuple[int, int], bytes], stored: Tiles) -> None:
    """Compare what was written with what is read back; ValueError names the first tile that differs."""
    for (level, index), data in changed.items():
        if stored.tile(level, index) != data:
            raise ValueError(f"tile ({level}, {index}) reads back differently from what was written")
