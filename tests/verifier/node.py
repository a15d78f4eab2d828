"""A node on a socket of its own, honest or not, for the verifier to ask."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[str, list[Any]], Any]
"""Takes method and parameters; returns a result, or bytes to be sent as they are."""


class CallError(Exception):
    """The node answers with a JSON-RPC error."""


@contextmanager
def serving(answer: Answer, status: int = 200, headers: dict[str, str] | None = None) -> Iterator[str]:
    """Serve until the block ends, and name the URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                result = answer(call["method"], call["params"])
                body = result if isinstance(result, bytes) else _printed({"result": result})
            except CallError as problem:
                body = _printed({"error": {"code": -32000, "message": str(problem)}})
            self.send_response(status)
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return  # who asked has read enough

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _printed(members: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": 1} | members).encode()


def from_inputs(node: dict[str, Any]) -> Answer:
    """An honest node that has what a vector's node has."""

    def answer(method: str, params: list[Any]) -> Any:
        match method, params:
            case "eth_chainId", []:
                return hex(node["chain_id"])
            case "eth_blockNumber", []:
                return hex(node["final"] + 10)
            case "eth_getBlockByNumber", ["finalized", False]:
                return {"number": hex(node["final"]), "hash": "0x" + "00" * 32}
            case "eth_getBlockByNumber", [number, False]:
                found = node["blocks"].get(str(int(number, 16)))
                return None if found is None else {"number": number, "hash": found, "extra": [1.5]}
            case "eth_call", [{"to": _, "data": _}, "latest"]:
                return f"0x{node['head']['size']:064x}{node['head']['root']}"
            case _:
                raise CallError(f"{method} is not served")

    return answer
