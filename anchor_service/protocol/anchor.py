"""The registry's names: addresses, log ids and the `Anchored` log (SPEC 11)."""

from __future__ import annotations

import re
from typing import Final

from sha3 import keccak_256

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import HASH_SIZE, Hash, LogId

ADDRESS_SIZE: Final = 20
_ADDRESS: Final = re.compile(r"0x[0-9a-f]{40}", re.ASCII)


def keccak256(data: bytes) -> Hash:
    """The EVM's own hash; everything outside its structures is SHA-256."""
    return Hash(keccak_256(data).digest())


ANCHORED: Final = keccak256(b"Anchored(bytes32,uint64,bytes32,uint64)")
"""The first topic of the log that the registry writes for a new head."""


def word(number: int) -> bytes:
    """A number as the EVM's 32-byte word; OverflowError where it is negative or does not fit."""
    return number.to_bytes(32, "big")


def log_id(chain_id: int, registry: bytes, owner: bytes, salt: bytes) -> LogId:
    """The id of the log that `owner` creates with `salt` in this registry on this chain (SPEC 11.2).

    Addresses have 20 bytes and the salt 32; ValueError otherwise.
    """
    if len(registry) != ADDRESS_SIZE or len(owner) != ADDRESS_SIZE or len(salt) != HASH_SIZE:
        raise ValueError("an address has 20 bytes and a salt 32")
    return LogId(keccak256(word(chain_id) + registry.rjust(32, b"\0") + owner.rjust(32, b"\0") + salt))


def print_address(address: bytes) -> str:
    """`0x` and 40 lower-case hexadecimal digits: the one form that documents use."""
    if len(address) != ADDRESS_SIZE:
        raise ValueError(f"an address has {ADDRESS_SIZE} bytes, not {len(address)}")
    return "0x" + address.hex()


def parse_address(text: object, where: str) -> bytes:
    """Read what `print_address` prints, nothing else; Malformed names `where`."""
    if not isinstance(text, str) or _ADDRESS.fullmatch(text) is None:
        raise Malformed("address_syntax", f"{where}: expected 0x and 40 lower-case hexadecimal digits")
    return bytes.fromhex(text[2:])
