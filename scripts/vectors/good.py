"""Cases of orders that are well, and of orders that a verifier cannot decide on."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.event import parse_event_entry
from scripts.vectors import curve
from scripts.vectors.case import VALID, Case, good, skipped, unknown
from scripts.vectors.keys import Signer, actor, secret, signing_key
from scripts.vectors.orders import PLACED, PRIVATE, SHIPPED, SIGNED, Document
from scripts.vectors.world import World, first_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDER = "A-1001"
FILE = sha256(b"a drawn signature").hexdigest()


def event(kind: str, at: str, role: str = "brand", **fields: Any) -> Document:
    """Fields of an event."""
    return {"type": kind, "occurred_at": at, "actor.role": role, **fields}


def told(*events: Document, seed: str = "world", signer: Signer | None = None, tenant: str = "demo") -> World:
    """A log with one order of these events under one anchor, among others."""
    world = World(seed)
    world.noise(1)
    for fields in events:
        world.tell(ORDER, fields, tenant=tenant, signer=signer)
    world.noise(1)
    world.seal()
    world.anchor(1_000)
    return world


def _with_neutral_r(seed: str) -> Signer:
    def sign(names: list[str], message: Callable[[list[str]], bytes]) -> Document:
        return dict(actor(seed)(names, message), sig=curve.sign_with(0, secret(seed), message(names)).hex())

    return sign


def newest_accepted(world: World) -> int:
    """When the order's newest anchored event was accepted."""
    return parse_event_entry(world.told["demo", ORDER][-1].entry).accepted


def mingled() -> World:
    """The order with two pending events of one note around one of another, all accepted with the newest event."""
    world = first_world()
    at, accepted = "2026-05-04T10:00:00Z", newest_accepted(world)
    world.await_anchor(ORDER, event("returned", at), event("recalled", at), accepted=accepted)
    world.await_anchor(ORDER, event("refunded", at), accepted=accepted)
    pending = world.pending["demo", ORDER]
    pending.insert(1, pending.pop())
    return world


def cases() -> Iterator[Case]:
    """Every case of this module."""
    world = first_world()
    proof, policy = world.proof(ORDER, hide=PRIVATE), world.policy()
    yield good("first", "SPEC section 1's order: placed, shipped, signed; names of people are hidden.", proof, policy)
    yield good("first_full", "The same order with every field disclosed.", world.proof(ORDER), policy)
    captured = Path(__file__).parent / "captured"
    proof, policy = (json.loads((captured / name).read_bytes()) for name in ("proof.json", "policy.json"))
    yield good(
        "captured",
        "What the service made of its sample order on the embedded chain (py-evm), kept as it was.",
        proof,
        policy,
        "test_data",
        checks={"attachments": skipped("not_given")},
    )
    yield from _kinds()
    yield from _sizes()
    yield from _forms()


