"""Prove: reads orders, batches and anchors, and gives proofs.  It never writes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from anchor_service.ports import (
    AnchorState,
    Audience,
    LoggedEvent,
    NotFound,
    ReadStore,
)
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import parse_event_entry
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId, StreamId
from anchor_service.protocol.policy import Policy
from anchor_service.protocol.proof import ProvenAnchor
from anchor_service.protocol.receipt import Receipt
from anchor_service.protocol.story import flag_events
from anchor_service.protocol.tiles import HEIGHT, WIDTH, TileTree
from anchor_service.protocol.verify import attachment_hashes
from anchor_service.services.prove.anchors import proven_anchor
from anchor_service.services.prove.proofs import Proofs, order_of
from anchor_service.services.prove.reach import Reach
from anchor_service.services.prove.receipts import Receipts
from anchor_service.services.prove.shown import Shown, fields_of
from anchor_service.services.prove.views import (
    AnchorView,
    BatchView,
    EventState,
    EventView,
    NotYet,
    OrderLine,
    OrderView,
    Page,
    anchor_view,
    batch_view,
)

MAX_PAGE: Final = 500
_MAX_LEVEL: Final = 6
_CURSOR: Final = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)


class Prove:
    """Reads with the store's published state: nothing beyond the published checkpoint is shown.

    Methods that name an order raise NotFound (`order_unknown`) where the tenant has none of that id.  Cursors are
    what a Page's `next` was, None for the first page; Malformed (`cursor`) otherwise.  `policy` says what our own
    verifier trusts beside the blocks of the anchors that we hold to be final.
    """

    def __init__(self, store: ReadStore, *, log: LogId, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._log = log
        self.proofs = Proofs(store, log=log, policy=policy)

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
            stream, logged = order_of(snapshot, tenant, order_id)
            reach, given = Reach(snapshot), Receipts(snapshot, self._log) if receipts else None
            fields = [{field.name: field.value for field in fields_of(item.event)} for item in logged]
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
        reach: Reach,
        fields: dict[str, JSON],
        flags: tuple[str, ...],
        receipts: Receipts | None,
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
            return Receipts(snapshot, self._log).of(event)

    def files(self, tenant: str, order_id: str, audience: Audience) -> frozenset[Hash]:
        """Return the files that events of this order name and this audience sees named."""
        with self._store.snapshot() as snapshot:
            _, logged = order_of(snapshot, tenant, order_id)
            shown = Shown(snapshot, tenant, audience)
            named: set[str] = set()
            for item in logged:
                named |= attachment_hashes(shown.view(item.event))
            return frozenset(Hash(bytes.fromhex(name)) for name in named)

    # --- proofs -------------------------------------------------------------------------------------------------------

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet:
        """Return the order's proof for this audience, checked before it is given.

        Malformed (`proof_size`) where the order has more events, or more is to be shown of it, than a proof holds.
        """
        return self.proofs.proof(tenant, order_id, audience)

    def absence(self, stream: StreamId) -> bytes:
        """Return the proof that the log held nothing of a stream as of the newest final anchor (SPEC 14.6).

        Checked before it is given.  AlreadyThere (`stream_known`) where it held something; NotFound (`anchor_none`)
        where there is no final anchor yet.
        """
        return self.proofs.absence(stream)

    # --- the log ------------------------------------------------------------------------------------------------------

    def batch(self, batch: int) -> BatchView:
        """Return a batch; NotFound (`batch_unknown`)."""
        with self._store.snapshot() as snapshot:
            reach = Reach(snapshot)
            for row in snapshot.batches(batch + 1, 1):
                if row.batch == batch and row.size <= reach.published:
                    return batch_view(row, reach)
        raise NotFound("batch_unknown", f"there is no batch {batch}")

    def batches(self, cursor: str | None = None, limit: int = 50) -> Page[BatchView]:
        """Return batches, the newest first."""
        with self._store.snapshot() as snapshot:
            reach = Reach(snapshot)
            rows = snapshot.batches(_below(cursor), _limit(limit) + 1)
            views = tuple(batch_view(row, reach) for row in rows[:limit] if row.size <= reach.published)
        return Page(views, str(rows[limit - 1].batch) if len(rows) > limit else None)

    def anchor(self, size: int) -> AnchorView:
        """Return the anchor of this size; NotFound (`anchor_unknown`)."""
        with self._store.snapshot() as snapshot:
            row = snapshot.anchor(size)
        if row is None:
            raise NotFound("anchor_unknown", f"there is no anchor of size {size}")
        return anchor_view(row)

    def anchored(self, size: int) -> ProvenAnchor:
        """Return a final anchor as proofs carry it: checkpoint, seal entry, evidence; NotFound (`anchor_unknown`)."""
        with self._store.snapshot() as snapshot:
            row = snapshot.anchor(size)
            if row is None or row.state is not AnchorState.FINAL:
                raise NotFound("anchor_unknown", f"there is no final anchor of size {size}")
            return proven_anchor(snapshot, TileTree(snapshot), size)

    def anchors(self, cursor: str | None = None, limit: int = 50) -> Page[AnchorView]:
        """Return anchors, the newest first."""
        with self._store.snapshot() as snapshot:
            rows = snapshot.anchors(_below(cursor), _limit(limit) + 1)
        return Page(tuple(map(anchor_view, rows[:limit])), str(rows[limit - 1].size) if len(rows) > limit else None)

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
