"""Ethereum's JSON-RPC values, strictly read and printed.

    quantity  0x0, 0x1a2b      no leading zeros
    bytes     0x, 0x00ff       two digits a byte

Both directions use these: nodes that we ask may answer anything, and so may those who ask us.
"""

from __future__ import annotations

import re
from typing import Final

from anchor_service.ports import CallFailed
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import HASH_SIZE, Hash

METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
SERVER_ERROR: Final = -32000
LIMIT_EXCEEDED: Final = -32005
REVERTED: Final = 3

_QUANTITY: Final = re.compile(r"0x(0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)
_BYTES: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*", re.ASCII)


def reverted(problem: CallFailed) -> bool:
    """Whether the call ran and the contract refused it (nodes disagree on the number, so its data counts too)."""
    return problem.number == REVERTED or bool(problem.data) or "revert" in problem.message.lower()


def print_quantity(number: int) -> str:
    """Print a number that is not negative."""
    return hex(number)


def parse_quantity(value: object, where: str) -> int:
    """Read what `print_quantity` prints, below 2^256; Malformed names `where`."""
    if not isinstance(value, str) or _QUANTITY.fullmatch(value) is None:
        raise Malformed("rpc_value", f"{where}: expected a quantity such as 0x1a")
    return int(value, 16)


def print_bytes(data: bytes) -> str:
    """Print bytes."""
    return "0x" + data.hex()


def parse_bytes(value: object, where: str, size: int | None = None) -> bytes:
    """Read bytes, exactly `size` of them if given; digits may be upper case.  Malformed names `where`."""
    if not isinstance(value, str) or _BYTES.fullmatch(value) is None:
        raise Malformed("rpc_value", f"{where}: expected 0x and an even number of hexadecimal digits")
    data = bytes.fromhex(value[2:])
    if size is not None and len(data) != size:
        raise Malformed("rpc_value", f"{where}: expected {size} bytes, not {len(data)}")
    return data


def parse_hash(value: object, where: str) -> Hash:
    """Read 32 bytes; Malformed names `where`."""
    return Hash(parse_bytes(value, where, HASH_SIZE))
