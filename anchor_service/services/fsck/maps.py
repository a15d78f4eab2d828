"""The stream map, batch by batch: as the entries give it, and what the store has of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from anchor_service.ports import Bucket, BucketRow, Snapshot, make_bucket, parse_record, print_record
from anchor_service.protocol.hashes import ZERO, Hash, StreamId
from anchor_service.protocol.streammap import MapLeaf, Subtree, Top, bucket_of
from anchor_service.services.fsck.finding import Finding, guarded


class MapCheck:
    """The stream map as the entries give it, in buckets of its own, and the rows of the store beside it.

    Rows that no map as of the newest final anchor or later needs may be deleted; all others are there.
    """

    def __init__(self, snapshot: Snapshot, depth: int) -> None:
        """Take 2^`depth` buckets of its own."""
        self._snapshot = snapshot
        final = snapshot.final_size()
        self._final = (snapshot.batch_of(final - 1) or 0) if final else 0
        self._map = _Map(depth)
        self._touched: set[bytes] = set()  # streams of this batch
        self._depth = 0  # of the store's buckets, as of the batch before
        self._halves: dict[int, Subtree] = {}  # stored of buckets that are being halved

    @property
    def streams(self) -> int:
        """How many streams the map holds."""
        return len(self._map.records)

    def head(self, stream: StreamId) -> tuple[int, Hash]:
        """Return how many entries a stream has until now, and the leaf of the last."""
        record = self._map.records.get(stream)
        if record is None:
            return 0, ZERO
        leaf = parse_record(record)
        return leaf.count, leaf.head

    def put(self, leaf: MapLeaf) -> None:
        """Take the next entry of a stream."""
        self._map.put(leaf)
        self._touched.add(leaf.stream)

    def root(self) -> Hash:
        """Return the map's root."""
        return self._map.root()

    def check(self, batch: int) -> Iterator[Finding]:
        """Compare the rows of this batch with its entries, and the whole map as of the newest final anchor."""
        shape = self._snapshot.map_shape(batch)
        if shape.streams != self.streams:
            yield Finding(f"batch {batch}", f"it says {shape.streams} streams, and the entries {self.streams}")
        expected = self._expected(shape.depth)
        found: dict[tuple[int, int], Subtree] = {}
        for row in self._snapshot.bucket_rows(batch - 1, batch):
            at = row.depth, row.number
            if row.depth not in (shape.depth, shape.depth + 1):
                yield Finding(_name(row), f"the map has depth {shape.depth}")
            elif at not in expected.touched and (
                row.number in self._halves if row.depth > shape.depth else not expected.anew
            ):
                yield Finding(_name(row), "the batch did not change it")
            else:
                found[at] = row.bucket.subtree
                yield from guarded(_name(row), self._compare, row)
        missing = expected.needed - found.keys() if batch > self._final else set()
        self._take(shape.depth, found)
        if batch == self._final:
            missing = self._missing(shape.depth, batch)
        for depth, number in sorted(missing):
            yield Finding(bucket_name(batch, depth, number), "its row is not there, or another in its place")

    def _expected(self, depth: int) -> _Expected:
        """Return which rows a batch may have and must have where the map has this depth from now on."""
        anew = depth != self._depth
        touched = {(at, bucket_of(stream, at)) for stream in self._touched for at in (depth, depth + 1)}
        if anew:  # all, but what is there already of a map that was halved bucket by bucket
            stored = self._halves if depth == self._depth + 1 else {}
            whole = self._map.buckets(depth)
            needed = {(depth, number) for number, bucket in whole.items() if stored.get(number) != bucket.subtree}
        else:
            halved = _halved(self._halves)
            needed = {(at, number) for at, number in touched if at == depth or number < 2 * halved}
        return _Expected(anew, touched, needed)

    def _take(self, depth: int, found: dict[tuple[int, int], Subtree]) -> None:
        """Go on to the next batch."""
        if depth != self._depth:
            self._halves = {}
        for (at, number), subtree in found.items():
            if at > depth and subtree == self._map.bucket(at, number).subtree:
                self._halves[number] = subtree
        self._depth = depth
        self._touched = set()

    def _missing(self, depth: int, batch: int) -> set[tuple[int, int]]:
        """Return which buckets, and which halves, have not their newest row as of this batch, the newest final."""
        missing = set()
        for at, end in ((depth, 1 << depth), (depth + 1, 2 * _halved(self._halves))):
            stored = (
                {number: (holds, digest) for number, holds, digest in self._snapshot.subtrees(at, 0, batch)}
                if end
                else {}
            )
            whole = self._map.buckets(at) if end else {}
            missing |= {
                (at, number)
                for number, bucket in whole.items()
                if number < end and stored.get(number) != bucket.subtree
            }
        return missing

    def _compare(self, row: BucketRow) -> Iterator[Finding]:
        expected = self._map.bucket(row.depth, row.number)
        if row.bucket.records != expected.records:
            yield Finding(_name(row), "its streams are not those of the entries")
        if row.bucket.subtree != expected.subtree:
            yield Finding(_name(row), "its hash is not that of its streams")


class _Expected(NamedTuple):
    """Rows of a batch by depth and number; `anew`: any bucket may have one, since the depth is a new one."""

    anew: bool
    touched: set[tuple[int, int]]
    needed: set[tuple[int, int]]


class _Map:
    """The stream map as the entries give it, in buckets of its own, whatever those of the store are."""

    def __init__(self, depth: int) -> None:
        self.records: dict[bytes, bytes] = {}
        self._depth = depth
        self._buckets: dict[int, dict[bytes, bytes]] = {}
        self._top = Top(depth)
        self._changed: set[int] = set()  # buckets since the root was asked for

    def put(self, leaf: MapLeaf) -> None:
        number = bucket_of(leaf.stream, self._depth)
        self.records[leaf.stream] = self._buckets.setdefault(number, {})[leaf.stream] = print_record(leaf)
        self._changed.add(number)

    def root(self) -> Hash:
        changed = {number: make_bucket(self._buckets[number].values(), self._depth).subtree for number in self._changed}
        self._top.apply(self._top.prepare(changed))
        self._changed.clear()
        return self._top.root

    def bucket(self, depth: int, number: int) -> Bucket:
        """Return a bucket of a map of any depth."""
        if depth <= self._depth:
            cut = self._depth - depth
            own = range(number << cut, (number + 1) << cut)
        else:
            own = range(number >> depth - self._depth, (number >> depth - self._depth) + 1)
        records = (record for place in own for record in self._buckets.get(place, {}).values())
        return make_bucket((record for record in records if bucket_of(record, depth) == number), depth)

    def buckets(self, depth: int) -> dict[int, Bucket]:
        """Return all buckets of a map of any depth that hold anything."""
        return {
            number: self.bucket(depth, number)
            for number in sorted({bucket_of(stream, depth) for stream in self.records})
        }


def bucket_name(batch: int, depth: int, number: int) -> str:
    """Name a row of the map for people."""
    return f"map bucket {number} of depth {depth}, batch {batch}"


def _name(row: BucketRow) -> str:
    return bucket_name(row.batch, row.depth, row.number)


def _halved(halves: dict[int, Subtree]) -> int:
    """Return how many of the first buckets have their halves stored."""
    return max(halves, default=-1) // 2 + 1
