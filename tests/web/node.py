"""A chain's node as the page sees it: JSON-RPC that answers from a table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.web.site import Answer, Route


@dataclass(frozen=True, slots=True)
class Node:
    """What a node has: block hashes (`0x…`) by number, the newest final number, the registry's (size, root)."""

    chain_id: int
    final: int | None
    blocks: Mapping[int, str]
    head: tuple[int, str] | None

    def __call__(self, body: bytes) -> Answer:
        """Answer one call."""
        call = json.loads(body)
        answer = {"jsonrpc": "2.0", "id": call["id"]} | self._outcome(call["method"], call["params"])
        return Answer(200, json.dumps(answer).encode())

    def _outcome(self, method: str, params: list[Any]) -> dict[str, Any]:
        match method:
            case "eth_chainId":
                return {"result": hex(self.chain_id)}
            case "eth_getBlockByNumber" if params[0] == "finalized":
                return {"result": None if self.final is None else {"number": hex(self.final), "hash": "0x" + "ff" * 32}}
            case "eth_getBlockByNumber":
                found = self.blocks.get(int(params[0], 16))
                return {"result": None if found is None else {"number": params[0], "hash": found}}
            case "eth_call" if self.head is not None:
                return {"result": f"0x{self.head[0]:064x}{self.head[1]}"}
            case _:
                return {"error": {"code": -32601, "message": f"{method} is not served"}}


def silent(_body: bytes) -> Answer:
    """A node that is out of order."""
    return Answer(503, b"")


def node_of(document: Mapping[str, Any]) -> Route:
    """Return the node that a vector's `inputs.json` describes."""
    if document["error"] is not None:
        return silent
    head = document["head"]
    return Node(
        document["chain_id"],
        document["final"],
        {int(number): found for number, found in document["blocks"].items() if found is not None},
        None if head is None else (head["size"], head["root"]),
    )
