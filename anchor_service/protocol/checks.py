"""How a check is run, and the checks that proofs and absence proofs share (SPEC 15.5 to 15.8, 15.13, 15.14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, ParamSpec, TypeAlias, TypeVar

from anchor_service.protocol.absence import Absence
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError, Unproven
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.evidence import BlockHeader, verify_anchored, verify_recorded
from anchor_service.protocol.hashes import LogId
from anchor_service.protocol.merkle import leaf_hash, verify_inclusion
from anchor_service.protocol.nodes import answers_that_count, trust_block
from anchor_service.protocol.policy import Policy, verify_checkpoint
from anchor_service.protocol.proof import Proof, ProvenAnchor
from anchor_service.protocol.verdict import Check, Inputs, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Findings: TypeAlias = "Iterator[SealtrailError]"
P = ParamSpec("P")
D = TypeVar("D", Proof, Absence)


@dataclass(frozen=True, slots=True)
class Case(Generic[D]):
    """Everything the checks look at.  `headers`: of each anchor; None where its RLP is broken."""

    proof: D
    policy: Policy
    inputs: Inputs
    headers: tuple[BlockHeader | None, ...]

    @property
    def log(self) -> LogId:
        """The log that the policy is about."""
        return self.policy.log


AnyCase: TypeAlias = "Case[Proof] | Case[Absence]"


class Skipped(SealtrailError):
    """There is nothing to check."""


VALID: Final = {
    "format": "the proof is well formed",
    "stream": "the entries are this order's",
    "events": "every event is what was committed",
    "sequence": "the events follow one another from the first on",
    "checkpoint": "the log's key signed",
    "inclusion": "every entry is in the log at its place",
    "anchor": "the registry recorded the log",
    "block": "the block is one that you trust",
    "complete": "nothing was left out: as of the newest block, the log holds exactly these events of the order",
    "absent": "the log held nothing of this code",
    "signatures": "the actors' signatures hold",
    "attachments": "the files are the ones that were committed",
    "pending": "newer events are promised by receipts",
    "dated": "it was sealed after the block that the seal names",
    "fresh": "this is the newest state that the registry holds",
}
"""What is said of each check that holds."""


def run(name: str, check: Callable[[Case[D]], Findings], case: Case[D]) -> Check:
    """Gather a check's findings: the first INVALID one counts, else the first UNKNOWN, else the first SKIPPED."""
    findings = list(check(case))
    for kind, result in (
        ((Altered, Malformed), Result.INVALID),
        (Unproven, Result.UNKNOWN),
        (Skipped, Result.SKIPPED),
    ):
        for finding in findings:
            if isinstance(finding, kind):
                return Check(name, result, finding.code, finding.message)
    return Check(name, Result.VALID, None, VALID[name])


def caught(check: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> Findings:
    """Yield what a step that raises found; our own bugs go on their way."""
    try:
        check(*args, **kwargs)
    except SealtrailError as finding:
        yield finding


# --- the checks, in the order of SPEC 15 ----------------------------------------------------------------------------


def check_checkpoint(case: AnyCase) -> Findings:
    """15.5: the log's key signed each checkpoint."""
    for anchor in case.proof.anchors:
        yield from caught(verify_checkpoint, anchor.checkpoint, case.policy)


def check_inclusion(case: AnyCase) -> Findings:
    """15.6: each entry is in the log at its place, and each checkpoint ends with its seal."""
    for event in case.proof.events:
        checkpoint = case.proof.anchors[event.anchor].checkpoint
        yield from caught(verify_inclusion, event.leaf, event.index, checkpoint.size, event.path, checkpoint.root)
    for anchor in case.proof.anchors:
        yield from caught(verify_seal, anchor, case.log)


def verify_seal(anchor: ProvenAnchor, log: LogId) -> None:
    """Check that a checkpoint ends with its own seal entry (SPEC 15.6); Altered otherwise."""
    checkpoint, seal = anchor.checkpoint, anchor.seal
    leaf = leaf_hash(anchor.seal_text.encode())
    verify_inclusion(leaf, checkpoint.size - 1, checkpoint.size, anchor.seal_path, checkpoint.root)
    if seal.log != log or seal.size != checkpoint.size:
        raise Altered("seal", f"the checkpoint of size {checkpoint.size} does not end with its own seal entry")


def check_anchor(case: AnyCase) -> Findings:
    """15.7: the registry recorded each checkpoint."""
    registry = case.policy.chain.registry
    for anchor, header in zip(case.proof.anchors, case.headers, strict=True):
        checkpoint, evidence = anchor.checkpoint, anchor.evidence
        what = registry, case.log, checkpoint.size, checkpoint.root
        if header is None:  # to say what is wrong with it
            yield from caught(verify_anchored, evidence, *what)
        else:
            yield from caught(verify_recorded, evidence, *what, header=header)


def check_block(case: AnyCase) -> Findings:
    """15.8: each anchor's block is one that the verifier trusts."""
    for header in case.headers:
        if header is None:
            yield Unproven("block_untrusted", "a block header cannot be read")
        else:
            yield from caught(trust_block, BlockId(header.number, header.hash), case.policy, case.inputs.nodes)


def check_dated(case: AnyCase) -> Findings:
    """15.13: from which block on it can have been sealed."""
    block = case.proof.anchors[-1].seal.not_before
    if block is None:
        yield Skipped("no_not_before", "the seal names no block from before")
        return
    try:
        trust_block(block, case.policy, case.inputs.nodes)
    except SealtrailError:
        yield Unproven(
            "not_before_untrusted", f"the seal says it is newer than block {block.number}, which is not checked"
        )


def check_fresh(case: AnyCase) -> Findings:
    """15.14: how new this is."""
    newest, header = case.proof.anchors[-1].checkpoint, case.headers[-1]
    max_age, now = case.policy.max_age, case.inputs.now
    if header is not None and max_age is not None and now is not None and (header.timestamp + max_age) * 1000 < now:
        yield Unproven("too_old", f"the newest anchor is older than the {max_age} s that the policy allows")
    heads = [node.head for node in answers_that_count(case.policy, case.inputs.nodes) if node.head is not None]
    same = (newest.size, newest.root) in heads
    if any(size == newest.size and root != newest.root for size, root in heads):
        if same:
            yield Unproven("nodes_disagree", "the nodes asked disagree on the registry's head")
        else:
            yield Altered("head_other", f"the registry holds another root for size {newest.size}")
    elif any(size > newest.size for size, _ in heads):
        yield Unproven("log_grown", "the log has grown since: this is the record as of the block named")
    elif not same:
        yield Unproven("as_of", "nobody was asked for the registry's head: this is the record as of the block named")
