"""Cases of proofs that parse and do not hold: who signed what, and files that are not the ones named."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.event import stream_id
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.note import print_base64
from scripts.vectors import curve
from scripts.vectors.case import Case, altered, invalid, only
from scripts.vectors.damaged_records import Damaged, as_it_is, flip
from scripts.vectors.good import told
from scripts.vectors.keys import Key, actor, named_key, secret, signing_key
from scripts.vectors.orders import PRIVATE, SIGNED, Document
from scripts.vectors.world import World, first_world

if TYPE_CHECKING:
    from collections.abc import Iterator


ORDER = "A-1001"


Change = Callable[[Document, Callable[[list[str]], bytes]], Any]
"""Damages the field `signature`, given what a signature of some names signs."""


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _checkpoints(first_world())
    yield from _actors()


def _checkpoints(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    policy = world.policy()

    def signed(key: Key, size: int = 11, root: Hash | None = None) -> Callable[[Document], None]:
        return lambda proof: proof["anchors"][1].update(checkpoint=world.checkpoint(size, root, key))

    elsewhere = named_key(f"log.example.org/{world.log.hex()}", "world: log key")
    yield damaged(
        "checkpoint_other_origin",
        "The checkpoint is of another operator's log.",
        signed(elsewhere),
        checkpoint=invalid("origin"),
    )
    stranger = named_key(world.origin, "a stranger's key")
    yield damaged(
        "checkpoint_other_key",
        "A key that the policy does not name signed.",
        signed(stranger),
        checkpoint=invalid("log_key"),
    )
    yield damaged(
        "checkpoint_other_key_hash",
        "A stranger's signature under the log key's hash.",
        lambda p: p["anchors"][1].update(
            checkpoint=resigned(p["anchors"][1]["checkpoint"], lambda data: data[:4] + stranger.private.sign(b"x"))
        ),
        checkpoint=invalid("checkpoint_signature"),
    )
    yield damaged(
        "checkpoint_signature_flipped",
        "A signature with a bit flipped.",
        lambda p: p["anchors"][0].update(
            checkpoint=resigned(p["anchors"][0]["checkpoint"], lambda data: bytes.fromhex(flip(data.hex(), 40)))
        ),
        checkpoint=invalid("checkpoint_signature"),
    )
    yield damaged(
        "checkpoint_key_hash_flipped",
        "A key hash with a bit flipped.",
        lambda p: p["anchors"][0].update(
            checkpoint=resigned(p["anchors"][0]["checkpoint"], lambda data: bytes.fromhex(flip(data.hex(), 0)))
        ),
        checkpoint=invalid("log_key"),
    )
    yield damaged(
        "checkpoint_key_renamed",
        "The signature line names a receipt key.",
        lambda p: p["anchors"][1].update(
            checkpoint=p["anchors"][1]["checkpoint"].replace(f"— {world.origin}", f"— {world.origin}/receipts")
        ),
        checkpoint=invalid("log_key"),
    )
    for name, sentence, twist, more in [
        ("torsion", "A signature that holds for readers that multiply by the cofactor.", curve.torsion(), 0),
        ("large_s", "A signature whose S is not less than the group's order.", curve.IDENTITY, curve.L),
    ]:
        text = f"{world.origin}\n11\n{print_base64(world.root(11))}\n"
        made = curve.sign(secret("world: log key"), text.encode(), twist, more)
        replaced = partial(_replace_signature, made)
        yield damaged(f"checkpoint_signature_{name}", sentence, replaced, checkpoint=invalid("checkpoint_signature"))
    key = policy["log_keys"][0]
    outside = only(checkpoint=invalid("log_key"))
    yield damaged(
        "log_key_too_early",
        "The log key signs from the next size on.",
        as_it_is,
        policy | {"log_keys": [key | {"from": 5}]},
        **outside,
    )
    yield damaged(
        "log_key_too_late",
        "The log key signed until the size before.",
        as_it_is,
        policy | {"log_keys": [key | {"until": 10}]},
        **outside,
    )
    yield damaged(
        "checkpoint_other_size",
        "The size is another; the signature is of the one before.",
        lambda p: p["anchors"][1].update(checkpoint=p["anchors"][1]["checkpoint"].replace("\n11\n", "\n12\n")),
        checkpoint=invalid("checkpoint_signature"),
        inclusion=invalid("path_length"),
        anchor=invalid("anchored_missing"),
    )
    yield damaged(
        "checkpoint_other_root",
        "The log key signed another root for this size.",
        signed(world.log_key, root=Hash(sha256(b"another root").digest())),
        inclusion=invalid("inclusion"),
        anchor=invalid("anchored_missing"),
    )


def _replace_signature(signature: bytes, proof: Document) -> None:
    anchor = proof["anchors"][1]
    anchor["checkpoint"] = resigned(anchor["checkpoint"], lambda data: data[:4] + signature)


def resigned(checkpoint: str, change: Callable[[bytes], bytes]) -> str:
    """Change the bytes of a note's signature line."""
    head, _, encoded = checkpoint[:-1].rpartition(" ")
    return f"{head} {print_base64(change(base64.b64decode(encoded)))}\n"


