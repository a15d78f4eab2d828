"""The stream map that a sealer keeps: its upper levels in memory as of a head, and its buckets in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from anchor_service.ports import (
    Batch,
    Bucket,
    Head,
    HeadMoved,
    LogReader,
    LogStore,
    MapShape,
    OpenBucket,
    StoreRefused,
)
from anchor_service.protocol.event import parse_seal_entry
from anchor_service.protocol.hashes import ZERO, Hash
from anchor_service.protocol.streammap import EMPTY, Subtree, Top, TopChange, join


class Halves(NamedTuple):
    """The halves of a map's first `done` buckets (`growing`): the last level of `below`, which has nothing above it."""

    below: Top
    done: int


@dataclass(frozen=True, slots=True)
class KeptMap:
    """The stream map as of a head: its upper levels, what the head's seal says of it, and the halves of its buckets."""

    head: Head
    shape: MapShape
    root: Hash
    top: Top
    halves: Halves | None = None

    def exchange(self, opened: Mapping[int, OpenBucket], streams: int) -> MapAfter | None:
        """Return the map where these buckets are as they are now; None where before they were not what the seal says.

        `streams` counts those of the whole map now.
        """
        depth = self.shape.depth
        rows = {(depth, number): bucket.close() for number, bucket in opened.items()}
        checksums = {place: bucket.checksum for place, bucket in rows.items()}
        try:
            change = self.top.exchange(
                {number: bucket.before for number, bucket in opened.items()},
                {number: bucket.subtree for (_, number), bucket in rows.items()},
            )
        except ValueError:
            return None
        if self.top.root != self.root:
            return None
        shape = MapShape(depth, streams)
        return MapAfter(self.head, shape, change.root, rows, checksums, self.top, change, self.halves)


@dataclass(frozen=True, slots=True)
class MapAfter:
    """A map that a batch makes: its rows by depth and bucket, and the checksum of each.

    `top` is not changed until `apply`, or a new one.  With rows of the depth below, `halves` has been added to by them
    when they are in; it is None for a map whose buckets are not being halved.
    """

    head: Head
    shape: MapShape
    root: Hash
    rows: Mapping[tuple[int, int], Bucket]
    checksums: Mapping[tuple[int, int], bytes]
    top: Top
    change: TopChange
    halves: Halves | None = None

    def apply(self) -> KeptMap:
        """Make the change in memory: the batch is durable."""
        self.top.apply(self.change)
        depth, halves = self.top.depth, self.halves
        if halves is None:
            return KeptMap(self.head, self.shape, self.root, self.top)
        first = 2 << depth
        places = {first + number: bucket.subtree for (deep, number), bucket in self.rows.items() if deep > depth}
        halves.below.apply(TopChange(self.root, places))
        if self.shape.depth == depth:
            return KeptMap(self.head, self.shape, self.root, self.top, halves)
        halves.below.crown(self.top)
        return KeptMap(self.head, self.shape, self.root, halves.below)

    def root_of(self, rows: Mapping[tuple[int, int], Subtree]) -> Hash | None:
        """Return the root that these rows lead to; None where they are not what the batch makes."""
        depth = self.top.depth
        halved = {number: subtree for (deep, number), subtree in rows.items() if deep > depth}
        for number in {half >> 1 for half in halved}:
            left, right = (halved.get(half) or self._half(half) for half in (2 * number, 2 * number + 1))
            if join(left, right) != self.change.places.get((1 << depth) + number, self.top.subtree(depth, number)):
                return None
        whole_ones = {number: subtree for (deep, number), subtree in rows.items() if deep == depth}
        return self.top.root_after(self.change, whole_ones)

    def _half(self, number: int) -> Subtree:
        """Return a half that the batch does not change."""
        return EMPTY if self.halves is None else self.halves.below.subtree(self.top.depth + 1, number)


def load_map(head: Head, store: LogStore) -> KeptMap:
    """Load the map as of the head; StoreRefused (`map`) where it is not the one that its seal commits."""
    shape = store.map_shape(head.batch)
    try:
        top = Top.of(shape.depth, store.subtrees(shape.depth, 0, head.batch))
        halves = _load_halves(head, top, store)
    except (IndexError, ValueError):
        refuse_map(head, store)
    found = shape.streams, top.root
    if head.batch:
        (seal,) = store.entries(head.size - 1, head.size)
        entry = parse_seal_entry(seal.decode())
        if (entry.streams, entry.map) != found:
            refuse_map(head, store)
    elif found != (0, ZERO):
        refuse_map(head, store)
    return KeptMap(head, shape, top.root, top, halves)


def _load_halves(head: Head, top: Top, store: LogStore) -> Halves | None:
    """Load what is stored of halves; ValueError, IndexError where they are not those of this map."""
    depth = top.depth
    done = store.halved(depth, head.batch)
    if not done:
        return None
    below = Top.of(depth + 1, store.subtrees(depth + 1, 0, head.batch))
    for number in range(done):
        if below.subtree(depth, number) != top.subtree(depth, number):
            raise ValueError(f"the halves of bucket {number} are another's")
    return Halves(below, done)


def refuse_map(head: Head, store: LogReader) -> NoReturn:
    """Raise HeadMoved where the head is another by now, StoreRefused (`map`) otherwise."""
    # Another sealer may have gone on, and deleted what only this head needed.
    if store.head() != head:
        raise HeadMoved("head_moved", f"the head is not at size {head.size} any more")
    raise StoreRefused("map", f"the stream map stored is not the one that the seal at size {head.size} commits")


def check_map(batch: Batch, changed: MapAfter, written: LogReader) -> None:
    """Read back the buckets that were written, hash them, and go up to the root that the seal commits; ValueError.

    A bucket's checksum was taken together with its subtree.  Bytes of the same checksum are the same bytes, and have
    the subtree that they had: to hash their tree again would say no more.
    """
    read = written.written(batch.after.batch)
    if {place: bucket.checksum for place, bucket in read.items()} != changed.checksums:
        raise ValueError("buckets of the stream map read back differently from what was written")
    if written.map_shape(batch.after.batch) != changed.shape:
        raise ValueError("the stream map's shape reads back differently from what was written")
    (seal,) = written.entries(batch.after.size - 1, batch.after.size)
    root = changed.root_of({place: bucket.subtree for place, bucket in read.items()})
    if parse_seal_entry(seal.decode()).map != root:
        raise ValueError("the buckets read back do not lead to the map that the seal commits")