def _kinds() -> Iterator[Case]:
    """States other than `verified`, and what only some orders have."""
    development = first_world()
    chain = development.policy()["chain"] | {"test": True, "name": "Development chain"}
    proof = development.proof(ORDER, hide=PRIVATE)
    yield good(
        "test_data",
        "A development chain: every check holds, and the state says that it is test data.",
        proof,
        development.policy(chain=chain),
        "test_data",
    )
    waiting = first_world()
    waiting.await_anchor(ORDER, event("returned", "2026-05-04T10:00:00+08:00"))
    waiting.await_anchor(ORDER, event("refunded", "2026-05-05T10:00:00+08:00"))
    yield good(
        "pending",
        "Two newer events are promised by receipts and not anchored yet.",
        waiting.proof(ORDER, hide=PRIVATE),
        waiting.policy(),
        "verified_pending",
        checks={"pending": VALID},
    )
    yield good(
        "pending_mingled",
        "Two notes of the very time of the newest anchored event: theirs may mingle.",
        mingled().proof(ORDER),
        mingled().policy(),
        "withdrawn",
        checks={"pending": VALID},
    )
    together = first_world()
    together.await_anchor(ORDER, event("recalled", "2026-05-04T10:00:00Z"), event("resolved", "2026-05-05T10:00:00Z"))
    together.await_anchor(ORDER, event("returned", "2026-05-06T10:00:00Z"))
    yield good(
        "pending_together",
        "Two pending events of one note, and a later one of another.",
        together.proof(ORDER),
        together.policy(),
        "verified_pending",
        checks={"pending": VALID},
    )
    for kind in ("recalled", "disputed", "cancelled"):
        ended = told(PLACED, event(kind, "2026-05-04T10:00:00+08:00"))
        yield good(
            f"withdrawn_{kind}", f"The order's newest state is {kind}.", ended.proof(ORDER), ended.policy(), "withdrawn"
        )
    called = first_world()
    called.await_anchor(ORDER, event("recalled", "2026-05-04T10:00:00+08:00"))
    yield good(
        "withdrawn_pending",
        "A recall that is only promised so far withdraws the order already.",
        called.proof(ORDER),
        called.policy(),
        "withdrawn",
        checks={"pending": VALID},
    )
    settled = told(
        PLACED, event("disputed", "2026-05-04T10:00:00+08:00"), event("resolved", "2026-05-05T10:00:00+08:00")
    )
    yield good("dispute_resolved", "A dispute that was resolved.", settled.proof(ORDER), settled.policy())
    late = told(PLACED, SIGNED, SHIPPED)
    yield good(
        "late_and_unexpected",
        "Shipped is reported after signed: flagged, not refused.",
        late.proof(ORDER),
        late.policy(),
    )
    signer = told(PLACED, SIGNED, signer=actor("recipient's key"))
    key = signing_key("recipient's key").public_key().public_bytes_raw().hex()
    yield good(
        "actor_signed",
        "Events with an actor's own signature; the names of people are hidden, and the signature still holds.",
        signer.proof(ORDER, hide=PRIVATE),
        signer.policy(actors={key: "Wang Fang"}),
        checks={"signatures": VALID},
    )
    neutral = told(PLACED, SIGNED, signer=_with_neutral_r("recipient's key"))
    yield good(
        "actor_signed_with_neutral_r",
        "A signature whose R is the neutral point: it holds by SPEC 2.7, and some libraries refuse it.",
        neutral.proof(ORDER, hide=PRIVATE),
        neutral.policy(actors={key: "Wang Fang"}),
        checks={"signatures": VALID},
    )
    filed = told(PLACED, SIGNED | {"attachments": [_file(FILE), _file(sha256(b"a photo").hexdigest())]})
    files = {FILE: FILE, sha256(b"a photo").hexdigest(): sha256(b"a photo").hexdigest()}
    proof, policy = filed.proof(ORDER), filed.policy()
    yield good(
        "attachments",
        "Two files are named, and both are given.",
        proof,
        policy,
        checks={"attachments": VALID},
        inputs={"attachments": files},
    )
    yield good(
        "attachments_not_given",
        "Two files are named, and none is given.",
        proof,
        policy,
        checks={"attachments": skipped("not_given")},
    )
    yield good(
        "attachments_none_given",
        "Two files are named, and an empty set of files is given.",
        proof,
        policy,
        checks={"attachments": skipped("not_given")},
        inputs={"attachments": {}},
    )
    yield good(
        "attachment_missing",
        "One of two files is missing: nothing is refuted.",
        proof,
        policy,
        checks={"attachments": unknown("attachment_missing")},
        inputs={"attachments": {FILE: FILE}},
    )


def _file(digest: str) -> Document:
    return {"sha256": digest, "size": 3_000, "media_type": "image/png", "role": "signature"}


def _sizes() -> Iterator[Case]:
    """Logs of the sizes that trees go wrong at."""
    for size in (2, 3, 4, 5, 7, 8, 9, 15, 16, 17):
        world = World(f"size {size}")
        world.noise(size - 2)
        world.tell(ORDER, PLACED)
        world.seal(not_before=None)
        world.anchor(1_000)
        yield good(
            f"size_{size}",
            f"A log of {size} entries; the event is the last but the seal.",
            world.proof(ORDER),
            world.policy(),
            checks={"dated": skipped("no_not_before")},
        )
    world = World("size 17")
    world.tell(ORDER, PLACED)
    world.noise(15)
    world.seal()
    world.anchor(1_000)
    yield good("size_17_first", "A log of 17 entries; the event is the first.", world.proof(ORDER), world.policy())
    many = World("many")
    for place in range(12):
        many.tell(ORDER, _hop(place))
        many.noise(place % 4)
        if place % 3 == 2:
            many.seal()
            many.anchor(1_000 + 10 * place)
    yield good("twelve_events", "Twelve events under four anchors.", many.proof(ORDER), many.policy())


