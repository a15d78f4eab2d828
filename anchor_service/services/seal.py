"""Seal: gives accepted events their places in their streams and in the log, and signs the checkpoint.

    read the head ─ prepare entries, map, tiles, root ─▶ write, read back, re-hash ─▶ remember, sign ─▶ publish
                                                         (one transaction)

If we crash before the transaction is durable, nothing happened; after it, the next run publishes its checkpoint first.
So recovery is the normal way.  The upper levels of the stream map are in memory, as of the head that they were loaded
for: they are changed after the transaction alone, and loaded again wherever the head is another.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NoReturn

from anchor_service.ports import (
    Batch,
    Bucket,
    Head,
    HeadMoved,
    LogReader,
    LogStore,
    MapShape,
    SignerMemory,
    StoreRefused,
    Waiting,
    make_bucket,
    map_leaves,
    parse_record,
    print_record,
    split_records,
)
from anchor_service.protocol import tiles
from anchor_service.protocol.checkpoint import sign_checkpoint
from anchor_service.protocol.event import (
    BlockId,
    EventEntry,
    SealEntry,
    parse_seal_entry,
    print_event_entry,
    print_seal_entry,
)
from anchor_service.protocol.hashes import HASH_SIZE, ZERO, Hash, LogId
from anchor_service.protocol.merkle import leaf_hash, prove_consistency, verify_consistency
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.streammap import EMPTY, MapLeaf, Subtree, Top, TopChange, bucket_of, subtree

CROWDED: Final = 8
"""Streams in a bucket on average, above which the map gets twice as many buckets or more."""
_SLICE: Final = 2_000
"""Rows of old buckets that are looked at in one go, so that others are let in."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that was sealed and its checkpoint published."""

    batch: int
    size: int
    root: Hash
    events: int


class Signer:
    """Signs checkpoints, each an extension of the last that it signed, which it remembers outside the database."""

    def __init__(self, key: VerifierKey, sign: Callable[[bytes], bytes], memory: SignerMemory) -> None:
        self._key = key
        self._sign = sign
        self._memory = memory

    def check(self, size: int, tree: tiles.Tiles) -> None:
        """Refuse a log of this size that is not what was signed or an extension of it: StoreRefused (`log_behind`)."""
        last, root = self._memory.load()
        if last > size:
            raise StoreRefused(
                "log_behind", f"size {last} was signed and the log has {size}: an old backup must not go on"
            )
        if last and tiles.root(last, tree) != root:
            raise StoreRefused("log_behind", f"the log's root at size {last} is not the one that was signed")

    def sign_head(self, size: int, root: Hash, tree: tiles.Tiles) -> str:
        """Sign the checkpoint of this size ≥ 1; StoreRefused (`log_behind`) where it does not extend the last one."""
        last, last_root = self._memory.load()
        if size < last or (size == last and root != last_root):
            raise StoreRefused("log_behind", f"size {last} was signed: size {size} with root {root} is refused")
        if 0 < last < size:
            proof = prove_consistency(tiles.TileTree(tree), last, size)
            verify_consistency(last, size, proof, last_root, root)
        # Remembered first: what may have been signed is never unsaid.
        self._memory.store(size, root)
        return sign_checkpoint(size, root, self._key, self._sign)


