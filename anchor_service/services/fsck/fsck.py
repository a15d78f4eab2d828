"""Fsck: recomputes what is stored from its own bytes, and names every row that does not agree.

It trusts nothing but the keys and the registry's name: commitments are recomputed from disclosures, disclosures from
secrets, leaves from entries, tiles and roots from leaves, and these are compared with what was signed and anchored.
It does not ask the chain; `sealtrail verify` and the page do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Final

from anchor_service.ports import (
    AnchorRow,
    AnchorState,
    BatchRow,
    LoggedEvent,
    ReadStore,
    Snapshot,
    Waiting,
)
from anchor_service.protocol import tiles
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.event import (
    commit,
    disclose,
    parse_event_entry,
    parse_seal_entry,
    stream_id,
)
from anchor_service.protocol.evidence import verify_anchored
from anchor_service.protocol.hashes import ZERO, Hash, Leaf, LogId, StreamId
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.note import verify_note
from anchor_service.protocol.policy import Policy
from anchor_service.protocol.receipt import CommitGroup, ReceiptLeaf, print_receipt_leaf, verify_receipt
from anchor_service.protocol.streammap import MapLeaf
from anchor_service.protocol.weight import ANCHOR, weight
from anchor_service.services.fsck.finding import Finding, guarded
from anchor_service.services.fsck.maps import MapCheck, bucket_name

_PAGE: Final = 2_000


def fsck(
    store: ReadStore, policy: Policy, now: int, note: Callable[[int, int], None] = lambda _done, _of: None
) -> list[Finding]:
    """Check everything in one snapshot; `policy` names log, registry and keys, `now` is in ms UTC.

    `note` is told how many events and entries are done, and of how many.
    """
    with store.snapshot() as snapshot:
        return list(_Check(snapshot, policy, now, note).run())


class _Check:
    def __init__(self, snapshot: Snapshot, policy: Policy, now: int, note: Callable[[int, int], None]) -> None:
        self._snapshot = snapshot
        self._note = note
        self._policy = policy
        self._log: LogId = policy.log
        self._now = now
        self._head = snapshot.head()
        self._batches = sorted(_pages(snapshot))
        self._weights = snapshot.weights()
        self._map = MapCheck(snapshot, (len(self._weights) >> 2).bit_length())
        self._entries: dict[int, Waiting] = {}  # by place, what their entries must say

    def run(self) -> Iterator[Finding]:
        yield from self._events()
        yield from self._receipts()
        yield from self._log_itself()
        yield from self._published()

    # --- events and receipts ------------------------------------------------------------------------------------------

    def _events(self) -> Iterator[Finding]:
        last, accepted = 0, 0
        total = self._head.last_event + self._snapshot.waiting()[0] + self._head.size
        weights: dict[StreamId, tuple[int, int]] = {}  # and when the stream's newest event was accepted
        while page := self._snapshot.all_events(last, _PAGE):
            for logged in page:
                event, where = logged.event, f"event {logged.event.number}"
                if event.number != last + 1:
                    yield Finding(where, f"the event before it is {last}")
                if event.accepted < accepted:
                    yield Finding(where, "it was accepted before the event before it")
                last, accepted = event.number, event.accepted
                whole, newest = weights.get(event.stream.id, (0, -1))
                added = weight(event.disclosures) + (ANCHOR if accepted > newest else 0)
                weights[event.stream.id] = whole + added, accepted
                yield from guarded(where, self._event, logged)
            self._note(last, total)
        if last < self._head.last_event:
            yield Finding("head", f"the last event in the log is {self._head.last_event}, and the last stored {last}")
        for stream, (whole, _) in weights.items():
            # Two transactions of one millisecond look like one here, so that it may be more.
            if self._weights.get(stream, 0) < whole:
                yield Finding(f"stream {stream}", "its events are heavier than its weight says")

    def _event(self, logged: LoggedEvent) -> Iterator[Finding]:
        event, where = logged.event, f"event {logged.event.number}"
        stream = event.stream
        if stream_id(stream.salt, stream.tenant, stream.order_id) != stream.id:
            yield Finding(where, "its stream's id is not that of its order")
        named = [(json.loads(raw)[1], raw) for raw in event.disclosures.split(b"\n")]
        if commit(named) != event.commitment:
            yield Finding(where, "its disclosures do not give its commitment")
        elif event.secret and disclose(event.secret, {name: json.loads(raw)[2] for name, raw in named}) != named:
            yield Finding(where, "its secret does not give its salts")
        if (logged.place is not None) != (event.number <= self._head.last_event):
            yield Finding(where, "it is in the log and should not be, or the other way round")
        if logged.place is not None:
            if logged.place in self._entries:
                yield Finding(where, f"entry {logged.place} is another event's")
            self._entries[logged.place] = Waiting(event.number, stream.id, event.commitment, event.accepted)

    def _receipts(self) -> Iterator[Finding]:
        following = 1
        for group in self._snapshot.groups():
            where = f"receipt group {group.first}"
            if group.first != following:
                yield Finding(where, f"the events from {following} on have no receipt")
            following = group.first + group.length
            yield from guarded(where, self._group, group.first)
        last = max(
            self._head.last_event, *(event.event.number for event in self._snapshot.all_events(following - 1, 1)), 0
        )
        if last >= following:
            yield Finding(f"event {following}", "it has no receipt")

    def _group(self, first: int) -> Iterator[Finding]:
        group, members = self._snapshot.group_of(first)
        rebuilt = CommitGroup(
            [
                print_receipt_leaf(ReceiptLeaf(self._log, stream, event_id, commitment, accepted, group.deadline))
                for event_id, stream, commitment, accepted in members
            ]
        )
        verify_receipt(rebuilt.receipt(0, group.note), self._policy.origin, self._policy.receipt_keys)
        if group.first + group.length - 1 > self._head.last_event and group.deadline < self._now:
            yield Finding(f"receipt group {first}", "the promise is broken: not all its events are in the log in time")

    # --- the log ------------------------------------------------------------------------------------------------------

    def _log_itself(self) -> Iterator[Finding]:
        rebuilt = _Rebuilt()
        first, prev_seal = 0, ZERO
        for number, batch in enumerate(self._batches, start=1):
            where = f"batch {batch.batch}"
            if batch.batch != number or batch.first != first:
                yield Finding(where, f"it does not follow batch {number - 1} at index {first}")
            entries = self._snapshot.entries(first, batch.size)
            if len(entries) != batch.size - first or not entries:
                yield Finding(where, f"{len(entries)} entries of {batch.size - first}")
                return
            leaves = [leaf_hash(entry) for entry in entries]
            for index, (entry, leaf) in enumerate(zip(entries[:-1], leaves, strict=False), start=first):
                yield from guarded(f"entry {index}", self._entry, index, entry, leaf)
            yield from guarded(where, self._seal, batch, entries[-1], prev_seal)
            yield from guarded(where, self._map.check, batch.batch)
            rebuilt.append(leaves)
            if rebuilt.root() != batch.root:
                yield Finding(where, "its entries do not lead to its root")
            first, prev_seal = batch.size, leaves[-1]
            self._note(self._head.last_event + first, self._head.last_event + self._head.size)
        yield from self._state(first, prev_seal, rebuilt)

    def _state(self, size: int, prev_seal: Hash, rebuilt: _Rebuilt) -> Iterator[Finding]:
        newest = self._batches[-1] if self._batches else None
        expected = (size, newest.root, newest.batch, prev_seal, newest.sealed) if newest else (0, ZERO, 0, ZERO)
        if tuple(self._head)[: len(expected)] != expected:
            yield Finding("head", "it is not the newest batch")
        if self._snapshot.entries(size, size + 1):
            yield Finding(f"entry {size}", "it is beyond the newest batch")
        stored = self._snapshot.tiles()
        for at in sorted(stored.keys() | rebuilt.tiles.keys()):
            if stored.get(at) != rebuilt.tiles.get(at):
                yield Finding(f"tile {at}", "it is not what the entries give")
        for row in self._snapshot.bucket_rows(self._head.batch):
            yield Finding(bucket_name(row.batch, row.depth, row.number), "it is beyond the newest batch")
        for row in self._snapshot.bucket_rows(-1, 0):
            yield Finding(bucket_name(row.batch, row.depth, row.number), "it is of no batch")

    def _entry(self, index: int, raw: bytes, leaf: Leaf) -> Iterator[Finding]:
        where = f"entry {index}"
        entry, event = parse_event_entry(raw.decode()), self._entries.get(index)
        if event is None:
            yield Finding(where, "there is no event to it")
            return
        length, prev = self._map.head(entry.stream)
        if (entry.log, entry.stream, entry.commitment, entry.accepted) != (
            self._log,
            event.stream,
            event.commitment,
            event.accepted,
        ):
            yield Finding(where, f"it is not that of event {event.number}")
        if (entry.seq, entry.prev) != (length + 1, prev):
            yield Finding(where, "it does not follow the entry before it in its stream")
        self._map.put(MapLeaf(entry.stream, length + 1, leaf))

    def _seal(self, batch: BatchRow, raw: bytes, prev_seal: Hash) -> Iterator[Finding]:
        seal = parse_seal_entry(raw.decode())
        found = (seal.log, seal.batch, seal.size, seal.prev_seal, seal.sealed)
        if found != (self._log, batch.batch, batch.size, prev_seal, batch.sealed):
            yield Finding(f"batch {batch.batch}", "its last entry is not its seal entry")
        if (seal.map, seal.streams) != (self._map.root(), self._map.streams):
            yield Finding(f"batch {batch.batch}", "its seal commits another stream map than that of the entries")

    # --- what was given out -------------------------------------------------------------------------------------------

    def _published(self) -> Iterator[Finding]:
        roots = {batch.size: batch.root for batch in self._batches}
        for batch in self._batches:
            if batch.note is not None:
                yield from guarded(f"checkpoint {batch.size}", self._checkpoint, batch)
        below = None
        while page := self._snapshot.anchors(below, _PAGE):
            for anchor in page:
                where = f"anchor {anchor.size}"
                if anchor.root != roots.get(anchor.size):
                    yield Finding(where, "its root is not the log's")
                if anchor.state is AnchorState.FINAL:
                    yield from guarded(where, self._evidence, anchor)
                below = anchor.size

    def _checkpoint(self, batch: BatchRow) -> Iterator[Finding]:
        checkpoint = parse_checkpoint(batch.note or "")
        if (checkpoint.origin, checkpoint.size, checkpoint.root) != (self._policy.origin, batch.size, batch.root):
            yield Finding(f"checkpoint {batch.size}", "it is not of this log, size and root")
        key = next(key.key for key in self._policy.log_keys if key.covers(batch.size))
        verify_note(checkpoint.note, key)

    def _evidence(self, anchor: AnchorRow) -> Iterator[Finding]:
        evidence, registry = self._snapshot.evidence(anchor.size), self._policy.chain.registry
        header = verify_anchored(evidence, registry, self._log, anchor.size, anchor.root)
        if anchor.block is None or header.hash != anchor.block.hash:
            yield Finding(f"anchor {anchor.size}", "its evidence is of another block")


class _Rebuilt:
    """The tiles as the entries give them."""

    def __init__(self) -> None:
        self.tiles: dict[tuple[int, int], bytes] = {}
        self._size = 0

    def tile(self, level: int, index: int) -> bytes:
        return self.tiles.get((level, index), b"")

    def append(self, leaves: list[Leaf]) -> None:
        self.tiles.update(tiles.append(self._size, leaves, self))
        self._size += len(leaves)

    def root(self) -> Hash:
        return tiles.root(self._size, self)


def _pages(snapshot: Snapshot) -> Iterator[BatchRow]:
    below = None
    while page := snapshot.batches(below, _PAGE):
        yield from page
        below = page[-1].batch
