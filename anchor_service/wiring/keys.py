"""Keys in files, one a file."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.ports import StoreRefused
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import parse_hash
from anchor_service.protocol.note import VerifierKey
from anchor_service.storage.files import replace_file


@dataclass(frozen=True, slots=True)
class Key:
    """An Ed25519 key with its name."""

    secret: Ed25519PrivateKey
    verifier: VerifierKey

    def sign(self, message: bytes) -> bytes:
        """Return the signature of this message."""
        return self.secret.sign(message)


def read_key(path: Path) -> bytes:
    """Return the key in this file; StoreRefused: `key_missing`, `key_syntax`."""
    try:
        text = path.read_text().strip().removeprefix("0x")
    except FileNotFoundError:
        raise StoreRefused("key_missing", f"{path} is not there") from None
    try:
        return bytes(parse_hash(text, str(path)))
    except SealtrailError as problem:
        raise StoreRefused("key_syntax", problem.message) from None


def make_key(path: Path) -> bytes:
    """Return the key in this file, after making one where there is none."""
    if not path.exists():
        replace_file(path, secrets.token_hex(32).encode() + b"\n")
    return read_key(path)


def named_key(seed: bytes, name: str) -> Key:
    """Return the signing key that this seed makes, under this name."""
    secret = Ed25519PrivateKey.from_private_bytes(seed)
    return Key(secret, VerifierKey(name, secret.public_key().public_bytes_raw()))
