"""Proofs: what is stored of an order, or shows that there is none, put together and checked."""

from __future__ import annotations

from collections.abc import Callable

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
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.hashes import LogId, StreamId
from anchor_service.protocol.merkle import prove_inclusion
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
    print_proof,
)
from anchor_service.protocol.tiles import TileTree
from anchor_service.protocol.verdict import Result, State, Verdict
from anchor_service.protocol.verify import verify, verify_absence
from anchor_service.services.prove.maps import MapPaths
from anchor_service.services.prove.reach import Reach
from anchor_service.services.prove.receipts import Receipts
from anchor_service.services.prove.shown import Shown
from anchor_service.services.prove.views import NotYet


class Proofs:
    """Builds proofs from snapshots; `policy` says what our own verifier trusts beside the blocks of final anchors."""

    def __init__(self, store: ReadStore, *, log: LogId, policy: Callable[[], Policy]) -> None:
        self._store = store
        self._log = log
        self._policy = policy
        self.map = MapPaths()

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
            stream = stream_of(snapshot, tenant, order_id)
            logged = snapshot.events(stream)
            if not logged:
                raise NotFound("order_unknown", f"the order {order_id!r} has no event yet")
            reach, shown, tree = Reach(snapshot), Shown(snapshot, tenant, audience), TileTree(snapshot)
            covered = [(item, reach.covering(item.place)) for item in logged if item.place is not None]
            sizes = sorted({size for _, size in covered if size is not None})
            if not sizes:
                deadline = snapshot.group_of(logged[0].event.number)[0].deadline
                return NotYet(logged[0].event.accepted, deadline)
            if len(covered) > MAX_EVENTS:
                raise Malformed("proof_size", f"the order has {len(covered)} events, and a proof at most {MAX_EVENTS}")
            # SPEC 14.2: the map is that of the newest final anchor, whether or not an event uses it
            sizes = sorted({*sizes, reach.final})
            found = self.map.path(snapshot, reach.final, stream.id)
            if found is None:
                return None
            events = [_proven(item, size, sizes, shown, tree) for item, size in covered if size is not None]
            receipts = Receipts(snapshot, self._log)
            pending = [
                PendingEvent(shown.view(item.event), receipts.of(item.event))
                for item in logged[len(events) : len(events) + MAX_PENDING]
            ]
            proof = Proof(
                opening=Opening(stream.salt, stream.tenant, stream.order_id),
                events=tuple(events),
                anchors=tuple(proven_anchor(snapshot, tree, size) for size in sizes),
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
            found = self.map.path(snapshot, size, stream)
            if found is None:
                return None
            if found.end is not None and found.end.stream == stream:
                raise AlreadyThere("stream_known", f"the log holds entries of the stream {stream}")
            absence = Absence(proven_anchor(snapshot, TileTree(snapshot), size), found.end, found.hashes)
        raw = print_absence(absence)
        _check_verdict(verify_absence(raw, self._trusting([row.block]), stream), "absent")
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


def stream_of(snapshot: Snapshot, tenant: str, order_id: str) -> Stream:
    """Return the stream of an order; NotFound (`order_unknown`)."""
    stream = snapshot.stream(tenant, order_id)
    if stream is None:
        raise NotFound("order_unknown", f"there is no order {order_id!r}")
    return stream


def _proven(item: LoggedEvent, size: int, sizes: list[int], shown: Shown, tree: TileTree) -> ProvenEvent:
    if item.place is None or item.entry is None:
        raise AssertionError("an event that is covered has an entry")
    return ProvenEvent(
        view=shown.view(item.event),
        entry_text=item.entry.decode(),
        index=item.place,
        path=prove_inclusion(tree, item.place, size),
        anchor=sizes.index(size),
    )


def proven_anchor(snapshot: Snapshot, tree: TileTree, size: int) -> ProvenAnchor:
    """Return a final anchor as it is stored."""
    checkpoint, seals = snapshot.checkpoint(size), snapshot.entries(size - 1, size)
    if checkpoint is None or len(seals) != 1:
        raise AssertionError(f"the anchor of size {size} has a checkpoint and a seal entry")
    return ProvenAnchor(
        checkpoint_text=checkpoint[1],
        seal_text=seals[0].decode(),
        seal_path=prove_inclusion(tree, size - 1, size),
        evidence=snapshot.evidence(size),
    )
