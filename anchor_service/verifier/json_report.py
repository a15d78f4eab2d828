"""A verdict for machines: the one JSON document that every verifier of Sealtrail prints."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.verdict import NOT_PROVEN

if TYPE_CHECKING:
    from anchor_service.protocol.canonical import JSON
    from anchor_service.protocol.evidence import BlockHeader
    from anchor_service.protocol.proof import Proof
    from anchor_service.protocol.story import Step
    from anchor_service.protocol.verdict import Verdict


def print_verdict(verdict: Verdict) -> str:
    """Print a verdict: state, all checks in SPEC's order, the story, and what it does not prove."""
    document = {
        "as_of": _block(verdict.as_of),
        "checks": [
            {"check": check.name, "result": check.result, "code": check.code, "detail": check.detail}
            for check in verdict.checks
        ],
        "not_proven": list(NOT_PROVEN),
        "order": None if verdict.proof is None else _order(verdict, verdict.proof),
        "state": verdict.state,
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def _block(header: BlockHeader | None) -> dict[str, Any] | None:
    if header is None:
        return None
    return {"number": header.number, "hash": f"0x{header.hash.hex()}", "timestamp": header.timestamp}


def _order(verdict: Verdict, proof: Proof) -> dict[str, Any]:
    opening = proof.opening
    return {
        "tenant": opening.tenant,
        "tenant_name": verdict.tenant_name,
        "order_id": opening.order_id,
        "stream": opening.stream.hex(),
        "lifecycle": verdict.lifecycle,
        "events": [_event(step) for step in verdict.steps],
    }


def _event(step: Step) -> dict[str, Any]:
    fields = step.view.fields
    return {
        "place": "pending" if step.seq is None else "anchored",
        "seq": step.seq,
        "index": step.index,
        "accepted": step.accepted,
        "type": _text(fields.get("type")),
        "occurred_at": _text(fields.get("occurred_at")),
        "actor_role": _text(fields.get("actor.role")),
        "fields": fields,
        "hidden": sorted(step.view.hidden),
        "flags": list(step.flags),
        "said": "reported" if step.signed_by is None else "signed",
        "signed_by": step.signed_by,
        "block": _block(step.block),
    }


def _text(value: JSON) -> str | None:
    """Take a value that should be a text; where the event's author committed to something else there is none."""
    return value if isinstance(value, str) else None
