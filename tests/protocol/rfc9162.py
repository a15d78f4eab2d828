"""RFC 9162 section 2.1, word for word and without a thought for speed: the oracle for `protocol.merkle`."""

from __future__ import annotations

from hashlib import sha256

Data = list[bytes]


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(d: Data) -> bytes:
    """2.1.1: Definition of the Merkle Tree."""
    if not d:
        return sha256(b"").digest()
    if len(d) == 1:
        return sha256(b"\x00" + d[0]).digest()
    k = largest_power_of_two_below(len(d))
    return sha256(b"\x01" + mth(d[:k]) + mth(d[k:])).digest()


def path(m: int, d: Data) -> list[bytes]:
    """2.1.3.1: Generating an Inclusion Proof."""
    if len(d) == 1:
        return []
    k = largest_power_of_two_below(len(d))
    if m < k:
        return [*path(m, d[:k]), mth(d[k:])]
    return [*path(m - k, d[k:]), mth(d[:k])]


def proof(m: int, d: Data) -> list[bytes]:
    """2.1.4.1: Generating a Consistency Proof."""
    return subproof(m, d, b=True)


def subproof(m: int, d: Data, *, b: bool) -> list[bytes]:
    if m == len(d):
        return [] if b else [mth(d)]
    k = largest_power_of_two_below(len(d))
    if m <= k:
        return [*subproof(m, d[:k], b=b), mth(d[k:])]
    return [*subproof(m - k, d[k:], b=False), mth(d[:k])]


def verify_inclusion(leaf: bytes, leaf_index: int, tree_size: int, inclusion_path: list[bytes], root: bytes) -> bool:
    """2.1.3.2: Verifying an Inclusion Proof, step by step."""
    if leaf_index >= tree_size:
        return False
    fn, sn, r = leaf_index, tree_size - 1, leaf
    for p in inclusion_path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r).digest()
            if not fn & 1:
                while True:
                    fn >>= 1
                    sn >>= 1
                    if fn & 1 or fn == 0:
                        break
        else:
            r = sha256(b"\x01" + r + p).digest()
        fn >>= 1
        sn >>= 1
    return sn == 0 and r == root


def verify_consistency(first: int, second: int, consistency_path: list[bytes], one: bytes, two: bytes) -> bool:
    """2.1.4.2: Verifying Consistency between Two Tree Heads, step by step; 0 < first < second."""
    steps = list(consistency_path)
    if not steps:
        return False
    if first & (first - 1) == 0:
        steps = [one, *steps]
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = steps[0]
    for c in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr = sha256(b"\x01" + c + fr).digest()
            sr = sha256(b"\x01" + c + sr).digest()
            if not fn & 1:
                while True:
                    fn >>= 1
                    sn >>= 1
                    if fn & 1 or fn == 0:
                        break
        else:
            sr = sha256(b"\x01" + sr + c).digest()
        fn >>= 1
        sn >>= 1
    return fr == one and sr == two and sn == 0
