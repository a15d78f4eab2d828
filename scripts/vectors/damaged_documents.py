"""Cases of bytes that are no proof: what any parser of SPEC 14 refuses."""

from __future__ import annotations

import base64
import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from anchor_service.protocol.canonical import print_json
from scripts.vectors.case import Case, malformed
from scripts.vectors.orders import PRIVATE, SIGNED, Document
from scripts.vectors.world import World, first_world

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ORDER = "A-1001"


def cases() -> Iterator[Case]:
    """Every case of this module."""
    world = first_world()
    world.await_anchor(ORDER, SIGNED | {"type": "returned"})
    proof, policy = world.proof(ORDER, hide=PRIVATE), world.policy()

    def damaged(name: str, sentence: str, damage: Callable[[Document], Any], code: str | None = None) -> Case:
        copy = deepcopy(proof)
        replaced = damage(copy)
        return malformed(name, sentence, replaced if isinstance(replaced, bytes) else copy, policy, code)

    for name, sentence, damage in [*_bytes(print_json(proof)), *_shapes(), *_texts(), *_places(), *_notes(world)]:
        yield damaged(name, sentence, damage)
    versions: list[tuple[str, str, Any]] = [
        ("version_0", "Format version 0, which had no stream map.", 0),
        ("version_2", "Format version 2.", 2),
        ("version_true", "The version is true, which some languages take for 1.", True),
        ("version_false", "The version is false, which some languages take for 0.", False),
        ("version_text", "The version is the text 1.", "1"),
        ("version_null", "The version is null.", None),
    ]
    for name, sentence, version in versions:
        yield damaged(name, sentence, _put("v", version), "version")
    yield damaged("version_missing", "There is no version.", _drop("v"), "version")


Damage = tuple[str, str, "Callable[[Document], Any]"]


def _at(document: Any, path: str) -> tuple[Any, Any]:
    """Return the container and the key that a dotted path leads to."""
    *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in steps:
        document = document[step]
    return document, last


def _put(path: str, value: Any) -> Callable[[Document], None]:
    def damage(document: Document) -> None:
        container, key = _at(document, path)
        container[key] = value

    return damage


def _drop(path: str) -> Callable[[Document], None]:
    def damage(document: Document) -> None:
        container, key = _at(document, path)
        del container[key]

    return damage


def _change(path: str, change: Callable[[Any], Any]) -> Callable[[Document], None]:
    def damage(document: Document) -> None:
        container, key = _at(document, path)
        container[key] = change(container[key])

    return damage


def _raw(change: Callable[[bytes], bytes]) -> Callable[[Document], bytes]:
    return lambda document: change(print_json(document))


def _swap(old: bytes, new: bytes) -> Callable[[Document], bytes]:
    def change(raw: bytes) -> bytes:
        if old not in raw:
            raise ValueError(f"{old!r} is not in the proof")
        return raw.replace(old, new, 1)

    return _raw(change)


