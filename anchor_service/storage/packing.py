"""Event entries as they are stored: without their digits and names, which are the same in all (SPEC 6.1).

A row may also hold an entry as it is, which begins with `{`: seal entries do.
"""

from __future__ import annotations

import re
import struct
from binascii import unhexlify
from typing import Final

_PACKED: Final = b"\x01"
_NUMBERS: Final = struct.Struct(">cQQ")  # the mark, accepted, seq
_SIZE: Final = _NUMBERS.size + 4 * 32
_ENTRY: Final = re.compile(  # SPEC 6.1
    rb'\{"accepted":(0|[1-9][0-9]{0,15}),"commitment":"([0-9a-f]{64})","kind":"event","log":"([0-9a-f]{64})",'
    rb'"prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]{0,15}),"stream":"([0-9a-f]{64})","v":1\}'
)


def pack(entry: bytes) -> bytes:
    """Return the numbers and hashes of an event entry; anything else as it is."""
    match = _ENTRY.fullmatch(entry)
    if match is None:
        return entry
    accepted, commitment, log, prev, seq, stream = match.groups()
    return _NUMBERS.pack(_PACKED, int(accepted), int(seq)) + unhexlify(commitment + log + prev + stream)


def unpack(stored: bytes) -> bytes:
    """Return an entry byte for byte as it was before it was packed."""
    if len(stored) != _SIZE or stored[:1] != _PACKED:
        return stored
    _, accepted, seq = _NUMBERS.unpack_from(stored)
    digits = stored[_NUMBERS.size :].hex()
    return (
        f'{{"accepted":{accepted},"commitment":"{digits[:64]}","kind":"event","log":"{digits[64:128]}",'
        f'"prev":"{digits[128:192]}","seq":{seq},"stream":"{digits[192:]}","v":1}}'
    ).encode()
