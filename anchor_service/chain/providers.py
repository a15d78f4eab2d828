"""Nodes as web3 providers: the embedded chain in this process, and any node over HTTP, bounded in time and size."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any, Final

import httpx2
import orjson
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from anchor_service.chain.jsonrpc import print_bytes
from anchor_service.ports import CallFailed, ChainUnavailable, Nodes

MAX_ANSWER: Final = 32 * 2**20
"""Bytes of one answer: the receipts of the fullest blocks are some millions."""


class NodeProvider(JSONBaseProvider):
    """A node in this process (`EmbeddedNode`, `ReadOnlyNode`) for web3."""

    def __init__(self, node: Nodes) -> None:
        super().__init__()
        self._node = node

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - web3's own signature
        """Answer as a node over HTTP would."""
        # Through JSON and back, so that nothing works here which would not work over a wire.
        request = json.loads(self.encode_rpc_request(method, params))
        answer: dict[str, Any] = {"id": request["id"], "jsonrpc": "2.0"}
        try:
            answer["result"] = self._node.call(method, request["params"])
        except CallFailed as problem:
            answer["error"] = {"code": problem.number, "message": problem.message}
            if problem.data:
                answer["error"]["data"] = print_bytes(problem.data)
        return self.decode_rpc_response(json.dumps(answer).encode())

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - web3's own signature
        """It is in this process."""
        return True


class HttpProvider(JSONBaseProvider):
    """A node over HTTP: an answer that is late (`timeout` seconds in all) or too long is ChainUnavailable."""

    def __init__(self, url: str, timeout: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._url = url
        self._timeout = timeout
        self._clock = clock
        self._client = httpx2.Client(
            timeout=timeout, headers={"Content-Type": "application/json", "Accept-Encoding": "identity"}
        )
        # Never the path or the query: nodes for hire put their keys there.
        self.name = httpx2.URL(url).host

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - web3's own signature
        """Ask; the answer is a JSON object that holds `result` or `error`."""
        request = self.encode_rpc_request(method, params)
        try:
            status, body = self._post(request)
        except httpx2.HTTPError as problem:
            raise ChainUnavailable("node_silent", f"{self.name}: {type(problem).__name__}") from problem
        try:
            # Not the standard library's: its depth is bounded by the interpreter's limit alone, which libraries raise
            # so far that a deep answer would end the process.
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as problem:
            raise ChainUnavailable("node_nonsense", f"{self.name}: HTTP {status} without JSON") from problem
        if not isinstance(answer, dict) or not {"result", "error"} & set(answer):
            raise ChainUnavailable("node_nonsense", f"{self.name}: HTTP {status} without a result")
        return answer  # type: ignore[return-value] # the members that we read are checked where they are read

    def is_connected(self, show_traceback: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002 - web3's own signature
        """Whether the node answers."""
        try:
            return "result" in self.make_request(RPCEndpoint("eth_chainId"), [])
        except ChainUnavailable:
            return False

    def _post(self, request: bytes) -> tuple[int, bytes]:
        deadline = self._clock() + self._timeout
        body = bytearray()
        with self._client.stream("POST", self._url, content=request) as response:
            for part in response.iter_raw():
                body += part
                if len(body) > MAX_ANSWER:
                    raise ChainUnavailable("node_nonsense", f"{self.name}: an answer of more than {MAX_ANSWER} bytes")
                # The client's own limit is on each wait; a node that drips must not hold us for ever.
                if self._clock() > deadline:
                    raise ChainUnavailable("node_silent", f"{self.name}: no whole answer in {self._timeout} s")
            return response.status_code, bytes(body)