def _actors() -> Iterator[Case]:
    found = {"signatures": invalid("actor_signature")}
    seed = "recipient's key"
    good = actor(seed)

    def signed(name: str, sentence: str, change: Change) -> Case:
        def signer(names: list[str], message: Callable[[list[str]], bytes]) -> Any:
            return change(good(names, message), message)

        world = told(SIGNED, signer=signer)
        return altered(f"actor_{name}", sentence, world.proof(ORDER, hide=PRIVATE), world.policy(), found)

    def over(names: Callable[[list[str]], list[str]]) -> Change:
        def change(value: Document, message: Callable[[list[str]], bytes]) -> Any:
            chosen = names(value["fields"])
            signature = signing_key(seed).sign(message([name for name in chosen if name in SIGNED]))
            return value | {"fields": chosen, "sig": signature.hex()}

        return change

    yield signed(
        "signature_flipped", "An actor's signature with a bit flipped.", lambda v, _: v | {"sig": flip(v["sig"], 50)}
    )
    yield signed(
        "signature_other_key",
        "An actor's signature under another key.",
        lambda v, _: v | {"key": named_key("x", "x").public.public.hex()},
    )
    yield signed(
        "signature_other_fields",
        "The signature is of fewer fields than it names.",
        lambda v, m: v | {"sig": signing_key(seed).sign(m(["occurred_at", "type"])).hex()},
    )
    yield signed("signature_of_other_stream", "A signature made for another order.", _replayed(seed))
    yield signed("fields_unordered", "The names are not in order.", over(lambda names: names[::-1]))
    yield signed("fields_twice", "A name is there twice.", over(lambda names: [names[0], *names]))
    yield signed(
        "fields_without_type", "The type is not signed.", over(lambda names: [name for name in names if name != "type"])
    )
    yield signed(
        "fields_without_time",
        "The time is not signed.",
        over(lambda names: [name for name in names if name != "occurred_at"]),
    )
    yield signed("fields_unknown", "A name that the event does not have.", over(lambda names: [*names, "zzz"]))
    yield signed("fields_itself", "The signature names itself.", over(lambda names: sorted([*names, "signature"])))
    yield signed("fields_text", "The names are one text.", lambda v, _: v | {"fields": "occurred_at,type"})
    yield signed("alg_other", "Another algorithm's name.", lambda v, _: v | {"alg": "EdDSA"})
    yield signed("alg_missing", "No algorithm.", lambda v, _: {name: v[name] for name in ("fields", "key", "sig")})
    yield signed("member_added", "A member more.", lambda v, _: v | {"note": "x"})
    yield signed("key_uppercase", "The key in upper-case digits.", lambda v, _: v | {"key": v["key"].upper()})
    yield signed("key_short", "A key of 31 bytes.", lambda v, _: v | {"key": v["key"][2:]})
    yield signed("signature_short", "A signature of 63 bytes.", lambda v, _: v | {"sig": v["sig"][2:]})
    yield signed("signature_empty", "An empty signature.", lambda v, _: v | {"sig": ""})
    yield signed("signature_null", "The field is null.", lambda _v, _m: None)
    yield signed("signature_text", "The field is a text.", lambda _v, _m: "signed")
    nothing = curve.encode(curve.IDENTITY) + bytes(32)
    for name, sentence, key in [
        (
            "key_identity",
            "The key is the neutral point, under which one signature holds for everything.",
            curve.encode(curve.IDENTITY),
        ),
        ("key_identity_other_form", "The neutral point in its other form.", (curve.P + 1).to_bytes(32, "little")),
        ("key_order_2", "A key of order 2.", (curve.P - 1).to_bytes(32, "little")),
        ("key_order_8", "A key of order 8.", curve.encode(curve.torsion())),
        ("key_not_a_point", "A key that is no point.", _no_point()),
    ]:
        yield signed(name, sentence, _always({"key": key.hex(), "sig": nothing.hex()}))
    for name, sentence, twist, more in [
        ("signature_torsion", "An actor's signature that holds with the cofactor alone.", curve.torsion(), 0),
        (
            "signature_large_s",
            "An actor's signature whose S is not less than the group's order.",
            curve.IDENTITY,
            curve.L,
        ),
    ]:
        yield signed(name, sentence, _by_hand(secret(seed), twist, more))


def _always(changes: Document) -> Change:
    return lambda value, _: value | changes


def _by_hand(opening: bytes, twist: curve.Point, more: int) -> Change:
    def change(value: Document, message: Callable[[list[str]], bytes]) -> Document:
        return value | {"sig": curve.sign(opening, message(value["fields"]), twist, more).hex()}

    return change


def _no_point() -> bytes:
    y = 2
    while True:
        try:
            curve.recover(y)
        except ValueError:
            return y.to_bytes(32, "little")
        y += 1


def _replayed(seed: str) -> Change:
    def change(value: Document, message: Callable[[list[str]], bytes]) -> Any:
        here = World().stream(ORDER)
        there = stream_id(World().salt(ORDER), "demo", "A-1002")
        elsewhere = message(value["fields"]).replace(here.hex().encode(), StreamId(there).hex().encode())
        return value | {"sig": signing_key(seed).sign(elsewhere).hex()}

    return change