class Seal:
    """The only writer of the log.

    `clock` gives ms UTC; `newest_final` the newest final block that is known, without asking anyone; `most_events` is
    the most in one batch, `heartbeat` the ms after which an empty batch is sealed.
    """

    def __init__(
        self,
        store: LogStore,
        signer: Signer,
        *,
        log: LogId,
        clock: Callable[[], int],
        newest_final: Callable[[], BlockId | None],
        most_events: int,
        heartbeat: int,
    ) -> None:
        self._store = store
        self._signer = signer
        self._log = log
        self._clock = clock
        self._newest_final = newest_final
        self._most_events = most_events
        self._heartbeat = heartbeat
        self._crowded = CROWDED
        self._beat: int | None = None  # when we sealed last, by the clock as it is now
        self._map: _Map | None = None
        self._pruned = 0

    def check(self) -> None:
        """Refuse to go on from a head that is not what its tiles and the signer's memory say: StoreRefused."""
        head = self._store.head()
        if head.size and tiles.root(head.size, self._store) != head.root:
            raise StoreRefused("tiles", f"the tiles do not lead to the head's root at size {head.size}")
        self._signer.check(head.size, self._store)
        self._map_of(head)

    def run_once(self) -> Sealed | None:
        """Publish what a crash left unpublished, then seal at most one batch; None where nothing was to do.

        HeadMoved, Busy: the state is unknown; the next run begins with reading it.
        """
        head = self._store.head()
        published = self._store.checkpoint()
        if head.size > (published[0] if published else 0):
            self._publish(head)
        waiting = self._store.waiting(head.last_event, self._most_events)
        now = self._clock()
        # Where the clock was ahead and has come back since, `head.sealed` may be years away.
        self._beat = min(now, head.sealed if self._beat is None else self._beat)
        if not waiting and now < self._beat + self._heartbeat:
            return None
        batch, changed = self._prepare(head, waiting, now)
        self._store.append(batch, lambda reader: _check_written(batch, changed, reader))
        # Where that raised, the map in memory is still that of `head`, whether the batch was stored or not.
        self._map = changed.apply()
        # If we crash here, the batch is in the log, and its checkpoint is signed by the next run.
        self._publish(batch.after)
        self._beat = now
        return Sealed(batch.after.batch, batch.after.size, batch.after.root, len(waiting))

    def prune(self) -> bool:
        """Delete some of what the map needs no more; True where there is more to delete."""
        self._pruned, more = self._store.prune_map(self._pruned, _SLICE)
        return more

    def _map_of(self, head: Head) -> _Map:
        """Return the map as of the head, from memory where that is of this head."""
        if self._map is None or self._map.head != head:
            self._map = None
            self._map = _load_map(head, self._store)
        return self._map

    def _publish(self, head: Head) -> None:
        note = self._signer.sign_head(head.size, head.root, self._store)
        self._store.publish(head.size, note)

    def _prepare(self, head: Head, waiting: list[Waiting], now: int) -> tuple[Batch, _MapAfter]:
        """Build the batch that follows `head`; nothing is written, and nothing changes in memory."""
        kept = self._map_of(head)
        depth, streams = kept.shape
        held = self._records(kept, {bucket_of(event.stream, depth) for event in waiting})
        entries: list[tuple[bytes, int | None]] = []
        leaves: list[bytes] = []
        for event in waiting:
            records = held[bucket_of(event.stream, depth)]
            record = records.get(event.stream)
            streams += record is None
            before = MapLeaf(event.stream, 0, ZERO) if record is None else parse_record(record)
            entry = print_event_entry(
                EventEntry(
                    log=self._log,
                    stream=event.stream,
                    seq=before.count + 1,
                    prev=before.head,
                    commitment=event.commitment,
                    accepted=event.accepted,
                )
            )
            leaf = leaf_hash(entry)
            records[event.stream] = print_record(MapLeaf(event.stream, before.count + 1, leaf))
            entries.append((entry, event.number))
            leaves.append(leaf)
        changed = self._map_after(kept, held, streams)
        size = head.size + len(entries) + 1
        # Times in the log never go back, whatever the clock does.
        sealed = max(now, head.sealed, waiting[-1].accepted if waiting else 0)
        seal = print_seal_entry(
            SealEntry(
                log=self._log,
                batch=head.batch + 1,
                size=size,
                streams=streams,
                map=changed.root,
                prev_seal=head.seal,
                sealed=sealed,
                not_before=self._newest_final(),
            )
        )
        seal_leaf = leaf_hash(seal)
        entries.append((seal, None))
        leaves.append(seal_leaf)
        new_tiles = tiles.append(head.size, leaves, self._store)
        after = Head(
            size=size,
            root=tiles.root(size, _Overlay(new_tiles, self._store)),
            batch=head.batch + 1,
            seal=seal_leaf,
            sealed=sealed,
            last_event=waiting[-1].number if waiting else head.last_event,
        )
        batch = Batch(head, after, entries, new_tiles, changed.shape, changed.buckets)
        return batch, replace(changed, head=after)

    def _records(self, kept: _Map, numbers: Collection[int]) -> dict[int, dict[bytes, bytes]]:
        """Return the records of these buckets by stream, after hashing them again.

        A bit that flipped on the disk or in memory would otherwise go into every seal from now on.
        """
        depth = kept.shape.depth
        found = self._store.buckets(depth, kept.head.batch, numbers)
        hashed = {number: subtree(map_leaves(bucket.records), depth) for number, bucket in found.items()}
        again = {number: hashed.get(number, EMPTY) for number in numbers}
        if kept.top.prepare(again).root != kept.root:
            self._map = None
            _refuse_map(kept.head, self._store)
        empty = Bucket(EMPTY, b"")
        return {
            number: {record[:HASH_SIZE]: record for record in split_records(found.get(number, empty).records)}
            for number in numbers
        }

    def _map_after(self, kept: _Map, held: dict[int, dict[bytes, bytes]], streams: int) -> _MapAfter:
        """Return the map where these buckets hold these records, of twice the depth where it gets crowded."""
        old = kept.shape.depth
        buckets = {number: make_bucket(records.values(), old) for number, records in held.items()}
        change = kept.top.prepare(_subtrees(buckets))
        if streams <= self._crowded << old:
            return _MapAfter(kept.head, MapShape(old, streams), change.root, buckets, kept.top, change)
        depth = old
        while streams > self._crowded << depth:
            depth += 1
        regrouped: dict[int, list[bytes]] = {}
        for records in (self._records(kept, range(1 << old)) | held).values():
            for stream, record in records.items():
                regrouped.setdefault(bucket_of(stream, depth), []).append(record)
        buckets = {number: make_bucket(records, depth) for number, records in regrouped.items()}
        top = Top.of(depth, ((number, *bucket.subtree) for number, bucket in buckets.items()))
        if top.root != change.root:
            raise ValueError(f"the map of depth {depth} has another root than that of depth {old}")
        return _MapAfter(kept.head, MapShape(depth, streams), top.root, buckets, top, TopChange(top.root, {}))


