"""The stream map as the store keeps it: cut into buckets, the streams whose ids begin with the same `depth` bits.

A bucket's *records* are what its map leaves are the hashes of (SPEC 10.2): stream, count and head of each stream, in
ascending order of streams.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

from anchor_service.protocol.hashes import HASH_SIZE, MAP_LEAF, ZERO, Hash, StreamId
from anchor_service.protocol.streammap import MapLeaf, Subtree, right_half, subtree

RECORD_SIZE: Final = HASH_SIZE + 8 + HASH_SIZE
_COUNT: Final = slice(HASH_SIZE, HASH_SIZE + 8)
_HEAD: Final = slice(HASH_SIZE + 8, RECORD_SIZE)


class MapShape(NamedTuple):
    """A map has 2^depth buckets, and so many streams in all."""

    depth: int
    streams: int


class Bucket(NamedTuple):
    """The subtree of a bucket's streams, and their records."""

    subtree: Subtree
    records: bytes

    @property
    def checksum(self) -> bytes:
        """SHA-256 over all of it: cheaper than the subtree, where it is only to be seen that nothing has changed."""
        holds, digest = self.subtree
        return sha256(b"%d" % holds + digest + self.records).digest()


def make_bucket(records: Iterable[bytes], depth: int) -> Bucket:
    """Hash the records of a bucket, in any order."""
    joined = b"".join(sorted(records))
    return Bucket(subtree(map_leaves(joined), depth), joined)


class OpenBucket:
    """A bucket that is changed: what stays as it was is hashed once, when the bucket is opened."""

    def __init__(self, records: bytes, depth: int) -> None:
        """Take a bucket's records as they are stored, and hash them: `before` is their subtree."""
        self._depth = depth
        self._nodes: dict[bytes, bytes] = {}
        self._records = split_records(records)
        self._leaves = [(record[:HASH_SIZE], _map_leaf(record)) for record in self._records]
        self.before = subtree(self._leaves, depth, self._nodes)

    def _find(self, stream: bytes) -> tuple[int, bool]:
        """Return the place where a stream's record is or would go, and whether it is there."""
        place = bisect_left(self._leaves, (stream,))
        return place, place < len(self._leaves) and self._leaves[place][0] == stream

    def last(self, stream: bytes) -> tuple[int, bytes]:
        """Return how many entries a stream has, and the leaf of the last."""
        place, there = self._find(stream)
        record = self._records[place] if there else b""
        return (int.from_bytes(record[_COUNT]), record[_HEAD]) if there else (0, ZERO)

    def put(self, stream: bytes, count: int, head: bytes) -> None:
        """Set a stream's count and head."""
        record = stream + count.to_bytes(8) + head
        place, there = self._find(stream)
        self._records[place : place + there] = [record]
        self._leaves[place : place + there] = [(stream, _map_leaf(record))]

    def close(self) -> Bucket:
        """Return the bucket as it is now."""
        return Bucket(subtree(self._leaves, self._depth, self._nodes), b"".join(self._records))

    def halves(self) -> tuple[Bucket, Bucket]:
        """Return both halves of the bucket as it is now: what is hashed in it already is not hashed again."""
        cut, deeper = right_half(self._leaves, self._depth), self._depth + 1
        left, right = (
            Bucket(subtree(self._leaves[part], deeper, self._nodes), b"".join(self._records[part]))
            for part in (slice(cut), slice(cut, None))
        )
        return left, right


def _map_leaf(record: bytes) -> bytes:
    return sha256(MAP_LEAF + record).digest()


def map_leaves(records: bytes) -> list[tuple[bytes, bytes]]:
    """Return stream and map leaf of each record."""
    return [(record[:HASH_SIZE], _map_leaf(record)) for record in split_records(records)]


def split_records(records: bytes) -> list[bytes]:
    """Return the records one by one; what is no whole record stays as it is, and is found by its hash."""
    return [records[at : at + RECORD_SIZE] for at in range(0, len(records), RECORD_SIZE)]


def print_record(leaf: MapLeaf) -> bytes:
    """Return the record of a stream."""
    return leaf.stream + leaf.count.to_bytes(8) + leaf.head


def parse_record(record: bytes) -> MapLeaf:
    """Return what a record says of its stream."""
    return MapLeaf(StreamId(record[:HASH_SIZE]), int.from_bytes(record[_COUNT]), Hash(record[_HEAD]))
