"""Parts of documents as plain JSON values: how proofs and policies carry what a world holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anchor_service.protocol.hashes import FIELD, tagged

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from anchor_service.protocol.event import BlockId
    from anchor_service.protocol.streammap import MapLeaf
    from scripts.vectors.chain import Mined
    from scripts.vectors.orders import Document


def view(disclosures: Sequence[tuple[str, bytes]], hide: Collection[str]) -> Document:
    """An event's fields for one audience."""
    return {
        "disclosed": [raw.decode() for name, raw in disclosures if name not in hide],
        "hidden": {name: tagged(FIELD, raw).hex() for name, raw in disclosures if name in hide},
    }


def leaf_document(leaf: MapLeaf) -> Document:
    """What a map holds of a stream, as absence proofs carry it."""
    return {"count": leaf.count, "head": leaf.head.hex(), "stream": leaf.stream.hex()}


def block_document(block: Mined) -> Document:
    """Chain evidence as proofs carry it."""
    return {"header": block.header.hex(), "index": block.index, "nodes": [node.hex() for node in block.nodes]}


def print_block(block: BlockId) -> Document:
    """A block as policies list it."""
    return {"number": block.number, "hash": f"0x{block.hash.hex()}"}
