"""Verification, step by step as SPEC 15 numbers it: the checks, and the state that follows from them.

`verify` takes bytes and a policy and never raises for what the bytes hold: every finding is in the verdict.  It asks
nobody anything; what nodes said is an argument, and counts as far as SPEC 15.8 lets it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from anchor_service.protocol import lifecycle
from anchor_service.protocol.absence import Absence, parse_absence
from anchor_service.protocol.checks import (
    AnyCase,
    Case,
    Findings,
    Skipped,
    caught,
    check_anchor,
    check_block,
    check_checkpoint,
    check_dated,
    check_fresh,
    check_inclusion,
    run,
    verify_seal,
)
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError, Unproven
from anchor_service.protocol.event import MANDATORY, BlockId, check_mandatory, follows
from anchor_service.protocol.evidence import BlockHeader, read_header, verify_anchored
from anchor_service.protocol.hashes import StreamId, parse_hash
from anchor_service.protocol.nodes import trust_block
from anchor_service.protocol.policy import Policy, verify_checkpoint
from anchor_service.protocol.proof import Proof, ProvenAnchor, parse_proof
from anchor_service.protocol.receipt import verify_receipt
from anchor_service.protocol.signature import verify_actor
from anchor_service.protocol.story import tell
from anchor_service.protocol.streammap import MapLeaf, verify_in_map, verify_not_in_map
from anchor_service.protocol.verdict import Check, Inputs, Result, State, Verdict
from anchor_service.protocol.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from anchor_service.protocol.receipt import Receipt


def needed_blocks(proof: Proof | Absence) -> tuple[int, ...]:
    """Return the numbers of the blocks that nodes should be asked for: the anchors' and the newest `not_before`."""
    numbers = {header.number for header in _headers(proof) if header is not None}
    if (block := proof.anchors[-1].seal.not_before) is not None:
        numbers.add(block.number)
    return tuple(sorted(numbers))


def verify(raw: bytes, policy: Policy, inputs: Inputs | None = None) -> Verdict:
    """Run the checks of SPEC 15 on a proof's bytes."""
    try:
        proof = parse_proof(raw)
    except Malformed as problem:
        return _malformed(problem, CHECKS)
    case = Case(proof, policy, inputs or Inputs(), _headers(proof))
    checks = tuple(run(name, check, case) for name, check in _CHECKS.items())
    end, steps = tell(proof, case.headers, policy.log)
    return Verdict(
        state=_state(checks, policy, end, pending=bool(proof.pending)),
        checks=checks,
        proof=proof,
        tenant_name=_tenant_name(case),
        lifecycle=end,
        steps=steps,
        as_of=case.headers[-1],
    )


def verify_absence(raw: bytes, policy: Policy, stream: StreamId, inputs: Inputs | None = None) -> Verdict:
    """Run the checks of SPEC 15.18 on an absence proof's bytes: was nothing of this stream in the log?"""
    try:
        absence = parse_absence(raw)
    except Malformed as problem:
        return _malformed(problem, ABSENCE_CHECKS)
    case = Case(absence, policy, inputs or Inputs(), _headers(absence))
    checks = (
        run("format", _check_format, case),
        run("checkpoint", check_checkpoint, case),
        run("inclusion", check_inclusion, case),
        run("anchor", check_anchor, case),
        run("block", check_block, case),
        run("absent", lambda case: _check_absent(case, stream), case),
        run("dated", check_dated, case),
        run("fresh", check_fresh, case),
    )
    state = _failed(checks) or (State.TEST_DATA if policy.chain.test else State.UNKNOWN_CODE)
    return Verdict(state=state, checks=checks, as_of=case.headers[-1])


def verify_anchor(anchor: ProvenAnchor, policy: Policy) -> None:
    """Prove by SPEC 15.5 to 15.8 all that a proof says of this anchor; Altered, Malformed or Unproven otherwise."""
    checkpoint = anchor.checkpoint
    verify_checkpoint(checkpoint, policy)
    verify_seal(anchor, policy.log)
    registry, evidence = policy.chain.registry, anchor.evidence
    header = verify_anchored(evidence, registry, policy.log, checkpoint.size, checkpoint.root)
    trust_block(BlockId(header.number, header.hash), policy, ())


