"""Prove: reads orders, batches and anchors, and builds proofs.  It never writes."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Generic, NamedTuple, TypeVar

from anchor_service.ports import (
    AlreadyThere,
    AnchorRow,
    AnchorState,
    Audience,
    BatchRow,
    Block,
    LoggedEvent,
    NotFound,
    ReadStore,
    ReceiptGroup,
    Snapshot,
    StoredEvent,
    StoreRefused,
    Stream,
    map_leaves,
    parse_record,
    split_records,
)
from anchor_service.protocol.absence import Absence, print_absence
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import BlockId, Disclosure, SealEntry, parse_event_entry, parse_seal_entry
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId, StreamId
from anchor_service.protocol.merkle import prove_inclusion
from anchor_service.protocol.model import PUBLIC
from anchor_service.protocol.policy import Policy
from anchor_service.protocol.proof import (
    MAX_EVENTS,
    MAX_PENDING,
    MAX_PROOF,
    Opening,
    PendingEvent,
    Proof,
    ProvenAnchor,
    ProvenEvent,
    View,
    print_proof,
)
from anchor_service.protocol.receipt import CommitGroup, Receipt, ReceiptLeaf, print_receipt_leaf
from anchor_service.protocol.story import flag_events
from anchor_service.protocol.streammap import MapLeaf, Subtree, Top, subtree_path
from anchor_service.protocol.tiles import HEIGHT, WIDTH, TileTree
from anchor_service.protocol.verdict import Result, State, Verdict
from anchor_service.protocol.verify import attachment_hashes, verify, verify_absence

MAX_PAGE: Final = 500
_MAX_LEVEL: Final = 6
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)

T = TypeVar("T")


class EventState(StrEnum):
    """How far an event has come."""

    ACCEPTED = "accepted"
    SEALED = "sealed"
    ANCHORED = "anchored"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order; `next` is the cursor of those that follow, None at the end."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as its own tenant sees it.

    `seq`, `index` and `batch` are None until it is sealed, `anchor` (the size of the first anchor that covers it)
    until that is FINAL.  `accepted` in ms UTC; flags by SPEC 4.8.
    """

    event_id: str
    state: EventState
    fields: Mapping[str, JSON]
    flags: tuple[str, ...]
    commitment: Hash
    accepted: int
    seq: int | None
    index: int | None
    batch: int | None
    anchor: int | None
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with events of it in order of acceptance; `lifecycle` is a state of SPEC 4.8, that of the whole order.

    `next` is the cursor of the events that follow, None at the end.
    """

    tenant: str
    order_id: str
    stream: StreamId
    lifecycle: str
    events: tuple[EventView, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list; `accepted` (ms UTC) is its newest event's."""

    order_id: str
    stream: StreamId
    events: int
    accepted: int


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch under a published checkpoint: entries `first` to `size` - 1, the last of them its seal entry.

    `anchor` is the size of the first FINAL anchor that covers it, None while there is none.
    """

    batch: int
    first: int
    size: int
    events: int
    root: Hash
    sealed: int
    seal_entry: str
    checkpoint: str | None
    anchor: int | None


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An anchor and its newest transaction; `block` is where it was mined."""

    size: int
    previous_size: int
    root: Hash
    state: AnchorState
    transaction: Hash | None
    block: Block | None


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing of the order is under a final anchor: when its oldest event was accepted, and by when it is sealed."""

    accepted: int
    sealed_by: int


class Prove:
    """Reads with the store's published state: nothing beyond the published checkpoint is shown.

    Methods that name an order raise NotFound (`order_unknown`) where the tenant has none of that id.  Cursors are
    what a Page's `next` was, None for the first page; Malformed (`cursor`) otherwise.  `policy` says what our own
    verifier trusts beside the blocks of the anchors that we hold to be final.
    """

    def __init__(self, store: ReadStore, *, log: LogId, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._log = log
        self._policy = policy
        self._map = _Map()

    # --- orders -------------------------------------------------------------------------------------------------------

    def order(
        self, tenant: str, order_id: str, cursor: str | None = None, limit: int = MAX_PAGE, *, receipts: bool = False
    ) -> OrderView:
        """Return an order with all fields of at most `limit` events, the oldest first, for its own tenant.

        `receipts` costs some milliseconds an event.
        """
        first = _below(cursor) or 0
        last = first + _limit(limit)
        with self._store.snapshot() as snapshot:
            stream = _stream(snapshot, tenant, order_id)
            logged = snapshot.events(stream)
            reach, given = _Reach(snapshot), _Receipts(snapshot, self._log) if receipts else None
            fields = [{field.name: field.value for field in _fields(item.event)} for item in logged]
            end, flags = flag_events(fields)
            return OrderView(
                tenant,
                order_id,
                stream.id,
                end,
                tuple(
                    self._event_view(item, reach, fields[place], flags[place], given)
                    for place, item in enumerate(logged[first:last], start=first)
                ),
                str(last) if last < len(logged) else None,
            )

    def _event_view(
        self,
        item: LoggedEvent,
        reach: _Reach,
        fields: dict[str, JSON],
        flags: tuple[str, ...],
        receipts: _Receipts | None,
    ) -> EventView:
        event, index = item.event, item.place
        receipt = None if receipts is None else receipts.of(event)
        if index is None or item.entry is None or index >= reach.published:
            return EventView(
                event_id=event.event_id,
                state=EventState.ACCEPTED,
                fields=fields,
                flags=flags,
                commitment=event.commitment,
                accepted=event.accepted,
                seq=None,
                index=None,
                batch=None,
                anchor=None,
                receipt=receipt,
            )
        anchor = reach.covering(index)
        if anchor is not None:
            state = EventState.FINAL
        else:
            state = EventState.ANCHORED if index < reach.mined else EventState.SEALED
        return EventView(
            event_id=event.event_id,
            state=state,
            fields=fields,
            flags=flags,
            commitment=event.commitment,
            accepted=event.accepted,
            seq=parse_event_entry(item.entry.decode()).seq,
            index=index,
            batch=reach.snapshot.batch_of(index),
            anchor=anchor,
            receipt=receipt,
        )

    def orders(self, tenant: str, cursor: str | None = None, limit: int = 50) -> Page[OrderLine]:
        """Return the tenant's orders, the newest first; 1 ≤ limit ≤ 500."""
        with self._store.snapshot() as snapshot:
            rows = snapshot.orders(tenant, _below(cursor), _limit(limit) + 1)
        lines = tuple(OrderLine(row.order_id, row.stream, row.events, row.accepted) for row in rows[:limit])
        return Page(lines, str(rows[limit - 1].number) if len(rows) > limit else None)

    def receipt(self, tenant: str, event_id: str) -> Receipt:
        """Return the receipt that was given for an event; NotFound (`event_unknown`)."""
        with self._store.snapshot() as snapshot:
            event = snapshot.event(tenant, event_id)
            if event is None:
                raise NotFound("event_unknown", f"there is no event {event_id!r}")
            return _Receipts(snapshot, self._log).of(event)

    def files(self, tenant: str, order_id: str, audience: Audience) -> frozenset[Hash]:
        """Return the files that events of this order name and this audience sees named."""
        with self._store.snapshot() as snapshot:
            stream = _stream(snapshot, tenant, order_id)
            shown = _Shown(snapshot, tenant, audience)
            named: set[str] = set()
            for item in snapshot.events(stream):
                named |= attachment_hashes(shown.view(item.event))
            return frozenset(Hash(bytes.fromhex(name)) for name in named)

    # --- proofs -------------------------------------------------------------------------------------------------------

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet:
        """Return the order's proof for this audience, checked with the protocol's own verifier before it is given.

        Malformed (`proof_size`) where the order has more events, or more is to be shown of it, than a proof holds.
        """
        while True:
            proof = self._proof(tenant, order_id, audience)
            if proof is not None:  # else a newer anchor became final meanwhile
                return proof

    def _proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet | None:
        with self._store.snapshot() as snapshot:
            stream = _stream(snapshot, tenant, order_id)
            logged = snapshot.events(stream)
            if not logged:
                raise NotFound("order_unknown", f"the order {order_id!r} has no event yet")
            reach, shown, tree = _Reach(snapshot), _Shown(snapshot, tenant, audience), TileTree(snapshot)
            covered = [(item, reach.covering(item.place)) for item in logged if item.place is not None]
            sizes = sorted({size for _, size in covered if size is not None})
            if not sizes:
                deadline = snapshot.group_of(logged[0].event.number)[0].deadline
                return NotYet(logged[0].event.accepted, deadline)
            if len(covered) > MAX_EVENTS:
                raise Malformed("proof_size", f"the order has {len(covered)} events, and a proof at most {MAX_EVENTS}")
            # SPEC 14.2: the map is that of the newest final anchor, whether or not an event uses it
            sizes = sorted({*sizes, reach.final})
            found = self._map.path(snapshot, reach.final, stream.id)
            if found is None:
                return None
            events = [_proven(item, size, sizes, shown, tree) for item, size in covered if size is not None]
            receipts = _Receipts(snapshot, self._log)
            pending = [
                PendingEvent(shown.view(item.event), receipts.of(item.event))
                for item in logged[len(events) : len(events) + MAX_PENDING]
            ]
            proof = Proof(
                opening=Opening(stream.salt, stream.tenant, stream.order_id),
                events=tuple(events),
                anchors=tuple(_proven_anchor(snapshot, tree, size) for size in sizes),
                map_path=found.hashes,
                pending=tuple(pending),
            )
            blocks = [row.block for row in map(snapshot.anchor, sizes) if row is not None]
        raw = print_proof(proof)
        if len(raw) > MAX_PROOF:
            raise Malformed(
                "proof_size", f"the proof has {len(raw)} bytes, and may have {MAX_PROOF}: ask for another view"
            )
        _check_verdict(verify(raw, self._trusting([block for block in blocks if block is not None])), "complete")
        return raw

    def absence(self, stream: StreamId) -> bytes:
        """Return the proof that the log held nothing of a stream as of the newest final anchor (SPEC 14.6).

        Checked before it is given.  AlreadyThere (`stream_known`) where it held something; NotFound (`anchor_none`)
        where there is no final anchor yet.
        """
        while True:
            absence = self._absence(stream)
            if absence is not None:  # else a newer anchor became final meanwhile
                return absence

    def _absence(self, stream: StreamId) -> bytes | None:
        with self._store.snapshot() as snapshot:
            size = snapshot.final_size()
            row = snapshot.anchor(size)
            if row is None or row.block is None:
                raise NotFound("anchor_none", "no anchor is final yet: ask again later")
            found = self._map.path(snapshot, size, stream)
            if found is None:
                return None
            if found.end is not None and found.end.stream == stream:
                raise AlreadyThere("stream_known", f"the log holds entries of the stream {stream}")
            absence = Absence(_proven_anchor(snapshot, TileTree(snapshot), size), found.end, found.hashes)
        raw = print_absence(absence)
        _check_verdict(verify_absence(raw, self._trusting([row.block]), stream), "absent")
        return raw

    def _trusting(self, blocks: list[Block]) -> Policy:
        return self._policy().trusting(BlockId(block.number, block.hash) for block in blocks)

    # --- the log ------------------------------------------------------------------------------------------------------

    def batch(self, batch: int) -> BatchView:
        """Return a batch; NotFound (`batch_unknown`)."""
        with self._store.snapshot() as snapshot:
            reach = _Reach(snapshot)
            for row in snapshot.batches(batch + 1, 1):
                if row.batch == batch and row.size <= reach.published:
                    return _batch_view(row, reach)
        raise NotFound("batch_unknown", f"there is no batch {batch}")

    def batches(self, cursor: str | None = None, limit: int = 50) -> Page[BatchView]:
        """Return batches, the newest first."""
        with self._store.snapshot() as snapshot:
            reach = _Reach(snapshot)
            rows = snapshot.batches(_below(cursor), _limit(limit) + 1)
            views = tuple(_batch_view(row, reach) for row in rows[:limit] if row.size <= reach.published)
        return Page(views, str(rows[limit - 1].batch) if len(rows) > limit else None)

    def anchor(self, size: int) -> AnchorView:
        """Return the anchor of this size; NotFound (`anchor_unknown`)."""
        with self._store.snapshot() as snapshot:
            row = snapshot.anchor(size)
        if row is None:
            raise NotFound("anchor_unknown", f"there is no anchor of size {size}")
        return _anchor_view(row)

    def anchored(self, size: int) -> ProvenAnchor:
        """Return a final anchor as proofs carry it: checkpoint, seal entry, evidence; NotFound (`anchor_unknown`)."""
        with self._store.snapshot() as snapshot:
            row = snapshot.anchor(size)
            if row is None or row.state is not AnchorState.FINAL:
                raise NotFound("anchor_unknown", f"there is no final anchor of size {size}")
            return _proven_anchor(snapshot, TileTree(snapshot), size)

    def anchors(self, cursor: str | None = None, limit: int = 50) -> Page[AnchorView]:
        """Return anchors, the newest first."""
        with self._store.snapshot() as snapshot:
            rows = snapshot.anchors(_below(cursor), _limit(limit) + 1)
        return Page(tuple(map(_anchor_view, rows[:limit])), str(rows[limit - 1].size) if len(rows) > limit else None)

    def checkpoint(self) -> str | None:
        """Return the published checkpoint, a signed note; None before the first."""
        with self._store.snapshot() as snapshot:
            published = snapshot.checkpoint()
        return None if published is None else published[1]

    def tile(self, level: int, index: int, width: int = WIDTH) -> bytes | None:
        """Return the first `width` hashes of a tile; None where the published checkpoint does not cover them all."""
        if level < 0 or index < 0 or not 1 <= width <= WIDTH or level > _MAX_LEVEL:
            return None
        with self._store.snapshot() as snapshot:
            published = snapshot.checkpoint()
            # SPEC 9.2: Nothing beyond the published checkpoint is served.
            if published is None or index * WIDTH + width > published[0] >> HEIGHT * level:
                return None
            return snapshot.tile(level, index)[: width * HASH_SIZE]

    def entries(self, index: int, width: int = WIDTH) -> list[bytes] | None:
        """Return the first `width` entries under a tile of level 0; None where the checkpoint does not cover them."""
        if index < 0 or not 1 <= width <= WIDTH:
            return None
        first = index * WIDTH
        with self._store.snapshot() as snapshot:
            published = snapshot.checkpoint()
            # SPEC 9.2: Nothing beyond the published checkpoint is served.
            if published is None or first + width > published[0]:
                return None
            return snapshot.entries(first, first + width)