@dataclass(frozen=True, slots=True)
class _Map:
    """The stream map as of a head: its upper levels, and what the head's seal says of it."""

    head: Head
    shape: MapShape
    root: Hash
    top: Top


@dataclass(frozen=True, slots=True)
class _MapAfter:
    """A map that a batch makes; `top` is not changed until `apply`."""

    head: Head
    shape: MapShape
    root: Hash
    buckets: Mapping[int, Bucket]
    top: Top
    change: TopChange

    def apply(self) -> _Map:
        """Make the change in memory: the batch is durable."""
        self.top.apply(self.change)
        return _Map(self.head, self.shape, self.root, self.top)


def _load_map(head: Head, store: LogReader) -> _Map:
    """Load the map as of the head; StoreRefused (`map`) where it is not the one that its seal commits."""
    shape = store.map_shape(head.batch)
    try:
        top = Top.of(shape.depth, store.subtrees(shape.depth, 0, head.batch))
    except (IndexError, ValueError):
        _refuse_map(head, store)
    found = shape.streams, top.root
    if head.batch:
        (seal,) = store.entries(head.size - 1, head.size)
        entry = parse_seal_entry(seal.decode())
        if (entry.streams, entry.map) != found:
            _refuse_map(head, store)
    elif found != (0, ZERO):
        _refuse_map(head, store)
    return _Map(head, shape, top.root, top)


def _refuse_map(head: Head, store: LogReader) -> NoReturn:
    # Another sealer may have gone on, and deleted what only this head needed.
    if store.head() != head:
        raise HeadMoved("head_moved", f"the head is not at size {head.size} any more")
    raise StoreRefused("map", f"the stream map stored is not the one that the seal at size {head.size} commits")


def _subtrees(buckets: Mapping[int, Bucket]) -> dict[int, Subtree]:
    return {number: bucket.subtree for number, bucket in buckets.items()}


class _Overlay:
    """Tiles as they will be."""

    def __init__(self, changed: Mapping[tuple[int, int], bytes], stored: tiles.Tiles) -> None:
        self._changed = changed
        self._stored = stored

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        return self._changed.get((level, index)) or self._stored.tile(level, index)


def _check_map(batch: Batch, changed: _MapAfter, written: LogReader) -> None:
    """Read back the buckets that were written, hash their records, and go up to the root that the seal commits."""
    depth = changed.shape.depth
    read = written.buckets(depth, batch.after.batch, changed.buckets)
    hashed = {number: subtree(map_leaves(found.records), depth) for number, found in read.items()}
    if read != changed.buckets or hashed != _subtrees(read):
        raise ValueError("buckets of the stream map read back differently from what was written")
    if written.map_shape(batch.after.batch) != changed.shape:
        raise ValueError("the stream map's shape reads back differently from what was written")
    (seal,) = written.entries(batch.after.size - 1, batch.after.size)
    if parse_seal_entry(seal.decode()).map != changed.top.prepare(hashed).root:
        raise ValueError("the buckets read back do not lead to the map that the seal commits")


def _check_written(batch: Batch, changed: _MapAfter, written: LogReader) -> None:
    """Read back what was written and hash it again; ValueError where anything differs, and nothing is committed.

    A bit that flipped in memory or on the way to the disk would otherwise be signed, and the log be lost for good.
    """
    first, size = batch.before.size, batch.after.size
    tiles.check_tiles(batch.tiles, written)
    entries = written.entries(first, size)
    if len(entries) != size - first:
        raise ValueError(f"{len(entries)} entries read back of {size - first}")
    read: dict[int, bytes] = {}
    for index, entry in enumerate(entries, start=first):
        tile, place = divmod(index, tiles.WIDTH)
        if tile not in read:
            read[tile] = written.tile(0, tile)
        if read[tile][place * HASH_SIZE : (place + 1) * HASH_SIZE] != leaf_hash(entry):
            raise ValueError(f"entry {index} reads back differently from what was hashed")
    if tiles.root(size, written) != batch.after.root:
        raise ValueError(f"the tiles read back do not lead to the root of size {size}")
    if written.head() != batch.after:
        raise ValueError(f"the head of size {size} reads back differently from what was written")
    _check_map(batch, changed, written)
