"""Disclosures as they are stored: without their salts, which follow from the event's secret (SPEC 4.4).

`["<salt>","name",value]` is stored as `"name",value`, one a line.  What is whole begins with `[`, and may be stored so.
"""

from __future__ import annotations

import re
from typing import Final

from anchor_service.protocol.event import SALT_SIZE, print_salts
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.weight import weight

_SALTED: Final = len('["') + 2 * SALT_SIZE + len('",')
CUT: Final = _SALTED + len("]")
"""How many bytes are taken out of each disclosure."""
_WHOLE: Final = re.compile(rb'\["([0-9a-f]{%d})",(.+)\]' % (2 * SALT_SIZE))


def pack(disclosures: bytes) -> bytes:
    """Take the salts out of disclosures, which must follow from the event's secret."""
    return b"\n".join([line[_SALTED:-1] for line in disclosures.split(b"\n")])


def unpack(stored: bytes, secret: bytes) -> bytes:
    """Return the disclosures by lines, byte for byte as they were packed with this secret."""
    return stored if stored.startswith(b"[") else "\n".join(salt_lines(*salts_of(stored, secret))).encode("latin-1")


def salts_of(stored: bytes, secret: bytes) -> tuple[list[str], bytes]:
    """Return the salts of disclosures, and these as `pack` does; ValueError where they are whole and not by lines."""
    if stored.startswith(b"["):
        whole = [_WHOLE.fullmatch(line) for line in stored.split(b"\n")]
        found = [line for line in whole if line is not None]
        if len(found) != len(whole):
            raise ValueError("the disclosures are not by lines")
        return [line[1].decode() for line in found], b"\n".join([line[2] for line in found])
    # Without its secret no salt is right: whoever compares with the commitment sees it, as with any other damage.
    known = secret if len(secret) == HASH_SIZE else bytes(HASH_SIZE)
    return print_salts(known, stored.count(b"\n") + 1), stored


def salt_lines(salts: list[str], packed: bytes) -> list[str]:
    """Return the disclosures of these salts, whole, their bytes as characters: text beyond Latin-1 is joined slowly."""
    return [f'["{salt}",{line}]' for salt, line in zip(salts, packed.decode("latin-1").split("\n"), strict=True)]


def packed_weight(packed: bytes) -> int:
    """Return the weight of the disclosures that were packed to this: quotes of salts count twice."""
    return weight(packed) + (CUT + len('""')) * (packed.count(b"\n") + 1)