def _bytes(raw: bytes) -> Iterator[Damage]:
    yield "empty", "No bytes at all.", lambda _: b""
    yield "not_json", "A picture's bytes.", lambda _: b"\x89PNG\r\n\x1a\n" + bytes(100)
    yield "json_null", "The JSON text null.", lambda _: b"null"
    yield "json_array", "A JSON array.", lambda _: b"[]"
    yield "truncated", "The last byte is missing.", _raw(lambda raw: raw[:-1])
    yield "trailing_newline", "A newline after the document.", _raw(lambda raw: raw + b"\n")
    yield "trailing_document", "A second document after the first.", _raw(lambda raw: raw + b"{}")
    yield "byte_order_mark", "A byte-order mark before the document.", _raw(lambda raw: b"\xef\xbb\xbf" + raw)
    yield "pretty_printed", "The same document, printed for people.", _raw(lambda raw: _pretty(raw, 2))
    yield "members_unordered", "The same document, its members in another order.", _raw(_reversed)
    yield "escaped_ascii", "The same document, a letter of a key escaped.", _swap(b'"format"', b'"\\u0066ormat"')
    yield "escaped_slash", "The same document, a slash escaped.", _swap(b"sealtrail/proof", b"sealtrail\\/proof")
    yield "duplicate_member", "A member twice.", _swap(b'"map":[', b'"map":[],"map":[')
    yield "duplicate_member_deep", "A member of an event twice.", _swap(b'"index":1,', b'"index":1,"index":1,')
    yield "number_minus_zero", "An anchor's place is written -0.", _swap(b'"anchor":0', b'"anchor":-0')
    yield "number_fraction", "An anchor's place is written 0.0.", _swap(b'"anchor":0', b'"anchor":0.0')
    yield "number_exponent", "An index is written 1e0.", _swap(b'"index":1,', b'"index":1e0,')
    yield "number_huge", "An index of 1e400.", _swap(b'"index":1,', b'"index":1e400,')
    yield "number_2_53", "An index of 2^53.", _swap(b'"index":1,', b'"index":9007199254740992,')
    yield "number_nan", "An index of NaN.", _swap(b'"index":1,', b'"index":NaN,')
    yield "lone_surrogate", "A lone surrogate in the order's id.", _swap(b'"A-1001"', b'"A-1001\\ud800"')
    yield "not_utf8", "A byte that is not UTF-8 in the order's id.", _swap(b'"A-1001"', b'"A-1001\xff"')
    deep = b"[" * 33 + b"]" * 33
    yield "too_deep", "A member nested 33 deep.", _swap(b'"map":[', b'"map":' + deep + b',"nap":[')
    yield "far_too_deep", "A member nested 100,000 deep.", _swap(b'"map":[', b'"map":' + b"[" * 100_000)
    assert b'"map":[' in raw


def _pretty(raw: bytes, indent: int) -> bytes:
    return json.dumps(json.loads(raw), indent=indent, ensure_ascii=False).encode()


def _reversed(raw: bytes) -> bytes:
    document = json.loads(raw)
    return json.dumps(
        {name: document[name] for name in reversed(document)}, separators=(",", ":"), ensure_ascii=False
    ).encode()


def _shapes() -> Iterator[Damage]:
    yield "format_other", "Another format's name.", _put("format", "sealtrail/policy")
    yield "format_missing", "No format.", _drop("format")
    yield "map_null", "No map, as version 0 had it.", _put("map", None)
    yield "map_object", "A map that is an object.", _put("map", {})
    yield "map_257_hashes", "A path of 257 hashes in the map.", _put("map", ["ab" * 32] * 257)
    members = [
        "map",
        "anchors.0.seal",
        "anchors.0.block.index",
        "events.0.hidden",
        "stream.salt",
        "pending.0.receipt.note",
    ]
    for path in members:
        yield f"missing_{path.replace('.', '_')}", f"The member {path} is missing.", _drop(path)
    for path in (
        "",
        "anchors.0.",
        "anchors.0.block.",
        "anchors.0.seal.",
        "events.0.",
        "stream.",
        "pending.0.",
        "pending.0.receipt.",
    ):
        where = path.rstrip(".").replace(".", "_") or "top"
        yield f"unknown_member_{where}", f"An unknown member at {where}.", _put(f"{path}zzz", None)
    wrong: list[tuple[str, Any]] = [
        *[("events", {}), ("events", []), ("anchors", []), ("anchors", None), ("pending", None), ("stream", [])],
        *[("events.0", None), ("events.0.index", True), ("events.0.index", "1"), ("events.0.index", -1)],
        *[("events.0.index", 1.5), ("events.0.path", {}), ("events.0.entry", 1), ("events.0.disclosed", [])],
        *[
            ("events.0.disclosed", [1]),
            ("events.0.hidden", []),
            ("anchors.0.block.nodes", []),
            ("anchors.0.checkpoint", None),
        ],
    ]
    for path, value in wrong:
        kind = "empty_array" if value == [] else "empty_object" if value == {} else str(value).lower().replace(".", "_")
        kind = {"[1]": "of_number", "-1": "negative"}.get(kind, kind)
        yield f"wrong_{path.replace('.', '_')}_{kind}", f"The member {path} is {json.dumps(value)}.", _put(path, value)
    yield "path_65_hashes", "A path of 65 hashes.", _put("events.0.path", ["ab" * 32] * 65)
    yield "nodes_65", "Evidence of 65 trie nodes.", _put("anchors.0.block.nodes", ["ab" * 40] * 65)
    yield "header_4097_bytes", "A header of 4,097 bytes.", _put("anchors.0.block.header", "ab" * 4_097)
    yield "node_65537_bytes", "A trie node of 65,537 bytes.", _put("anchors.0.block.nodes.0", "ab" * 65_537)


