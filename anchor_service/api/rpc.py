"""POST /rpc: the embedded chain's JSON-RPC for verifiers, the very path they use for any other chain."""

from __future__ import annotations

from typing import Final

import orjson

from anchor_service.api.errors import HttpProblem, printable
from anchor_service.ports import CallFailed, Nodes
from anchor_service.protocol.canonical import JSON, parse_json
from anchor_service.protocol.errors import Malformed

MAX_BODY: Final = 256 * 1024
MAX_CALLS: Final = 100
_PARSE_ERROR: Final = -32700
_INVALID_REQUEST: Final = -32600
_INVALID_PARAMS: Final = -32602


def answer(nodes: Nodes, body: bytes) -> bytes:
    """Answer one JSON-RPC 2.0 call or a batch of at most MAX_CALLS; what is wrong with a call is said in its answer."""
    try:
        request = parse_json(body)
    except Malformed as problem:
        return orjson.dumps(_failed(None, _PARSE_ERROR, problem.message))
    if not isinstance(request, list):
        return orjson.dumps(_one(nodes, request))
    if not 1 <= len(request) <= MAX_CALLS:
        return orjson.dumps(_failed(None, _INVALID_REQUEST, f"a batch has 1 to {MAX_CALLS} calls"))
    return orjson.dumps([_one(nodes, call) for call in request])


def embedded(nodes: Nodes | None) -> Nodes:
    """The embedded chain's nodes; HttpProblem `not_embedded` where it is another chain, or another process's."""
    if nodes is None:
        raise HttpProblem("not_embedded", "this process has no embedded chain: ask a node of the log's chain")
    return nodes


def _one(nodes: Nodes, call: JSON) -> dict[str, object]:
    if not isinstance(call, dict) or call.get("jsonrpc") != "2.0":
        return _failed(None, _INVALID_REQUEST, "not a JSON-RPC 2.0 call")
    at = call.get("id")
    if isinstance(at, bool) or not isinstance(at, str | int | None):
        return _failed(None, _INVALID_REQUEST, "an id is a string, an integer or null")
    method, params = call.get("method"), call.get("params", [])
    if not isinstance(method, str):
        return _failed(at, _INVALID_REQUEST, "method: expected a string")
    if not isinstance(params, list):
        return _failed(at, _INVALID_PARAMS, "params: expected an array")
    try:
        return {"jsonrpc": "2.0", "id": at, "result": nodes.call(method, params)}
    except CallFailed as problem:
        return _failed(at, problem.number, problem.message, problem.data)


def _failed(at: object, number: int, message: str, data: bytes = b"") -> dict[str, object]:
    error: dict[str, object] = {"code": number, "message": printable(message)}
    if data:
        error["data"] = "0x" + data.hex()
    return {"jsonrpc": "2.0", "id": at, "error": error}
