"""An actor's own signature over what it reported (SPEC 4.7)."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from anchor_service.protocol.canonical import JSON, print_json
from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import MAX_FIELDS
from anchor_service.protocol.hashes import SIGNATURE, Hash, LogId, StreamId
from anchor_service.protocol.note import KEY_SIZE, SIGNATURE_SIZE, verify_signature
from anchor_service.protocol.shape import hex_bytes, items, members, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def signed_message(names: Sequence[str], digests: Mapping[str, Hash], log: LogId, stream: StreamId) -> bytes:
    """Return what an actor signs: the named digests, bound to this log and stream."""
    statement: JSON = {
        "digests": {name: digests[name].hex() for name in names},
        "log": log.hex(),
        "stream": stream.hex(),
    }
    return SIGNATURE + print_json(statement)


def verify_actor(value: JSON, digests: Mapping[str, Hash], log: LogId, stream: StreamId) -> str:
    """Prove the signature in a field `signature` and return the key as hexadecimal digits.

    `digests` are those of all the event's fields.  Altered `actor_signature` also where the value is not by SPEC 4.7.
    Who holds the key is the policy's to say.
    """
    try:
        signature = members(value, ("alg", "fields", "key", "sig"), "signature")
        names = [
            text(name, "signature.fields") for name in items(signature["fields"], MAX_FIELDS, "signature.fields", 2)
        ]
        key = hex_bytes(signature["key"], KEY_SIZE, "signature.key")
        signed = hex_bytes(signature["sig"], SIGNATURE_SIZE, "signature.sig")
    except Malformed as problem:
        raise Altered("actor_signature", problem.message) from None
    ordered = all(low < high for low, high in pairwise(names))
    known = all(name in digests and name != "signature" for name in names)
    if signature["alg"] != "ed25519" or not ordered or not known or not {"occurred_at", "type"} <= set(names):
        raise Altered("actor_signature", "the signature does not name its algorithm and fields as it should")
    verify_signature(key, signed, signed_message(names, digests, log, stream), "actor_signature")
    return key.hex()
