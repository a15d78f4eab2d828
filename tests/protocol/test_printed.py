"""The fast reader of proofs takes nothing that the strict one refuses, and reads the same where it takes something."""

from __future__ import annotations

import json
import random
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anchor_service.protocol import proof as proofs
from anchor_service.protocol.canonical import parse_canonical, print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.printed import PlainEvents, split_events
from anchor_service.protocol.proof import Proof, parse_proof
from scripts.vectors.orders import PRIVATE, SIGNED
from scripts.vectors.world import first_world
from tests.conformance.corpus import CASES, VECTORS

if TYPE_CHECKING:
    from collections.abc import Callable

WORLD = first_world()
WORLD.tell("A-1001", {**SIGNED, "note": 'two\nlines, a "quote", a \\ and 金穗 \U0001f33e'})
WORLD.tell("A-1001", {**SIGNED, "data": {"𝒜": [1, -2, True, None, {}], "ﬀ": "\u007f\u0080", "": [[], {"a": ']"}'}]}})
WORLD.tell("A-1001", {**SIGNED, "device": '金穗 ](","', "location.name": "五常"})
WORLD.seal()
WORLD.anchor(9_000)
WORLD.await_anchor("A-1001", SIGNED | {"type": "returned"})
SHOWN = print_json(WORLD.proof("A-1001"))
PLAIN, HIDING = (print_json(first_world().proof("A-1001", hide=hide)) for hide in ((), PRIVATE))


def _strict(raw: bytes) -> Proof:
    top = proofs._top(parse_canonical(raw))
    return proofs._proof(top, proofs._anchors(top["anchors"]), proofs._events(top["events"]))


def _outcome(read: Callable[[bytes], Proof], raw: bytes) -> object:
    try:
        proof = read(raw)
    except Malformed as problem:
        return problem.code, problem.message
    views = [event.view for event in proof.events]
    values = [(event.entry, event.leaf, event.view.digests, event.view.commitment) for event in proof.events]
    # True is 1 and 1 is 1.0 to `==`, and members have an order.
    return proof, values, repr([[*view.fields.items()] for view in views]), [[*view.hidden] for view in views]


def _is_fast(raw: bytes) -> bool:
    try:
        proofs._parse_printed(raw)
    except (Malformed, ValueError, RecursionError):
        return False
    return True


def _check(raw: bytes) -> None:
    wanted = _outcome(_strict, raw)
    assert _outcome(parse_proof, raw) == wanted
    if _is_fast(raw):
        assert _outcome(proofs._parse_printed, raw) == wanted


@pytest.mark.parametrize("case", CASES)
def test_vectors(case: str) -> None:
    _check((VECTORS / case / "proof.json").read_bytes())


def test_canonical_proofs_are_read_fast() -> None:
    for raw in (PLAIN, HIDING, SHOWN):
        assert _is_fast(raw)
        _check(raw)
    plain = PlainEvents()
    for raw in (PLAIN, HIDING):
        for part in split_events(raw[raw.index(b',"events":[') + 11 : raw.rindex(b'],"format":')]):
            plain.read(part)
    plain.finish()


def _with(value: str) -> bytes:
    """Return the proof with this text for a value, as it stands in a disclosure."""
    proof: Any = json.loads(PLAIN)
    disclosed = proof["events"][0]["disclosed"]
    disclosed[0] = disclosed[0].rsplit(",", 1)[0] + f",{value}]"
    return print_json(proof)


