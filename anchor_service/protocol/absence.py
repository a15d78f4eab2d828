"""An absence proof: that the log held nothing of a stream, as of an anchor (SPEC 14.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, parse_canonical, parse_json, print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash, StreamId, parse_hash
from anchor_service.protocol.proof import (
    MAX_PROOF,
    ProvenAnchor,
    ProvenEvent,
    parse_anchor,
    parse_path,
    print_anchor,
    print_path,
)
from anchor_service.protocol.shape import VERSION, document, members, whole
from anchor_service.protocol.streammap import MAX_DEPTH, MapLeaf

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMAT: Final = "sealtrail/absence"


@dataclass(frozen=True, slots=True)
class Absence:
    """What shows that a stream is not in the map of the anchor's seal; which stream is the verifier's to say.

    `leaf` is the one stream that stands where this one would be, None where nothing does.
    """

    anchor: ProvenAnchor
    leaf: MapLeaf | None
    map_path: tuple[Hash, ...]

    @property
    def anchors(self) -> Sequence[ProvenAnchor]:
        """The one anchor, as proofs have them."""
        return (self.anchor,)

    @property
    def events(self) -> Sequence[ProvenEvent]:
        """No events."""
        return ()


def is_absence(raw: bytes) -> bool:
    """Say whether a document calls itself an absence proof; whether it is one is `parse_absence`'s to say."""
    try:
        value = parse_json(raw) if len(raw) <= MAX_PROOF else None
    except Malformed:
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def parse_absence(raw: bytes) -> Absence:
    """Read an absence proof by its grammar, all of it; Malformed says where it differs."""
    if len(raw) > MAX_PROOF:
        raise Malformed("proof_size", f"a proof has at most {MAX_PROOF} bytes")
    top = members(document(parse_canonical(raw), FORMAT), ("anchor", "format", "leaf", "map", "v"), "proof")
    return Absence(
        anchor=parse_anchor(top["anchor"], "anchor"),
        leaf=None if top["leaf"] is None else _leaf(top["leaf"]),
        map_path=parse_path(top["map"], "map", MAX_DEPTH),
    )


def _leaf(value: JSON) -> MapLeaf:
    leaf = members(value, ("count", "head", "stream"), "leaf")
    count = whole(leaf["count"], "leaf.count")
    # SPEC 10.2: 1 ≤ count < 2^53
    if not count:
        raise Malformed("shape", "leaf.count: a stream in the map has an entry")
    return MapLeaf(StreamId(parse_hash(leaf["stream"], "leaf.stream")), count, parse_hash(leaf["head"], "leaf.head"))


def print_absence(absence: Absence) -> bytes:
    """Print an absence proof; parse_absence reads it back to the same value."""
    leaf = absence.leaf
    return print_json(
        {
            "anchor": print_anchor(absence.anchor),
            "format": FORMAT,
            "leaf": None
            if leaf is None
            else {"count": leaf.count, "head": leaf.head.hex(), "stream": leaf.stream.hex()},
            "map": print_path(absence.map_path),
            "v": VERSION,
        }
    )