def _check_verdict(verdict: Verdict, decisive: str) -> None:
    """Raise where a verifier who trusts the anchors' blocks would not say what the proof is given for.

    What is stored may be damaged and we may be wrong: neither may reach anybody as a proof.
    """
    failed = [check for check in verdict.checks if check.result in (Result.INVALID, Result.UNKNOWN)]
    sound = verdict.state.exit_code == 0 or verdict.state is State.UNKNOWN_CODE
    if not sound or any(check.name == decisive for check in failed):
        found = "; ".join(f"{check.name} {check.code}: {check.detail}" for check in failed)
        raise StoreRefused("proof_damaged", f"the proof that we would give does not verify: {found}")


class _Reach:
    """How far publishing and anchoring have come; asked for ascending indexes, `covering` looks up each anchor once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        newest = snapshot.checkpoint()
        self.published = newest[0] if newest else 0
        self.mined = snapshot.mined_size()
        self.final = snapshot.final_size()
        self._last: tuple[int, int] | None = None  # an index, and the size of the first FINAL anchor that covers it

    def covering(self, index: int) -> int | None:
        """Return the size of the first FINAL anchor that covers this index."""
        if index >= self.final:
            return None
        if self._last is None or not self._last[0] <= index < self._last[1]:
            size = self.snapshot.covering(index)
            if size is None:
                raise AssertionError("the greatest final anchor covers the index")
            self._last = index, size
        return self._last[1]


class _Path(NamedTuple):
    """A stream's path in a map, and the one stream at its end: itself or another; None where nothing stands there."""

    hashes: tuple[Hash, ...]
    end: MapLeaf | None


