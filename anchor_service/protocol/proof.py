"""A proof: what checks one stream for one audience, as one canonical JSON document (SPEC 14.1 to 14.4).

The values here have no slots, so that what follows from their bytes (an entry's values, a leaf) is worked out once.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, parse_canonical, print_json
from anchor_service.protocol.checkpoint import Checkpoint, parse_checkpoint
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import (
    EventEntry,
    SealEntry,
    parse_event_entry,
    parse_name,
    parse_seal_entry,
    stream_id,
)
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash, Leaf, StreamId, parse_hash
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.printed import MAX_PATH, PlainEvents, join_event, join_path, split_events
from anchor_service.protocol.receipt import Receipt, ReceiptLeaf, parse_receipt_leaf
from anchor_service.protocol.shape import VERSION, document, hex_bytes, items, members, text, whole
from anchor_service.protocol.streammap import MAX_DEPTH
from anchor_service.protocol.view import View, parse_view, print_view

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FORMAT: Final = "sealtrail/proof"
MAX_PROOF: Final = 16 * 2**20
MAX_EVENTS: Final = 10_000
MAX_PENDING: Final = 1_000
MAX_HEADER: Final = 4_096
MAX_NODES: Final = 64
MAX_NODE: Final = 65_536
_OPENING: Final = ("order_id", "salt", "tenant")


@dataclass(frozen=True)
class Opening:
    """What a stream id is the hash of (SPEC 5.2)."""

    salt: Hash
    tenant: str
    order_id: str

    @cached_property
    def stream(self) -> StreamId:
        """The stream id that this opens."""
        return stream_id(self.salt, self.tenant, self.order_id)


@dataclass(frozen=True)
class ProvenEvent:
    """An event at its place in the log: `anchor` is a place in the proof's anchors."""

    view: View
    entry_text: str
    index: int
    path: tuple[Hash, ...]
    anchor: int

    @cached_property
    def entry(self) -> EventEntry:
        """The entry's values."""
        return parse_event_entry(self.entry_text)

    @cached_property
    def leaf(self) -> Leaf:
        """The entry's leaf."""
        return leaf_hash(self.entry_text.encode())


@dataclass(frozen=True)
class ProvenAnchor:
    """A checkpoint, the seal entry that ends it, and the evidence that the registry recorded it."""

    checkpoint_text: str
    seal_text: str
    seal_path: tuple[Hash, ...]
    evidence: ChainEvidence

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The checkpoint's values."""
        return parse_checkpoint(self.checkpoint_text)

    @cached_property
    def seal(self) -> SealEntry:
        """The seal entry's values."""
        return parse_seal_entry(self.seal_text)


@dataclass(frozen=True)
class PendingEvent:
    """An event that is accepted and not yet under a final anchor."""

    view: View
    receipt: Receipt

    @cached_property
    def promise(self) -> ReceiptLeaf:
        """What the receipt's leaf says."""
        return parse_receipt_leaf(self.receipt.leaf)


@dataclass(frozen=True, slots=True)
class Proof:
    """Everything that a verifier needs about one stream; what it trusts comes from its policy.

    `map_path` is the stream's path in the map of the last anchor's seal (SPEC 10.4).
    """

    opening: Opening
    events: tuple[ProvenEvent, ...]
    anchors: tuple[ProvenAnchor, ...]
    map_path: tuple[Hash, ...]
    pending: tuple[PendingEvent, ...]


# --- reading --------------------------------------------------------------------------------------------------------


def parse_proof(raw: bytes) -> Proof:
    """Read a proof by its grammar, all of it; Malformed says where it differs (SPEC 14.1 to 14.4)."""
    if len(raw) > MAX_PROOF:
        raise Malformed("proof_size", f"a proof has at most {MAX_PROOF} bytes")
    with suppress(Malformed, ValueError, RecursionError):
        return _parse_printed(raw)
    top = _top(parse_canonical(raw))  # which says what is wrong
    return _proof(top, _anchors(top["anchors"]), _events(top["events"]))


def _parse_printed(raw: bytes) -> Proof:
    """Read a proof by readers that are fast; Malformed, ValueError or RecursionError where it may not be canonical.

    What is around the events is read leniently, and printed again: that gives back the very bytes where they are
    canonical, and never else.
    """
    begin, end = raw.index(b'],"events":[') + 12, raw.rindex(b'],"format":"')
    printed = raw[begin:end]
    top = _top(json.loads((raw[:begin] + raw[end:]).decode()))
    proof = _proof(top, _anchors(top["anchors"]), _printed_events(printed))
    if _print_around(proof, [printed]) != raw:
        raise ValueError("printed otherwise")
    return proof


def _printed_events(printed: bytes) -> tuple[ProvenEvent, ...]:
    parts = split_events(printed)
    if len(parts) > MAX_EVENTS:
        raise ValueError("too many events")
    plain = PlainEvents()
    events = tuple([_printed_event(part, plain) for part in parts])
    plain.finish()
    return events