def _malformed(problem: Malformed, names: Sequence[str]) -> Verdict:
    malformed = Check("format", Result.INVALID, problem.code, problem.message)
    skipped = (Check(name, Result.SKIPPED, "malformed", "the proof is malformed") for name in names[1:])
    return Verdict(State.MALFORMED, (malformed, *skipped))


# --- the checks, in the order of SPEC 15 ----------------------------------------------------------------------------


def _check_format(_case: AnyCase) -> Findings:
    """15.1: the proof parsed, or we would not be here."""
    yield from ()


def _check_stream(case: Case[Proof]) -> Findings:
    """15.2: whose order this is."""
    opening = case.proof.opening
    if any(event.entry.stream != opening.stream for event in case.proof.events):
        yield Altered("stream_opening", "the order and tenant shown are not those of the entries")
    elif case.inputs.stream not in (None, opening.stream):
        yield Altered("label_stream", "this is another order than the label's")
    if case.policy.tenants is not None and opening.tenant not in case.policy.tenants:
        yield Unproven("tenant_unknown", f"the policy does not name the tenant {opening.tenant!r}")


def _check_events(case: Case[Proof]) -> Findings:
    """15.3: each event is what its entry committed to."""
    for place, event in enumerate(case.proof.events, start=1):
        if event.view.commitment != event.entry.commitment:
            yield Altered("commitment", f"event {place}: its fields are not those that were committed")
        elif event.entry.log != case.log:
            yield Altered("entry_log", f"event {place}: the entry is another log's")
        else:
            yield from _grammar(event.view, f"event {place}")


def _grammar(view: View, where: str) -> Findings:
    try:
        check_mandatory(view.fields)
    except Malformed as problem:
        yield Altered("event_grammar", f"{where}: {problem.code}: {problem.message}")


def _check_sequence(case: Case[Proof]) -> Findings:
    """15.4: from the first event on, without a gap."""
    if not follows([(event.entry, event.leaf) for event in case.proof.events]):
        yield Altered("sequence", "the events do not follow one another from the first on")


def _check_complete(case: Case[Proof]) -> Findings:
    """15.9: nothing was left out: the map of the newest anchor has exactly these events of the stream."""
    events, newest = case.proof.events, case.proof.anchors[-1]
    last = MapLeaf(events[-1].entry.stream, len(events), events[-1].leaf)
    yield from caught(verify_in_map, last, case.proof.map_path, newest.seal.map)
    for place, event in enumerate(case.proof.events, start=1):
        for name in MANDATORY:
            if name not in event.view.fields:
                yield Unproven("withheld", f"event {place} does not disclose {name}")


def _check_absent(case: Case[Absence], stream: StreamId) -> Findings:
    """15.18: nothing of this stream is in the log."""
    absence = case.proof
    yield from caught(verify_not_in_map, stream, absence.leaf, absence.map_path, absence.anchor.seal.map)


def _check_signatures(case: Case[Proof]) -> Findings:
    """15.10: who signed what they said."""
    signed = [event.view for event in case.proof.events if "signature" in event.view.fields]
    signed += [pending.view for pending in case.proof.pending if "signature" in pending.view.fields]
    for view in signed:
        yield from caught(_verify_actor, view, case)
    if not signed:
        yield Skipped("no_signatures", "no event is signed by an actor")


def _verify_actor(view: View, case: Case[Proof]) -> str:
    return verify_actor(view.fields["signature"], view.digests, case.log, case.proof.opening.stream)


def _check_attachments(case: Case[Proof]) -> Findings:
    """15.11: the files are the ones that were committed."""
    given = case.inputs.attachments
    named: set[str] = set()
    for view in _views(case.proof):
        named |= attachment_hashes(view)
    if not named and not given:
        yield Skipped("no_attachments", "no event names a file")
    elif not given:
        yield Skipped("not_given", f"{len(named)} files are named, and none was given to check")
    else:
        for name in sorted(given):
            if name not in named:
                yield Altered("attachment_unnamed", f"no event names the file {name}")
            elif given[name] != name:
                yield Altered("attachment", f"the file {name} has another hash")
        missing = named - given.keys()
        if missing:
            yield Unproven("attachment_missing", f"{len(missing)} of {len(named)} files are missing")


