"""Headers and receipts rebuilt from JSON: the hash decides."""

from __future__ import annotations

from typing import Any

import pytest
import rlp

from anchor_service.chain.blocks import check_receipts, read_raw_block, receipt_proof
from anchor_service.protocol.anchor import keccak256
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.hashes import Hash

FIRST = {
    "parentHash": "0x" + "01" * 32,
    "sha3Uncles": "0x" + "02" * 32,
    "miner": "0x" + "03" * 20,
    "stateRoot": "0x" + "04" * 32,
    "transactionsRoot": "0x" + "05" * 32,
    "receiptsRoot": "0x" + "06" * 32,
    "logsBloom": "0x" + "00" * 256,
    "difficulty": "0x0",
    "number": "0x64",
    "gasLimit": "0x1c9c380",
    "gasUsed": "0x0",
    "timestamp": "0x65000000",
    "extraData": "0x",
    "mixHash": "0x" + "07" * 32,
    "nonce": "0x0000000000000000",
}
QUANTITIES = {"difficulty", "number", "gasLimit", "gasUsed", "timestamp", "baseFeePerGas", "blobGasUsed"}
VANITY, SEALS = b"\x09" * 32, [b"\x0a" * 65, b"\x0b" * 65]


def item(name: str, value: str) -> bytes:
    if name not in QUANTITIES:
        return bytes.fromhex(value[2:])
    number = int(value, 16)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def block_of(members: dict[str, str], hashed: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """A block in JSON whose hash is over `hashed` (by default all members, in their order)."""
    header = rlp.encode([item(name, value) for name, value in (hashed or members).items()])
    return {
        **members,
        "hash": "0x" + keccak256(header).hex(),
        "transactions": [],
        "size": "0x220",
        "uncles": [],
        **more,
    }


def rebuilt(block: dict[str, Any]) -> bytes:
    raw = read_raw_block(block)
    assert keccak256(raw.header) == raw.block.hash
    header = read_header(raw.header)
    assert (header.number, header.hash, header.timestamp) == (raw.block.number, raw.block.hash, raw.block.timestamp)
    assert header.receipts_root == raw.receipts_root
    return raw.header


def test_headers_of_every_fork() -> None:
    later = {"baseFeePerGas": "0x7", "withdrawalsRoot": "0x" + "08" * 32, "blobGasUsed": "0x0"}
    for count in range(len(later) + 1):
        rebuilt(block_of(FIRST | dict(list(later.items())[:count]), totalDifficulty="0x5", withdrawals=[]))
    # A node that names what a chain does not have gives null.
    rebuilt(block_of(FIRST, baseFeePerGas=None))


def test_members_of_forks_to_come() -> None:
    new = {"blockAccessListHash": "0x" + "0c" * 32, "somethingNew": "0x" + "0d" * 32, "another": "0x0e"}
    rebuilt(block_of(FIRST | new))
    rebuilt(block_of(FIRST | new, l1BlockNumber="0x5", distraction="0x" + "11" * 32))


def test_besu_hashes_without_the_seals() -> None:
    validators = [b"\x0c" * 20, b"\x0d" * 20]
    for sealed, bare in (
        ([VANITY, validators, b"", b"\x02", SEALS], [VANITY, validators, b"", b"", []]),
        ([VANITY, validators, b"", b"\0\0\0\x02", SEALS], [VANITY, validators, b""]),
    ):
        full = FIRST | {"extraData": "0x" + rlp.encode(sealed).hex()}
        hashed = FIRST | {"extraData": "0x" + rlp.encode(bare).hex()}
        header = rebuilt(block_of(full, hashed))
        # What is kept is what was hashed.
        assert read_header(header).hash == keccak256(rlp.encode([item(n, v) for n, v in hashed.items()]))


@pytest.mark.parametrize("name", sorted(FIRST))
def test_another_member_makes_another_hash(name: str) -> None:
    block = block_of(FIRST)
    value = block[name]
    block[name] = "0x1" if name in QUANTITIES and value != "0x1" else "0x" + value[4:] + "ee"
    with pytest.raises(Malformed) as caught:
        read_raw_block(block)
    assert caught.value.code == "header_hash"
    del block[name]
    with pytest.raises(Malformed):
        read_raw_block(block)


@pytest.mark.parametrize("value", [None, 5, "0x", "0x00", "0x-1", "0X1", "1", "0x1 ", [], {}])
def test_members_of_another_kind_are_refused(value: Any) -> None:
    for name in ("number", "timestamp", "hash", "transactions", "parentHash"):
        with pytest.raises(Malformed):
            read_raw_block(block_of(FIRST) | {name: value if value != [] or name != "transactions" else "0x"})


LOG = {"address": "0x" + "01" * 20, "topics": ["0x" + "02" * 32], "data": "0x0304"}
RECEIPT = {"type": "0x2", "status": "0x1", "cumulativeGasUsed": "0x5208", "logsBloom": "0x" + "00" * 256, "logs": [LOG]}


def root_of(encoded: bytes) -> Hash:
    """The root of a trie of one receipt: a leaf whose path is that of index 0."""
    return keccak256(rlp.encode([b"\x20\x80", encoded]))


def test_receipts_of_every_type() -> None:
    logs = [[b"\x01" * 20, [b"\x02" * 32], b"\x03\x04"]]
    items: list[Any] = [b"\x01", b"\x52\x08", bytes(256), logs]
    for receipt, encoded in (
        (RECEIPT, b"\x02" + rlp.encode(items)),
        (RECEIPT | {"type": "0x0"}, rlp.encode(items)),
        ({name: value for name, value in RECEIPT.items() if name != "type"}, rlp.encode(items)),
        (RECEIPT | {"status": "0x0"}, b"\x02" + rlp.encode([b"", *items[1:]])),
        (
            RECEIPT | {"type": "0x7e", "depositNonce": "0x9", "depositReceiptVersion": "0x1"},
            b"\x7e" + rlp.encode([*items, b"\x09", b"\x01"]),
        ),
    ):
        check_receipts([receipt], root_of(encoded))
        (leaf,) = receipt_proof([receipt], root_of(encoded), 0)
        assert keccak256(leaf) == root_of(encoded)
        with pytest.raises(Malformed) as caught:
            check_receipts([receipt | {"cumulativeGasUsed": "0x5209"}], root_of(encoded))
        assert caught.value.code == "receipts_root"
        with pytest.raises(Malformed):
            check_receipts([receipt, receipt], root_of(encoded))


@pytest.mark.parametrize(
    "change",
    [
        {"status": None},
        {"logsBloom": "0x00"},
        {"logs": None},
        {"logs": ["0x"]},
        {"logs": [LOG | {"topics": None}]},
        {"logs": [LOG | {"topics": ["0x01"]}]},
        {"logs": [LOG | {"address": "0x01"}]},
        {"type": "0x80"},
        {"type": 2},
    ],
)
def test_receipts_of_another_kind_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Malformed):
        check_receipts([RECEIPT | change], Hash(bytes(32)))
