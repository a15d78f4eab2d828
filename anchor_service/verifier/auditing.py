"""One audit: what a server shows, against the rules, what was seen before, and the chain (SPEC 18).

What is found is told apart from what could not be checked: a finding rests on what the log's key signed, and nothing
that an unsigned answer says, or leaves out, becomes one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from anchor_service.protocol.audit import Finding, Replay
from anchor_service.protocol.canonical import JSON, print_json
from anchor_service.protocol.checkpoint import Checkpoint, parse_checkpoint
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError, Unproven
from anchor_service.protocol.event import BlockId, parse_event_entry
from anchor_service.protocol.evidence import BlockHeader, verify_anchored
from anchor_service.protocol.fork import Fork, make_log_fork, make_stream_fork, print_fork, verify_fork
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import range_root
from anchor_service.protocol.nodes import answers_that_count, trust_block
from anchor_service.protocol.policy import NodePolicy, Policy, verify_checkpoint
from anchor_service.protocol.proof import ProvenAnchor, parse_anchor
from anchor_service.protocol.shape import VERSION, text, whole
from anchor_service.protocol.tiles import WIDTH, TileTree, root
from anchor_service.verifier.rpc import ask
from anchor_service.verifier.served import ServedTiles, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from anchor_service.verifier.memory import Remembered

T = TypeVar("T")

MOST_FINDINGS: Final = 1000
"""More are counted, and not kept."""
FINDINGS: Final = "sealtrail/audit-findings"


class Told(NamedTuple):
    """What a check showed: the text of that key (`verifier.audit_words`), with these numbers."""

    check: str
    text: str
    numbers: Mapping[str, int]


@dataclass(slots=True)
class Outcome:
    """What an audit has found so far; `checked` in the order of the work, `earlier` of what is proven was before."""

    checkpoint: Checkpoint | None = None
    checked: list[Told] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    proven: list[str] = field(default_factory=list)
    earlier: list[str] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    unchecked: list[SealtrailError] = field(default_factory=list)
    as_of: BlockHeader | None = None

    @property
    def exit_code(self) -> int:
        """By SPEC 18.9, 1 where something was found, 3 where something could not be checked, else 0."""
        return 1 if self.findings or self.proven or self.earlier else 3 if self.unchecked else 0


class _Found(Exception):
    """The log is not one that it makes sense to go on with: what was found is in the outcome."""


class Audit:
    """Runs once.  `keep` writes a file of evidence and names it; `progress` is told (entries done, entries in all)."""

    def __init__(
        self,
        server: Server,
        policy: Policy,
        nodes: Sequence[NodePolicy],
        remembered: Remembered | None,
        *,
        keep: Callable[[str, bytes], str],
        progress: Callable[[int, int], None],
    ) -> None:
        self.outcome = Outcome()
        self.notes: tuple[str, ...] = remembered.notes if remembered else ()
        self.anchored = remembered.anchored if remembered else 0
        self.replay = Replay(policy.log, remembered.position, remembered.rows) if remembered else Replay(policy.log)
        self._server = server
        self._policy = policy
        self._nodes = nodes
        self._keep = keep
        self._progress = progress
        self._roots: dict[int, Hash] = {}
        self._faulty: dict[int, bytes] = {}
        self.note = ""

    def run(self) -> bool:
        """Audit, and say whether the replay reached a signed checkpoint without a finding: then it can go on later."""
        sound = False
        try:
            checkpoint = self._read_checkpoint()
            tree = self._tree(checkpoint)
            self._compare_with_seen(checkpoint, tree)
            self._replay(checkpoint, tree)
            self._compare_batches(checkpoint, tree)
            sound = self.outcome.exit_code != 1
            self._compare_anchors(checkpoint, tree)
        except _Found:
            pass
        except SealtrailError as problem:
            self.outcome.unchecked.append(problem)
        if self.outcome.findings:
            self._keep_findings()
        return sound and self.outcome.exit_code != 1

    def earlier(self, path: str, raw: bytes) -> None:
        """Take evidence that an earlier run left: what was proven once stays so."""
        try:
            said = verify_fork(raw, self._policy)
        except SealtrailError as problem:
            self.outcome.unchecked.append(Unproven("earlier_evidence", f"{path}: {problem.message}"))
            return
        self.outcome.earlier.append(said)
        self.outcome.evidence.append(path)

    # --- the checkpoint -----------------------------------------------------------------------------------------------

    def _read_checkpoint(self) -> Checkpoint:
        self.note = self._server.checkpoint()
        try:
            checkpoint = parse_checkpoint(self.note)
            verify_checkpoint(checkpoint, self._policy)
        except (Malformed, Altered) as problem:
            raise Unproven("checkpoint", f"/checkpoint is not the policy's log's: {problem.message}") from None
        self.outcome.checkpoint = checkpoint
        self._tell("checkpoint", size=checkpoint.size)
        return checkpoint

    def _tree(self, checkpoint: Checkpoint) -> TileTree:
        served = ServedTiles(self._server, checkpoint.size)
        if root(checkpoint.size, served) != checkpoint.root:
            raise Unproven(
                "tiles", f"the tiles served are not those of the signed checkpoint of size {checkpoint.size}"
            )
        return TileTree(served)

    def _compare_with_seen(self, checkpoint: Checkpoint, tree: TileTree) -> None:
        """SPEC 18.4 of what was seen before: this one is not smaller, and extends each."""
        for note in self.notes:
            seen = parse_checkpoint(note)
            if seen.size <= checkpoint.size:
                self._prove(make_log_fork(note, self.note, tree))
        newest = parse_checkpoint(self.notes[-1]) if self.notes else None
        if newest is not None and newest.size > checkpoint.size:
            self._shrunk(newest)
            raise _Found
        if self.outcome.proven:
            raise _Found
        if newest is None:
            self._tell("history", "history_first")
        else:
            self._tell("history", count=len(self.notes), size=newest.size)

    def _shrunk(self, seen: Checkpoint) -> None:
        """Tell of a log that is smaller than it was; where its larger self is still served, look for a fork."""
        with suppress(Unproven):  # the larger one's tiles may not be served any more
            self._prove(make_log_fork(self.note, self.notes[-1], self._tree(seen)))
        assert self.outcome.checkpoint is not None
        size = self.outcome.checkpoint.size
        message = f"the log has shrunk: size {size} is served, and size {seen.size} was signed and seen before"
        self._find(Finding("shrunk", size - 1, message))

    # --- the entries --------------------------------------------------------------------------------------------------

    def _entries(self, first: int, size: int) -> Iterator[tuple[int, bytes]]:
        for index in range(first // WIDTH, (size + WIDTH - 1) // WIDTH):
            start = index * WIDTH
            entries = self._server.entries(index, min(WIDTH, size - start))
            for place, entry in enumerate(entries, start=start):
                if place >= first:
                    yield place, entry
            self._progress(start + len(entries), size)

    def _replay(self, checkpoint: Checkpoint, tree: TileTree) -> None:
        replay, found, first = self.replay, list[Finding](), self.replay.size
        try:
            for index, entry in self._entries(first, checkpoint.size):
                faults = replay.add(entry)
                if replay.position.ended == replay.size:
                    self._roots[replay.size] = replay.root
                if faults and len(found) < MOST_FINDINGS:
                    found += faults
                    self._faulty[index] = entry
        except Altered as problem:
            # Nothing says yet that these entries are the signed ones, and finding out would cost without end.
            raise Unproven(problem.code, problem.message) from None
        if replay.root != checkpoint.root:
            raise Unproven("entries", "the entries served are not those under the signed checkpoint")
        self._tell("entries", count=checkpoint.size - first, size=checkpoint.size, streams=replay.streams)
        for finding in (*found, *replay.check(checkpoint)):
            self._find(finding)
        for finding in found:
            if finding.code == "sequence" and self._look_for_twin(finding.index, checkpoint, tree):
                break

    def _look_for_twin(self, index: int, checkpoint: Checkpoint, tree: TileTree) -> bool:
        """Read the log again for another entry of the same stream and number: together they are a fork."""
        entry = self._faulty[index]
        wanted = parse_event_entry(entry.decode())
        mark = f'"seq":{wanted.seq},"stream":"{wanted.stream.hex()}"'.encode()
        for place, other in self._entries(0, checkpoint.size):
            if mark in other and other != entry:
                self._prove(make_stream_fork(self.note, tree, (place, other), (index, entry)))
                return True
        return False

    # --- batches and anchors ------------------------------------------------------------------------------------------

    def _compare_batches(self, checkpoint: Checkpoint, tree: TileTree) -> None:
        """SPEC 18.4 of batches: their checkpoints have the root of their entries, and end with a seal entry."""
        before = parse_checkpoint(self.notes[-1]).size if self.notes else 0
        count = 0
        for item in self._server.listed("v1/batches"):
            size = _member(item, "size", whole)
            if size <= before:
                break
            if size > checkpoint.size or item.get("checkpoint") is None:
                continue  # sealed since, or not published
            note = _member(item, "checkpoint", text)
            try:
                signed = parse_checkpoint(note)
                verify_checkpoint(signed, self._policy)
            except (Malformed, Altered) as problem:
                raise Unproven("batch_checkpoint", f"the checkpoint of size {size}: {problem.message}") from None
            count += 1
            if signed.size > checkpoint.size or signed.root == self._roots.get(signed.size):
                continue
            fork = make_log_fork(note, self.note, tree)
            self._prove(fork)
            if fork is None and signed.size > before:
                message = f"the checkpoint of size {signed.size} does not end with a seal entry"
                self._find(Finding("unsealed", signed.size - 1, message))
        self._tell("batches", count=count)

    def _compare_anchors(self, checkpoint: Checkpoint, tree: TileTree) -> None:
        """SPEC 18.4 of anchors: each has the root of its entries, and evidence; the newest is in a trusted block."""
        newest: tuple[int, BlockHeader] | None = None
        count = 0
        for item in self._server.listed("v1/anchors"):
            size = _member(item, "size", whole)
            if size > checkpoint.size or item.get("state") != "FINAL":
                continue
            if newest is not None and size <= self.anchored:
                break
            header = self._anchor(size, tree)
            count += 1
            if newest is None:
                newest = size, header
        if newest is None:
            raise Unproven("no_anchor", "no anchor of the log is final yet")
        size, header = newest
        self._tell("anchors", count=count, size=size)
        self._trust(size, header, tree)
        self.outcome.as_of = header
        self.anchored = max(self.anchored, size)
        self._tell("block", number=header.number, size=size)

    def _anchor(self, size: int, tree: TileTree) -> BlockHeader:
        place = f"v1/anchors/{size}/evidence"
        document = self._server.document(place)
        try:
            anchor: ProvenAnchor = parse_anchor(document, "anchor")
            signed = anchor.checkpoint
            verify_checkpoint(signed, self._policy)
            if signed.size == size and signed.root != self._root_at(size, tree):
                self._prove(make_log_fork(anchor.checkpoint_text, self.note, tree))
                raise _Found
            return verify_anchored(anchor.evidence, self._policy.chain.registry, self._policy.log, size, signed.root)
        except (Malformed, Altered) as problem:
            raise Unproven("anchor_evidence", f"/{place}: {problem.message}") from None

    def _root_at(self, size: int, tree: TileTree) -> Hash:
        known = self._roots.get(size)
        return range_root(tree, 0, size) if known is None else known

    def _trust(self, size: int, header: BlockHeader, tree: TileTree) -> None:
        answers = ask(self._nodes, self._policy, (header.number,))
        heads = {node.head for node in answers_that_count(self._policy, answers) if node.head is not None}
        for head_size, head_root in sorted(heads):
            assert self.outcome.checkpoint is not None
            if head_size <= self.outcome.checkpoint.size and head_root != self._root_at(head_size, tree):
                message = f"the registry holds another root for size {head_size} than the log that is served"
                self._find(Finding("anchor_root", head_size - 1, message))
        try:
            trust_block(BlockId(header.number, header.hash), self._policy, answers)
        except SealtrailError as problem:
            raise Unproven(problem.code, f"the anchor of size {size}: {problem.message}") from None

    # --- what is found ------------------------------------------------------------------------------------------------

    def _tell(self, check: str, text: str | None = None, **numbers: int) -> None:
        self.outcome.checked.append(Told(check, text or check, numbers))

    def _find(self, finding: Finding) -> None:
        self.outcome.findings.append(finding)

    def _prove(self, fork: Fork | None) -> None:
        """Keep evidence, once it holds; what does not comes from tiles that are not the signed log's."""
        if fork is None:
            return
        raw = print_fork(fork)
        try:
            said = verify_fork(raw, self._policy)
        except SealtrailError as problem:
            raise Unproven(
                "tiles", f"the tiles served are not those of the signed checkpoint: {problem.message}"
            ) from None
        if said not in self.outcome.proven:
            self.outcome.proven.append(said)
            self.outcome.evidence.append(self._keep(f"fork-{sha256(raw).hexdigest()[:16]}.json", raw))

    def _keep_findings(self) -> None:
        assert self.outcome.checkpoint is not None
        findings: list[JSON] = [
            {"code": finding.code, "index": finding.index, "message": finding.message}
            for finding in self.outcome.findings
        ]
        entries: list[JSON] = [
            {"entry": entry.decode("utf-8", "replace"), "index": index} for index, entry in self._faulty.items()
        ]
        raw = print_json(
            {
                "checkpoint": self.note,
                "entries": entries,
                "findings": findings,
                "format": FINDINGS,
                "seen": list(self.notes),
                "v": VERSION,
            }
        )
        self.outcome.evidence.append(self._keep(f"findings-{self.outcome.checkpoint.size}.json", raw))


def _member(item: dict[str, JSON], name: str, read: Callable[[JSON, str], T]) -> T:
    try:
        return read(item.get(name), name)
    except Malformed as problem:
        raise Unproven("answer", f"a list of the server: {problem.message}") from None
