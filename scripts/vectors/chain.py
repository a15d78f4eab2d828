"""Blocks that were never mined, with a receipts trie that is real in every byte."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

import rlp
from trie.hexary import HexaryTrie

from anchor_service.protocol.anchor import ANCHORED, keccak256, word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anchor_service.protocol.hashes import Hash

Log = tuple[bytes, tuple[bytes, ...], bytes]


@dataclass(frozen=True, slots=True)
class Mined:
    """One transaction of a block: the header, the receipt's place, and the trie nodes that lead to it."""

    header: bytes
    number: int
    timestamp: int
    index: int
    nodes: tuple[bytes, ...]

    @property
    def hash(self) -> Hash:
        """The block's hash."""
        return keccak256(self.header)


def anchored_log(registry: bytes, log: bytes, size: int, root: bytes, previous: int = 0) -> Log:
    """The registry's log of a new head."""
    return registry, (ANCHORED, log, word(size)), root + word(previous)


def other_log(seed: str) -> Log:
    """A log of some other contract."""
    digest = sha256(seed.encode()).digest()
    return digest[:20], (keccak256(b"Transfer(address,address,uint256)"), digest, digest), word(1)


def receipt(logs: Sequence[Log], *, kind: int | None = 2, status: bytes = b"\x01", gas: int = 80_000) -> bytes:
    """Encode a receipt; `kind` None is an untyped one."""
    body: bytes = rlp.encode([status, gas.to_bytes(4, "big").lstrip(b"\0"), bytes(256), [_listed(log) for log in logs]])
    return body if kind is None else bytes([kind]) + body


def _listed(log: Log) -> list[object]:
    address, topics, data = log
    return [address, list(topics), data]


def other_receipts(count: int) -> list[bytes]:
    """Receipts of other people's transactions, typed and untyped."""
    return [
        receipt([other_log(f"other {place}")], kind=(None, 2, 1)[place % 3], gas=21_000 * (place + 1))
        for place in range(count)
    ]


def mine(
    number: int, timestamp: int, receipts: Sequence[bytes], index: int, *, items: int = 21, salt: str = ""
) -> Mined:
    """Make a block of these receipts and take the proof of one of them; `items` is how many the header has."""
    trie = HexaryTrie({})
    for place, raw in enumerate(receipts):
        trie[rlp.encode(place)] = raw
    proof = trie.get_proof(rlp.encode(index))  # type: ignore[no-untyped-call]
    encoded = [rlp.encode(node) for node in proof]
    nodes = (encoded[0], *(node for node in encoded[1:] if len(node) >= 32))
    return Mined(header(number, timestamp, trie.root_hash, items=items, salt=salt), number, timestamp, index, nodes)


def header(number: int, timestamp: int, receipts_root: bytes, *, items: int = 21, salt: str = "") -> bytes:
    """Encode a block header of `items` items (21 since Prague)."""

    def filler(name: str, size: int = 32) -> bytes:
        return sha256(f"{name} {number} {salt}".encode()).digest()[:size]

    def quantity(value: int) -> bytes:
        return value.to_bytes(8, "big").lstrip(b"\0")

    values = [
        *(filler("parent"), filler("ommers"), filler("coinbase", 20), filler("state"), filler("transactions")),
        *(receipts_root, bytes(256), b"", quantity(number), quantity(36_000_000), quantity(1_000_000)),
        *(quantity(timestamp), b"vectors", filler("mix"), bytes(8), quantity(1_000_000_000)),
        *(filler("withdrawals"), b"", b"", filler("beacon"), filler("requests")),
    ]
    values += [filler(f"later {place}") for place in range(items - len(values))]
    encoded: bytes = rlp.encode(values[:items])
    return encoded
