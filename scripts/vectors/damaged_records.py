"""Cases of proofs that parse and do not hold: what was recorded, its place in the log, who signed."""

from __future__ import annotations

import base64
from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.event import stream_id
from anchor_service.protocol.hashes import ZERO, Hash, StreamId
from anchor_service.protocol.note import print_base64
from scripts.vectors import curve
from scripts.vectors.case import Case, altered, invalid, unknown
from scripts.vectors.good import FILE, event, told
from scripts.vectors.world import (
    PLACED,
    PRIVATE,
    SHIPPED,
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
    from collections.abc import Callable, Iterator

    from scripts.vectors.case import Found

ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    world = first_world()
    yield from _streams(world)
    yield from _events(world)
    yield from _grammar()
    yield from _sequence(world)
    yield from _checkpoints(world)
    yield from _inclusion(world)
    yield from _mixed(world)
    yield from _actors()
    yield from _attachments()
    yield from _pending()


class Damaged:
    """Makes cases of one good proof by damaging a copy of it."""

    def __init__(self, proof: Document, policy: Document) -> None:
        self.proof = proof
        self.policy = policy

    def __call__(
        self, name: str, sentence: str, damage: Callable[[Document], Any], policy: Document | None = None, **rest: Any
    ) -> Case:
        """Damage a copy; `rest` are the checks that differ, and `inputs`."""
        copy = deepcopy(self.proof)
        damage(copy)
        if copy == self.proof and policy is None and "inputs" not in rest:
            raise ValueError(f"{name}: nothing is damaged")
        inputs = rest.pop("inputs", None)
        checks: dict[str, Found] = rest
        return altered(name, sentence, copy, policy or self.policy, checks, inputs=inputs)


def _as_it_is(_proof: Document) -> None:
    pass


def flip(text: str, place: int = 0) -> str:
    """Flip one bit of bytes in hexadecimal digits."""
    data = bytearray.fromhex(text)
    data[place] ^= 1
    return data.hex()


def _streams(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy(tenants=None))
    opening = {"stream": invalid("stream_opening")}
    yield damaged(
        "stream_other_order", "Another order's id is shown.", lambda p: p["stream"].update(order_id="A-1002"), **opening
    )
    yield damaged(
        "stream_other_tenant", "Another tenant is shown.", lambda p: p["stream"].update(tenant="demo2"), **opening
    )
    yield damaged(
        "stream_other_salt",
        "The stream's salt has a bit flipped.",
        lambda p: p["stream"].update(salt=flip(p["stream"]["salt"])),
        **opening,
    )
    yield damaged(
        "stream_names_shifted",
        "A character moves from the tenant to the order's id.",
        lambda p: p["stream"].update(tenant="dem", order_id="oA-1001"),
        **opening,
    )
    yield damaged(
        "label_other",
        "The label names another stream.",
        _as_it_is,
        inputs={"stream": world.stream("other-0").hex()},
        stream=invalid("label_stream"),
    )


def _events(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    commitment = {"events": invalid("commitment")}

    def disclosed(place: int, field: str, change: Callable[[str], str]) -> Callable[[Document], None]:
        def damage(proof: Document) -> None:
            texts = proof["events"][place]["disclosed"]
            at = next(at for at, text in enumerate(texts) if f'","{field}",' in text)
            texts[at] = change(texts[at])

        return damage

    yield damaged(
        "value_changed",
        "The second event's time is a day earlier.",
        disclosed(1, "occurred_at", lambda text: text.replace("05-02", "05-01")),
        **commitment,
    )
    yield damaged(
        "type_changed",
        "Placed becomes confirmed.",
        disclosed(0, "type", lambda text: text.replace("placed", "confirmed")),
        **commitment,
    )
    yield damaged(
        "salt_changed",
        "A salt has a bit flipped.",
        disclosed(2, "device", lambda text: '["' + flip(text[2:34]) + text[34:]),
        **commitment,
    )
    yield damaged(
        "field_renamed",
        "A value under another field's name.",
        disclosed(2, "device", lambda text: text.replace("device", "devicf")),
        **commitment,
    )
    yield damaged(
        "field_dropped", "A disclosed field is left out.", lambda p: p["events"][2]["disclosed"].pop(2), **commitment
    )
    yield damaged(
        "field_added", "A field is added.", lambda p: p["events"][0]["hidden"].update(note="ab" * 32), **commitment
    )
    yield damaged(
        "hidden_digest",
        "A hidden field's digest has a bit flipped.",
        lambda p: _flip_hidden(p["events"][2]),
        **commitment,
    )
    yield damaged(
        "hidden_dropped", "A hidden field is left out.", lambda p: p["events"][2]["hidden"].clear(), **commitment
    )
    yield damaged("hidden_renamed", "A hidden field under another name.", _rename_hidden, **commitment)
    yield damaged("fields_swapped", "Two events of the order with each other's fields.", _swap_fields, **commitment)
    elsewhere = World()
    elsewhere.tell(ORDER, PLACED, log=other_of(elsewhere.log))
    elsewhere.seal()
    elsewhere.anchor(1_000)
    yield altered(
        "entry_other_log",
        "An entry that says it is another log's, replayed in this one.",
        elsewhere.proof(ORDER),
        elsewhere.policy(),
        {"events": invalid("entry_log")},
    )


def _flip_hidden(event: Document) -> None:
    event["hidden"]["recipient.name"] = flip(event["hidden"]["recipient.name"])


def _rename_hidden(proof: Document) -> None:
    hidden = proof["events"][2]["hidden"]
    hidden["recipient.phone"] = hidden.pop("recipient.name")


def _swap_fields(proof: Document) -> None:
    one, other = proof["events"][1], proof["events"][2]
    for member in ("disclosed", "hidden"):
        one[member], other[member] = other[member], one[member]


def _grammar() -> Iterator[Case]:
    """Fields that SPEC 4.5 does not allow, committed as they are."""
    wrong_fields: list[tuple[str, str, Document]] = [
        ("type_unknown", "A type that there is not.", {"type": "teleported"}),
        ("type_list", "A type that is a list.", {"type": ["placed"]}),
        ("type_case", "A type with a capital.", {"type": "Placed"}),
        ("time_no_zone", "A time without an offset.", {"occurred_at": "2026-05-01T09:30:00"}),
        ("time_number", "A time that is a number.", {"occurred_at": 1777790000000}),
        ("time_no_such_day", "The 29th of February 2026.", {"occurred_at": "2026-02-29T09:30:00Z"}),
        ("time_century", "The 29th of February 2100.", {"occurred_at": "2100-02-29T09:30:00Z"}),
        ("time_month_13", "A thirteenth month.", {"occurred_at": "2026-13-01T09:30:00Z"}),
        ("time_hour_24", "The hour 24.", {"occurred_at": "2026-05-01T24:00:00Z"}),
        ("time_leap_second", "A leap second.", {"occurred_at": "2016-12-31T23:59:60Z"}),
        ("time_year_0", "The year 0.", {"occurred_at": "0000-05-01T09:30:00Z"}),
        ("time_year_10000", "The year 10000.", {"occurred_at": "10000-05-01T09:30:00Z"}),
        ("time_offset_24", "An offset of 24 hours.", {"occurred_at": "2026-05-01T09:30:00+24:00"}),
        ("time_offset_minutes_60", "An offset of 60 minutes.", {"occurred_at": "2026-05-01T09:30:00+00:60"}),
        ("time_offset_no_colon", "An offset without a colon.", {"occurred_at": "2026-05-01T09:30:00+0800"}),
        ("time_lower_case", "A time in lower-case letters.", {"occurred_at": "2026-05-01t09:30:00z"}),
        ("time_space", "A time with a space in the middle.", {"occurred_at": "2026-05-01 09:30:00Z"}),
        ("time_ten_digits", "A fraction of ten digits.", {"occurred_at": "2026-05-01T09:30:00.1234567890Z"}),
        ("time_empty_fraction", "A fraction of no digits.", {"occurred_at": "2026-05-01T09:30:00.Z"}),
        ("time_comma", "A fraction after a comma.", {"occurred_at": "2026-05-01T09:30:00,5Z"}),
        ("time_newline", "A time with a newline after it.", {"occurred_at": "2026-05-01T09:30:00Z\n"}),
        ("time_wide_digit", "A time with a digit that is not ASCII.", {"occurred_at": "2026-05-01T09:30:0０Z"}),
        ("role_empty", "A role of no characters.", {"actor.role": ""}),
        ("role_capital", "A role with a capital.", {"actor.role": "Brand"}),
        ("role_65", "A role of 65 characters.", {"actor.role": "b" * 65}),
        ("role_null", "A role that is null.", {"actor.role": None}),
    ]
    for name, sentence, fields in wrong_fields:
        world = told(PLACED | fields)
        yield altered(
            f"grammar_{name}", sentence, world.proof(ORDER), world.policy(), {"events": invalid("event_grammar")}
        )


def _sequence(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    broken = {"sequence": invalid("sequence")}

    def first_dropped(proof: Document) -> None:
        del proof["events"][0], proof["anchors"][0]
        for later in proof["events"]:
            later["anchor"] = 0

    yield damaged("event_dropped_first", "The first event is left out.", first_dropped, **broken)
    yield damaged(
        "event_dropped_middle", "The second of three events is left out.", lambda p: p["events"].pop(1), **broken
    )

    def logged(name: str, sentence: str, *entries: Document) -> Case:
        other = World()
        for fields, entry in zip((PLACED, SHIPPED, SIGNED), entries, strict=False):
            other.tell(ORDER, fields, **entry)
        other.seal()
        other.anchor(1_000)
        return altered(name, sentence, other.proof(ORDER), other.policy(), broken)

    yield logged("seq_swapped", "The log itself has the events as 1, 3, 2.", {}, {"seq": 3}, {"seq": 2})
    yield logged("seq_twice", "The log itself has two events of number 1.", {}, {"seq": 1})
    yield logged("seq_from_0", "The log itself counts from 0.", {"seq": 0}, {"seq": 1})
    yield logged("seq_from_2", "The log itself counts from 2.", {"seq": 2}, {"seq": 3})
    yield logged(
        "prev_other",
        "The second event follows another than the first.",
        {},
        {"prev": Hash(sha256(b"another").digest())},
    )
    yield logged("prev_zero", "The second event says that it is the first.", {}, {"prev": ZERO})
    yield logged(
        "prev_of_first_not_zero", "The first event follows another.", {"prev": Hash(sha256(b"another").digest())}
    )
    forked = World()
    forked.tell(ORDER, PLACED)
    forked.tell(ORDER, SHIPPED)
    forked.tell(ORDER, SIGNED, seq=2, prev=forked.leaves[0])
    forked.seal()
    forked.anchor(1_000)
    yield altered("two_histories", "Two events claim to be the second.", forked.proof(ORDER), forked.policy(), broken)


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
        yield damaged(
            f"checkpoint_signature_{name}",
            sentence,
            lambda p, made=made: p["anchors"][1].update(
                checkpoint=_resigned(p["anchors"][1]["checkpoint"], lambda data: data[:4] + made)
            ),
            checkpoint=invalid("checkpoint_signature"),
        )
    key = policy["log_keys"][0]
    outside = {"checkpoint": invalid("log_key")}
    yield damaged(
        "log_key_too_early",
        "The log key signs from the next size on.",
        _as_it_is,
        policy | {"log_keys": [key | {"from": 5}]},
        **outside,
    )
    yield damaged(
        "log_key_too_late",
        "The log key signed until the size before.",
        _as_it_is,
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


def _resigned(checkpoint: str, change: Callable[[bytes], bytes]) -> str:
    head, _, encoded = checkpoint[:-1].rpartition(" ")
    return f"{head} {print_base64(change(base64.b64decode(encoded)))}\n"


def _inclusion(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    length, other = {"inclusion": invalid("path_length")}, {"inclusion": invalid("inclusion")}

    def path(change: Callable[[list[str]], list[str]], place: int = 2) -> Callable[[Document], None]:
        return lambda proof: proof["events"][place].update(path=change(proof["events"][place]["path"]))

    def seal_path(change: Callable[[list[str]], list[str]]) -> Callable[[Document], None]:
        return lambda proof: proof["anchors"][1]["seal"].update(path=change(proof["anchors"][1]["seal"]["path"]))

    yield damaged("path_too_long", "A path with a hash more.", path(lambda steps: [*steps, "ab" * 32]), **length)
    yield damaged("path_too_short", "A path without its last hash.", path(lambda steps: steps[:-1]), **length)
    yield damaged(
        "path_first_step_left_out", "A path that starts a level higher.", path(lambda steps: steps[1:]), **length
    )
    yield damaged("path_empty", "A path of no hashes.", path(lambda _: []), **length)
    yield damaged(
        "path_flipped",
        "A hash of the path with a bit flipped.",
        path(lambda steps: [steps[0], flip(steps[1]), *steps[2:]]),
        **other,
    )
    yield damaged("path_reversed", "A path from the root down.", path(lambda steps: steps[::-1]), **other)
    yield damaged(
        "path_of_other_event", "Another entry's path of the same length.", path(lambda _: world.path(6, 11), 1), **other
    )
    yield damaged(
        "index_other", "Another index, whose path is as long.", lambda p: p["events"][1].update(index=5), **other
    )
    yield damaged(
        "index_of_seal", "The last event at the index of the seal.", lambda p: p["events"][2].update(index=10), **length
    )
    yield damaged(
        "seal_path_too_long",
        "The seal's path with a hash more.",
        seal_path(lambda steps: [*steps, "ab" * 32]),
        **length,
    )
    yield damaged(
        "seal_path_flipped",
        "The seal's path with a bit flipped.",
        seal_path(lambda steps: [flip(steps[0]), *steps[1:]]),
        **other,
    )
    yield damaged(
        "seal_older",
        "The newest checkpoint with the seal entry of the one before.",
        lambda p: p["anchors"][1]["seal"].update(entry=p["anchors"][0]["seal"]["entry"]),
        inclusion=invalid("inclusion"),
        dated=("SKIPPED", "no_not_before"),
    )

    def sealed(name: str, sentence: str, **entry: Any) -> Case:
        other_world = World()
        other_world.tell(ORDER, PLACED)
        other_world.seal(**entry)
        other_world.anchor(1_000)
        return altered(name, sentence, other_world.proof(ORDER), other_world.policy(), {"inclusion": invalid("seal")})

    yield sealed("seal_other_size", "The log itself ends with a seal of another size.", size=3)
    yield sealed("seal_size_0", "The log itself ends with a seal of size 0.", size=0)
    log = World().log
    yield sealed("seal_other_log", "The log itself ends with another log's seal.", log=other_of(log))


def _mixed(world: World) -> Iterator[Case]:
    """Parts of other proofs, logs and chains, each of them good where it comes from."""
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy(tenants=None))
    two = first_world()
    two_orders = two.proof("other-0")

    def event_of_another(proof: Document) -> None:
        proof["events"].insert(0, two_orders["events"][0])

    yield damaged(
        "mix_event_of_another_order",
        "An event of another order is put before the first.",
        event_of_another,
        stream=invalid("stream_opening"),
        sequence=invalid("sequence"),
    )
    yield damaged(
        "mix_opening_of_another_order",
        "The opening of another order of the same tenant.",
        lambda p: p.update(stream=two_orders["stream"]),
        stream=invalid("stream_opening"),
    )
    yield damaged(
        "mix_checkpoint_of_older_anchor",
        "The newest anchor's block with the older checkpoint's.",
        lambda p: p["anchors"][0].update(block=p["anchors"][1]["block"]),
        anchor=invalid("anchored_missing"),
    )
    other = first_world("another world")
    foreign = {
        "events": invalid("entry_log"),
        "checkpoint": invalid("origin"),
        "inclusion": invalid("seal"),
        "anchor": invalid("anchored_missing"),
    }
    blocks = [*other.policy()["blocks"]]
    proof = other.proof(ORDER, hide=PRIVATE)
    yield altered(
        "other_log", "A good proof of another log of the same operator.", proof, world.policy(blocks=blocks), foreign
    )
    yield altered(
        "other_log_blocks_untrusted",
        "A good proof of another log, in blocks that the policy does not list.",
        proof,
        world.policy(blocks=[]),
        foreign | {"block": unknown("block_untrusted"), "dated": unknown("not_before_untrusted")},
    )
    chain = first_world(chain_id=1)
    yield altered(
        "other_chain",
        "The same orders, logged under the same keys on another chain.",
        chain.proof(ORDER, hide=PRIVATE),
        world.policy(blocks=chain.policy()["blocks"]),
        foreign,
    )
    contract = first_world()
    policy = contract.policy()
    policy["chain"]["registry"] = "0x" + "11" * 20
    yield altered(
        "other_registry",
        "Another contract than the policy's registry recorded the log.",
        contract.proof(ORDER, hide=PRIVATE),
        policy,
        {"anchor": invalid("anchored_missing")},
    )
    yield altered(
        "other_tenant_policy",
        "A good proof of a tenant, its opening changed to the one that the policy names.",
        _retold(told(PLACED, tenant="rival").proof(ORDER, tenant="rival")),
        told(PLACED, tenant="rival").policy(),
        {"stream": invalid("stream_opening")},
    )


def _retold(proof: Document) -> Document:
    proof["stream"]["tenant"] = "demo"
    return proof


def _actors() -> Iterator[Case]:
    found = {"signatures": invalid("actor_signature")}
    seed = "recipient's key"
    good = actor(seed)

    def signed(name: str, sentence: str, change: Callable[[Document, Callable[[list[str]], bytes]], Any]) -> Case:
        def signer(names: list[str], message: Callable[[list[str]], bytes]) -> Any:
            return change(good(names, message), message)

        world = told(SIGNED, signer=signer)
        return altered(f"actor_{name}", sentence, world.proof(ORDER, hide=PRIVATE), world.policy(), found)

    def over(names: Callable[[list[str]], list[str]]) -> Callable[[Document, Callable[[list[str]], bytes]], Any]:
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
        yield signed(name, sentence, lambda v, _, key=key: v | {"key": key.hex(), "sig": nothing.hex()})
    for name, sentence, twist, more in [
        ("signature_torsion", "An actor's signature that holds with the cofactor alone.", curve.torsion(), 0),
        (
            "signature_large_s",
            "An actor's signature whose S is not less than the group's order.",
            curve.IDENTITY,
            curve.L,
        ),
    ]:
        yield signed(
            name,
            sentence,
            lambda v, m, twist=twist, more=more: (
                v | {"sig": curve.sign(secret(seed), m(v["fields"]), twist, more).hex()}
            ),
        )


def _no_point() -> bytes:
    y = 2
    while True:
        try:
            curve.recover(y)
        except ValueError:
            return y.to_bytes(32, "little")
        y += 1


def _replayed(seed: str) -> Callable[[Document, Callable[[list[str]], bytes]], Any]:
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
    broken = {"pending": invalid("receipt")}
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
        _as_it_is,
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
