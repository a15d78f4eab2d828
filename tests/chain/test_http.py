"""Nodes over HTTP that answer late, too much, or nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from web3.types import RPCEndpoint

from anchor_service.chain.providers import HttpProvider
from anchor_service.chain.rpc import Rpc
from anchor_service.ports import CallFailed, ChainUnavailable

Respond = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def server(respond: Respond) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            try:
                respond(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_port}"
        finally:
            running.shutdown()
            thread.join()


def answering(body: bytes, status: int = 200) -> Respond:
    def respond(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


def ask(respond: Respond, timeout: float = 20) -> object:
    with server(respond) as url:
        provider = HttpProvider(url, timeout=timeout)
        try:
            return Rpc([provider]).read("eth_blockNumber", [])
        finally:
            provider.close()


def test_a_good_answer() -> None:
    assert ask(answering(b'{"jsonrpc":"2.0","id":0,"result":"0x5"}')) == "0x5"
    assert ask(answering(b'{"jsonrpc":"2.0","id":0,"result":null}')) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>bad gateway</html>",
        b"\xff\xfe",
        b"5",
        b"null",
        b"[]",
        b"{}",
        b'{"jsonrpc":"2.0","id":0}',
        b"[" * 100_000,
        b'{"result":"0x5"',
    ],
    ids=lambda body: body[:20],
)
@pytest.mark.parametrize("status", [200, 502])
def test_nonsense(body: bytes, status: int) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        ask(answering(body, status))
    assert caught.value.code == "node_nonsense"


def test_an_error_is_read_whatever_the_status() -> None:
    body = json.dumps({"id": 0, "error": {"code": 3, "message": "execution reverted", "data": "0x01"}}).encode()
    for status in (200, 400, 500):
        with pytest.raises(CallFailed) as caught:
            ask(answering(body, status))
        assert (caught.value.number, caught.value.data) == (3, b"\x01")


def test_an_answer_too_long_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anchor_service.chain.providers.MAX_ANSWER", 10_000)
    sent: list[int] = []

    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        # Far more than is read; without the bound the test would see all of it.
        for _ in range(2_000):
            request.wfile.write(b"[" * 65_536)
            sent.append(65_536)

    with pytest.raises(ChainUnavailable, match="more than 10000 bytes"):
        ask(endless)
    assert sum(sent) < 2_000 * 65_536


def test_an_answer_that_drips_is_left() -> None:
    stop = threading.Event()

    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while not stop.wait(0.05):
            request.wfile.write(b" ")
            request.wfile.flush()

    # Each byte is in time; the whole is not.
    with server(drip) as url:
        provider = HttpProvider(url, timeout=1)
        with pytest.raises(ChainUnavailable, match="no whole answer"):
            provider.make_request(RPCEndpoint("eth_blockNumber"), [])
        assert not provider.is_connected()
        stop.set()
        provider.close()


def test_a_node_that_is_silent_or_gone() -> None:
    stop = threading.Event()

    def wait(_: BaseHTTPRequestHandler) -> None:
        stop.wait(30)

    with server(wait) as url:
        provider = HttpProvider(url, timeout=0.3)
        with pytest.raises(ChainUnavailable) as caught:
            provider.make_request(RPCEndpoint("eth_blockNumber"), [])
        assert caught.value.code == "node_silent"
        stop.set()
    with pytest.raises(ChainUnavailable) as caught:
        provider.make_request(RPCEndpoint("eth_blockNumber"), [])
    assert caught.value.code == "node_silent"
    provider.close()


def test_what_is_said_of_a_node_never_holds_its_key() -> None:
    provider = HttpProvider("http://127.0.0.1:9/v3/secret-key?token=secret-too", timeout=5)
    with pytest.raises(ChainUnavailable) as caught:
        provider.make_request(RPCEndpoint("eth_blockNumber"), [])
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)
    provider.close()
