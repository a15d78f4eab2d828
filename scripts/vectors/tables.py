"""Tables that unit tests of every language read: lifecycle, Merkle trees, canonical JSON."""

from __future__ import annotations

from typing import Any

from anchor_service.protocol import lifecycle
from anchor_service.protocol.merkle import leaf_hash, prove_consistency, prove_inclusion, tree_root
from scripts.vectors.canonical import ACCEPTED, REFUSED
from scripts.vectors.world import Leaves

SIZES = (*range(1, 18), 31, 32, 33, 63, 64, 65, 100)


def every_table() -> dict[str, Any]:
    """Return each table by the name of its file."""
    return {"lifecycle": _lifecycle(), "merkle": _merkle(), "canonical": _canonical()}


def _lifecycle() -> dict[str, Any]:
    states = list(lifecycle.EXPECTED)
    return {
        "start": lifecycle.START,
        "withdrawn": sorted(lifecycle.WITHDRAWN),
        "table": [
            {"state": state, "type": kind, "next": after, "expected": expected}
            for state in states
            for kind in lifecycle.TYPES
            for after, expected in [lifecycle.advance(state, kind)]
        ],
    }


def _merkle() -> dict[str, Any]:
    """Trees whose leaf i is the hash of the entry "entry i"."""
    leaves = [leaf_hash(f"entry {place}".encode()) for place in range(max(SIZES))]
    tree = Leaves(leaves)

    def spots(size: int) -> list[int]:
        return sorted({0, 1, size // 2, size - 2, size - 1} & set(range(size)))

    return {
        "entries": 'entry i is the ASCII text "entry i"',
        "roots": [{"size": size, "root": tree_root(leaves[:size]).hex()} for size in SIZES],
        "inclusion": [
            {
                "index": index,
                "size": size,
                "leaf": leaves[index].hex(),
                "path": [step.hex() for step in prove_inclusion(tree, index, size)],
                "root": tree_root(leaves[:size]).hex(),
            }
            for size in SIZES
            for index in (range(size) if size <= 9 else spots(size))
        ],
        "consistency": [
            {
                "first": first,
                "second": second,
                "proof": [step.hex() for step in prove_consistency(tree, first, second)],
                "first_root": tree_root(leaves[:first]).hex(),
                "second_root": tree_root(leaves[:second]).hex(),
            }
            for second in SIZES
            for first in (range(1, second + 1) if second <= 9 else [spot + 1 for spot in spots(second)])
        ],
        "path_length": [
            {"index": index, "size": size, "length": len(prove_inclusion(_Nowhere(), index, size))}
            for size in (2**31 - 1, 2**31, 2**31 + 1, 2**32, 2**32 + 5, 2**40 + 3, 2**53 - 1)
            for index in (0, 1, size // 2, size // 3, size - 2, size - 1)
        ],
    }


class _Nowhere:
    """Subtrees of a log too large to have: each hash is the same."""

    def subtree(self, _level: int, _index: int) -> Any:
        return leaf_hash(b"")


def _canonical() -> dict[str, Any]:
    """Inputs are hexadecimal bytes, because many are no text."""
    return {
        "accepted": [{"input": raw.hex(), "output": printed.hex()} for raw, printed in ACCEPTED],
        "refused": [{"input": raw.hex(), "why": why} for raw, why in REFUSED],
    }