@pytest.mark.parametrize(
    "value",
    [
        *("1", "-1", "0", "-0", "1.0", "1.5", "1e3", "1e21", "9007199254740991", "9007199254740992", "1" * 5_000),
        *(
            "null",
            "true",
            "NaN",
            "Infinity",
            "-Infinity",
            "[]",
            "{}",
            '{"a":1,"a":1}',
            '{"b":1,"a":2}',
            '{"a":1,"b":2}',
        ),
        *('"\x01"', '"\x7f"', '"\n"', '"a\\nb"', '"\\u0041"', '"\\ud800"', '["\\ud800"]', '"\\/"', '["\\u001f"]'),
        *("[1,2]", "[1, 2]", " 1", "1 ", "", '"', '"a"b"', "1,2", '1],["a"', '["a","b"]', "[1]]", '{"ﬀ":1,"𝒜":2}'),
        *('{"𝒜":1,"ﬀ":2}', "[" * 31 + "]" * 31, "[" * 30 + "]" * 30, "[" * 40 + "]" * 40, f'"{"a" * 15_000}"'),
        *(f'"{"é" * 15_900}"', f'"{"金" * 16_100}"', f'"{"a" * 70_000}"', f"[{'1,' * 9_000}1]"),
    ],
    ids=lambda value: value[:12],
)
def test_values(value: str) -> None:
    _check(_with(value))


# What a change may bring in: pieces of the templates, and what JSON allows elsewhere.
PIECES = [
    *(
        b'"',
        b"\\",
        b'\\"',
        b",",
        b"]",
        b"}",
        b"[",
        b"{",
        b" ",
        b"\n",
        b"0",
        b"-",
        b".",
        b"e",
        b"\xff",
        b"\x80",
        b"\x00",
        b"A",
    ),
    *(
        b'","',
        b'\\",\\"',
        b'"],"entry":"',
        b'","hidden":{',
        b']},{"anchor":',
        b'],"events":[',
        b'],"format":"',
        b'"a":1,',
    ),
    *(b'\\"]","[\\"', b"\\u0022", b"\\n", b"\\\\", "金".encode(), b"\xed\xa0\x80", b"null"),
]


@pytest.mark.parametrize("raw", [PLAIN, SHOWN, HIDING], ids=["plain", "shown", "hiding"])
def test_changes_near_what_is_structure(raw: bytes) -> None:
    chance = random.Random(1)
    for _ in range(1_500):
        at, piece = chance.randrange(len(raw)), chance.choice(PIECES)
        at = max(raw.find(chance.choice((b'"', b"\\", b",", b"]", b"}", b":")), at), 0) + chance.randrange(2)
        cut = chance.choice((0, 1, len(piece)))
        _check(raw[:at] + piece + raw[at + cut :])


@pytest.mark.parametrize("raw", [PLAIN, HIDING], ids=["plain", "hiding"])
def test_moved_and_repeated_parts(raw: bytes) -> None:
    chance = random.Random(2)
    marks = [at for at, byte in enumerate(raw) if byte in b'",[]{}']
    for _ in range(1_000):
        one, two, three = sorted(chance.sample(marks, 3))
        for changed in (
            raw[:one] + raw[two:],
            raw[:two] + raw[one:],
            raw[:one] + raw[two:three] + raw[one:two] + raw[three:],
        ):
            _check(changed)


@settings(max_examples=150)
@given(
    st.dictionaries(
        st.text("abc_.09", min_size=1, max_size=5),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**54), 2**54) | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
            max_leaves=6,
        ),
        max_size=6,
    )
)
def test_any_fields(more: dict[str, Any]) -> None:
    proof: Any = json.loads(PLAIN)
    for event in proof["events"]:
        texts = [json.dumps(["0" * 32, name, more[name]], ensure_ascii=False, separators=(",", ":")) for name in more]
        event["disclosed"] = sorted(event["disclosed"] + texts, key=lambda text: text.split('"')[3])
    try:
        raw = json.dumps(proof, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return
    _check(raw)


def test_hostile_proofs_take_time_in_proportion() -> None:
    at = PLAIN.index(b'"disclosed":["') + 14
    start = b'[\\"%b\\",\\"a\\",[' % (b"0" * 32)
    for many in (b"[" * 4_000_000, start * 60_000, (start * 300 + b'","') * 300, b'\\"' * 2_000_000):
        begin = time.process_time()
        with pytest.raises(Malformed):
            parse_proof(PLAIN[:at] + many + PLAIN[at:])
        assert time.process_time() - begin < 10