class _Map:
    """The upper levels of the stream map as of the newest final anchor that was asked for; any thread may ask.

    Loaded by the first who asks, and brought up to date by the first who asks after a newer anchor became final.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._top: Top | None = None
        self._batch = 0

    def path(self, snapshot: Snapshot, size: int, stream: StreamId) -> _Path | None:
        """Return the path in the map of the seal of a final anchor's size.

        None where a newer anchor is here already: open a new snapshot.  StoreRefused (`map`) where what is stored is
        not the map that the seal commits.
        """
        (raw,) = snapshot.entries(size - 1, size)
        seal = parse_seal_entry(raw.decode())
        with self._lock:
            if seal.batch < self._batch:
                return None
            top = self._bring(snapshot, seal)
            path, number = top.path(stream)
        if number is None:
            return _Path(tuple(path), None)
        records = snapshot.buckets(top.depth, seal.batch, [number])[number].records
        leaves = map_leaves(records)
        if len(path) == top.depth:
            rest, end = subtree_path(leaves, top.depth, stream)
            path += rest
        else:
            end = leaves[0][0]
        by_stream = {leaf.stream: leaf for leaf in map(parse_record, split_records(records))}
        return _Path(tuple(path), None if end is None else by_stream[StreamId(end)])

    def _bring(self, snapshot: Snapshot, seal: SealEntry) -> Top:
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


class _Receipts:
    """The receipts that were given for events; asked for ascending numbers, each commit group is rebuilt once."""

    def __init__(self, snapshot: Snapshot, log: LogId) -> None:
        self._snapshot = snapshot
        self._log = log
        self._last: tuple[ReceiptGroup, CommitGroup] | None = None

    def of(self, event: StoredEvent) -> Receipt:
        """Return the receipt that was given for this event."""
        if self._last is None or not 0 <= event.number - self._last[0].first < self._last[0].length:
            group, members = self._snapshot.group_of(event.number)
            leaves = [
                print_receipt_leaf(ReceiptLeaf(self._log, stream, event_id, commitment, accepted, group.deadline))
                for event_id, stream, commitment, accepted in members
            ]
            self._last = group, CommitGroup(leaves)
        group, rebuilt = self._last
        return rebuilt.receipt(event.number - group.first, group.note)


class _Shown:
    """What an audience sees of a tenant's events."""

    def __init__(self, snapshot: Snapshot, tenant: str, audience: Audience) -> None:
        self._all = audience in (Audience.COURT, Audience.FULL)
        self._names = PUBLIC | snapshot.disclosed(tenant, audience)

    def view(self, event: StoredEvent) -> View:
        """Return the event with the fields that are shown disclosed and the others as digests."""
        disclosed, hidden = [], {}
        for field in _fields(event):
            if self._all or field.name in self._names:
                disclosed.append(field)
            else:
                hidden[field.name] = field.digest
        return View(tuple(disclosed), hidden)


