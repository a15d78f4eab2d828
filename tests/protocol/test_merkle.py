"""The tree at every size to 100: against the RFC, against two other implementations, and against damage."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import ParamSpec

import merkletools
import pymerkle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anchor_service.protocol.errors import Altered
from anchor_service.protocol.hashes import Hash, Leaf
from anchor_service.protocol.merkle import (
    leaf_hash,
    node_hash,
    path_length,
    prove_consistency,
    prove_inclusion,
    raise_level,
    range_root,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from scripts.vectors.world import Leaves
from tests.protocol import rfc9162

MOST = 100
ENTRIES = [f"entry {place}".encode() for place in range(MOST + 1)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
ROOTS = [Hash(bytes(32)), *(Hash(rfc9162.mth(ENTRIES[:size])) for size in range(1, MOST + 1))]
SIZES = range(1, MOST + 1)


P = ParamSpec("P")


def holds(check: Callable[P, None], *args: P.args, **kwargs: P.kwargs) -> bool:
    try:
        check(*args, **kwargs)
    except Altered:
        return False
    return True


def test_hashes_are_the_rfcs() -> None:
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert node_hash(LEAVES[0], LEAVES[1]) == hashlib.sha256(b"\x01" + LEAVES[0] + LEAVES[1]).digest()
    assert raise_level(LEAVES[:4]) == [node_hash(*LEAVES[:2]), node_hash(*LEAVES[2:4])]


@pytest.mark.parametrize("size", SIZES)
def test_every_root_and_path(size: int) -> None:
    tree, root = Leaves(LEAVES[:size]), ROOTS[size]
    assert tree_root(LEAVES[:size]) == root
    for index in range(size):
        path = prove_inclusion(tree, index, size)
        assert list(path) == rfc9162.path(index, ENTRIES[:size])
        assert len(path) == path_length(index, size)
        verify_inclusion(LEAVES[index], index, size, path, root)
        assert rfc9162.verify_inclusion(LEAVES[index], index, size, list(path), root)


@pytest.mark.parametrize("second", SIZES)
def test_every_consistency_proof(second: int) -> None:
    tree = Leaves(LEAVES[:second])
    for first in range(1, second + 1):
        proof = prove_consistency(tree, first, second)
        assert list(proof) == rfc9162.proof(first, ENTRIES[:second])
        verify_consistency(first, second, proof, ROOTS[first], ROOTS[second])
        if first < second:
            assert rfc9162.verify_consistency(first, second, list(proof), ROOTS[first], ROOTS[second])


@pytest.mark.parametrize("size", [*range(1, 20), 31, 32, 33, 64, 65, 100])
def test_every_damage_to_a_path_is_seen(size: int) -> None:
    tree, root = Leaves(LEAVES[:size]), ROOTS[size]
    for index in range(size):
        path = prove_inclusion(tree, index, size)
        leaf = LEAVES[index]
        damaged = [flipped(path, place) for place in range(len(path))]
        damaged += [path[:place] + path[place + 1 :] for place in range(len(path))]
        damaged += [(*path[:place], leaf, *path[place:]) for place in range(len(path) + 1)]
        damaged += [path[::-1]] if path != path[::-1] else []
        for wrong in damaged:
            assert not holds(verify_inclusion, leaf, index, size, wrong, root)
        for other in {*range(size + 2), -1} - {index}:
            assert not holds(verify_inclusion, leaf, other, size, path, root)
        assert not holds(verify_inclusion, Leaf(flip(leaf)), index, size, path, root)
        assert not holds(verify_inclusion, leaf, index, size, path, Hash(flip(root)))
        for other_size in range(size + 40):
            if other_size != size and path_length_or_none(index, other_size) != len(path):
                assert not holds(verify_inclusion, leaf, index, other_size, path, root)
            elif other_size != size:
                # Where a larger tree has as long a path with the same turns the root decides, which names one tree.
                assert ROOTS[other_size] != root if other_size <= MOST else True


def path_length_or_none(index: int, size: int) -> int | None:
    return path_length(index, size) if index < size else None


def flip(data: bytes, bit: int = 3) -> bytes:
    return bytes([data[0] ^ 1 << bit]) + data[1:]


def flipped(path: tuple[Hash, ...], place: int) -> tuple[Hash, ...]:
    return (*path[:place], Hash(flip(path[place])), *path[place + 1 :])


@pytest.mark.parametrize("second", [2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 65])
def test_every_damage_to_a_consistency_proof_is_seen(second: int) -> None:
    tree = Leaves(LEAVES[:second])
    for first in range(1, second + 1):
        proof = prove_consistency(tree, first, second)
        one, two = ROOTS[first], ROOTS[second]
        damaged = [flipped(proof, place) for place in range(len(proof))]
        damaged += [proof[:place] + proof[place + 1 :] for place in range(len(proof))]
        damaged += [(*proof, Hash(LEAVES[0])), (Hash(LEAVES[0]), *proof)]
        for wrong in damaged:
            assert not holds(verify_consistency, first, second, wrong, one, two), (first, wrong)
        assert not holds(verify_consistency, first, second, proof, Hash(flip(one)), two)
        assert not holds(verify_consistency, first, second, proof, one, Hash(flip(two)))
        for other in range(second + 1):
            if other != first:
                assert not holds(verify_consistency, other, second, proof, one, two)


def test_sizes_out_of_order_prove_nothing() -> None:
    for first, second in [(0, 0), (0, 5), (5, 4), (-1, 5)]:
        assert not holds(verify_consistency, first, second, (), ROOTS[5], ROOTS[5])


@given(st.integers(1, 2**53 - 1).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_path_lengths_of_logs_too_large_to_have(place: tuple[int, int]) -> None:
    index, size = place

    class Nowhere:
        def subtree(self, _level: int, _index: int) -> Hash:
            return ROOTS[1]

    path = prove_inclusion(Nowhere(), index, size)
    assert len(path) == path_length(index, size) <= 106
    leaf = LEAVES[0]
    # The loop turns as the RFC's own does, far beyond the sizes that can be built.
    root = fold(leaf, index, size, list(path))
    verify_inclusion(leaf, index, size, path, root)
    assert rfc9162.verify_inclusion(leaf, index, size, list(path), root)


def fold(leaf: bytes, index: int, size: int, path: list[Hash]) -> Hash:
    """The root that a path leads to, by halving the tree from the top."""
    if size == 1:
        return Hash(leaf)
    k = rfc9162.largest_power_of_two_below(size)
    *rest, last = path
    if index < k:
        return node_hash(fold(leaf, index, k, rest), last)
    return node_hash(last, fold(leaf, index - k, size - k, rest))


def test_an_inner_node_is_no_leaf() -> None:
    """A node's preimage offered as an entry (CVE-2012-2459's kin): the prefixes keep them apart."""
    preimage = LEAVES[0] + LEAVES[1]
    root = tree_root(LEAVES[:4])
    path = (node_hash(LEAVES[2], LEAVES[3]),)
    assert node_hash(node_hash(*LEAVES[:2]), *path) == root
    # In a tree of two the path has the right length; only the leaf's hash is another than the node's.
    assert not holds(verify_inclusion, leaf_hash(preimage), 0, 2, path, root)
    assert not holds(verify_inclusion, leaf_hash(b"\x01" + preimage), 0, 2, path, root)
    assert not holds(verify_inclusion, leaf_hash(preimage), 0, 4, path, root)


def test_the_last_leaf_twice_is_another_tree() -> None:
    assert len({tree_root([*LEAVES[:3]]), tree_root([*LEAVES[:3], LEAVES[2]]), tree_root([*LEAVES[:2]])}) == 3


def test_misuse_is_our_own_bug() -> None:
    tree = Leaves(LEAVES)
    with pytest.raises(ValueError, match="empty tree"):
        tree_root([])
    for index, size in [(5, 5), (-1, 5), (0, 0)]:
        with pytest.raises(ValueError, match="not in a tree"):
            prove_inclusion(tree, index, size)
    for first, second in [(0, 5), (6, 5)]:
        with pytest.raises(ValueError, match="no consistency proof"):
            prove_consistency(tree, first, second)
    with pytest.raises(ValueError, match="zip"):
        raise_level(LEAVES[:3])


@pytest.mark.parametrize("size", SIZES)
def test_range_roots(size: int) -> None:
    tree = Leaves(LEAVES)
    for low in (0, 64, 96):
        if low + size <= MOST and (low == 0 or size <= low & -low):
            assert range_root(tree, low, low + size) == rfc9162.mth(ENTRIES[low : low + size])


# --- other implementations ------------------------------------------------------------------------------------------


def test_pymerkle_agrees() -> None:
    """pymerkle hashes as RFC 9162 does; its paths carry the leaf first, and sides."""
    other = pymerkle.InmemoryTree(algorithm="sha256")
    for size in SIZES:
        other.append_entry(ENTRIES[size - 1])
        assert other.get_root(size) == ROOTS[size]
        assert other.get_root(size) == tree_root(LEAVES[:size])
    tree = Leaves(LEAVES[:MOST])
    for size in (1, 2, 3, 7, 8, 9, 33, 64, 65, 100):
        for index in range(size):
            theirs = other.prove_inclusion(index + 1, size)
            assert theirs.path[1:] == [*prove_inclusion(tree, index, size)]
            pymerkle.verify_inclusion(LEAVES[index], ROOTS[size], theirs)


def test_merkletools_agrees_on_the_shape() -> None:
    """merkletools has no prefixes: over leaves and nodes hashed its way, the same tree stands."""
    for size in SIZES:
        other = merkletools.MerkleTools(hash_type="sha256")
        other.add_leaf([leaf.hex() for leaf in LEAVES[:size]], do_hash=False)
        other.make_tree()
        assert bytes.fromhex(other.get_merkle_root()) == without_prefix(LEAVES[:size])


def without_prefix(leaves: list[Leaf]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    k = rfc9162.largest_power_of_two_below(len(leaves))
    return hashlib.sha256(without_prefix(leaves[:k]) + without_prefix(leaves[k:])).digest()
