"""Asks nodes over JSON-RPC what a verdict needs: which block is at a number, what is final, the registry's head.

Nothing that a node says is believed here; SPEC 15.8 says how far an answer counts.
"""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.anchor import keccak256, print_address
from anchor_service.protocol.canonical import JSON, SAFE_INTEGER, parse_json
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.policy import NodePolicy, Policy, parse_block_hash
from anchor_service.protocol.verdict import NodeAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMEOUT: Final = 10.0
MAX_ANSWER: Final = 4 * 2**20

_HEAD: Final = keccak256(b"head(bytes32)")[:4]
_QUANTITY: Final = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,15})", re.ASCII)
_WORDS: Final = re.compile(r"0x[0-9a-f]{128}", re.ASCII)


class _Unanswered(SealtrailError):
    """The node did not answer, or not in JSON-RPC."""


class _Refused(SealtrailError):
    """The node answered with an error to this one call."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node at a URL; each call takes at most `timeout` seconds between bytes and reads a bounded answer."""

    url: str
    timeout: float = TIMEOUT

    def call(self, method: str, *params: JSON) -> JSON:
        """Return a call's result."""
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "sealtrail-verify"}
        request = urllib.request.Request(self.url, body, headers)  # noqa: S310 - the opener knows http and https alone
        try:
            with opener().open(request, timeout=self.timeout) as response:
                raw = response.read(MAX_ANSWER + 1)
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise _Unanswered("node_silent", f"{type(problem).__name__}: {problem}"[:200]) from None
        if len(raw) > MAX_ANSWER:
            raise _Unanswered("node_answer", f"an answer of more than {MAX_ANSWER} bytes")
        try:
            answer = parse_json(raw)
        except Malformed as problem:
            raise _Unanswered("node_answer", f"not JSON: {problem.message}") from None
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise _Unanswered("node_answer", "not an answer of JSON-RPC")
        if answer.get("error") is not None:
            raise _Refused("node_error", f"{method}: {str(answer['error'])[:200]}")
        return answer.get("result")


def opener() -> urllib.request.OpenerDirector:
    """Open http and https, and nothing else, wherever a node redirects to."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener


def ask(nodes: Iterable[NodePolicy], policy: Policy, numbers: Iterable[int]) -> tuple[NodeAnswer, ...]:
    """Ask each node for the blocks of these numbers, what is final, and the head of the policy's log."""
    wanted = tuple(numbers)
    return tuple(_ask(node, policy, wanted) for node in nodes)


def _ask(node: NodePolicy, policy: Policy, numbers: tuple[int, ...]) -> NodeAnswer:
    if node.url.startswith("/"):
        return NodeAnswer(node.url, node.operator, error="an address that only the page of the label has a server for")
    at = Node(node.url)
    try:
        chain_id = _quantity(at.call("eth_chainId"))
        if chain_id != policy.chain.id:
            return NodeAnswer(node.url, node.operator, chain_id=chain_id)
        return NodeAnswer(
            url=node.url,
            operator=node.operator,
            chain_id=chain_id,
            final=_final(at, policy),
            blocks={number: _block_hash(at, number) for number in numbers},
            head=_head(at, policy),
        )
    except SealtrailError as problem:
        return NodeAnswer(node.url, node.operator, error=problem.message)


def _final(node: Node, policy: Policy) -> int | None:
    """Return the newest block that is final by the policy's rule; None where the node cannot say."""
    rule = policy.chain.finality
    try:
        if rule == "finalized":
            block = node.call("eth_getBlockByNumber", "finalized", False)  # noqa: FBT003 - JSON-RPC has no names
            return _quantity(block.get("number")) if isinstance(block, dict) else None
        newest = _quantity(node.call("eth_blockNumber"))
    except (_Refused, Malformed):
        return None
    return newest - rule if newest >= rule else None


def _block_hash(node: Node, number: int) -> Hash | None:
    try:
        block = node.call("eth_getBlockByNumber", hex(number), False)  # noqa: FBT003 - JSON-RPC has no names
    except _Refused:
        return None
    return parse_block_hash(block.get("hash"), "block hash") if isinstance(block, dict) else None


def _head(node: Node, policy: Policy) -> tuple[int, Hash] | None:
    """Return what the registry's `head` says of the log; None where it says nothing."""
    call: JSON = {"to": print_address(policy.chain.registry), "data": f"0x{(_HEAD + policy.log).hex()}"}
    try:
        answer = node.call("eth_call", call, "latest")
    except _Refused:
        return None
    if not isinstance(answer, str) or not _WORDS.fullmatch(answer):
        return None
    words = bytes.fromhex(answer[2:])
    size = int.from_bytes(words[:32], "big")
    return (size, Hash(words[32:])) if 0 < size <= SAFE_INTEGER else None


def _quantity(value: JSON) -> int:
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value) or int(value, 16) > SAFE_INTEGER:
        raise Malformed("node_answer", "a quantity that is none")
    return int(value, 16)
