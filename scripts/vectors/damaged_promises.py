"""Cases of receipts that do not hold, and of files that are not the ones named."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.note import sign_note
from scripts.vectors.case import Case, altered, invalid, malformed, only
from scripts.vectors.damaged_records import Damaged, as_it_is, flip
from scripts.vectors.damaged_signatures import resigned
from scripts.vectors.good import FILE, event, mingled, newest_accepted, told
from scripts.vectors.orders import PLACED, PRIVATE, SIGNED, Document
from scripts.vectors.world import first_world, other_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scripts.vectors.case import Found

ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    yield from _attachments()
    yield from _pending()
    yield from _order()


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
        receipt(note=resigned(good["note"], lambda data: bytes.fromhex(flip(data.hex(), 40)))),
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
    second = first_world()
    second.await_anchor(ORDER, returned)
    second.pending.clear()  # so that the same secret and number make the same event once more
    again = second.await_anchor(ORDER, returned)
    yield damaged(
        "pending_twice",
        "A pending event twice, under receipts of two notes.",
        lambda p: p["pending"].append(again),
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


def _order() -> Iterator[Case]:
    """Pending events out of order: their lifecycle would end elsewhere."""
    resolved, recalled = (event(kind, "2026-05-04T10:00:00Z") for kind in ("resolved", "recalled"))
    together, apart, early = first_world(), first_world(), first_world()
    together.await_anchor(ORDER, resolved, recalled)
    apart.await_anchor(ORDER, resolved)
    apart.await_anchor(ORDER, recalled)
    early.await_anchor(ORDER, recalled, accepted=newest_accepted(early) - 1)
    for name, sentence, world, damage in [
        ("pending_swapped", "Two pending events of one note, swapped.", together, list.reverse),
        ("pending_swapped_notes", "Two pending events of two notes, swapped.", apart, list.reverse),
        ("pending_swapped_around", "The same around one of another note.", mingled(), list.reverse),
        ("pending_repeated", "A pending event twice, under one receipt.", apart, lambda p: p.append(p[-1])),
        ("pending_early", "Accepted before the newest anchored event.", early, lambda p: p),
    ]:
        proof = deepcopy(world.proof(ORDER))
        damage(proof["pending"])
        yield malformed(name, sentence, proof, world.policy())
