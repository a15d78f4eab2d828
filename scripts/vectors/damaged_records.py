"""Cases of proofs that parse and do not hold: what was recorded, its place in the log, who signed."""

from __future__ import annotations

from copy import deepcopy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.hashes import ZERO, Hash
from scripts.vectors.case import Case, altered, invalid, only
from scripts.vectors.good import told
from scripts.vectors.orders import PLACED, PRIVATE, SHIPPED, SIGNED, Document
from scripts.vectors.world import World, first_world, other_of

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
    yield from _sequence()
    yield from _inclusion(world)


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


def flip(text: str, place: int = 0) -> str:
    """Flip one bit of bytes in hexadecimal digits."""
    data = bytearray.fromhex(text)
    data[place] ^= 1
    return data.hex()


def _streams(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy(tenants=None))
    opening = only(stream=invalid("stream_opening"))
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
        as_it_is,
        inputs={"stream": world.stream("other-0").hex()},
        stream=invalid("label_stream"),
    )


def _events(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    commitment = only(events=invalid("commitment"))

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


def _sequence() -> Iterator[Case]:
    broken = only(sequence=invalid("sequence"))

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


def _inclusion(world: World) -> Iterator[Case]:
    damaged = Damaged(world.proof(ORDER, hide=PRIVATE), world.policy())
    length, other = only(inclusion=invalid("path_length")), only(inclusion=invalid("inclusion"))

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
        complete=invalid("left_out"),
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


def as_it_is(_proof: Document) -> None:
    """Damage nothing: the policy or the inputs are what is wrong."""
