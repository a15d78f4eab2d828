"""Cases of proofs that parse and do not hold: who signed what, and files that are not the ones named."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.event import stream_id
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.note import print_base64, sign_note
from scripts.vectors import curve
from scripts.vectors.case import Case, altered, invalid, only
from scripts.vectors.damaged_records import Damaged, as_it_is, flip
from scripts.vectors.good import FILE, event, told
from scripts.vectors.world import (
    PLACED,
    PRIVATE,
    SIGNED,
    Document,
    Key,
    World,
    actor,
    first_world,
    named_key,
    other_of,
    secret,
    signing_key,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.vectors.case import Found

ORDER = "A-1001"


Change = Callable[[Document, Callable[[list[str]], bytes]], Any]
"""Damages the field `signature`, given what a signature of some names signs."""


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _checkpoints(first_world())
    yield from _actors()
    yield from _attachments()
    yield from _pending()


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
            checkpoint=_resigned(p["anchors"][1]["checkpoint"], lambda data: data[:4] + stranger.private.sign(b"x"))
        ),
        checkpoint=invalid("checkpoint_signature"),
    )
    yield damaged(
        "checkpoint_signature_flipped",
        "A signature with a bit flipped.",
        lambda p: p["anchors"][0].update(
            checkpoint=_resigned(p["anchors"][0]["checkpoint"], lambda data: bytes.fromhex(flip(data.hex(), 40)))
        ),
        checkpoint=invalid("checkpoint_signature"),
    )
    yield damaged(
        "checkpoint_key_hash_flipped",
        "A key hash with a bit flipped.",
        lambda p: p["anchors"][0].update(
            checkpoint=_resigned(p["anchors"][0]["checkpoint"], lambda data: bytes.fromhex(flip(data.hex(), 0)))
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
    anchor["checkpoint"] = _resigned(anchor["checkpoint"], lambda data: data[:4] + signature)


def _resigned(checkpoint: str, change: Callable[[bytes], bytes]) -> str:
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


def _attachments() -> Iterator[Case]:
    other = sha256(b"another file").hexdigest()
    attachment = {"sha256": FILE, "size": 3_000, "media_type": "image/png", "role": "signature"}
    world = told(PLACED, SIGNED | {"attachments": [attachment]})
    proof, policy = world.proof(ORDER), world.policy()
    for name, sentence, given, code in [
        ("attachment_other", "A file whose bytes have another hash.", {FILE: other}, "attachment"),
        ("attachment_unnamed", "A file that no event names.", {FILE: FILE, other: other}, "attachment_unnamed"),
    ]:
        yield altered(name, sentence, proof, policy, {"attachments": invalid(code)}, inputs={"attachments": given})
    plain = told(PLACED)
    yield altered(
        "attachment_none_named",
        "A file is given, and the order names none.",
        plain.proof(ORDER),
        plain.policy(),
        {"attachments": invalid("attachment_unnamed")},
        inputs={"attachments": {FILE: FILE}},
    )
    odd = told(PLACED | {"attachments": [{"sha256": FILE.upper()}, "x", None, {"name": "x"}, [FILE]]})
    yield altered(
        "attachment_named_wrongly",
        "Values of the field that are not by SPEC 4.6 name no file.",
        odd.proof(ORDER),
        odd.policy(),
        {"attachments": invalid("attachment_unnamed")},
        inputs={"attachments": {FILE: FILE}},
    )
    hidden = told(PLACED, SIGNED | {"attachments": [attachment]})
    yield altered(
        "attachment_hidden",
        "The field that names the file is hidden from this audience.",
        hidden.proof(ORDER, hide=["attachments"]),
        hidden.policy(),
        {"attachments": invalid("attachment_unnamed")},
        inputs={"attachments": {FILE: FILE}},
    )


def _pending() -> Iterator[Case]:
    returned = event("returned", "2026-05-04T10:00:00+08:00")
    broken = only(pending=invalid("receipt"))
    world = first_world()
    world.await_anchor(ORDER, returned)
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())

    def receipt(**changes: Any) -> Callable[[Document], None]:
        return lambda proof: proof["pending"][0]["receipt"].update(changes)

    good = world.pending["demo", ORDER][0]["receipt"]
    yield damaged(
        "receipt_path_flipped",
        "A receipt's path with a bit flipped.",
        receipt(path=[flip(good["path"][0]), *good["path"][1:]]),
        **broken,
    )
    yield damaged(
        "receipt_path_short", "A receipt's path without its last hash.", receipt(path=good["path"][:-1]), **broken
    )
    yield damaged("receipt_index_other", "A receipt at another place of its group.", receipt(index=0), **broken)
    yield damaged(
        "receipt_leaf_other",
        "A receipt that promises a later deadline.",
        receipt(leaf=good["leaf"].replace('"deadline":1', '"deadline":2')),
        **broken,
    )
    yield damaged(
        "receipt_unsigned",
        "The receipt key is not one of the policy's.",
        as_it_is,
        world.policy(receipt_keys=[]),
        **broken,
    )
    note = good["note"].replace(f"{world.origin}/receipts\n", f"{world.origin}\n", 1)
    yield damaged("receipt_other_origin", "A receipt under the log's own origin.", receipt(note=note), **broken)
    yield damaged(
        "receipt_signature_flipped",
        "A receipt's signature with a bit flipped.",
        receipt(note=_resigned(good["note"], lambda data: bytes.fromhex(flip(data.hex(), 40)))),
        **broken,
    )
    yield damaged(
        "pending_value_changed",
        "A pending event's value is not the one that was promised.",
        lambda p: p["pending"][0].update(
            disclosed=[text.replace("05-04", "05-05") for text in p["pending"][0]["disclosed"]]
        ),
        **broken,
    )

    body = good["note"].split("\n\n")[0].replace(f"{world.origin}/receipts", world.origin) + "\n"
    signed = sign_note(body, world.receipt_key.public, world.receipt_key.private.sign)
    yield damaged(
        "receipt_signed_for_the_log",
        "The receipt key signed a note whose origin is the log's own.",
        receipt(note=signed),
        **broken,
    )
    yield damaged("pending_twice", "A pending event twice.", lambda p: p["pending"].append(p["pending"][0]), **broken)

    def promised(name: str, sentence: str, fields: Document, found: Found, **leaf: Any) -> Case:
        other = first_world()
        other.await_anchor(ORDER, fields, **leaf)
        return altered(name, sentence, other.proof(ORDER, hide=PRIVATE), other.policy(), {"pending": found})

    yield promised(
        "receipt_other_stream",
        "A receipt for another order.",
        returned,
        invalid("receipt"),
        stream=world.stream("other-0"),
    )
    yield promised(
        "receipt_other_log", "A receipt for another log.", returned, invalid("receipt"), log=other_of(world.log)
    )
    yield promised(
        "receipt_other_commitment",
        "A receipt for another event.",
        returned,
        invalid("receipt"),
        commitment=Hash(sha256(b"x").digest()),
    )
    logged = first_world()
    logged.told["demo", ORDER].pop()  # so that the same secret and number make the same event once more
    again = logged.await_anchor(ORDER, SIGNED)
    damaged_again = Damaged(world.proof(ORDER), world.policy())
    yield damaged_again(
        "pending_anchored_already",
        "The newest anchored event a second time, as pending.",
        lambda p: p["pending"].append(again),
        **broken,
    )
    grammar = invalid("event_grammar")
    yield promised(
        "pending_type_unknown",
        "A pending event of a type that there is not.",
        returned | {"type": "teleported"},
        grammar,
    )
    yield promised(
        "pending_role_missing",
        "A pending event without a role.",
        {"type": "returned", "occurred_at": "2026-05-04T10:00:00Z"},
        grammar,
    )
