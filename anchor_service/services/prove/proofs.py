"""Proofs: what is stored of an order, or shows that there is none, put together and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from anchor_service.ports import (
    AlreadyThere,
    Audience,
    Block,
    LoggedEvent,
    NotFound,
    ReadStore,
    Snapshot,
    StoreRefused,
    Stream,
)
from anchor_service.protocol.absence import Absence, print_absence
from anchor_service.protocol.errors import Altered, Malformed, Unproven
from anchor_service.protocol.event import BlockId, EventEntry, parse_name, print_event_entry, stream_id
from anchor_service.protocol.hashes import ZERO, Hash, LogId, StreamId
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.policy import Policy
from anchor_service.protocol.printed import join_event
from anchor_service.protocol.proof import (
    MAX_EVENTS,
    MAX_PENDING,
    MAX_PROOF,
    Opening,
    PendingEvent,
    join_proof,
)
from anchor_service.protocol.streammap import MapLeaf, verify_in_map
from anchor_service.protocol.tiles import TileTree
from anchor_service.protocol.verdict import Result, State, Verdict
from anchor_service.protocol.verify import verify, verify_absence
from anchor_service.services.prove.anchors import FinalAnchor, FinalAnchors, proven_anchor
from anchor_service.services.prove.maps import MapPaths
from anchor_service.services.prove.paths import Climb, PathCache
from anchor_service.services.prove.receipts import Receipts
from anchor_service.services.prove.shown import Shown
from anchor_service.services.prove.views import NotYet


class _Order(NamedTuple):
    """An order's events as printed, and the leaf of the last; `signed`: an actor's signature is among what is shown."""

    events: list[bytes]
    head: Hash
    signed: bool


class Proofs:
    """Builds proofs from snapshots; `policy` says what our own verifier trusts beside the blocks of final anchors."""

    def __init__(self, store: ReadStore, *, log: LogId, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._log = log
        self._policy = policy
        self.map = MapPaths()
        self._anchors = FinalAnchors(policy)
        self._paths = PathCache()

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet:
        """Return the order's proof for this audience, checked before it is given.

        Malformed (`proof_size`) where the order has more events, or more is to be shown of it, than a proof holds.
        """
        while True:
            proof = self._proof(tenant, order_id, audience)
            if proof is not None:  # else a newer anchor became final meanwhile
                return proof

    def _proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet | None:
        with self._store.snapshot() as snapshot:
            stream, logged = order_of(snapshot, tenant, order_id)
            if not logged:
                raise NotFound("order_unknown", f"the order {order_id!r} has no event yet")
            final = snapshot.final_size()
            count = sum(item.place is not None for item in logged)
            covered = [item for item in logged if item.place is not None and item.place < final]
            if not covered:
                deadline = snapshot.group_of(logged[0].event.number)[0].deadline
                return NotYet(logged[0].event.accepted, deadline)
            if count > MAX_EVENTS:
                raise Malformed("proof_size", f"the order has {count} events, and a proof at most {MAX_EVENTS}")
            with self._sound():
                shown = Shown(snapshot, tenant, audience)
                # SPEC 14.2: the map is that of the newest final anchor, whether or not an event uses it
                anchors = self._anchors_of(snapshot, covered, final)
                order = self._order(snapshot, stream, covered, anchors, shown)
                found = self.map.path(snapshot, anchors[-1].seal, stream.id)
                if found is None:
                    return None
                verify_in_map(MapLeaf(stream.id, len(covered), order.head), found.hashes, anchors[-1].seal.map)
                receipts = Receipts(snapshot, self._log)
                pending = [
                    PendingEvent(shown.view(item.event), receipts.of(item.event))
                    for item in logged[len(covered) : len(covered) + MAX_PENDING]
                ]
                raw = join_proof(
                    Opening(stream.salt, stream.tenant, stream.order_id),
                    anchors=[anchor.printed for anchor in anchors],
                    events=order.events,
                    map_path=found.hashes,
                    pending=pending,
                )
        if len(raw) > MAX_PROOF:
            raise Malformed(
                "proof_size", f"the proof has {len(raw)} bytes, and may have {MAX_PROOF}: ask for another view"
            )
        if pending or order.signed:  # what others than the log sign, receipts and actors, is for the whole verifier
            _check_verdict(verify(raw, self._trusting([anchor.block for anchor in anchors])), "complete")
        return raw

    def _anchors_of(self, snapshot: Snapshot, covered: Sequence[LoggedEvent], final: int) -> list[FinalAnchor]:
        """Return the anchors that a proof carries by size: the first that covers each event, and the newest."""
        sizes = {final}
        reach = 0
        for item in covered:
            if item.place is not None and item.place >= reach:
                size = snapshot.covering(item.place)
                if size is None:
                    raise LookupError("the greatest final anchor covers the index")
                reach = size
                sizes.add(size)
        return [self._anchors.get(snapshot, size) for size in sorted(sizes)]

    def _order(
        self,
        snapshot: Snapshot,
        stream: Stream,
        covered: Sequence[LoggedEvent],
        anchors: Sequence[FinalAnchor],
        shown: Shown,
    ) -> _Order:
        """Print an order's events, each checked: SPEC 15.2 to 15.4 and 15.6; StoreRefused, Altered, Malformed."""
        if (
            stream_id(stream.salt, parse_name(stream.tenant, "tenant"), parse_name(stream.order_id, "order"))
            != stream.id
        ):
            raise StoreRefused("proof_damaged", "the order and tenant are not those of the stream")
        prev: Hash = ZERO
        events: list[bytes] = []
        signed, last, at = False, -1, 0
        climb = Climb(anchors[0].size, anchors[0].root)
        for seq, (event, index, stored) in enumerate(covered, start=1):
            face = shown.face(event)
            # One comparison for commitment, stream, log and sequence: all of an entry follows from what comes before.
            entry = print_event_entry(EventEntry(self._log, stream.id, seq, prev, face.commitment, event.accepted))
            if entry != stored or index is None or index <= last:
                raise StoreRefused("proof_damaged", f"the entry at index {index} is not that of event {event.number}")
            last, prev = index, leaf_hash(entry)
            while anchors[at].size <= index:
                at += 1
                climb = Climb(anchors[at].size, anchors[at].root)
            path = self._paths.path(snapshot, index, anchors[at].size)
            climb.verify(prev, index, path)
            signed = signed or face.signed
            events.append(
                join_event(
                    anchor=at,
                    disclosed=face.disclosed,
                    entry=entry,
                    hidden=face.hidden,
                    index=index,
                    path=path,
                )
            )
        return _Order(events, prev, signed)

    @contextmanager
    def _sound(self) -> Iterator[None]:
        """Raise StoreRefused (`proof_damaged`) for what does not fit together; nothing kept is believed then."""
        try:
            yield
        except (Altered, Unproven, Malformed, LookupError, ValueError) as problem:
            self._anchors.forget()
            self._paths.forget()
            raise StoreRefused("proof_damaged", f"the proof that we would give does not verify: {problem}") from problem

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
            if not size:
                raise NotFound("anchor_none", "no anchor is final yet: ask again later")
            with self._sound():
                anchor = self._anchors.get(snapshot, size)
                found = self.map.path(snapshot, anchor.seal, stream)
            if found is None:
                return None
            if found.end is not None and found.end.stream == stream:
                raise AlreadyThere("stream_known", f"the log holds entries of the stream {stream}")
            absence = Absence(proven_anchor(snapshot, TileTree(snapshot), size), found.end, found.hashes)
        raw = print_absence(absence)
        _check_verdict(verify_absence(raw, self._trusting([anchor.block]), stream), "absent")
        return raw

    def _trusting(self, blocks: list[Block]) -> Policy:
        return self._policy().trusting(BlockId(block.number, block.hash) for block in blocks)


def _check_verdict(verdict: Verdict, decisive: str) -> None:
    """Raise where a verifier who trusts the anchors' blocks would not say what the proof is given for.

    What is stored may be damaged and we may be wrong: neither may reach anybody as a proof.
    """
    failed = [check for check in verdict.checks if check.result in (Result.INVALID, Result.UNKNOWN)]
    sound = verdict.state.exit_code == 0 or verdict.state is State.UNKNOWN_CODE
    if not sound or any(check.name == decisive for check in failed):
        found = "; ".join(f"{check.name} {check.code}: {check.detail}" for check in failed)
        raise StoreRefused("proof_damaged", f"the proof that we would give does not verify: {found}")


def order_of(snapshot: Snapshot, tenant: str, order_id: str) -> tuple[Stream, list[LoggedEvent]]:
    """Return the stream of an order, and its events in order of acceptance; NotFound (`order_unknown`)."""
    order = snapshot.order(tenant, order_id)
    if order is None:
        raise NotFound("order_unknown", f"there is no order {order_id!r}")
    return order
