"""Final anchors as proofs carry them: each is verified when it is first asked for, and kept."""

from __future__ import annotations

import threading
from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

from anchor_service.ports import Block, Snapshot, StoreRefused
from anchor_service.protocol.canonical import parse_canonical, print_json
from anchor_service.protocol.event import BlockId, SealEntry
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import prove_inclusion
from anchor_service.protocol.policy import Policy
from anchor_service.protocol.proof import ProvenAnchor, parse_anchor, print_anchor
from anchor_service.protocol.tiles import TileTree
from anchor_service.protocol.verify import verify_anchor

_KEPT: Final = 1_024


class FinalAnchor(NamedTuple):
    """An anchor that our own verifier accepts, and as a proof prints it."""

    size: int
    root: Hash
    seal: SealEntry
    block: Block
    printed: bytes
    digest: bytes


class FinalAnchors:
    """What is FINAL never changes, so what was verified once stays so; any thread may ask."""

    def __init__(self, policy: Callable[[], Policy]) -> None:
        self._policy = policy
        self._kept: dict[int, FinalAnchor] = {}
        self._lock = threading.Lock()

    def get(self, snapshot: Snapshot, size: int) -> FinalAnchor:
        """Return the final anchor of this size; Altered, Malformed or Unproven where what is stored is not one."""
        kept = self._kept.get(size)
        # Memory is kept for long, and a bit of it may flip.
        if kept is not None and sha256(kept.printed).digest() == kept.digest:
            return kept
        found = self._verified(snapshot, size)
        with self._lock:
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[size] = found
        return found

    def forget(self) -> None:
        """Read all anew: something did not fit together."""
        with self._lock:
            self._kept.clear()

    def _verified(self, snapshot: Snapshot, size: int) -> FinalAnchor:
        row = snapshot.anchor(size)
        if row is None or row.block is None:
            raise StoreRefused("proof_damaged", f"the final anchor of size {size} has no block")
        printed = print_json(print_anchor(proven_anchor(snapshot, TileTree(snapshot), size)))
        # As anybody will read it: the bytes are what is verified.
        anchor = parse_anchor(parse_canonical(printed), f"anchor of size {size}")
        verify_anchor(anchor, self._policy().trusting([BlockId(row.block.number, row.block.hash)]))
        if anchor.checkpoint.size != size:
            raise StoreRefused("proof_damaged", f"the checkpoint of size {size} is of another size")
        return FinalAnchor(size, anchor.checkpoint.root, anchor.seal, row.block, printed, sha256(printed).digest())


def proven_anchor(snapshot: Snapshot, tree: TileTree, size: int) -> ProvenAnchor:
    """Return a final anchor as it is stored."""
    checkpoint, seals = snapshot.checkpoint(size), snapshot.entries(size - 1, size)
    if checkpoint is None or len(seals) != 1:
        raise LookupError(f"the anchor of size {size} has a checkpoint and a seal entry")
    return ProvenAnchor(
        checkpoint_text=checkpoint[1],
        seal_text=seals[0].decode(),
        seal_path=prove_inclusion(tree, size - 1, size),
        evidence=snapshot.evidence(size),
    )