def _hop(place: int) -> Document:
    kinds = ["placed", "confirmed", "paid", "packed", "shipped", "arrived", "departed", "customs", "arrived"]
    kinds += ["out_for_delivery", "delivered", "signed"]
    return event(kinds[place], f"2026-05-{place + 1:02}T08:00:00.{place:03}Z", "carrier")


def _forms() -> Iterator[Case]:
    """Values and blocks in the forms that readers differ on."""
    data = {
        "数量": 12,
        "𝒜 astral before \ufb33": {"\U0001f600": 1, "\ufb33": 2, "é": 3, "e\u0301": 4},
        "numbers": [0, -1, 0.1, 1e-7, 1.5e300 / 1e300, 123456789012345.6, 9007199254740991, -9007199254740991, 5e-324],
        "escapes": '\b\t\n\f\r"\\/\u007f\u0080\u2028\u0001',
        "depth": _deep(29),
        "empty": [{}, [], "", None, True, False],
        "__proto__": {"constructor": "toString"},
    }
    world = told(
        PLACED | {"data": data, "note": "第一行\n第二行"}, event("signed", "2026-05-03T14:05:00.123456789+08:00")
    )
    yield good(
        "free_data",
        "Free data: Chinese, astral keys, odd numbers, escapes, nesting at the limit.",
        world.proof(ORDER),
        world.policy(),
    )
    names = World("names")
    order, tenant = '订单 / 𝒜 "1"\\', "n" * 200
    names.tell(order, PLACED, tenant=tenant)
    names.seal()
    names.anchor(1_000)
    yield good(
        "odd_names",
        "An order id that needs escapes, a tenant of 200 characters.",
        names.proof(order, tenant=tenant),
        names.policy(tenants={tenant: ""}),
    )
    times = told(
        event("placed", "0001-01-01T00:00:00+23:59"),
        event("shipped", "0001-01-01T00:00:00Z"),
        event("signed", "9999-12-31T23:59:59.999999999-23:59"),
    )
    yield good("odd_times", "Times at the ends of what is allowed.", times.proof(ORDER), times.policy())
    more: Document = {f"x{place:02}": place for place in range(61)}
    wide = told(event("placed", "2026-05-01T09:30:00Z", **more))
    yield good("fields_64", "An event of 64 fields.", wide.proof(ORDER), wide.policy())
    hidden = first_world()
    everything = [name for name in PLACED | SHIPPED | SIGNED if name not in {"type", "occurred_at", "actor.role"}]
    yield good(
        "only_mandatory",
        "Only the three fields that must be disclosed are.",
        hidden.proof(ORDER, hide=everything),
        hidden.policy(),
    )
    yield from _blocks()


def _deep(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _blocks() -> Iterator[Case]:
    from scripts.vectors.chain import anchored_log, mine, other_log, other_receipts, receipt  # noqa: PLC0415

    def anchored(
        name: str, sentence: str, *, count: int, index: int, kind: int | None = 2, items: int = 21, logs: int = 0
    ) -> Case:
        world = World("blocks")
        world.tell(ORDER, PLACED)
        world.seal()
        raw = receipt(
            [
                *(other_log(f"log {place}") for place in range(logs)),
                anchored_log(world.registry, world.log, 2, world.root()),
            ],
            kind=kind,
        )
        receipts = [*other_receipts(index), raw, *other_receipts(count - index - 1)]
        world.anchor(1_000, block=mine(1_000, 1_777_800_000, receipts, index, items=items))
        return good(name, sentence, world.proof(ORDER), world.policy())

    yield anchored("block_alone", "The block's only transaction.", count=1, index=0)
    yield anchored("block_untyped_receipt", "An untyped receipt (legacy transaction).", count=3, index=1, kind=None)
    yield anchored("block_type_1_receipt", "A receipt of type 1.", count=3, index=2, kind=1)
    yield anchored("block_type_127_receipt", "A receipt of the last type there can be.", count=3, index=0, kind=127)
    yield anchored("block_log_not_first", "The registry's log is the fifth of its receipt.", count=2, index=1, logs=4)
    yield anchored("block_15_items", "A header of 15 items, as before London.", count=2, index=1, items=15)
    yield anchored("block_30_items", "A header with items of forks to come.", count=2, index=1, items=30)
    for index in (127, 128, 255, 256):
        yield anchored(f"block_index_{index}", f"Transaction {index} of 300.", count=300, index=index)