def _printed_event(printed: bytes, plain: PlainEvents) -> ProvenEvent:
    try:
        event = plain.read(printed)
    except (Malformed, ValueError):
        whole_event = b'{"anchor":%b]}' % printed
        proven = _event(json.loads(whole_event.decode()), "event")
        if _join_event(proven) != whole_event:
            raise
        return proven
    proven = ProvenEvent(event.view, event.entry_text, event.place, event.path, event.anchor)
    proven.__dict__["entry"] = event.entry  # read once
    return proven


def _top(value: JSON) -> dict[str, JSON]:
    names = ("anchors", "events", "format", "map", "pending", "stream", "v")
    top = members(document(value, FORMAT), names, "proof")
    members(top["stream"], _OPENING, "stream")
    return top


def _proof(top: dict[str, JSON], anchors: tuple[ProvenAnchor, ...], events: tuple[ProvenEvent, ...]) -> Proof:
    _check_places(events, [anchor.checkpoint.size for anchor in anchors])
    pending = tuple(
        _pending(value, f"pending[{at}]") for at, value in enumerate(items(top["pending"], MAX_PENDING, "pending"))
    )
    _check_pending(pending, events[-1].entry.accepted)
    opening = members(top["stream"], _OPENING, "stream")
    return Proof(
        opening=Opening(
            salt=parse_hash(opening["salt"], "stream.salt"),
            tenant=parse_name(opening["tenant"], "stream.tenant"),
            order_id=parse_name(opening["order_id"], "stream.order_id"),
        ),
        events=events,
        anchors=anchors,
        map_path=parse_path(top["map"], "map", MAX_DEPTH),
        pending=pending,
    )


def _check_places(events: tuple[ProvenEvent, ...], sizes: list[int]) -> None:
    """Check the order of events and anchors (SPEC 14.2), in one pass over both."""
    if any(low >= high for low, high in pairwise(sizes)):
        raise Malformed("anchor_order", "anchors are not by ascending checkpoint size")
    indexes = [event.index for event in events]
    if any(low >= high for low, high in pairwise(indexes)):
        raise Malformed("event_order", "events are not by ascending index")
    first = 0
    for place, event in enumerate(events):
        while first < len(sizes) and sizes[first] <= event.index:
            first += 1
        if event.anchor != first or first == len(sizes):
            raise Malformed("event_anchor", f"events[{place}]: anchor is not the first whose size covers it")
    # SPEC 14.2: each but the last is used by an event
    if not set(range(len(sizes) - 1)) <= {event.anchor for event in events}:
        raise Malformed("anchor_unused", "an anchor that no event uses")


def _check_pending(pending: tuple[PendingEvent, ...], accepted: int) -> None:
    """Check that pending events are in order of acceptance, from the last event's `accepted` on (SPEC 14.2)."""
    indexes: dict[str, int] = {}  # the last of each note
    for place, event in enumerate(pending):
        promise, receipt = event.promise, event.receipt
        if promise.accepted < accepted or receipt.index <= indexes.get(receipt.note, -1):
            raise Malformed("pending_order", f"pending[{place}]: not in order of acceptance")
        accepted = promise.accepted
        indexes[receipt.note] = receipt.index


def _anchors(value: JSON) -> tuple[ProvenAnchor, ...]:
    listed = items(value, MAX_EVENTS, "anchors", 1)
    return tuple(parse_anchor(value, f"anchors[{at}]") for at, value in enumerate(listed))


def _events(value: JSON) -> tuple[ProvenEvent, ...]:
    listed = items(value, MAX_EVENTS, "events", 1)
    return tuple(_event(value, f"events[{at}]") for at, value in enumerate(listed))


def _event(value: JSON, where: str) -> ProvenEvent:
    event = members(value, ("anchor", "disclosed", "entry", "hidden", "index", "path"), where)
    entry = text(event["entry"], f"{where}.entry")
    values = parse_event_entry(entry)
    proven = ProvenEvent(
        view=parse_view(event, where),
        entry_text=entry,
        index=whole(event["index"], f"{where}.index"),
        path=parse_path(event["path"], f"{where}.path"),
        anchor=whole(event["anchor"], f"{where}.anchor"),
    )
    proven.__dict__["entry"] = values  # read once
    return proven


def parse_path(value: JSON, where: str, most: int = MAX_PATH) -> tuple[Hash, ...]:
    """Read an array of at most `most` hashes."""
    return tuple([parse_hash(item, where) for item in items(value, most, where)])


