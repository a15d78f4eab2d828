"""RFC 9162 consistency, written as the RFC has it and for no other purpose than to be compared with.

Nothing here is used by the product, or uses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def split(n: int) -> int:
    """The largest power of two below n, n > 1."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """The Merkle Tree Hash over leaf hashes (RFC 9162 2.1.1)."""
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node(mth(leaves[:k]), mth(leaves[k:]))


def prove(m: int, leaves: Sequence[bytes], *, whole: bool = True) -> list[bytes]:
    """PROOF(m, D_n), for `whole`, else SUBPROOF(m, D_n, false) (RFC 9162 2.1.4.1)."""
    n = len(leaves)
    if m == n:
        return [] if whole else [mth(leaves)]
    k = split(n)
    if m <= k:
        return [*prove(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*prove(m - k, leaves[k:], whole=False), mth(leaves[:k])]


def consistent(m: int, m_root: bytes, n: int, n_root: bytes, proof: Sequence[bytes]) -> bool:
    """RFC 9162 2.1.4.2, step by step; equal sizes need equal roots and an empty proof."""
    if not 0 < m <= n:
        return False
    if m == n:
        return m_root == n_root and not proof
    # 1. If consistency_path is an empty array, stop and fail the proof verification.
    if not proof:
        return False
    # 2. If first is an exact power of 2, then prepend first_hash to the consistency_path array.
    path = [m_root, *proof] if m & (m - 1) == 0 else list(proof)
    # 3. Set fn to first - 1 and sn to second - 1.
    fn, sn = m - 1, n - 1
    # 4. If LSB(fn) is set, then right-shift both fn and sn equally until LSB(fn) is not set.
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    # 5. Set both fr and sr to the first value in the consistency_path array.
    fr = sr = path[0]
    # 6. For each subsequent value c in the consistency_path array:
    for c in path[1:]:
        # a. If sn is 0, then stop the iteration and fail the proof verification.
        if sn == 0:
            return False
        # b. If LSB(fn) is set, or if fn is equal to sn, then:
        if fn & 1 or fn == sn:
            fr, sr = node(c, fr), node(c, sr)
            # If LSB(fn) is not set, then right-shift both equally until either LSB(fn) is set or fn is 0.
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node(sr, c)
        # c. Finally, right-shift both fn and sn one time.
        fn, sn = fn >> 1, sn >> 1
    # 7. Verify that fr is first_hash, sr is second_hash, and sn is 0.
    return fr == m_root and sr == n_root and sn == 0


def grow(m: int, n: int, random: Random, *, whole: bool = True) -> tuple[bytes, bytes, list[bytes]]:
    """Roots of a tree of m entries and of one of n that extends it, 0 < m <= n, and the proof, without the entries.

    2.1.4.1 read as a recipe: the subtrees that both share are drawn at random.
    """
    other = random.randbytes(32)
    if m == n:
        return other, other, [] if whole else [other]
    k = split(n)
    if m <= k:
        old, new, proof = grow(m, k, random, whole=whole)
        return old, node(new, other), [*proof, other]
    old, new, proof = grow(m - k, n - k, random, whole=False)
    return node(other, old), node(other, new), [*proof, other]


@dataclass(frozen=True, slots=True)
class Case:
    """What a consistency check is asked; `damage` says what was done to a good one."""

    m: int
    m_root: bytes
    n: int
    n_root: bytes
    proof: tuple[bytes, ...]
    damage: str = ""


def cases(seed: int, pairs: int) -> Iterator[Case]:
    """Every pair of sizes up to 12 from real trees, then `pairs` of every magnitude below 2^64; some damage to each."""
    random = Random(seed)
    for n in range(1, 13):
        leaves = [random.randbytes(32) for _ in range(n)]
        for m in range(1, n + 1):
            yield from _damaged(Case(m, mth(leaves[:m]), n, mth(leaves), tuple(prove(m, leaves))), random, 3)
    for _ in range(pairs):
        m, n = sorted(1 + random.getrandbits(random.randint(1, 63)) for _ in range(2))
        old, new, proof = grow(m, n, random)
        yield from _damaged(Case(m, old, n, new, tuple(proof)), random, 4)


def _damaged(good: Case, random: Random, count: int) -> Iterator[Case]:
    yield good
    variants = list(_damages(good, random))
    yield from random.sample(variants, min(count, len(variants)))


def _damages(good: Case, random: Random) -> Iterator[Case]:
    m, n, proof = good.m, good.n, good.proof

    def flip(value: bytes) -> bytes:
        return (int.from_bytes(value) ^ 1 << random.randrange(256)).to_bytes(32)

    yield replace(good, m_root=flip(good.m_root), damage="old root")
    yield replace(good, n_root=flip(good.n_root), damage="new root")
    yield replace(good, m_root=good.n_root, n_root=good.m_root, damage="roots swapped")
    yield replace(good, proof=(*proof, random.randbytes(32)), damage="one more")
    yield replace(good, proof=(good.m_root, *proof), damage="old root prepended")
    yield replace(good, m=0, damage="from nothing")
    yield replace(good, m=n, n=m, damage="sizes swapped")
    yield replace(good, m=max(0, m + random.choice((-1, 1))), damage="old size off by one")
    yield replace(good, n=min(2**64 - 1, n + random.choice((-1, 1))), damage="new size off by one")
    yield replace(good, m=1 + random.getrandbits(63), n=1 + random.getrandbits(63), damage="other sizes")
    if proof:
        at = random.randrange(len(proof))
        yield replace(good, proof=(*proof[:at], flip(proof[at]), *proof[at + 1 :]), damage="an element")
        yield replace(good, proof=(*proof[:at], *proof[at + 1 :]), damage="one less")
        yield replace(good, proof=(*proof[:at], proof[at], *proof[at:]), damage="one twice")
        yield replace(good, proof=proof[::-1], damage="backwards")
        yield replace(good, proof=(), damage="no proof")
