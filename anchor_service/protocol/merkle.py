"""The RFC 9162 Merkle tree with SHA-256 (SPEC 7)."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import Hash, Leaf, made

if TYPE_CHECKING:
    from collections.abc import Sequence

LEAF_PREFIX: Final = b"\x00"
NODE_PREFIX: Final = b"\x01"


def leaf_hash(entry: bytes) -> Leaf:
    """Hash an entry (RFC 9162 2.1.1)."""
    return made(Leaf, sha256(LEAF_PREFIX + entry).digest())


def node_hash(left: bytes, right: bytes) -> Hash:
    """Hash two neighbours (RFC 9162 2.1.1)."""
    return Hash(sha256(NODE_PREFIX + left + right).digest())


def raise_level(hashes: Sequence[bytes]) -> list[bytes]:
    """Hash neighbours pair by pair; the number of hashes is even."""
    prefix, digest = NODE_PREFIX, sha256
    pairs = iter(hashes)
    return [digest(prefix + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]


def tree_root(leaves: Sequence[bytes]) -> Hash:
    """Return the root over at least one leaf hash (RFC 9162 2.1.1)."""
    if not leaves:
        raise ValueError("an empty tree has no root here")
    level = list(leaves)
    while len(level) > 1:
        odd = [level.pop()] if len(level) % 2 else []  # the last one rises by itself until it meets a left neighbour
        level = raise_level(level) + odd
    return Hash(level[0])


class Subtrees(Protocol):
    """Where proofs are read from."""

    def subtree(self, level: int, index: int) -> Hash:
        """Return the root over the 2^level leaves from index · 2^level on; all of them are in the log."""


# --- inclusion ------------------------------------------------------------------------------------------------------


def path_length(index: int, size: int) -> int:
    """Return how many hashes an inclusion path has (SPEC 7.2), 0 ≤ index < size."""
    #         inner: below the last leaf's branching      border: one for each left neighbour above
    inner = (index ^ (size - 1)).bit_length()
    return inner + (index >> inner).bit_count()


def verify_inclusion(leaf: Leaf, index: int, size: int, path: Sequence[bytes], root: Hash) -> None:
    """Prove that `leaf` is at `index` in the tree of `size` leaves with this root (RFC 9162 2.1.3.2).

    Altered `path_length` where the path's length is not the one that index and size give, `inclusion` where it leads
    to another root.
    """
    if not 0 <= index < size:
        raise Altered("path_length", f"index {index} is not in a log of size {size}")
    # SPEC 7.2: a path of any other length is refused before hashing.
    if len(path) != path_length(index, size):
        raise Altered("path_length", f"the path has {len(path)} hashes, not {path_length(index, size)}")
    inner = (index ^ (size - 1)).bit_length()
    here: bytes = leaf
    for level, sibling in enumerate(path):
        pair = sibling + here if level >= inner or index >> level & 1 else here + sibling
        here = sha256(NODE_PREFIX + pair).digest()
    if here != root:
        raise Altered("inclusion", f"the path from index {index} leads to another root")


def prove_inclusion(tree: Subtrees, index: int, size: int) -> tuple[Hash, ...]:
    """Return the inclusion path of `index` in the tree of the first `size` leaves (RFC 9162 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError(f"index {index} is not in a tree of {size}")
    path: list[Hash] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(range_root(tree, middle, high))
            high = middle
        else:
            path.append(range_root(tree, low, middle))
            low = middle
    return tuple(reversed(path))


def _split(count: int) -> int:
    """Return the largest power of two below count, count > 1."""
    return 1 << (count - 1).bit_length() - 1


def range_root(tree: Subtrees, low: int, high: int) -> Hash:
    """Return the root over leaves low … high - 1, where low is a multiple of a power of two ≥ high - low."""
    parts = []
    at = low
    while at < high:
        level = min((high - at).bit_length() - 1, (at & -at).bit_length() - 1 if at else 64)
        parts.append(tree.subtree(level, at >> level))
        at += 1 << level
    root = parts.pop()
    while parts:
        root = node_hash(parts.pop(), root)
    return root


# --- consistency ----------------------------------------------------------------------------------------------------


def prove_consistency(tree: Subtrees, first: int, second: int) -> tuple[Hash, ...]:
    """Return the consistency proof from size `first` to `second`, 0 < first ≤ second (RFC 9162 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError(f"no consistency proof from {first} to {second}")
    proof: list[Hash] = []
    low, high = 0, second
    while first != high:
        middle = low + _split(high - low)
        if first <= middle:
            proof.append(range_root(tree, middle, high))
            high = middle
        else:
            proof.append(range_root(tree, low, middle))
            low = middle
    if low:
        proof.append(range_root(tree, low, high))
    return tuple(reversed(proof))


def verify_consistency(first: int, second: int, proof: Sequence[Hash], first_root: Hash, second_root: Hash) -> None:
    """Prove that the tree of size `first` is a prefix of that of size `second` (RFC 9162 2.1.4.2; SPEC 7.3).

    Altered `consistency` where it is not shown.
    """
    if not 0 < first <= second:
        raise Altered("consistency", f"sizes {first} and {second} are not in order")
    if first == second:
        if proof or first_root != second_root:
            raise Altered("consistency", f"two roots for size {first}")
        return
    # SPEC 7.3: RFC 9162 section 2.1.4.2 for 0 < m < n.
    path = list(proof)
    if first & (first - 1) == 0:
        path.insert(0, first_root)
    if not path:
        raise Altered("consistency", "the proof is empty")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise Altered("consistency", "the proof is too long")
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        node, last = node >> 1, last >> 1
    if last != 0 or old != first_root or new != second_root:
        raise Altered("consistency", f"the proof does not lead from size {first} to size {second}")
