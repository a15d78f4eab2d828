"""The stream map: what every seal says of all streams, how many entries each has and which is the last (SPEC 10).

A compact sparse Merkle tree over stream ids.  Pairs: `map_path` and `verify_in_map`, `absence_path` and
`verify_not_in_map`.  `Top` is for who keeps a map: it holds the upper levels in memory, and nothing below them.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import HASH_SIZE, MAP_LEAF, MAP_NODE, ZERO, Hash, StreamId, tagged

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_DEPTH: Final = 256
NONE: Final = 0
ONE: Final = 1
MANY: Final = 2


@dataclass(frozen=True, slots=True)
class MapLeaf:
    """What the map holds of a stream: `count` ≥ 1 entries, `head` is the leaf of the last."""

    stream: StreamId
    count: int
    head: Hash

    @property
    def hash(self) -> Hash:
        """The map leaf (SPEC 10.2)."""
        return tagged(MAP_LEAF, self.stream + self.count.to_bytes(8) + self.head)


class Subtree(NamedTuple):
    """The hash of a subtree, and whether it holds NONE, ONE or MANY streams: one alone is not hashed again."""

    holds: int
    hash: Hash


EMPTY: Final = Subtree(NONE, ZERO)


def _node(left: bytes, right: bytes) -> Subtree:
    return Subtree(MANY, tagged(MAP_NODE, left + right))


def join(left: Subtree, right: Subtree) -> Subtree:
    """Return the subtree of these halves."""
    if left.holds + right.holds >= MANY:
        return _node(left.hash, right.hash)
    return left if left.holds else right


def bit(stream: bytes, depth: int) -> int:
    """Return bit `depth` of an id, the most significant first; 0 ≤ depth < 256."""
    return stream[depth >> 3] >> (7 - (depth & 7)) & 1


def shared_bits(one: bytes, other: bytes) -> int:
    """Return how many leading bits two ids share, 0 to 256."""
    return MAX_DEPTH - (int.from_bytes(one) ^ int.from_bytes(other)).bit_length()


# --- verifying --------------------------------------------------------------------------------------------------------


def verify_in_map(leaf: MapLeaf, path: Sequence[Hash], root: Hash) -> None:
    """Check that the map of this root holds exactly this of the stream (SPEC 10.5).

    Altered (`map_path`, `left_out`).  Proves nothing about entries: that they follow one another is theirs to show.
    """
    _check_path(path)
    if climb(leaf.stream, leaf.hash, path) != root:
        raise Altered("left_out", "the log holds other entries of this order than those shown")


def verify_not_in_map(stream: StreamId, other: MapLeaf | None, path: Sequence[Hash], root: Hash) -> None:
    """Check that the map of this root holds nothing of the stream (SPEC 10.6).

    `other` is the one stream in the subtree where this one would be, None where that is empty.  Altered (`map_path`,
    `present`).
    """
    _check_path(path)
    # SPEC 10.6: another stream whose id shares with this stream's as many leading bits as the path has hashes
    if other is not None and (other.stream == stream or shared_bits(other.stream, stream) < len(path)):
        raise Altered("present", "the other stream does not stand where this one would be")
    if climb(stream, ZERO if other is None else other.hash, path) != root:
        raise Altered("present", "the log is not shown to hold nothing of this code")


def _check_path(path: Sequence[Hash]) -> None:
    # SPEC 10.4: at most 256 hashes, the last of them not zeros
    if len(path) > MAX_DEPTH or (path and path[-1] == ZERO):
        raise Altered("map_path", "the path in the stream map is not one that a map can have")


def climb(stream: bytes, start: Hash, path: Sequence[Hash]) -> Hash:
    """Return the root that a path leads to from what stands at its end; at most 256 hashes."""
    found: bytes = start
    for depth in range(len(path) - 1, -1, -1):
        pair = path[depth] + found if bit(stream, depth) else found + path[depth]
        found = sha256(MAP_NODE + pair).digest()
    return Hash(found)


# --- building ---------------------------------------------------------------------------------------------------------


def subtree(leaves: Sequence[tuple[bytes, bytes]], depth: int, known: dict[bytes, bytes] | None = None) -> Subtree:
    """Return the subtree of (stream, map leaf) in ascending order that share their first `depth` bits (SPEC 10.3).

    `known` has nodes by the two halves that they are the hash of, and is given those that were worked out.
    """
    if len(leaves) < MANY:
        return Subtree(ONE, Hash(leaves[0][1])) if leaves else EMPTY
    return Subtree(MANY, Hash(_digest(leaves, depth, {} if known is None else known)))


def _digest(leaves: Sequence[tuple[bytes, bytes]], depth: int, known: dict[bytes, bytes]) -> bytes:
    """Return the hash of two or more leaves that share `depth` bits, from left to right: sealing does this a lot."""
    stream, digest = leaves[0]
    here = int.from_bytes(stream)
    open_: list[tuple[int, bytes]] = []  # subtrees on the left, each with the bit at which it parts from what follows
    for stream, following in leaves[1:]:
        there = int.from_bytes(stream)
        part = MAX_DEPTH - (here ^ there).bit_length()
        while open_ and open_[-1][0] > part:
            level, left = open_.pop()
            above = max(part, open_[-1][0]) if open_ else part
            digest = _raised(here, left + digest, level, above, known)
        open_.append((part, digest))
        here, digest = there, following
    while open_:
        level, left = open_.pop()
        digest = _raised(here, left + digest, level, open_[-1][0] if open_ else depth - 1, known)
    return digest


def _raised(stream: int, pair: bytes, level: int, above: int, known: dict[bytes, bytes]) -> bytes:
    """Return the hash of two halves that part at bit `level`, as the half of what parts at bit `above`."""
    found = _node_of(pair, known)
    for empty in range(level - 1, above, -1):  # everything is on one side: the other is empty
        side = stream >> MAX_DEPTH - 1 - empty & 1
        found = _node_of(ZERO + found if side else found + ZERO, known)
    return found


def _node_of(pair: bytes, known: dict[bytes, bytes]) -> bytes:
    found = known.get(pair)
    if found is None:
        found = known[pair] = sha256(MAP_NODE + pair).digest()
    return found


def subtree_path(leaves: Sequence[tuple[bytes, bytes]], depth: int, stream: bytes) -> tuple[list[Hash], bytes | None]:
    """Return the rest of the path for a stream from `depth` on, and the one stream at its end, None for none.

    `leaves` as for `subtree`; the stream may be among them or not.
    """
    path = []
    while len(leaves) >= MANY:
        cut = right_half(leaves, depth)
        here, beside = (leaves[cut:], leaves[:cut]) if bit(stream, depth) else (leaves[:cut], leaves[cut:])
        depth += 1
        path.append(subtree(beside, depth).hash)
        leaves = here
    return path, leaves[0][0] if leaves else None


def right_half(leaves: Sequence[tuple[bytes, bytes]], depth: int) -> int:
    """Return where the ids with bit `depth` set begin: all ids share the bits before it, and ascend."""
    return bisect_left(leaves, 1, key=lambda leaf: bit(leaf[0], depth))


def bucket_of(stream: bytes, depth: int) -> int:
    """Return the first `depth` ≤ 64 bits of an id as a number."""
    return int.from_bytes(stream[:8]) >> (64 - depth)


class Top:
    """The upper levels of a map: the subtrees of depths 0 to `depth`; those of the last are *buckets*.

    Takes 33 bytes for each of 2^(depth + 1) places, whatever the map holds.  It is changed by `apply` alone: `prepare`
    works out what a change would make, so that what is not stored in the end was never here.
    """

    def __init__(self, depth: int) -> None:
        """Take an empty map; 0 ≤ depth ≤ 32."""
        self.depth = depth
        self._hashes = bytearray(HASH_SIZE << depth + 1)  # the root is at place 1, the halves of i at 2i and 2i + 1
        self._holds = bytearray(2 << depth)

    @classmethod
    def of(cls, depth: int, buckets: Iterable[tuple[int, int, bytes]]) -> Top:
        """Build from (bucket, holds, hash) of all buckets that hold anything, in any order; the last of each counts.

        ValueError for a bucket that holds neither ONE nor MANY, IndexError for one that is not of this depth.
        """
        top = cls(depth)
        hashes, holds = top._hashes, top._holds
        for bucket, held, digest in buckets:
            if held not in (ONE, MANY):
                raise ValueError(f"bucket {bucket} holds {held}")
            place = (1 << depth) + bucket
            holds[place] = held
            hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE] = digest
        for place in range((1 << depth) - 1, 0, -1):
            left, right = holds[2 * place], holds[2 * place + 1]
            at = 2 * place * HASH_SIZE
            if left + right >= MANY:
                holds[place] = MANY
                digest = sha256(MAP_NODE + hashes[at : at + 2 * HASH_SIZE]).digest()
            elif left + right == ONE:
                holds[place] = ONE
                at += 0 if left else HASH_SIZE
                digest = bytes(hashes[at : at + HASH_SIZE])
            else:
                continue
            hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE] = digest
        return top

    @property
    def root(self) -> Hash:
        """The map's root."""
        return self._subtree(1).hash

    def subtree(self, depth: int, number: int) -> Subtree:
        """Return the subtree of the streams whose ids begin with these `depth` bits."""
        return self._subtree((1 << depth) + number)

    def crown(self, above: Top) -> None:
        """Take all levels but the last from a top that is one level less deep."""
        self._hashes[: len(above._hashes)] = above._hashes
        self._holds[: len(above._holds)] = above._holds

    def _subtree(self, place: int) -> Subtree:
        return Subtree(self._holds[place], Hash(bytes(self._hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE])))

    def prepare(self, buckets: Mapping[int, Subtree]) -> TopChange:
        """Return what the top becomes where these buckets become this."""
        return self._prepare(buckets, checked=False)

    def exchange(self, before: Mapping[int, Subtree], after: Mapping[int, Subtree]) -> TopChange:
        """Return what the top becomes where the buckets `before` become `after`, each of them in both.

        All that is used of what is here is hashed again: ValueError where it does not lead from `before` to the root.
        """
        for bucket in after:
            if self._subtree((1 << self.depth) + bucket) != before[bucket]:
                raise ValueError(f"bucket {bucket} is another")
        return self._prepare(after, checked=True)

    def _prepare(self, buckets: Mapping[int, Subtree], *, checked: bool) -> TopChange:
        hashes, holds, new, node = self._hashes, self._holds, sha256, MAP_NODE
        row: list[tuple[int, int, bytes]] = [
            ((1 << self.depth) + bucket, *buckets[bucket]) for bucket in sorted(buckets)
        ]
        changed: dict[int, tuple[int, bytes]] = {place: (held, digest) for place, held, digest in row}
        for _ in range(self.depth):
            above: list[tuple[int, int, bytes]] = []
            last, pair, beside = 0, bytearray(), 0
            for place, held, digest in row:
                parent, side = place >> 1, place & 1
                if parent != last:
                    pair, beside, before = hashes[parent << 6 : parent + 1 << 6], holds[place ^ 1], holds[place]
                    if checked and (holds[parent], bytes(hashes[parent << 5 : parent + 1 << 5])) != (
                        (MANY, new(node + pair).digest())
                        if before + beside >= MANY
                        else _alone(before, beside, side, pair)
                    ):
                        raise ValueError(f"place {parent} is not the hash of its halves")
                    last = parent
                else:  # the left half changes as well
                    above.pop()
                if side:
                    pair[HASH_SIZE:] = digest
                else:
                    pair[:HASH_SIZE] = digest
                many = held + beside >= MANY
                above.append(
                    (parent, MANY, new(node + pair).digest()) if many else (parent, *_alone(held, beside, side, pair))
                )
                beside = held
            changed.update([(parent, (held, digest)) for parent, held, digest in above])
            row = above
        return TopChange(Hash(row[0][2]) if row else self.root, changed)

    def root_after(self, change: TopChange, buckets: Mapping[int, Subtree]) -> Hash | None:
        """Return the change's root, after hashing again all that it changes; None where it does not follow."""
        hashes, holds, places, new, node = self._hashes, self._holds, change.places, sha256, MAP_NODE
        first, get = 1 << self.depth, places.get
        if any(get(first + bucket) != found for bucket, found in buckets.items()):
            return None
        for place, found in places.items():
            if place >= first:
                continue
            pair, left, right = hashes[place << 6 : place + 1 << 6], get(2 * place), get(2 * place + 1)
            if left is not None:
                pair[:HASH_SIZE] = left[1]
            if right is not None:
                pair[HASH_SIZE:] = right[1]
            one, other = left or (holds[2 * place], b""), right or (holds[2 * place + 1], b"")
            if found != (
                (MANY, new(node + pair).digest()) if one[0] + other[0] >= MANY else _alone(one[0], other[0], 0, pair)
            ):
                return None
        return Hash(places[1][1]) if places else self.root

    def apply(self, change: TopChange) -> None:
        """Make a prepared change, the next after what is here."""
        for place, (held, digest) in change.places.items():
            self._holds[place] = held
            self._hashes[place * HASH_SIZE : (place + 1) * HASH_SIZE] = digest

    def path(self, stream: bytes) -> tuple[list[Hash], int | None]:
        """Return the path for a stream as far as it stands here, and the bucket in which it goes on or ends.

        The bucket is None where the path ends in an empty subtree.  Where it ends above the buckets in a subtree that
        holds one stream, the bucket is that stream's, which need not be this stream's own.
        """
        place, path = 1, []
        bits = int.from_bytes(stream)
        for depth in range(self.depth):
            if self._holds[place] < MANY:
                break
            place = 2 * place + (bits >> MAX_DEPTH - 1 - depth & 1)
            path.append(Hash(bytes(self._hashes[HASH_SIZE * (place ^ 1) : HASH_SIZE * ((place ^ 1) + 1)])))
        if not self._holds[place]:
            return path, None
        while place < 1 << self.depth:  # one stream: the half that holds it
            place = 2 * place + (0 if self._holds[2 * place] else 1)
        return path, place - (1 << self.depth)


def _alone(held: int, beside: int, side: int, pair: bytearray) -> tuple[int, bytes]:
    """Return what the half at `side` makes with the one beside it where they hold one stream at most: it rises."""
    half = side if held else 1 - side
    return held + beside, bytes(pair[half << 5 : half + 1 << 5])


class TopChange(NamedTuple):
    """The root after a change, and all places of a `Top` that change with it."""

    root: Hash
    places: Mapping[int, tuple[int, bytes]]
