"""The stream map as the store keeps it: cut into buckets, the streams whose ids begin with the same `depth` bits.

A bucket's *records* are what its map leaves are the hashes of (SPEC 10.2): stream, count and head of each stream, in
ascending order of streams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from anchor_service.protocol.hashes import HASH_SIZE, MAP_LEAF, Hash, StreamId, tagged
from anchor_service.protocol.streammap import MapLeaf, Subtree, subtree

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


def make_bucket(records: Iterable[bytes], depth: int) -> Bucket:
    """Hash the records of a bucket, in any order."""
    joined = b"".join(sorted(records))
    return Bucket(subtree(map_leaves(joined), depth), joined)


def map_leaves(records: bytes) -> list[tuple[bytes, Hash]]:
    """Return stream and map leaf of each record."""
    return [(record[:HASH_SIZE], tagged(MAP_LEAF, record)) for record in split_records(records)]


def split_records(records: bytes) -> list[bytes]:
    """Return the records one by one; what is no whole record stays as it is, and is found by its hash."""
    return [records[at : at + RECORD_SIZE] for at in range(0, len(records), RECORD_SIZE)]


def print_record(leaf: MapLeaf) -> bytes:
    """Return the record of a stream."""
    return leaf.stream + leaf.count.to_bytes(8) + leaf.head


def parse_record(record: bytes) -> MapLeaf:
    """Return what a record says of its stream."""
    return MapLeaf(StreamId(record[:HASH_SIZE]), int.from_bytes(record[_COUNT]), Hash(record[_HEAD]))