def _texts() -> Iterator[Damage]:
    """Hashes, entries, disclosures and names in forms that their grammar does not have."""
    for path in ("events.0.path.0", "stream.salt", "anchors.0.seal.path.0", "anchors.0.block.header"):
        where = path.replace(".", "_")
        yield f"uppercase_{where}", f"Upper-case hexadecimal digits in {path}.", _change(path, str.upper)
        yield f"short_{where}", f"A hexadecimal digit is missing in {path}.", _change(path, lambda text: text[:-1])
    yield "hash_with_0x", "A hash that starts with 0x.", _change("stream.salt", lambda text: f"0x{text[2:]}")
    yield (
        "hash_wide_digit",
        "A hash with a digit that is not ASCII.",
        _change("stream.salt", lambda text: f"{text[:-1]}３"),
    )
    yield "hash_newline", "A hash with a newline after it.", _change("stream.salt", lambda text: f"{text}\n")
    for name, sentence, old, new in [
        ("entry_space", "A space in an entry.", '"seq":', '"seq": '),
        ("entry_leading_zero", "A number with a leading zero in an entry.", '"seq":1', '"seq":01'),
        ("entry_2_53", "An entry accepted at 2^53.", '"accepted":1777790002000', '"accepted":9007199254740992'),
        ("entry_uppercase", "An entry's commitment in upper-case digits.", '"commitment":"', '"commitment":"A'),
        ("entry_version_0", "An entry of version 0.", '"v":1', '"v":0'),
        ("entry_kind", "An event's entry says it is a seal.", '"kind":"event"', '"kind":"seal"'),
        ("entry_member_added", "An entry with a member more.", '"v":1', '"v":1,"w":0'),
        ("entry_newline", "An entry with a newline after it.", '"v":1}', '"v":1}\n'),
        ("entry_wide_digit", "An entry with a digit that is not ASCII.", '"seq":1', '"seq":１'),
    ]:
        yield name, sentence, _change("events.0.entry", _replaced(old, new))
    for name, sentence, old, new in [
        ("seal_streams", "A seal entry that does not count streams.", '"streams":3', '"streams":null'),
        ("seal_map", "A seal entry whose map is short of a digit.", '"map":"', '"map":"a'),
        ("seal_version_0", "A seal entry of version 0.", '"v":1', '"v":0'),
        (
            "seal_not_before_order",
            "A seal entry whose block has its members in another order.",
            '"not_before":null',
            f'"not_before":{{"number":1,"hash":"{"ab" * 32}"}}',
        ),
    ]:
        yield name, sentence, _change("anchors.0.seal.entry", _replaced(old, new))
    yield from _disclosures()
    for name, sentence, text in [
        ("order_id_empty", "An order's id of no characters.", ""),
        ("order_id_201", "An order's id of 201 characters.", "x" * 201),
        ("order_id_control", "An order's id with a control character.", "A\u0085"),
        ("order_id_newline", "An order's id with a newline after it.", "A-1001\n"),
    ]:
        yield name, sentence, _put("stream.order_id", text)
    leaf = "pending.0.receipt.leaf"
    yield "receipt_leaf_space", "A space in a receipt's leaf.", _change(leaf, _replaced('"log":', '"log": '))
    yield (
        "receipt_leaf_member",
        "A receipt's leaf with a member more.",
        _change(leaf, _replaced('"log":', '"kind":0,"log":')),
    )
    yield (
        "receipt_leaf_time",
        "A receipt's leaf with a time as text.",
        _change(leaf, _replaced('"deadline":1', '"deadline":"","e":1')),
    )
    yield "receipt_leaf_not_json", "A receipt's leaf that is not JSON.", _put(leaf, "x")
    yield (
        "receipt_leaf_fraction",
        "A receipt's leaf with a fraction of a millisecond.",
        _change(leaf, _replaced('000,"event_id"', '000.5,"event_id"')),
    )


