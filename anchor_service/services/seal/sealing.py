"""Seal: gives accepted events their places in their streams and in the log, and signs the checkpoint.

    read the head ─ prepare entries, map, tiles, root ─▶ write, read back, re-hash ─▶ remember, sign ─▶ publish
                                                         (one transaction)

If we crash before the transaction is durable, nothing happened; after it, the next run publishes its checkpoint first.
So recovery is the normal way.  The upper levels of the stream map are in memory, as of the head that they were loaded
for: they are changed after the transaction alone, and loaded again wherever the head is another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from anchor_service.ports import (
    Batch,
    Head,
    LogReader,
    LogStore,
    OpenBucket,
    SignerMemory,
    StoreRefused,
    Waiting,
)
from anchor_service.protocol import tiles
from anchor_service.protocol.checkpoint import sign_checkpoint
from anchor_service.protocol.event import BlockId, EventEntry, SealEntry, print_event_entry, print_seal_entry
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId
from anchor_service.protocol.merkle import leaf_hash, prove_consistency, verify_consistency
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.streammap import bucket_of
from anchor_service.services.seal.growing import halve, regrow
from anchor_service.services.seal.kept import KeptMap, MapAfter, check_map, load_map, refuse_map

CROWDED: Final = 8
"""Streams in a bucket on average, above which the map gets twice as many buckets or more."""
LARGE: Final = 2_048
"""Buckets of a map from which on it grows in slices; a smaller one grows in one go, in a tenth of a second at most."""
SLICE: Final = 256
"""Buckets that a batch halves at least while a large map grows."""
_LOOKED_AT: Final = 2_000
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
        self._large = LARGE
        self._slice = SLICE
        self._beat: int | None = None  # when we sealed last, by the clock as it is now
        self._map: KeptMap | None = None
        self._pruned = 0

    def check(self) -> None:
        """Refuse to go on from a head that is not what its tiles and the signer's memory say: StoreRefused."""
        head = self._store.head()
        if head.size and tiles.root(head.size, self._store) != head.root:
            raise StoreRefused("tiles", f"the tiles do not lead to the head's root at size {head.size}")
        self._signer.check(head.size, self._store)
        self._map_of(head)
        # What was overtaken until now has been pruned, or is when its bucket changes next: going over a whole map again
        # takes longer than a batch may.
        self._pruned = self._store.final_batch()

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
        try:
            batch, changed = self._prepare(head, waiting, now)
            self._store.append(batch, lambda reader: _check_written(batch, changed, reader))
        except (StoreRefused, ValueError):
            self._map = None  # loaded anew, it may be right: a bit flipped in memory, and not on the disk
            raise
        # Where else it raised, the map in memory is still that of `head`, whether the batch was stored or not.
        self._map = changed.apply()
        # If we crash here, the batch is in the log, and its checkpoint is signed by the next run.
        self._publish(batch.after)
        self._beat = now
        return Sealed(batch.after.batch, batch.after.size, batch.after.root, len(waiting))

    def prune(self) -> bool:
        """Delete some of what the map needs no more; True where there is more to delete."""
        self._pruned, more = self._store.prune_map(self._pruned, _LOOKED_AT)
        return more

    def _map_of(self, head: Head) -> KeptMap:
        """Return the map as of the head, from memory where that is of this head."""
        if self._map is None or self._map.head != head:
            self._map = None
            self._map = load_map(head, self._store)
        return self._map

    def _publish(self, head: Head) -> None:
        note = self._signer.sign_head(head.size, head.root, self._store)
        self._store.publish(head.size, note)

    def _prepare(self, head: Head, waiting: list[Waiting], now: int) -> tuple[Batch, MapAfter]:
        """Build the batch that follows `head`; nothing is written, and nothing changes in memory."""
        kept = self._map_of(head)
        found, changed = self._enter(kept, waiting)
        entries: list[tuple[bytes, int | None]] = [
            (entry, event.number) for (entry, _), event in zip(found, waiting, strict=True)
        ]
        leaves = [leaf for _, leaf in found]
        size = head.size + len(entries) + 1
        # Times in the log never go back, whatever the clock does.
        sealed = max(now, head.sealed, waiting[-1].accepted if waiting else 0)
        seal = print_seal_entry(
            SealEntry(
                log=self._log,
                batch=head.batch + 1,
                size=size,
                streams=changed.shape.streams,
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
        batch = Batch(head, after, entries, new_tiles, changed.shape, changed.rows)
        return batch, replace(changed, head=after)

    def _enter(self, kept: KeptMap, waiting: list[Waiting]) -> tuple[list[tuple[bytes, bytes]], MapAfter]:
        """Give events their places in their streams; return entry and leaf of each, and the map after them.

        What the store has of the map is hashed, and compared with what is in memory: a bit that flipped on the disk or
        in memory would otherwise go into every seal from now on.
        """
        depth, streams = kept.shape
        touched: dict[int, list[int]] = {}
        for place, event in enumerate(waiting):
            touched.setdefault(bucket_of(event.stream, depth), []).append(place)
        stored = self._store.buckets(depth, kept.head.batch, touched)
        found: list[tuple[bytes, bytes]] = [(b"", b"")] * len(waiting)
        opened: dict[int, OpenBucket] = {}
        for number, places in touched.items():
            bucket = opened[number] = OpenBucket(stored[number].records if number in stored else b"", depth)
            for place in places:
                event = waiting[place]
                count, prev = bucket.last(event.stream)
                streams += not count
                entry = print_event_entry(
                    EventEntry(self._log, event.stream, count + 1, Hash(prev), event.commitment, event.accepted)
                )
                leaf = leaf_hash(entry)
                bucket.put(event.stream, count + 1, leaf)
                found[place] = entry, leaf
        changed = kept.exchange(opened, streams)
        if changed is None:
            refuse_map(kept.head, self._store)
        crowded = streams > self._crowded << depth
        if kept.halves is not None or (crowded and 1 << depth >= self._large):
            # With one for two new streams it is done when buckets hold a quarter more than what is crowded.
            changed = halve(changed, opened, max(self._slice, (streams - kept.shape.streams) // 2), self._store)
        elif crowded:
            changed = regrow(changed, self._crowded, self._store)
        return found, changed


class _Overlay:
    """Tiles as they will be."""

    def __init__(self, changed: Mapping[tuple[int, int], bytes], stored: tiles.Tiles) -> None:
        self._changed = changed
        self._stored = stored

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        return self._changed.get((level, index)) or self._stored.tile(level, index)


def _check_written(batch: Batch, changed: MapAfter, written: LogReader) -> None:
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
    check_map(batch, changed, written)