def attachment_hashes(view: View) -> set[str]:
    """Return the file hashes that a view's disclosed `attachments` name; what is not by SPEC 4.6 is passed over."""
    listed = view.fields.get("attachments")
    found = set()
    for attachment in listed if isinstance(listed, list) else []:
        name = attachment.get("sha256") if isinstance(attachment, dict) else None
        try:
            found.add(parse_hash(name, "sha256").hex())
        except Malformed:
            continue
    return found


def _views(proof: Proof) -> list[View]:
    return [event.view for event in proof.events] + [pending.view for pending in proof.pending]


def _check_pending(case: Case[Proof]) -> Findings:
    """15.12: what is promised and not anchored yet."""
    shown = {event.entry.commitment for event in case.proof.events}
    for place, pending in enumerate(case.proof.pending, start=1):
        yield from caught(_verify_pending, case, place, pending.view, pending.receipt)
        # SPEC 15.12: no event is there twice, pending or not
        if pending.promise.commitment in shown:
            yield Altered("receipt", f"pending event {place}: this event is there already")
        shown.add(pending.promise.commitment)
    if not case.proof.pending:
        yield Skipped("no_pending", "no event waits for its anchor")


def _verify_pending(case: Case[Proof], place: int, view: View, receipt: Receipt) -> None:
    where = f"pending event {place}"
    try:
        promise = verify_receipt(receipt, case.policy.origin, case.policy.receipt_keys)
    except SealtrailError as problem:
        raise Altered("receipt", f"{where}: {problem.message}") from None
    expected = (view.commitment, case.log, case.proof.opening.stream)
    if (promise.commitment, promise.log, promise.stream) != expected:
        raise Altered("receipt", f"{where}: the receipt is for another event")
    missing = [name for name in MANDATORY if name not in view.fields]
    if missing:
        raise Altered("event_grammar", f"{where} does not disclose {missing[0]}")
    for finding in _grammar(view, where):
        raise finding


_CHECKS: Final[dict[str, Callable[[Case[Proof]], Findings]]] = {
    "format": _check_format,
    "stream": _check_stream,
    "events": _check_events,
    "sequence": _check_sequence,
    "checkpoint": check_checkpoint,
    "inclusion": check_inclusion,
    "anchor": check_anchor,
    "block": check_block,
    "complete": _check_complete,
    "signatures": _check_signatures,
    "attachments": _check_attachments,
    "pending": _check_pending,
    "dated": check_dated,
    "fresh": check_fresh,
}

CHECKS: Final = tuple(_CHECKS)

ABSENCE_CHECKS: Final = ("format", "checkpoint", "inclusion", "anchor", "block", "absent", "dated", "fresh")

REQUIRED: Final = ("stream", "events", "sequence", "checkpoint", "inclusion", "anchor", "block", "complete")


def _failed(checks: Sequence[Check]) -> State | None:
    """15.15, 1 and 2: what stands against the record, or in the way of checking it."""
    if any(check.result is Result.INVALID for check in checks):
        return State.ALTERED
    unknown = {check.name for check in checks if check.result is Result.UNKNOWN}
    too_old = any(check.code == "too_old" for check in checks)
    if too_old or not unknown.isdisjoint(REQUIRED):
        return State.COULD_NOT_CHECK
    return None


def _state(checks: Sequence[Check], policy: Policy, end: str, *, pending: bool) -> State:
    """15.15: the state that follows."""
    failed = _failed(checks)
    if failed is not None:
        return failed
    if policy.chain.test:
        return State.TEST_DATA
    if end in lifecycle.WITHDRAWN:
        return State.WITHDRAWN
    return State.VERIFIED_PENDING if pending else State.VERIFIED


# --- what the checks read --------------------------------------------------------------------------------------------


def _headers(proof: Proof | Absence) -> tuple[BlockHeader | None, ...]:
    headers: list[BlockHeader | None] = []
    for anchor in proof.anchors:
        try:
            headers.append(read_header(anchor.evidence.header))
        except Malformed:
            headers.append(None)
    return tuple(headers)


def _tenant_name(case: Case[Proof]) -> str:
    tenant = case.proof.opening.tenant
    return (case.policy.tenants or {}).get(tenant, tenant)
