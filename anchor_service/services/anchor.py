"""Anchor: records the newest checkpoint in the registry, follows it to finality, and keeps the evidence.

    PENDING ─ prepare, store the raw transaction, send ─▶ SENT ─▶ MINED ─ final block, evidence ─▶ FINAL
                                                           ▲───────┘ reorg

The truth is what the registry logged (`anchored`), whoever's transaction wrote it; our own transactions are only the
means.  Each step is stored before the next is taken, so that a crash anywhere is followed by the same step again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from anchor_service.ports import (
    AnchorCall,
    AnchorChain,
    AnchorConflict,
    AnchoredLog,
    AnchorRow,
    AnchorStale,
    AnchorState,
    AnchorStore,
    Block,
    CannotPay,
    ChainRefused,
    ChainUnavailable,
    RegistryHead,
    SignedTransaction,
    StoreRefused,
)
from anchor_service.protocol import tiles
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.evidence import verify_anchored
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.protocol.merkle import prove_consistency

_CHECK_EVERY = 600_000
"""ms between checks that the chain is still the one we were set up for."""
_MOST_FAILED = 3
_OVER: Final = frozenset({"conflict", "bad_proof", "log_behind", "log_closed"})
"""The registry says that this log cannot go on; other alarms may be healed, and what was sealed is anchored then."""
_log = structlog.get_logger(__name__)


class _Halt(SealtrailError):
    """Anchoring of this log must stop until somebody has looked."""


class Anchor:
    """The only sender of anchors.  `clock` gives ms UTC, and so are the three intervals.

    `interval`: the least time between two anchors; `resend`: after it an unmined transaction is sent again;
    `replace`: after it its fees are raised.
    """

    def __init__(
        self,
        store: AnchorStore,
        chain: AnchorChain,
        *,
        log: LogId,
        registry: bytes,
        clock: Callable[[], int],
        interval: int,
        resend: int,
        replace: int,
    ) -> None:
        self._store = store
        self._chain = chain
        self._log = log
        self._registry = registry
        self._clock = clock
        self._interval = interval
        self._resend = resend
        self._replace = replace
        self._checked: int | None = None
        self._final: Block | None = None
        self._newest_evidence: Block | None = None
        self.alarm: str | None = None
        """Why anchoring of this log has stopped for good, in words; None while it goes on."""
        self.over = False
        """Whether it is the log itself that has to stop: nothing that is sealed from now on could ever be anchored."""
        self.waiting: str | None = None
        """What keeps an anchor from going on for now (no funds, fees too high, no node), in words."""

    @property
    def agreed(self) -> bool:
        """Say whether the registry has been asked since the start, and its head was a prefix of the log."""
        return self._checked is not None

    def newest_final(self) -> BlockId | None:
        """Return the newest final block that we have heard of, without asking; None before the first."""
        return None if self._final is None else BlockId(self._final.number, self._final.hash)

    def check(self) -> None:
        """Refuse a chain that is not ours (ChainRefused), or a registry that is ahead of the log (StoreRefused)."""
        self._chain.check()
        newest = self._store.newest_anchor()
        if newest is not None and newest.state is AnchorState.FINAL:
            self._newest_evidence = newest.block
        published = self._store.checkpoint()
        try:
            self._check_prefix(self._chain.head(self._log), published[0] if published else 0)
        except _Halt as problem:
            raise StoreRefused(problem.code, problem.message) from problem
        self._checked = self._clock()

    def run_once(self) -> bool:
        """Take every anchor one step further; say whether something changed.

        ChainUnavailable, Busy: the state is unknown; the next run begins with asking for it.
        """
        if self.alarm is not None:
            return False
        self.waiting = None
        try:
            return self._run()
        except (ChainRefused, StoreRefused, _Halt) as problem:
            self.over = problem.code in _OVER
            self.alarm = f"{problem.code}: {problem.message}"
            _log.error("anchor_halted", code=problem.code, reason=problem.message)
            return True
        except CannotPay as problem:
            self.waiting = f"{problem.code}: {problem.message}"
            return False
        except ChainUnavailable as problem:
            self.waiting = f"{problem.code}: {problem.message}"
            raise

    def _run(self) -> bool:
        now = self._clock()
        if self._checked is None or _passed(now, self._checked, _CHECK_EVERY):
            self.check()
        final = self._read_final()
        changed = False
        for row in self._store.open_anchors():
            changed |= self._follow(row, final)
        self._check_final_kept()
        return self._begin(now) or changed

    def _read_final(self) -> Block | None:
        try:
            self._final = self._chain.final()
        except ChainUnavailable as problem:
            # Anchors are followed and sent meanwhile; none becomes FINAL.
            self.waiting = f"{problem.code}: {problem.message}"
            return None
        return self._final

    def _check_final_kept(self) -> None:
        """Halt where the block of the newest evidence is gone from the chain, which finality rules out."""
        kept = self._newest_evidence
        if kept is not None:
            found = self._chain.canonical(kept.number)
            if found is None or found.hash != kept.hash:
                raise _Halt("final_reverted", f"block {kept.number} (0x{kept.hash}) was final and is not on the chain")

    # --- a new anchor -------------------------------------------------------------------------------------------------

    def _begin(self, now: int) -> bool:
        """Anchor the newest checkpoint, unless an anchor is on its way."""
        published, newest = self._store.checkpoint(), self._store.newest_anchor()
        if published is None or (newest is not None and published[0] <= newest.size):
            return False
        size = published[0]
        if newest is not None and not _passed(now, newest.created, self._interval):
            return False
        if any(row.state is not AnchorState.MINED for row in self._store.open_anchors()):
            return False
        head = self._chain.head(self._log)
        self._check_prefix(head, size)
        row = self._store.add_anchor(size, head.size, now)
        # If we crash here, the anchor is PENDING, and the next run sends it.
        if head.size < size:
            self._prepare_and_send(row)
        # Else it is anchored already, by another's transaction: the next run finds it.
        return True

    def _check_prefix(self, head: RegistryHead, size: int) -> None:
        """Halt where the registry's head is not a prefix of our log up to `size`."""
        if head.size > size:
            raise _Halt("log_behind", f"the registry has size {head.size} and the log {size}: an old backup?")
        if head.size and tiles.root(head.size, self._store) != head.root:
            raise _Halt("conflict", f"the registry has another root than the log at size {head.size}")

    def _call(self, row: AnchorRow) -> AnchorCall:
        proof: tuple[Hash, ...] = ()
        if row.previous_size:
            proof = prove_consistency(tiles.TileTree(self._store), row.previous_size, row.size)
        return AnchorCall(self._log, row.previous_size, row.size, row.root, proof)

    def _prepare_and_send(self, row: AnchorRow, replaces: SignedTransaction | None = None) -> None:
        """Send a new transaction, in place of `replaces` if that can still be mined."""
        call = self._call(row)
        try:
            transaction = self._chain.prepare(call)
            if replaces is not None and transaction.nonce == replaces.nonce:
                transaction = self._chain.prepare(call, replaces)
        except (AnchorStale, AnchorConflict) as problem:
            self._after_revert(row, problem)
            return
        # Stored before it is sent, so that we never lose sight of what may be mined.
        self._store.add_transaction(row.size, transaction, self._clock())
        self._chain.send(transaction)
        self._store.mark_sent(row.size, transaction.hash, self._clock())

    def _after_revert(self, row: AnchorRow, problem: SealtrailError) -> None:
        """Decide what a revert means: someone was faster, or the log is forked."""
        head = self._chain.head(self._log)
        if head.size == row.previous_size and isinstance(problem, AnchorConflict):
            raise _Halt(problem.code, f"anchoring size {row.size} upon {head.size} reverts: {problem.message}")
        published = self._store.checkpoint()
        self._check_prefix(head, published[0] if published else 0)
        if head.size == row.previous_size:
            raise ChainUnavailable("nodes_disagree", "a dry run reverts upon another head than a node shows")
        self._store.mark(row.size, AnchorState.SUPERSEDED, None)

    # --- anchors on their way -----------------------------------------------------------------------------------------

    def _follow(self, row: AnchorRow, final: Block | None) -> bool:
        found = self._chain.anchored(self._log, row.size)
        if found is None:
            return self._follow_unmined(row)
        if found.root != row.root:
            raise _Halt("conflict", f"the registry recorded another root than the log's for size {row.size}")
        changed = row.state is not AnchorState.MINED or row.block is None or row.block.hash != found.block.hash
        if changed:
            self._store.mark(row.size, AnchorState.MINED, found.block)
        if final is not None and found.block.number <= final.number:
            changed |= self._finish(row, found)
        return changed

    def _finish(self, row: AnchorRow, found: AnchoredLog) -> bool:
        canonical = self._chain.canonical(found.block.number)
        if canonical is None or canonical.hash != found.block.hash:
            return False  # the nodes are of two minds: ask again
        evidence = self._chain.evidence(found.transaction, found.block, self._log, row.size)
        header = verify_anchored(evidence, self._registry, self._log, row.size, row.root)
        if header.hash != found.block.hash:
            raise ChainUnavailable("evidence", f"the evidence is of another block than {found.block.number}")
        block = Block(header.number, header.hash, header.timestamp)
        self._store.finish(row.size, block, evidence)
        self._newest_evidence = block
        _log.info("anchor_final", size=row.size, block=block.number)
        return True

    def _follow_unmined(self, row: AnchorRow) -> bool:
        now = self._clock()
        reorged = row.state is AnchorState.MINED
        if reorged:
            _log.warning("anchor_reorged", size=row.size)
            self._store.mark(row.size, AnchorState.SENT, None)
        head = self._chain.head(self._log)
        if head.size > row.previous_size and head.size != row.size:
            # Someone anchored another size on top of where this one starts: it can only revert.
            self._check_prefix(head, self._published_size())
            self._store.mark(row.size, AnchorState.SUPERSEDED, None)
            return True
        if head.size == row.size:
            self._check_prefix(head, self._published_size())
            return reorged  # it is there, and the node has not shown us its log yet
        if not row.transactions:
            self._prepare_and_send(row)
            return True
        newest = row.transactions[-1]
        place = self._chain.find(newest.transaction.hash)
        if place is not None:
            return reorged if place.succeeded else self._retry(row)
        if newest.sent is None or reorged or _passed(now, newest.sent, self._resend):
            self._chain.send(newest.transaction)
            self._store.mark_sent(row.size, newest.transaction.hash, now)
            reorged = True
        # An anchor upon one that is not mined itself cannot be tried out yet, and waits for it.
        if now >= newest.stored + self._replace and head.size == row.previous_size:
            self._prepare_and_send(row, newest.transaction)
            return True
        return reorged

    def _retry(self, row: AnchorRow) -> bool:
        """Try again what was mined and failed: a dry run says whether it is wrong or was unlucky."""
        places = [self._chain.find(stored.transaction.hash) for stored in row.transactions]
        failed = sum(place is not None and not place.succeeded for place in places)
        if failed >= _MOST_FAILED:
            raise _Halt("reverted", f"{failed} transactions that anchor size {row.size} were mined and failed")
        self._prepare_and_send(row)
        return True

    def _published_size(self) -> int:
        published = self._store.checkpoint()
        return published[0] if published else 0


def _passed(now: int, since: int, interval: int) -> bool:
    """Say whether an interval has passed; also where the clock was ahead then and has come back since."""
    return not since <= now < since + interval
