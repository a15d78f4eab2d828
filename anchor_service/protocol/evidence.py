"""Chain evidence: from one block hash to an `Anchored` log, without asking anyone (SPEC 12).

    block hash = keccak256(header) ── receipts root ── trie nodes ── receipt at `index` ── log of the registry

A header has no chain id and does not prove that it is canonical: which blocks count is the policy's to say (SPEC 15.8).
What is broken in form is Malformed (`evidence`); what is well formed and does not show the anchor is Altered
(`receipt_root`, `receipt_failed`, `anchored_missing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from anchor_service.protocol.anchor import ANCHORED, keccak256
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId

MAX_INDEX: Final = 2**24
"""No block holds as many transactions."""
MAX_NUMBER: Final = 2**53
"""Block numbers and times stay below, so that every language reads them exactly."""
_MAX_DEPTH: Final = 16
"""Lists within lists; a receipt has four of them, and depth must not cost a verifier its stack."""

Rlp: TypeAlias = "bytes | tuple[Rlp, ...]"


@dataclass(frozen=True, slots=True)
class ChainEvidence:
    """What shows one transaction's receipt: header RLP, the transaction's index, and trie nodes, the root first."""

    header: bytes
    index: int
    nodes: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BlockHeader:
    """What is read of a block header; `timestamp` in seconds UTC."""

    number: int
    hash: Hash
    timestamp: int
    receipts_root: Hash


@dataclass(frozen=True, slots=True)
class AnchoredEvent:
    """The registry's log of a new head."""

    log: LogId
    size: int
    root: Hash
    previous_size: int


def verify_anchored(evidence: ChainEvidence, registry: bytes, log: LogId, size: int, root: Hash) -> BlockHeader:
    """Prove that in the block with this header `registry` recorded (log, size, root); return the header as read.

    Bounds: index < 2^24; the trie has at most 9 levels, so the cost is linear in the evidence.  The caller limits the
    evidence's length, and decides whether it trusts the block's hash: that the block is canonical is not proven here.
    """
    header = read_header(evidence.header)
    verify_recorded(evidence, registry, log, size, root, header=header)
    return header


def verify_recorded(
    evidence: ChainEvidence, registry: bytes, log: LogId, size: int, root: Hash, *, header: BlockHeader
) -> None:
    """Prove the same as `verify_anchored`, with the evidence's header read already."""
    receipt = _read_receipt(_prove_value(header.receipts_root, evidence.index, evidence.nodes))
    # SPEC 12.4: Status is 1.
    if receipt[0] != b"\x01":
        raise Altered("receipt_failed", f"transaction {evidence.index} of block {header.number} failed")
    logs = receipt[3]
    if isinstance(logs, bytes):
        raise Malformed("evidence", "a receipt's logs are a list")
    for event in (read_anchored(item, registry) for item in logs):
        if event is not None and (event.log, event.size, event.root) == (log, size, root):
            return
    where = f"transaction {evidence.index} of block {header.number}"
    raise Altered("anchored_missing", f"{where} does not record size {size} with root {root} of log {log}")


def read_header(raw: bytes) -> BlockHeader:
    """Read a block header; items after the first 15 are for forks to come, and ignored (SPEC 12.2)."""
    items = read_rlp(raw)
    if isinstance(items, bytes) or len(items) < 15:
        raise Malformed("evidence", "a block header is a list of at least 15 items")
    receipts_root = items[5]
    if isinstance(receipts_root, tuple) or len(receipts_root) != HASH_SIZE:
        raise Malformed("evidence", f"a block header's receipts root has {HASH_SIZE} bytes")
    number, timestamp = _quantity(items[8], "number"), _quantity(items[11], "timestamp")
    return BlockHeader(number, keccak256(raw), timestamp, Hash(receipts_root))


def read_anchored(item: Rlp, registry: bytes) -> AnchoredEvent | None:
    """Read one log of a receipt; None where it is another contract's, or another log of the registry."""
    match item:
        case (bytes(address), (bytes(topic), bytes(log), bytes(size)), bytes(data)):
            if address != registry or topic != ANCHORED or [len(log), len(size), len(data)] != [32, 32, 64]:
                return None
            return AnchoredEvent(
                LogId(log), int.from_bytes(size, "big"), Hash(data[:32]), int.from_bytes(data[32:], "big")
            )
        case _:
            return None


# --- receipts ---------------------------------------------------------------------------------------------------------


def _read_receipt(raw: bytes) -> tuple[Rlp, ...]:
    # SPEC 12.4: The receipt, without its type byte where it has one (0x01 to 0x7f), is a list of at least 4 items
    items = read_rlp(raw[1:] if raw and 0x01 <= raw[0] <= 0x7F else raw)
    if isinstance(items, bytes) or len(items) < 4:
        raise Malformed("evidence", "a receipt is a list of at least 4 items")
    return items


def _quantity(item: Rlp, name: str) -> int:
    if isinstance(item, tuple) or len(item) > 8 or item[:1] == b"\0" or int.from_bytes(item, "big") >= MAX_NUMBER:
        raise Malformed("evidence", f"a block header's {name} is a number below 2^53 without leading zeros")
    return int.from_bytes(item, "big")


