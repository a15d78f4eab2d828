"""What every request passes: problems, ids, safe headers, HEAD, CORS, counters, and our bugs."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from anchor_service.api.app import create_app
from anchor_service.api.gate import LIFETIME
from anchor_service.api.server import HttpServer

Make = Callable[..., dict[str, Any]]


def test_no_route_and_no_method_are_problems(http: httpx2.Client) -> None:
    missing, wrong = http.get("/v2/events"), http.delete("/v1/events")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json()["code"], wrong.headers["allow"]) == (405, "method", "POST")
    for answer in (missing, wrong):
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json().keys() >= {"type", "title", "status", "detail", "code"}


def test_a_request_keeps_its_id_or_gets_one(http: httpx2.Client) -> None:
    assert http.get("/healthz", headers={"X-Request-Id": "my-id.1"}).headers["x-request-id"] == "my-id.1"
    for odd in ("a b", "x" * 65, "<script>"):
        assert http.get("/healthz", headers={"X-Request-Id": odd}).headers["x-request-id"] != odd
    assert http.get("/healthz").headers["x-request-id"] != http.get("/healthz").headers["x-request-id"]


@pytest.mark.parametrize("path", ["/healthz", "/v1/orders", "/nowhere", "/checkpoint", "/docs"])
def test_every_answer_has_safe_headers(http: httpx2.Client, path: str) -> None:
    headers = http.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "server" not in headers


@pytest.mark.parametrize("path", ["/healthz", "/v1/orders", "/nowhere", "/docs"])
def test_head_is_get_without_a_body(http: httpx2.Client, path: str) -> None:
    got, head = http.get(path), http.head(path)
    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-length"] == got.headers["content-length"]


@pytest.mark.parametrize("path", ["/checkpoint", "/tile/0/000", "/rpc", "/v1/labels/x/proof"])
def test_public_routes_may_be_asked_from_any_page(http: httpx2.Client, path: str) -> None:
    preflight = http.options(path, headers={"Origin": "https://x.example", "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "content-type"
    assert http.get(path).headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/events", "/v1/attachments/x", "/readyz"])
def test_a_tenants_routes_may_not(http: httpx2.Client, path: str) -> None:
    for answer in (http.options(path), http.get(path)):
        assert "access-control-allow-origin" not in answer.headers


def test_health_and_readiness(world: Any, http: httpx2.Client) -> None:
    assert http.get("/healthz").json() == {"alive": True}
    ready = http.get("/readyz")
    assert ready.status_code == 200
    assert ready.json()["ready"] is True
    assert ready.json()["problems"] == []
    assert world.service.health().size == ready.json()["size"]


def test_metrics_count_routes_and_events_and_name_nobody(world: Any, http: httpx2.Client, event: Make) -> None:
    placed = event()
    for _ in range(2):
        http.post("/v1/events", json=placed)
    http.post("/v1/events", json=event(type="x"))
    token = http.post(f"/v1/orders/{placed['order_id']}/labels").json()["token"]
    http.get(f"/v1/labels/{token}/proof")
    text = http.get("/metrics").text
    assert 'sealtrail_events_total{outcome="accepted"} 1.0' in text
    assert 'sealtrail_events_total{outcome="known"} 1.0' in text
    assert 'sealtrail_events_total{outcome="refused"} 1.0' in text
    assert 'sealtrail_requests_total{method="POST",route="/v1/events",status="201"} 1.0' in text
    assert 'route="/v1/labels/{token}/proof"' in text
    assert "sealtrail_ready 1.0" in text
    for name in (token, placed["order_id"], "acme"):
        assert name not in text
    assert world.service.settle(60)
    assert "sealtrail_unsealed_events 0.0" in http.get("/metrics").text


def test_our_own_bug_is_a_500_that_tells_nothing(
    world: Any, http: httpx2.Client, event: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise KeyError("Wang Fang's address")

    monkeypatch.setattr(world.service.prove, "order", broken)
    monkeypatch.setattr(world.service.ingest, "submit", broken)
    answers = (http.get("/v1/orders/A-1"), http.post("/v1/events", json=event()))
    logged = "".join(capsys.readouterr())
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (500, "our_bug")
        assert "Wang Fang" not in answer.text
        assert answer.headers["x-request-id"] in answer.json()["detail"]
        assert answer.headers["x-request-id"] in logged
        assert "KeyError" in logged
        assert "Wang Fang" not in logged


def test_a_revoked_key_works_for_some_seconds_at_most(world: Any) -> None:
    now = [1000.0]
    key = world.service.keys.create("acme", ["read"])
    app = create_app(world.service, monotonic=lambda: now[0])
    with HttpServer("127.0.0.1", 0) as server:
        server.start(app)
        headers = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", headers=headers, trust_env=False) as http:
            assert http.get("/v1/orders").status_code == 200
            (line,) = [
                line for line in world.service.keys.list("acme") if line.revoked is None and line.scopes == {"read"}
            ]
            world.service.keys.revoke("acme", line.key_id)
            assert http.get("/v1/orders").status_code == 200
            now[0] += LIFETIME
            assert http.get("/v1/orders").status_code == 401


def test_a_stop_finishes_what_runs(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = threading.Event()
    orders = world.service.prove.orders

    def slow(*arguments: Any) -> Any:
        begun.set()
        time.sleep(0.5)
        return orders(*arguments)

    monkeypatch.setattr(world.service.prove, "orders", slow)
    server = HttpServer("127.0.0.1", 0)
    server.start(create_app(world.service))
    url = f"http://127.0.0.1:{server.port}/v1/orders"
    answers: list[int] = []
    headers = dict(world.client().headers)
    asking = threading.Thread(
        target=lambda: answers.append(httpx2.get(url, headers=headers, trust_env=False, timeout=30).status_code)
    )
    asking.start()
    assert begun.wait(30)
    server.stop()
    asking.join()
    assert answers == [200]
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(url, trust_env=False)


def test_a_body_that_breaks_off_stores_nothing(world: Any, http: httpx2.Client) -> None:
    before = http.get("/v1/orders").json()
    key = world.client().headers["authorization"]
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 999\r\n\r\n"
    with socket.create_connection(("127.0.0.1", int(world.url.rpartition(":")[2]))) as connection:
        connection.sendall(head.encode() + b'{"a":')
    while 'route="/v1/events",status="400"' not in http.get("/metrics").text:
        time.sleep(0.02)
    assert http.get("/v1/orders").json() == before
