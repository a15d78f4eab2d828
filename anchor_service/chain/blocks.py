"""Block headers and receipts, rebuilt byte for byte from what nodes tell of them in JSON.

Few nodes serve raw headers, and chains add members of their own.  So the hash decides: what is built counts only if it
hashes to what the block says, and is refused otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

import rlp
from rlp.exceptions import RLPException
from trie.hexary import HexaryTrie

from anchor_service.chain.jsonrpc import parse_bytes, parse_hash, parse_quantity
from anchor_service.ports import Block
from anchor_service.protocol.anchor import keccak256
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash

_QUANTITIES: Final = frozenset(
    {
        "difficulty",
        "number",
        "gasLimit",
        "gasUsed",
        "timestamp",
        "baseFeePerGas",
        "blobGasUsed",
        "excessBlobGas",
        "slotNumber",
    }
)
_FIRST: Final = (
    "parentHash", "sha3Uncles", "miner", "stateRoot", "transactionsRoot", "receiptsRoot", "logsBloom", "difficulty",
    "number", "gasLimit", "gasUsed", "timestamp", "extraData", "mixHash", "nonce",
)  # fmt: skip
_LATER: Final = (
    "baseFeePerGas", "withdrawalsRoot", "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
    "blockAccessListHash", "slotNumber",
)  # fmt: skip
_NO_HEADER: Final = frozenset({"hash", "size", "totalDifficulty", "transactions", "uncles", "withdrawals"})
_MAX_UNKNOWN: Final = 6
"""Members that we do not know and try; their arrangements are what a lying node could make us spend time on."""

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RawBlock:
    """A block whose header hashes to its hash."""

    header: bytes
    receipts_root: Hash
    transactions: tuple[Hash, ...]
    block: Block


def read_block(answer: object) -> Block:
    """Read what is needed of a block to speak of it; Malformed otherwise."""
    block = as_object(answer, "a block")
    return Block(
        parse_quantity(block.get("number"), "number"),
        parse_hash(block.get("hash"), "hash"),
        parse_quantity(block.get("timestamp"), "timestamp"),
    )


def read_raw_block(answer: object) -> RawBlock:
    """Rebuild a block's header.  Malformed (`header_hash`) where nothing hashes to the block's hash."""
    document = as_object(answer, "a block")
    block = read_block(answer)
    transactions = document.get("transactions")
    if not isinstance(transactions, list):
        raise Malformed("rpc_value", "transactions: expected an array")
    for header in _headers(document):
        if keccak256(header) == block.hash:
            root = parse_hash(document.get("receiptsRoot"), "receiptsRoot")
            return RawBlock(header, root, tuple(parse_hash(item, "transaction") for item in transactions), block)
    raise Malformed("header_hash", f"the header of block {block.number} does not hash to what the node says")


def _headers(block: Json) -> Iterator[bytes]:
    """The headers that these members may make, the likeliest first."""
    first = [_item(name, block.get(name)) for name in _FIRST]
    later = [_item(name, block[name]) for name in _LATER if block.get(name) is not None]
    extra = _FIRST.index("extraData")
    for data in _extra_data(first[extra]):
        yield rlp.encode([*first[:extra], data, *first[extra + 1 :], *later])
    # A fork to come, or a chain of its own kind, appends members.
    known = {*_FIRST, *_LATER, *_NO_HEADER}
    unknown = [value for name, value in block.items() if name not in known and isinstance(value, str)]
    choices = [item for value in unknown[:_MAX_UNKNOWN] for item in _readings(value)]
    for count in (1, 2, 3):
        for added in permutations(choices, count):
            yield rlp.encode([*first, *later, *added])


def _item(name: str, value: object) -> bytes:
    return _number(parse_quantity(value, name)) if name in _QUANTITIES else parse_bytes(value, name)


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def _readings(value: str) -> set[bytes]:
    """What an unknown member may be: a quantity, or bytes."""
    readings: set[bytes] = set()
    with suppress(Malformed):
        readings.add(_number(parse_quantity(value, "")))
    with suppress(Malformed):
        readings.add(parse_bytes(value, ""))
    return readings


def _extra_data(data: bytes) -> Iterator[bytes]:
    """The extra data as it is, and as Besu hashes it: QBFT with round 0 and no seals, IBFT2 without both."""
    yield data
    try:
        items = rlp.decode(data)
    except RLPException:
        return
    if isinstance(items, list) and len(items) == 5:
        yield rlp.encode([*items[:3], b"", []])
        yield rlp.encode(items[:3])


def receipt_proof(receipts: Sequence[object], root: Hash, index: int) -> tuple[bytes, ...]:
    """The trie nodes from the receipts root to the receipt at `index`, the root first.

    `receipts` are all of the block's, in order, in JSON.  Malformed (`receipts_root`) where they do not make this root.
    """
    trie = _receipts_trie(receipts, root)
    nodes: list[bytes] = [rlp.encode(node) for node in trie.get_proof(rlp.encode(index))]  # type: ignore[no-untyped-call]
    # SPEC 12.3: a node shorter than 32 bytes is embedded in its parent and not listed.
    return tuple(node for place, node in enumerate(nodes) if place == 0 or len(node) >= 32)


def check_receipts(receipts: Sequence[object], root: Hash) -> None:
    """Malformed (`receipts_root`) where these are not all receipts of a block with this root."""
    _receipts_trie(receipts, root)


def _receipts_trie(receipts: Sequence[object], root: Hash) -> HexaryTrie:
    trie = HexaryTrie({})
    for index, receipt in enumerate(receipts):
        trie[rlp.encode(index)] = _encode_receipt(as_object(receipt, "a receipt"))
    if trie.root_hash != root:
        raise Malformed("receipts_root", "the receipts do not make the block's receipts root")
    return trie


def _encode_receipt(receipt: Json) -> bytes:
    logs = receipt.get("logs")
    if not isinstance(logs, list):
        raise Malformed("rpc_value", "logs: expected an array")
    items: list[object] = [
        _number(parse_quantity(receipt.get("status"), "status")),
        _number(parse_quantity(receipt.get("cumulativeGasUsed"), "cumulativeGasUsed")),
        parse_bytes(receipt.get("logsBloom"), "logsBloom", 256),
        [_log_item(as_object(log, "a log")) for log in logs],
    ]
    # Deposits on the OP stack, since Canyon.
    items += [
        _number(parse_quantity(receipt[name], name))
        for name in ("depositNonce", "depositReceiptVersion")
        if receipt.get(name) is not None
    ]
    kind = parse_quantity(receipt.get("type", "0x0"), "type")
    if kind > 0x7F:
        raise Malformed("rpc_value", "type: at most 0x7f")
    encoded: bytes = rlp.encode(items)
    return (bytes([kind]) if kind else b"") + encoded


def _log_item(log: Json) -> list[object]:
    topics = log.get("topics")
    if not isinstance(topics, list):
        raise Malformed("rpc_value", "topics: expected an array")
    return [
        parse_bytes(log.get("address"), "address", 20),
        [parse_bytes(topic, "topic", 32) for topic in topics],
        parse_bytes(log.get("data"), "data"),
    ]


def as_object(answer: object, what: str) -> Json:
    """The answer, if it is a JSON object; Malformed otherwise."""
    if not isinstance(answer, dict):
        raise Malformed("rpc_value", f"expected {what}")
    return answer
