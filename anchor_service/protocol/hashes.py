"""Hashes and their domains (SPEC 2)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final, Self

from anchor_service.protocol.errors import Malformed

HASH_SIZE: Final = 32
made: Final = bytes.__new__
"""Makes a Hash of what is known to have 32 bytes."""

FIELD: Final = b"sealtrail/v1/field\0"
EVENT: Final = b"sealtrail/v1/event\0"
STREAM: Final = b"sealtrail/v1/stream\0"
RECEIPT: Final = b"sealtrail/v1/receipt\0"
SIGNATURE: Final = b"sealtrail/v1/signature\0"
MAP_LEAF: Final = b"sealtrail/v1/map-leaf\0"
MAP_NODE: Final = b"sealtrail/v1/map-node\0"


class Hash(bytes):
    """32 bytes of a hash; printed as 64 lower-case hexadecimal digits and never handled as text."""

    __slots__ = ()

    def __new__(cls, value: bytes) -> Self:
        """Take exactly 32 bytes; ValueError otherwise (a wrong length here is our own bug)."""
        if len(value) != HASH_SIZE:
            raise ValueError(f"a hash has {HASH_SIZE} bytes, not {len(value)}")
        return super().__new__(cls, value)

    @classmethod
    def of(cls, digits: str) -> Self:
        """Take 64 hexadecimal digits that a template has checked."""
        return made(cls, bytes.fromhex(digits))

    def __str__(self) -> str:
        """Print as hexadecimal digits."""
        return self.hex()


class Leaf(Hash):
    """The RFC 9162 leaf hash of an entry."""

    __slots__ = ()


class StreamId(Hash):
    """The salted hash that names a stream (SPEC 5)."""

    __slots__ = ()


class LogId(Hash):
    """The registry's name of a log (SPEC 11)."""

    __slots__ = ()


ZERO: Final = Hash(bytes(HASH_SIZE))


def parse_hash(text: object, where: str) -> Hash:
    """Read 64 lower-case hexadecimal digits, nothing else; Malformed names `where`."""
    found = read_hex(text) if isinstance(text, str) else None
    if found is None or len(found) != HASH_SIZE:
        raise Malformed("hash_syntax", f"{where}: expected 64 lower-case hexadecimal digits")
    return made(Hash, found)


def read_hex(text: str) -> bytes | None:
    """Read lower-case hexadecimal digits of even number (SPEC 2.1), None for anything else."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if found.hex() == text else None  # `fromhex` also reads capitals and passes over spaces


def tagged(domain: bytes, data: bytes) -> Hash:
    """SHA-256 of a domain string (it ends in a zero byte) and the data (SPEC 2.2)."""
    return made(Hash, sha256(domain + data).digest())
