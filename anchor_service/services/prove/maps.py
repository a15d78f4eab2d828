"""Paths in the stream map, for proofs: the upper levels in memory, the buckets from the store."""

from __future__ import annotations

import threading
from typing import NamedTuple

from anchor_service.ports import Snapshot, StoreRefused, map_leaves, parse_record, split_records
from anchor_service.protocol.event import SealEntry
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.streammap import MapLeaf, Subtree, Top, subtree_path


class MapPath(NamedTuple):
    """A stream's path in a map, and the one stream at its end: itself or another; None where nothing stands there."""

    hashes: tuple[Hash, ...]
    end: MapLeaf | None


class MapPaths:
    """The upper levels of the stream map as of the newest final anchor that was asked for; any thread may ask.

    Loaded by the first who asks, and brought up to date by the first who asks after a newer anchor became final.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._top: Top | None = None
        self._batch = 0

    def path(self, snapshot: Snapshot, seal: SealEntry, stream: StreamId) -> MapPath | None:
        """Return the path in the map that a final anchor's seal commits.

        None where a newer anchor is here already: open a new snapshot.  StoreRefused (`map`) where what is stored is
        not the map that the seal commits.
        """
        with self._lock:
            if seal.batch < self._batch:
                return None
            top = self._bring(snapshot, seal)
            path, number = top.path(stream)
        if number is None:
            return MapPath(tuple(path), None)
        bucket = snapshot.bucket(top.depth, seal.batch, number)
        if bucket is None:
            raise StoreRefused("map", f"bucket {number} of the stream map is not there as of batch {seal.batch}")
        leaves = map_leaves(bucket.records)
        if len(path) == top.depth:
            rest, end = subtree_path(leaves, top.depth, stream)
            path += rest
        else:
            end = leaves[0][0]
        if end is None:
            return MapPath(tuple(path), None)
        place = [found for found, _ in leaves].index(end)
        return MapPath(tuple(path), parse_record(split_records(bucket.records)[place]))

    def _bring(self, snapshot: Snapshot, seal: SealEntry) -> Top:
        if self._top is not None and seal.batch == self._batch and self._top.root == seal.map:
            return self._top
        shape, top = snapshot.map_shape(seal.batch), self._top
        # Until it is whole again, it is not here.
        self._top = None
        try:
            if top is None or top.depth != shape.depth:
                top = Top.of(shape.depth, snapshot.subtrees(shape.depth, 0, seal.batch))
            elif seal.batch > self._batch:
                changed = snapshot.subtrees(shape.depth, self._batch, seal.batch)
                top.apply(top.prepare({number: Subtree(holds, Hash(digest)) for number, holds, digest in changed}))
        except (LookupError, ValueError):
            top = None
        if top is None or top.root != seal.map:
            raise StoreRefused("map", f"the stream map stored is not the one that the seal at size {seal.size} commits")
        self._top, self._batch = top, seal.batch
        return top
