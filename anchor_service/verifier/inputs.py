"""What a verifier is given beside proof and policy, as a JSON document: `--inputs FILE`, made for tests and machines.

    {"stream": hex, "now": ms, "nodes": [{"url", "operator", "error", "chain_id", "final", "blocks", "head"}, …],
     "attachments": {sha256 named: sha256 found}}

Every member is optional.  `blocks` maps a number to the node's hash there ("0x…"), or null.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, parse_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash, StreamId, parse_hash
from anchor_service.protocol.policy import parse_block_hash
from anchor_service.protocol.shape import flag, items, members, text, whole
from anchor_service.protocol.verdict import Inputs, NodeAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

_MEMBERS: Final = {"attachments", "nodes", "now", "stream"}
_NODE: Final = ("blocks", "chain_id", "error", "final", "head", "operator", "url")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
MAX_INPUTS: Final = 16 * 2**20
_MOST: Final = 10_000


def parse_inputs(raw: bytes) -> Inputs:
    """Read inputs strictly; Malformed otherwise."""
    value = parse_json(raw)
    if not isinstance(value, dict) or not value.keys() <= _MEMBERS:
        raise Malformed("inputs", f"inputs are an object with members of {', '.join(sorted(_MEMBERS))}")
    stream, now = value.get("stream"), value.get("now")
    attachments = value.get("attachments")
    return Inputs(
        stream=None if stream is None else StreamId(parse_hash(stream, "stream")),
        now=None if now is None else whole(now, "now"),
        nodes=tuple(_node(node, f"nodes[{at}]") for at, node in enumerate(items(value.get("nodes", []), 100, "nodes"))),
        attachments=None if attachments is None else _attachments(attachments),
    )


def _attachments(value: JSON) -> Mapping[str, str]:
    if not isinstance(value, dict) or len(value) > _MOST:
        raise Malformed("inputs", f"attachments: expected an object of at most {_MOST} members")
    return {
        parse_hash(named, "attachments").hex(): parse_hash(found, "attachments").hex() for named, found in value.items()
    }


def _node(value: JSON, where: str) -> NodeAnswer:
    node = members(value, _NODE, where)
    error, chain_id, final, head = node["error"], node["chain_id"], node["final"], node["head"]
    blocks = node["blocks"]
    if not isinstance(blocks, dict) or not all(_NUMBER.fullmatch(number) for number in blocks):
        raise Malformed("inputs", f"{where}.blocks: expected an object from block numbers to hashes")
    return NodeAnswer(
        url=text(node["url"], f"{where}.url"),
        operator=flag(node["operator"], f"{where}.operator"),
        error=None if error is None else text(error, f"{where}.error"),
        chain_id=None if chain_id is None else whole(chain_id, f"{where}.chain_id"),
        final=None if final is None else whole(final, f"{where}.final"),
        blocks={
            int(number): None if block is None else parse_block_hash(block, f"{where}.blocks")
            for number, block in blocks.items()
        },
        head=None if head is None else _head(head, f"{where}.head"),
    )


def _head(value: JSON, where: str) -> tuple[int, Hash]:
    head = members(value, ("root", "size"), where)
    return whole(head["size"], f"{where}.size"), parse_hash(head["root"], f"{where}.root")
