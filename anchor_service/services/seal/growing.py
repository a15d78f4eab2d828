"""How the stream map gets more buckets: a small map in one go, a large one in slices, so that no batch waits for it.

Beside the buckets of a large map their halves are stored, in ascending order.  Every batch halves some more buckets;
one that changes a halved bucket writes the half that changes.  With the last slice the halves are the map's buckets:

    buckets  0 1 2 3 4 5 6 7         0 1 2 3 4 5 6 7
    halves   ▪▪▪▪▪▪            ─▶    ▪▪▪▪▪▪▪▪▪▪▪▪        ─▶  the map, one bit deeper

Seals and proofs know nothing of it: the root of a map does not depend on its buckets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from anchor_service.ports import LogReader, MapShape, OpenBucket, make_bucket, split_records
from anchor_service.protocol.streammap import Top, bucket_of
from anchor_service.services.seal.kept import Halves, MapAfter, refuse_map


def regrow(changed: MapAfter, crowded: int, store: LogReader) -> MapAfter:
    """Return the same map of a depth where it is not crowded: all its buckets are new ones."""
    old, streams = changed.shape
    depth = old
    while streams > crowded << depth:
        depth += 1
    whole = dict(store.buckets(old, changed.head.batch, range(1 << old)))
    whole.update({number: bucket for (_, number), bucket in changed.rows.items()})
    regrouped: dict[int, list[bytes]] = {}
    for bucket in whole.values():
        for record in split_records(bucket.records):
            regrouped.setdefault(bucket_of(record, depth), []).append(record)
    rows = {(depth, number): make_bucket(records, depth) for number, records in regrouped.items()}
    checksums = {place: bucket.checksum for place, bucket in rows.items()}
    top = Top.of(depth, ((number, *bucket.subtree) for (_, number), bucket in rows.items()))
    if top.root != changed.root:  # some bucket that the batch does not change is damaged
        refuse_map(changed.head, store)
    shape = MapShape(depth, streams)
    change = top.prepare({number: bucket.subtree for (_, number), bucket in rows.items()})
    return MapAfter(changed.head, shape, top.root, rows, checksums, top, change)


def halve(changed: MapAfter, opened: Mapping[int, OpenBucket], slice_: int, store: LogReader) -> MapAfter:
    """Return the map with the halves of the next `slice_` buckets, and of all that change where theirs are stored."""
    depth, streams = changed.shape
    halves = changed.halves or Halves(Top(depth + 1), 0)
    done = min(halves.done + slice_, 1 << depth)
    reach = {number: bucket for number, bucket in opened.items() if number < done}
    beside = [number for number in range(halves.done, done) if number not in opened]
    stored = store.buckets(depth, changed.head.batch, beside)
    for number in beside:
        bucket = OpenBucket(stored[number].records if number in stored else b"", depth)
        if bucket.before != changed.top.subtree(depth, number):
            refuse_map(changed.head, store)
        reach[number] = bucket
    rows = {
        (depth + 1, half): made
        for number, bucket in reach.items()
        for half, made in enumerate(bucket.halves(), start=2 * number)
        if made.records and made.subtree != halves.below.subtree(depth + 1, half)
    }
    checksums = {place: half.checksum for place, half in rows.items()}
    halves = halves._replace(done=done)
    if done == 1 << depth:
        return replace(changed, shape=MapShape(depth + 1, streams), rows=rows, checksums=checksums, halves=halves)
    return replace(changed, rows={**changed.rows, **rows}, checksums={**changed.checksums, **checksums}, halves=halves)
