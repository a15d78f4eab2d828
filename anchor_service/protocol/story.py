"""The order's story, as a proof tells it to its audience (SPEC 4.8, 15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from anchor_service.protocol import lifecycle
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import parse_time
from anchor_service.protocol.evidence import BlockHeader
from anchor_service.protocol.hashes import LogId
from anchor_service.protocol.proof import Proof
from anchor_service.protocol.signature import verify_actor
from anchor_service.protocol.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from anchor_service.protocol.canonical import JSON


@dataclass(frozen=True, slots=True)
class Step:
    """One event as far as this audience sees it; `block` is that of its anchor, None while it is pending."""

    view: View
    seq: int | None
    index: int | None
    accepted: int
    flags: tuple[str, ...]
    signed_by: str | None
    block: BlockHeader | None


def flag_events(events: Iterable[Mapping[str, JSON]]) -> tuple[str, list[tuple[str, ...]]]:
    """Return where the lifecycle ends, and the flags of each event, given their fields in order (SPEC 4.8).

    `unexpected`: the table does not expect the type there.  `late`: it occurred before an earlier entry.
    """
    state = lifecycle.START
    latest: datetime | None = None
    flagged = []
    for fields in events:
        flags = []
        event_type = fields.get("type")
        if isinstance(event_type, str) and event_type in lifecycle.ALWAYS:
            state, expected = lifecycle.advance(state, event_type)
            if not expected:
                flags.append("unexpected")
        when = _instant(fields)
        if when is not None:
            if latest is not None and when < latest:
                flags.append("late")
            latest = when if latest is None else max(latest, when)
        flagged.append(tuple(flags))
    return state, flagged


def _instant(fields: Mapping[str, JSON]) -> datetime | None:
    try:
        return parse_time(fields.get("occurred_at"))
    except Malformed:
        return None


def tell(proof: Proof, headers: Sequence[BlockHeader | None], log: LogId) -> tuple[str, tuple[Step, ...]]:
    """Return where the lifecycle ends, and the steps: by seq, then the pending ones.  `headers` are the anchors'."""
    events = sorted(proof.events, key=lambda event: event.entry.seq)
    views = [event.view for event in events] + [pending.view for pending in proof.pending]
    end, flags = flag_events(view.fields for view in views)
    signers = [_signer(view, proof, log) for view in views]
    steps = []
    for at, event in enumerate(events):
        entry, block = event.entry, headers[event.anchor]
        steps.append(Step(event.view, entry.seq, event.index, entry.accepted, flags[at], signers[at], block))
    for at, pending in enumerate(proof.pending, start=len(events)):
        steps.append(Step(pending.view, None, None, pending.promise.accepted, flags[at], signers[at], None))
    return end, tuple(steps)


def _signer(view: View, proof: Proof, log: LogId) -> str | None:
    """Return the key of the actor whose signature holds."""
    if "signature" not in view.fields:
        return None
    try:
        return verify_actor(view.fields["signature"], view.digests, log, proof.opening.stream)
    except Altered:
        return None
