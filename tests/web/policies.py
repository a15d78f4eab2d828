"""A policy for tests that need no proof."""

from __future__ import annotations

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.protocol.note import VerifierKey, print_vkey

LOG = "5a" * 32
ORIGIN = f"log.example/{LOG}"
KEY = VerifierKey(ORIGIN, Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key().public_bytes_raw())


def some_policy(**members: Any) -> bytes:
    """A well-formed policy, some of its members replaced."""
    document = {
        "actors": {},
        "blocks": [],
        "chain": {"finality": "finalized", "id": 31337, "name": "testnet", "registry": "0x" + "11" * 20, "test": False},
        "format": "sealtrail/policy",
        "log": LOG,
        "log_keys": [{"from": 0, "key": print_vkey(KEY), "until": None}],
        "max_age": None,
        "origin": ORIGIN,
        "receipt_keys": [],
        "rpc": [],
        "tenants": None,
        "v": 1,
    }
    return json.dumps(document | members, ensure_ascii=False).encode()