def parse_anchor(value: JSON, where: str) -> ProvenAnchor:
    """Read an anchor as proofs carry it."""
    anchor = members(value, ("block", "checkpoint", "seal"), where)
    block = members(anchor["block"], ("header", "index", "nodes"), f"{where}.block")
    seal = members(anchor["seal"], ("entry", "path"), f"{where}.seal")
    checkpoint, entry = text(anchor["checkpoint"], f"{where}.checkpoint"), text(seal["entry"], f"{where}.seal.entry")
    values = {"checkpoint": parse_checkpoint(checkpoint), "seal": parse_seal_entry(entry)}
    proven = ProvenAnchor(
        checkpoint_text=checkpoint,
        seal_text=entry,
        seal_path=parse_path(seal["path"], f"{where}.seal.path"),
        evidence=ChainEvidence(
            header=hex_bytes(block["header"], MAX_HEADER, f"{where}.block.header"),
            index=whole(block["index"], f"{where}.block.index"),
            nodes=tuple(
                hex_bytes(node, MAX_NODE, f"{where}.block.nodes")
                for node in items(block["nodes"], MAX_NODES, f"{where}.block.nodes", 1)
            ),
        ),
    )
    proven.__dict__.update(values)  # read once
    return proven


def _pending(value: JSON, where: str) -> PendingEvent:
    pending = members(value, ("disclosed", "hidden", "receipt"), where)
    return PendingEvent(parse_view(pending, where), parse_receipt(pending["receipt"], f"{where}.receipt"))


def parse_receipt(value: JSON, where: str = "receipt") -> Receipt:
    """Read a receipt document (SPEC 13.3) and the grammar of its leaf and note."""
    receipt = members(value, ("index", "leaf", "note", "path"), where)
    leaf, note = text(receipt["leaf"], f"{where}.leaf"), text(receipt["note"], f"{where}.note")
    parse_receipt_leaf(leaf)
    parse_checkpoint(note)
    return Receipt(leaf, whole(receipt["index"], f"{where}.index"), parse_path(receipt["path"], f"{where}.path"), note)


# --- printing -------------------------------------------------------------------------------------------------------


def print_proof(proof: Proof) -> bytes:
    """Print a proof; parse_proof reads it back to the same value."""
    return _print_around(proof, map(_join_event, proof.events))


def _print_around(proof: Proof, events: Iterable[bytes]) -> bytes:
    anchors = map(_join_anchor, proof.anchors)
    return join_proof(proof.opening, anchors=anchors, events=events, map_path=proof.map_path, pending=proof.pending)


def _join_event(event: ProvenEvent) -> bytes:
    view = event.view
    return join_event(
        anchor=event.anchor,
        disclosed=",".join(map(encode_basestring, view.disclosed)).encode(),
        entry=event.entry_text.encode(),
        hidden=",".join([f'"{name}":"{view.hidden[name].hex()}"' for name in sorted(view.hidden)]).encode(),
        index=event.index,
        path=event.path,
    )


def join_proof(
    opening: Opening,
    *,
    anchors: Iterable[bytes],
    events: Iterable[bytes],
    map_path: Iterable[bytes],
    pending: Sequence[PendingEvent],
) -> bytes:
    """Print a proof from anchors and events that are printed already."""
    waiting = [print_view(event.view) | {"receipt": print_receipt(event.receipt)} for event in pending]
    stream = {"order_id": opening.order_id, "salt": opening.salt.hex(), "tenant": opening.tenant}
    return b'{"anchors":[%b],"events":[%b],"format":"%b","map":%b,"pending":%b,"stream":%b,"v":%d}' % (
        b",".join(anchors),
        b",".join(events),
        FORMAT.encode(),
        join_path(map_path),
        print_json([*waiting]),
        print_json({**stream}),
        VERSION,
    )


def _join_anchor(anchor: ProvenAnchor) -> bytes:
    block = anchor.evidence
    return (b'{"block":{"header":"%b","index":%d,"nodes":%b},"checkpoint":%b,"seal":{"entry":%b,"path":%b}}') % (
        block.header.hex().encode(),
        block.index,
        join_path(block.nodes),
        encode_basestring(anchor.checkpoint_text).encode(),
        encode_basestring(anchor.seal_text).encode(),
        join_path(anchor.seal_path),
    )


def print_anchor(anchor: ProvenAnchor) -> dict[str, JSON]:
    """Return an anchor as a JSON value."""
    return {
        "block": {
            "header": anchor.evidence.header.hex(),
            "index": anchor.evidence.index,
            "nodes": [node.hex() for node in anchor.evidence.nodes],
        },
        "checkpoint": anchor.checkpoint_text,
        "seal": {"entry": anchor.seal_text, "path": print_path(anchor.seal_path)},
    }


def print_receipt(receipt: Receipt) -> dict[str, JSON]:
    """Return a receipt as a JSON value (SPEC 13.3)."""
    return {
        "index": receipt.index,
        "leaf": receipt.leaf,
        "note": receipt.note,
        "path": print_path(receipt.path),
    }


def print_path(path: tuple[Hash, ...]) -> list[JSON]:
    """Return a path as a JSON value."""
    return [step.hex() for step in path]
