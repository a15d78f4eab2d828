"""Disclosures as they are stored: without their salts, which follow from the event's secret (SPEC 4.4).

`["<salt>","name",value]` is stored as `"name",value`, one a line.  What is whole begins with `[`, and may be stored so.
"""

from __future__ import annotations

from typing import Final

from anchor_service.protocol.event import SALT_SIZE, print_salts
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.weight import weight

_SALTED: Final = len('["') + 2 * SALT_SIZE + len('",')
CUT: Final = _SALTED + len("]")
"""How many bytes are taken out of each disclosure."""


def pack(disclosures: bytes) -> bytes:
    """Take the salts out of disclosures, which must follow from the event's secret."""
    return b"\n".join([line[_SALTED:-1] for line in disclosures.split(b"\n")])


def unpack(stored: bytes, secret: bytes | None) -> bytes:
    """Return the disclosures by lines, byte for byte as they were packed with this secret."""
    if stored.startswith(b"["):
        return stored
    # Bytes as characters, which are joined faster.
    lines = stored.decode("latin-1").split("\n")
    # Without its secret no salt is right: whoever compares with the commitment sees it, as with any other damage.
    known = secret if secret is not None and len(secret) == HASH_SIZE else bytes(HASH_SIZE)
    salts = print_salts(known, len(lines))
    return "\n".join([f'["{salt}",{line}]' for salt, line in zip(salts, lines, strict=True)]).encode("latin-1")


def packed_weight(packed: bytes) -> int:
    """Return the weight of the disclosures that were packed to this: quotes of salts count twice."""
    return weight(packed) + (CUT + len('""')) * (packed.count(b"\n") + 1)