def _fields(event: StoredEvent) -> list[Disclosure]:
    """Return an event's disclosures by name, as they are stored."""
    fields = []
    for raw in event.disclosures.split(b"\n"):
        _, name, value = json.loads(raw)  # our own bytes: what they are is checked where it matters, by the commitment
        fields.append(Disclosure(name, value, raw.decode()))
    return fields


def _stream(snapshot: Snapshot, tenant: str, order_id: str) -> Stream:
    stream = snapshot.stream(tenant, order_id)
    if stream is None:
        raise NotFound("order_unknown", f"there is no order {order_id!r}")
    return stream


def _proven(item: LoggedEvent, size: int, sizes: list[int], shown: _Shown, tree: TileTree) -> ProvenEvent:
    if item.place is None or item.entry is None:
        raise AssertionError("an event that is covered has an entry")
    return ProvenEvent(
        view=shown.view(item.event),
        entry_text=item.entry.decode(),
        index=item.place,
        path=prove_inclusion(tree, item.place, size),
        anchor=sizes.index(size),
    )


def _proven_anchor(snapshot: Snapshot, tree: TileTree, size: int) -> ProvenAnchor:
    checkpoint, seals = snapshot.checkpoint(size), snapshot.entries(size - 1, size)
    if checkpoint is None or len(seals) != 1:
        raise AssertionError(f"the anchor of size {size} has a checkpoint and a seal entry")
    return ProvenAnchor(
        checkpoint_text=checkpoint[1],
        seal_text=seals[0].decode(),
        seal_path=prove_inclusion(tree, size - 1, size),
        evidence=snapshot.evidence(size),
    )


def _batch_view(row: BatchRow, reach: _Reach) -> BatchView:
    return BatchView(
        batch=row.batch,
        first=row.first,
        size=row.size,
        events=row.events,
        root=row.root,
        sealed=row.sealed,
        seal_entry=row.seal_entry.decode(),
        checkpoint=row.note,
        anchor=reach.covering(row.size - 1),
    )


def _anchor_view(row: AnchorRow) -> AnchorView:
    transaction = row.transactions[-1].transaction.hash if row.transactions else None
    return AnchorView(row.size, row.previous_size, row.root, row.state, transaction, row.block)


def _limit(limit: int) -> int:
    if not 1 <= limit <= MAX_PAGE:
        raise Malformed("limit", f"limit: expected 1 to {MAX_PAGE}")
    return limit


def _below(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not _CURSOR.fullmatch(cursor):
        raise Malformed("cursor", "cursor: expected what an earlier page gave as the next")
    return int(cursor)
