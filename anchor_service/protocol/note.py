"""C2SP signed notes with one Ed25519 signature (SPEC 8.1, 8.3, 8.4).

example.com/shop/5f0c…            text: one or more lines, each ending in one newline
132                               …
IsgmUm1ZRAVbO5tkGPxVYhsLgrH2n8A2hGlTrJ+wJdE=
                                  an empty line
— example.com/shop/5f0c… bH3kZ2…  one signature: name, base64 of key hash (4 bytes) ‖ signature (64 bytes)
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from anchor_service.protocol.errors import Altered, Malformed

if TYPE_CHECKING:
    from collections.abc import Callable

ALGORITHM: Final = b"\x01"  # Ed25519, as C2SP signed-note numbers it
KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
KEY_HASH_SIZE: Final = 4
MAX_NOTE: Final = 4096

_FIELD_PRIME: Final = 2**255 - 19
# The y of the eight points whose order divides 8: under such a key, one signature holds for many messages.
_ORDER_8: Final = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
_SMALL_ORDER: Final = frozenset({0, 1, _FIELD_PRIME - 1, _ORDER_8, _FIELD_PRIME - _ORDER_8})

_NAME: Final = re.compile(r"[!-*,-~]{1,300}", re.ASCII)
_SIGNATURE_LINE: Final = re.compile(r"— ([^ \n]+) ([A-Za-z0-9+/=]+)\n")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named Ed25519 public key."""

    name: str
    public: bytes

    def __post_init__(self) -> None:
        """Refuse a name or key of the wrong form."""
        if not _NAME.fullmatch(self.name) or len(self.public) != KEY_SIZE:
            raise Malformed(
                "key_syntax", "a key has a name of printable ASCII without space or plus sign, and 32 bytes"
            )

    @property
    def hash(self) -> bytes:
        """The key hash by which a signature line names its key (SPEC 8.3)."""
        return sha256(self.name.encode() + b"\n" + ALGORITHM + self.public).digest()[:KEY_HASH_SIZE]


@dataclass(frozen=True, slots=True)
class Note:
    """A signed note as parsed; nothing about its signature is checked yet."""

    text: str
    name: str
    key_hash: bytes
    signature: bytes


def print_vkey(key: VerifierKey) -> str:
    """Print a verifier key: `<name>+<key hash>+<base64 of algorithm ‖ key>` (SPEC 8.3)."""
    return f"{key.name}+{key.hash.hex()}+{print_base64(ALGORITHM + key.public)}"


def parse_vkey(text: object, where: str) -> VerifierKey:
    """Read what print_vkey prints, and nothing else."""
    if isinstance(text, str):
        name, _, rest = text.partition("+")
        key_hash, _, encoded = rest.partition("+")
        data = parse_base64(encoded, where)
        if data[:1] == ALGORITHM and len(data) == 1 + KEY_SIZE:
            key = VerifierKey(name, data[1:])
            if key.hash.hex() == key_hash:
                return key
    raise Malformed("key_syntax", f"{where}: not an Ed25519 verifier key of the form name+hash+base64")


def sign_note(text: str, key: VerifierKey, sign: Callable[[bytes], bytes]) -> str:
    """Sign a text (it ends in a newline) and print the note; `sign` makes an Ed25519 signature with `key`'s secret."""
    line = print_base64(key.hash + sign(text.encode()))
    return f"{text}\n— {key.name} {line}\n"


def parse_note(note: str) -> Note:
    """Read a note with exactly one signature line; Malformed otherwise."""
    text, gap, last = note.partition("\n\n")
    match = _SIGNATURE_LINE.fullmatch(last)
    if len(note.encode()) > MAX_NOTE or not text or not gap or match is None or not _NAME.fullmatch(match[1]):
        raise Malformed("note_syntax", "not a signed note with one signature line")
    data = parse_base64(match[2], "signature line")
    if len(data) != KEY_HASH_SIZE + SIGNATURE_SIZE:
        raise Malformed("note_syntax", "a signature line holds a key hash of 4 bytes and a signature of 64")
    return Note(text + "\n", match[1], data[:KEY_HASH_SIZE], data[KEY_HASH_SIZE:])


def verify_note(note: Note, key: VerifierKey) -> None:
    """Prove that `key` signed the note's text; Altered otherwise."""
    if (note.name, note.key_hash) != (key.name, key.hash):
        raise Altered("log_key", f"the note is signed by another key than {key.name}")
    verify_signature(key.public, note.signature, note.text.encode(), "checkpoint_signature")


def verify_signature(public: bytes, signature: bytes, message: bytes, code: str) -> None:
    """Prove an Ed25519 signature (SPEC 2.7); Altered with `code` otherwise."""
    # OpenSSL itself refuses S ≥ L and compares [S]B − [k]A with the bytes of R, so that the key alone is left to check.
    y = int.from_bytes(public, "little") & (1 << 255) - 1
    if y >= _FIELD_PRIME or y in _SMALL_ORDER:
        raise Altered(code, "an Ed25519 key that is no key: of small order, or not in its one form")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise Altered(code, "the Ed25519 signature does not verify") from None


def print_base64(data: bytes) -> str:
    """Print standard base64 with padding."""
    return base64.b64encode(data).decode()


def parse_base64(text: str, where: str) -> bytes:
    """Read what print_base64 prints, and nothing else (SPEC 8.4)."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        data = b""
    if print_base64(data) != text or not data:
        raise Malformed("base64", f"{where}: not standard base64 with padding")
    return data