# --- the receipts trie ------------------------------------------------------------------------------------------------


def _prove_value(root: Hash, index: int, nodes: tuple[bytes, ...]) -> bytes:
    """The value that a hexary Merkle-Patricia trie with this root holds under RLP(index).

    SPEC 12.3: Every node is used, the first hashes to the receipts root, and each next to the reference in the one
    before; a node shorter than 32 bytes is embedded in its parent and not listed.
    """
    if not 0 <= index < MAX_INDEX:
        raise Malformed("evidence", "a transaction's index is between 0 and 2^24")
    path = list(_nibbles(_rlp_of_index(index)))
    waiting = list(reversed(nodes))
    reference: Rlp = root
    value: Rlp | None = None
    while value is None:
        # An embedded node is the reference itself; its bytes are hashed as a part of its parent.
        node = reference if isinstance(reference, tuple) else _node_of(reference, waiting)
        if len(node) == 17 and path:
            reference = node[path.pop(0)]
        elif len(node) == 2 and isinstance(node[0], bytes):
            is_leaf, part = _node_path(node[0])
            if path[: len(part)] != part or (is_leaf and len(part) != len(path)):
                raise Altered("receipt_root", f"the trie holds no receipt at index {index}")
            path = path[len(part) :]
            if is_leaf:
                value = node[1]
            else:
                reference = node[1]
        else:
            raise Malformed("evidence", "a trie node is a branch of 17 items, or a path and what it leads to")
    if waiting:
        raise Malformed("evidence", f"{len(waiting)} trie nodes are not used")
    if not isinstance(value, bytes):
        raise Malformed("evidence", "a trie's value is a byte string")
    return value


def _node_of(reference: bytes, waiting: list[bytes]) -> tuple[Rlp, ...]:
    raw = waiting.pop() if waiting else b""
    # The hash decides before anything is read; an empty or short reference is nobody's hash.
    if keccak256(raw) != reference:
        raise Altered("receipt_root", "a trie node is missing, or is not the one that its parent names")
    node = read_rlp(raw)
    if isinstance(node, bytes):
        raise Malformed("evidence", "a trie node is a list")
    return node


def _node_path(raw: bytes) -> tuple[bool, list[int]]:
    """Whether a two-item node is a leaf, and its part of the path (the hex-prefix encoding)."""
    flag, *path = _nibbles(raw) or [4]
    is_odd = bool(flag & 1)
    if flag > 3 or (not is_odd and path[0] != 0):
        raise Malformed("evidence", "a trie node's path has a bad prefix")
    is_leaf = flag >= 2
    path = path if is_odd else path[1:]
    if not is_leaf and not path:
        raise Malformed("evidence", "a trie's extension node has an empty path")
    return is_leaf, path


def _nibbles(data: bytes) -> list[int]:
    return [nibble for byte in data for nibble in (byte >> 4, byte & 15)]


def _rlp_of_index(index: int) -> bytes:
    data = index.to_bytes((index.bit_length() + 7) // 8, "big")
    return data if 0 < index < 0x80 else bytes([0x80 + len(data)]) + data


# --- RLP --------------------------------------------------------------------------------------------------------------


def read_rlp(raw: bytes) -> Rlp:
    """Read one RLP item that fills `raw`: a byte string, or a tuple of items.  Only the shortest encoding is read."""
    item, end = _read_item(raw, 0, len(raw), _MAX_DEPTH)
    if end != len(raw):
        raise Malformed("evidence", "bytes after an RLP item")
    return item


def _read_item(raw: bytes, start: int, limit: int, depth: int) -> tuple[Rlp, int]:
    """Read the item at `start`, which must end by `limit`; return it and its end."""
    if start >= limit or not depth:
        raise Malformed("evidence", "RLP is truncated, or too deep")
    head = raw[start]
    if head < 0x80:
        return raw[start : start + 1], start + 1
    is_list, length = head >= 0xC0, head & 0x3F
    start += 1
    if length > 55:
        width = length - 55
        size = raw[start : min(start + width, limit)]
        length = int.from_bytes(size, "big")
        if len(size) != width or size[0] == 0 or length <= 55:
            raise Malformed("evidence", "an RLP length that is not the shortest")
        start += width
    end = start + length
    if end > limit:
        raise Malformed("evidence", "RLP is truncated")
    if not is_list:
        if length == 1 and raw[start] < 0x80:
            raise Malformed("evidence", "an RLP string that is not the shortest")
        return raw[start:end], end
    items: list[Rlp] = []
    while start < end:
        head = raw[start]
        after = start + head - 0x7F
        # Most items are strings of 0 or 2 to 55 bytes, and read here at once.
        if 0x80 <= head <= 0xB7 and head != 0x81 and after <= end and depth > 1:
            items.append(raw[start + 1 : after])
            start = after
        else:
            item, start = _read_item(raw, start, end, depth - 1)
            items.append(item)
    return tuple(items), end