def _replaced(old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        if old not in text:
            raise ValueError(f"{old!r} is not in {text!r}")
        return text.replace(old, new, 1)

    return change


def _disclosures() -> Iterator[Damage]:
    first = "events.0.disclosed.0"
    for name, sentence, change in [
        ("disclosure_space", "A space in a disclosure.", lambda text: text.replace(",", ", ", 1)),
        (
            "disclosure_escape",
            "A disclosure with a needless escape.",
            lambda text: text.replace("actor", "\\u0061ctor", 1),
        ),
        ("disclosure_two_items", "A disclosure without a value.", lambda text: text.rsplit(",", 1)[0] + "]"),
        ("disclosure_four_items", "A disclosure of four items.", lambda text: text[:-1] + ",0]"),
        ("disclosure_short_salt", "A disclosure with a salt of 15 bytes.", lambda text: text[:2] + text[4:]),
        (
            "disclosure_uppercase_salt",
            "A disclosure with a salt in upper-case digits.",
            lambda text: text[:34].upper() + text[34:],
        ),
        (
            "disclosure_name_case",
            "A disclosure whose name has a capital.",
            lambda text: text.replace("actor.name", "actor.Name"),
        ),
        ("disclosure_object", "A disclosure that is an object.", lambda _: "{}"),
        ("disclosure_not_json", "A disclosure that is not JSON.", lambda text: text[:-1]),
        ("disclosure_65537_bytes", "A disclosure of 65,537 bytes.", lambda text: _long(text, 65_537)),
    ]:
        yield name, sentence, _change(first, change)
    yield "disclosure_nan", "A disclosure of NaN.", _change(first, lambda text: text.replace('"Demo Shop"', "NaN"))
    yield "disclosure_minus_zero", "A disclosure of -0.", _change(first, lambda text: text.replace('"Demo Shop"', "-0"))
    yield (
        "disclosure_too_deep",
        "A disclosure nested 33 deep.",
        _change(first, lambda text: text.replace('"Demo Shop"', "[" * 32 + "]" * 32)),
    )
    yield (
        "disclosed_unordered",
        "Disclosures not in the order of their names.",
        _change("events.0.disclosed", lambda texts: texts[::-1]),
    )
    yield "disclosed_twice", "A disclosure twice.", _change("events.0.disclosed", lambda texts: [texts[0], *texts])
    yield "disclosed_and_hidden", "A field both disclosed and hidden.", _put("events.0.hidden", {"type": "ab" * 32})
    yield "hidden_name", "A hidden field whose name has a capital.", _put("events.0.hidden", {"Type": "ab" * 32})
    yield "hidden_not_hash", "A hidden field without a hash.", _put("events.0.hidden", {"note": "ab"})
    yield (
        "fields_65",
        "An event of 65 fields.",
        _put("events.0.hidden", {f"x{place}": "ab" * 32 for place in range(60)}),
    )


def _long(text: str, size: int) -> str:
    return text[:-2] + "x" * (size - len(text.encode())) + text[-2:]


def _places() -> Iterator[Damage]:
    """Events and anchors that are not in the order or at the places that SPEC 14.2 gives them."""
    yield (
        "events_unordered",
        "Two events in each other's places.",
        _change("events", lambda events: [events[0], events[2], events[1]]),
    )
    yield "event_twice", "An event twice.", _change("events", lambda events: [events[0], *events])
    yield "anchors_unordered", "The anchors in each other's places.", _change("anchors", lambda anchors: anchors[::-1])
    yield "anchor_twice", "An anchor twice.", _change("anchors", lambda anchors: [anchors[0], *anchors])
    yield "anchor_not_first", "An event names a later anchor than the first that covers it.", _put("events.0.anchor", 1)
    yield "anchor_too_early", "An event names an anchor that does not cover it.", _put("events.1.anchor", 0)
    yield "anchor_beyond", "An event names an anchor that is not there.", _put("events.2.anchor", 2)
    yield "anchor_unused", "No event uses the first anchor.", _change("events", lambda events: events[1:])
    yield "event_uncovered", "The last event is beyond the newest checkpoint.", _put("events.2.index", 11)


def _notes(world: World) -> Iterator[Damage]:
    """Checkpoints that are no signed note by SPEC 8."""
    path = "anchors.1.checkpoint"
    other = world.checkpoint(11, key=world.receipt_key).splitlines()[-1]
    lines: list[tuple[str, str, Callable[[str], str]]] = [
        ("checkpoint_signature_line", "A second signature line.", lambda text: f"{text}{other}\n"),
        (
            "checkpoint_same_signature_line",
            "The same signature line twice.",
            lambda text: text + text.splitlines()[-1] + "\n",
        ),
        ("checkpoint_extension_line", "An extension line.", lambda text: text.replace("=\n\n", "=\nmore\n\n", 1)),
        ("checkpoint_crlf", "Lines that end in CRLF.", lambda text: text.replace("\n", "\r\n")),
        ("checkpoint_no_newline", "The last newline is missing.", lambda text: text[:-1]),
        ("checkpoint_more_newlines", "A newline more at the end.", lambda text: text + "\n"),
        ("checkpoint_no_gap", "No empty line before the signature.", lambda text: text.replace("\n\n", "\n")),
        ("checkpoint_hyphen", "A hyphen in place of the dash.", lambda text: text.replace("—", "-")),
        ("checkpoint_size_zero", "A size of 0.", lambda text: text.replace("\n11\n", "\n0\n")),
        ("checkpoint_size_leading_zero", "A size with a leading zero.", lambda text: text.replace("\n11\n", "\n011\n")),
        ("checkpoint_size_plus", "A size with a plus sign.", lambda text: text.replace("\n11\n", "\n+11\n")),
        ("checkpoint_size_2_53", "A size of 2^53.", lambda text: text.replace("\n11\n", "\n9007199254740992\n")),
        ("checkpoint_size_underscore", "A size with an underscore.", lambda text: text.replace("\n11\n", "\n1_1\n")),
        ("checkpoint_name_plus", "A key name with a plus sign.", lambda text: text.replace("— log", "— lo+g")),
        ("checkpoint_name_not_ascii", "A key name that is not ASCII.", lambda text: text.replace("— log", "— lög")),
        ("checkpoint_4097_bytes", "A note of 4,097 bytes.", lambda text: "x" * (4_097 - len(text.encode())) + text),
        ("base64_loose_bits", "Base64 whose unused bits are not zero, in the root.", _loosened),
        ("base64_no_padding", "Base64 without its padding, in the root.", lambda text: text.replace("=\n\n", "\n\n")),
        ("base64_url_alphabet", "A root in the alphabet of base64url.", _url_alphabet),
        ("base64_space", "A space within the signature's base64.", lambda text: text[:-10] + " " + text[-10:]),
        ("signature_short", "A signature of 63 bytes.", lambda text: _signature(text, lambda data: data[:-1])),
        ("signature_long", "A signature of 65 bytes.", lambda text: _signature(text, lambda data: data + b"\0")),
        (
            "root_31_bytes",
            "A root of 31 bytes.",
            lambda text: text.replace(text.split("\n")[2], base64.b64encode(bytes(31)).decode()),
        ),
    ]
    for name, sentence, change in lines:
        yield name, sentence, _change(path, change)
    yield (
        "receipt_note_lines",
        "A receipt's note with two signature lines.",
        _change("pending.0.receipt.note", lambda text: text + text.splitlines()[-1] + "\n"),
    )


def _loosened(text: str) -> str:
    root = text.split("\n")[2]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return text.replace(root, root[:42] + alphabet[alphabet.index(root[42]) + 1] + "=")


def _url_alphabet(text: str) -> str:
    root = text.split("\n")[2]
    return text.replace(root, "-_" + root[2:])


def _signature(text: str, change: Callable[[bytes], bytes]) -> str:
    head, _, encoded = text[:-1].rpartition(" ")
    return f"{head} {base64.b64encode(change(base64.b64decode(encoded))).decode()}\n"
