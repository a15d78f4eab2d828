"""Keys from fixed seeds, and actors who sign with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.protocol.note import VerifierKey, print_vkey

if TYPE_CHECKING:
    from scripts.vectors.orders import Document


def secret(seed: str) -> bytes:
    """32 bytes for a seed."""
    return sha256(f"sealtrail vectors: {seed}".encode()).digest()


def signing_key(seed: str) -> Ed25519PrivateKey:
    """An Ed25519 key for a seed."""
    return Ed25519PrivateKey.from_private_bytes(secret(seed))


@dataclass(frozen=True, slots=True)
class Key:
    """A named key with its private half."""

    public: VerifierKey
    private: Ed25519PrivateKey

    @property
    def vkey(self) -> str:
        """The key as policies print it."""
        return print_vkey(self.public)


def named_key(name: str, seed: str) -> Key:
    """Make a named key from a seed."""
    private = signing_key(seed)
    return Key(VerifierKey(name, private.public_key().public_bytes_raw()), private)


Signer = Callable[[list[str], Callable[[list[str]], bytes]], Any]
"""Makes the field `signature`, given the names of the other fields, and what a signature of some names signs."""


def actor(seed: str) -> Signer:
    """An actor who signs every field."""
    private = signing_key(seed)

    def sign(names: list[str], message: Callable[[list[str]], bytes]) -> Document:
        key, signature = private.public_key().public_bytes_raw(), private.sign(message(names))
        return {"alg": "ed25519", "fields": names, "key": key.hex(), "sig": signature.hex()}

    return sign
