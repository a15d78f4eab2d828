"""The stream map that a sealer keeps: its upper levels in memory as of a head, and its buckets in the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

from anchor_service.ports import (
    Batch,
    Bucket,
    Head,
    HeadMoved,
    LogReader,
    MapShape,
    StoreRefused,
    make_bucket,
    split_records,
)
from anchor_service.protocol.event import parse_seal_entry
from anchor_service.protocol.hashes import ZERO, Hash
from anchor_service.protocol.streammap import Subtree, Top, TopChange, bucket_of


@dataclass(frozen=True, slots=True)
class KeptMap:
    """The stream map as of a head: its upper levels, and what the head's seal says of it."""

    head: Head
    shape: MapShape
    root: Hash
    top: Top

    def exchange(
        self, before: Mapping[int, Subtree], after: Mapping[int, Bucket], checksums: Mapping[int, bytes], streams: int
    ) -> MapAfter | None:
        """Return the map where these buckets become `after`; None where they are not `before` in what the seal says.

        `streams` counts those of the whole map then.
        """
        try:
            change = self.top.exchange(before, {number: bucket.subtree for number, bucket in after.items()})
        except ValueError:
            return None
        if self.top.root != self.root:
            return None
        shape = MapShape(self.shape.depth, streams)
        return MapAfter(self.head, shape, change.root, after, checksums, self.top, change)


@dataclass(frozen=True, slots=True)
class MapAfter:
    """A map that a batch makes; `top` is not changed until `apply`, or a new one where all buckets are."""

    head: Head
    shape: MapShape
    root: Hash
    buckets: Mapping[int, Bucket]
    checksums: Mapping[int, bytes]
    top: Top
    change: TopChange
    regrown: bool = False

    def apply(self) -> KeptMap:
        """Make the change in memory: the batch is durable."""
        self.top.apply(self.change)
        return KeptMap(self.head, self.shape, self.root, self.top)


def load_map(head: Head, store: LogReader) -> KeptMap:
    """Load the map as of the head; StoreRefused (`map`) where it is not the one that its seal commits."""
    shape = store.map_shape(head.batch)
    try:
        top = Top.of(shape.depth, store.subtrees(shape.depth, 0, head.batch))
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
    return KeptMap(head, shape, top.root, top)


def refuse_map(head: Head, store: LogReader) -> NoReturn:
    """Raise HeadMoved where the head is another by now, StoreRefused (`map`) otherwise."""
    # Another sealer may have gone on, and deleted what only this head needed.
    if store.head() != head:
        raise HeadMoved("head_moved", f"the head is not at size {head.size} any more")
    raise StoreRefused("map", f"the stream map stored is not the one that the seal at size {head.size} commits")


def regrow(changed: MapAfter, crowded: int, store: LogReader) -> MapAfter:
    """Return the same map of a depth where it is not crowded: all its buckets are new ones."""
    old, streams = changed.shape
    depth = old
    while streams > crowded << depth:
        depth += 1
    whole = {**store.buckets(old, changed.head.batch, range(1 << old)), **changed.buckets}
    regrouped: dict[int, list[bytes]] = {}
    for bucket in whole.values():
        for record in split_records(bucket.records):
            regrouped.setdefault(bucket_of(record, depth), []).append(record)
    buckets = {number: make_bucket(records, depth) for number, records in regrouped.items()}
    checksums = {number: bucket.checksum for number, bucket in buckets.items()}
    top = Top.of(depth, ((number, *bucket.subtree) for number, bucket in buckets.items()))
    if top.root != changed.root:  # some bucket that the batch does not change is damaged
        refuse_map(changed.head, store)
    shape = MapShape(depth, streams)
    return MapAfter(changed.head, shape, top.root, buckets, checksums, top, TopChange(top.root, {}), regrown=True)


def check_map(batch: Batch, changed: MapAfter, written: LogReader) -> None:
    """Read back the buckets that were written, hash them, and go up to the root that the seal commits; ValueError.

    A bucket's checksum was taken together with its subtree.  Bytes of the same checksum are the same bytes, and have
    the subtree that they had: to hash their tree again would say no more.
    """
    depth = changed.shape.depth
    read = written.written(depth, batch.after.batch)
    if {number: bucket.checksum for number, bucket in read.items()} != changed.checksums:
        raise ValueError("buckets of the stream map read back differently from what was written")
    if written.map_shape(batch.after.batch) != changed.shape:
        raise ValueError("the stream map's shape reads back differently from what was written")
    (seal,) = written.entries(batch.after.size - 1, batch.after.size)
    subtrees = {number: bucket.subtree for number, bucket in read.items()}
    if changed.regrown:
        root: Hash | None = Top.of(depth, ((number, *found) for number, found in subtrees.items())).root
    else:
        root = changed.top.root_after(changed.change, subtrees)
    if parse_seal_entry(seal.decode()).map != root:
        raise ValueError("the buckets read back do not lead to the map that the seal commits")
