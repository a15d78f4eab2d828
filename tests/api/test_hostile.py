"""What no sender should send: a clear 4xx, nothing stored, never a 500."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest

from anchor_service.api.app import create_app
from anchor_service.api.server import HttpServer
from anchor_service.protocol.model import MAX_EVENT

Make = Callable[..., dict[str, Any]]
GOOD = (
    b'{"event_id":"h-%d","order_id":"H-1","type":"placed","occurred_at":"2026-05-01T09:30:00+08:00",'
    b'"actor":{"role":"brand"},"data":{%b}}'
)


def with_data(data: bytes) -> bytes:
    return GOOD % (1, data)


def changed(**members: Any) -> bytes:
    event = json.loads(with_data(b'"a":1'))
    event.update(members)
    return json.dumps(event).encode()


HOSTILE: dict[str, tuple[bytes, str]] = {
    "duplicate key": (with_data(b'"a":1,"a":2'), "json_duplicate"),
    "duplicate event id": (b'{"event_id":"x",' + with_data(b"")[1:], "json_duplicate"),
    "NaN": (with_data(b'"a":NaN'), "json_number"),
    "Infinity": (with_data(b'"a":-Infinity'), "json_number"),
    "1e999": (with_data(b'"a":1e999'), "json_number"),
    "2^53": (with_data(b'"a":9007199254740992'), "json_number"),
    "-2^53": (with_data(b'"a":-9007199254740992'), "json_number"),
    "2^53 with a fraction": (with_data(b'"a":9007199254740992.0'), "json_number"),
    "a long number": (with_data(b'"a":' + b"9" * 100_000), "json_number"),
    "negative zero": (with_data(b'"a":-0'), "json_number"),
    "lone surrogate": (with_data(rb'"a":"\ud800"'), "json_surrogate"),
    "lone surrogate in a key": (with_data(rb'"\udfff":1'), "json_surrogate"),
    "lone surrogate in an id": (with_data(b"").replace(b"H-1", rb"H\ud800"), "json_surrogate"),
    "depth 33": (with_data(b'"a":' + b"[" * 31 + b"]" * 31), "json_depth"),
    "depth 10,000": (with_data(b'"a":' + b"[" * 10_000 + b"]" * 10_000), "json_depth"),
    "depth 10,000, open": (b'{"a":' * 10_000, "json_depth"),
    "not UTF-8": (with_data(b'"a":"\xff"'), "json_utf8"),
    "UTF-16": (with_data(b"").decode().encode("utf-16"), "json_utf8"),
    "byte-order mark": (b"\xef\xbb\xbf" + with_data(b""), "json_syntax"),
    "cut off": (with_data(b"")[:-1], "json_syntax"),
    "two values": (with_data(b"") * 2, "json_syntax"),
    "a control in a string": (with_data(b'"a":"\x00"'), "json_syntax"),
    "a number": (b"1", "event_shape"),
    "null": (b"null", "event_shape"),
    "a string": (b'"event"', "event_shape"),
    "unknown field": (changed(tenant="bolt"), "unknown_field"),
    "unknown field inside": (changed(actor={"role": "brand", "admin": True}), "unknown_field"),
    "state from outside": (changed(state="final"), "unknown_field"),
    "order_id a number": (changed(order_id=7), "name_syntax"),
    "order_id empty": (changed(order_id=""), "name_syntax"),
    "order_id too long": (changed(order_id="x" * 201), "name_syntax"),
    "order_id with a control": (changed(order_id="a\nb"), "name_syntax"),
    "event_id a list": (changed(event_id=[]), "name_syntax"),
    "type a list": (changed(type=["placed"]), "type"),
    "type unknown": (changed(type="PLACED"), "type"),
    "time without offset": (changed(occurred_at="2026-05-01T09:30:00"), "occurred_at"),
    "time a number": (changed(occurred_at=1_777_600_000), "occurred_at"),
    "a day that is not": (changed(occurred_at="2026-02-30T09:30:00Z"), "occurred_at"),
    "actor a string": (changed(actor="brand"), "shape"),
    "role not a word": (changed(actor={"role": "Brand!"}), "actor.role"),
    "items an object": (changed(items={}), "shape"),
    "wrong check digit": (changed(items=[{"name": "rice", "gtin": "9520001000417"}]), "gtin"),
    "quantity a number": (changed(items=[{"name": "rice", "quantity": 1.5}]), "decimal"),
    "data a list": (changed(data=[]), "shape"),
    "secret too short": (changed(secret="00"), "hash_syntax"),
    "attachment never uploaded": (
        changed(attachments=[{"sha256": "0" * 64, "size": 1, "media_type": "image/png", "role": "photo"}]),
        "attachment_unknown",
    ),
    "missing order_id": (b'{"event_id":"h-1","type":"placed"}', "missing_field"),
}  # fmt: skip


@pytest.fixture(scope="module")
def service_with_large_bodies(world: Any, http: httpx2.Client) -> Iterator[httpx2.Client]:
    """The same service behind the limit that a body has by default."""
    with HttpServer("127.0.0.1", 0) as server:
        server.start(create_app(world.service))
        headers = {"Authorization": http.headers["Authorization"], "Content-Type": "application/json"}
        url = f"http://127.0.0.1:{server.port}"
        with httpx2.Client(base_url=url, headers=headers, timeout=60, trust_env=False) as client:
            yield client


@pytest.fixture(scope="module", autouse=True)
def nothing_stored(world: Any) -> Iterator[None]:
    yield
    for tenant in ("acme", "bolt"):
        assert world.service.prove.orders(tenant).items == ()


@pytest.mark.parametrize("name", HOSTILE)
def test_one_hostile_event(http: httpx2.Client, name: str) -> None:
    body, code = HOSTILE[name]
    answer = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == code
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    "name", [name for name, (body, _) in HOSTILE.items() if b"\n" not in body and body[:1] == b"{"]
)
def test_the_same_as_a_line(http: httpx2.Client, name: str) -> None:
    body, code = HOSTILE[name]
    answer = http.post("/v1/events", content=body + b"\n", headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 207
    (result,) = answer.json()["results"]
    assert (result["status"], result["problem"]["code"]) == ("refused", code)


@pytest.mark.parametrize("name", HOSTILE)
def test_the_same_in_an_array(http: httpx2.Client, name: str) -> None:
    body, code = HOSTILE[name]
    answer = http.post("/v1/events", content=b"[" + body + b"]", headers={"Content-Type": "application/json"})
    if answer.status_code == 207:
        (result,) = answer.json()["results"]
        assert (result["status"], result["problem"]["code"]) == ("refused", code)
    else:  # the array's own ends are not to be found
        assert answer.status_code == 400
        assert answer.json()["code"] in ("json_syntax", "json_depth")


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_arrays_of_great_depth(http: httpx2.Client, kind: str) -> None:
    for body in (b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000):
        answer = http.post("/v1/events", content=body, headers={"Content-Type": kind})
        assert answer.status_code in (207, 400)
        assert b"json_" in answer.content


@pytest.mark.parametrize("announced", [True, False])
def test_a_hundred_megabytes(http: httpx2.Client, announced: bool) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(1600):
            yield b" " * 65_536

    body: Any = b" " * 104_857_600 if announced else parts()
    answer = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (413, "body_size")


@pytest.mark.parametrize("limit", [2**20])
def test_one_byte_over_the_limit(http: httpx2.Client, limit: int) -> None:
    at = http.post("/v1/events", content=b" " * limit, headers={"Content-Type": "application/json"})
    over = http.post("/v1/events", content=b" " * (limit + 1), headers={"Content-Type": "application/json"})
    assert (at.status_code, over.status_code) == (400, 413)


@pytest.mark.parametrize("single", [True, False])
def test_an_event_has_a_size_of_its_own(service_with_large_bodies: httpx2.Client, single: bool) -> None:
    """Reading strictly costs a second and 30 MB for each megabyte: what can never be stored is not read."""
    body = with_data(b'"a":[' + b"[]," * (MAX_EVENT // 3) + b"[]]")
    answer = service_with_large_bodies.post("/v1/events", content=body if single else b"[" + body + b"]")
    problem = answer.json() if single else answer.json()["results"][0]["problem"]
    assert (answer.status_code, problem["code"]) == (413 if single else 207, "event_size")


def test_an_answer_never_shows_controls_of_what_was_sent(http: httpx2.Client) -> None:
    body = changed(**{"\u202e\u0000x\nSet-Cookie: a": 1})
    detail = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"}).json()["detail"]
    assert detail.isprintable()


@pytest.mark.parametrize(
    "path",
    ["/v1/orders/%ff", "/v1/orders/%00", "/v1/orders/a%0Ab", "/v1/orders/" + "x" * 201, "/v1/orders/%ED%A0%80/proof"],
)
def test_order_ids_in_paths_are_read_as_strictly(http: httpx2.Client, path: str) -> None:
    assert 400 <= http.get(path).status_code < 500


@pytest.mark.parametrize("cursor", ["x", "%00", "-1", "9" * 400, "AAAA", "%F0%9F%98%80", "' or 1=1 --"])
@pytest.mark.parametrize("path", ["/v1/orders", "/v1/batches", "/v1/anchors"])
def test_cursors_that_were_never_given(http: httpx2.Client, path: str, cursor: str) -> None:
    answer = http.get(f"{path}?cursor={cursor}")
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=1e3", f"cursor={'a' * 501}"])
def test_limits_have_bounds(http: httpx2.Client, query: str) -> None:
    answer = http.get(f"/v1/orders?{query}")
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter")


def test_an_empty_cursor_is_not_silently_the_first_page(http: httpx2.Client) -> None:
    assert http.get("/v1/orders?cursor=").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/v1/batches/0", "/v1/batches/-1", "/v1/batches/x", "/v1/batches/99999999999999999999",
        "/v1/batches/9007199254740991",
        "/v1/anchors/0", "/v1/anchors/9007199254740991", "/v1/attachments/xyz", f"/v1/attachments/{'A' * 64}",
        f"/v1/attachments/{'0' * 64}", "/tile/0/000.p/0", "/tile/0/000.p/256", "/tile/0/x000/000", "/tile/64/000",
        "/tile/0/999", "/tile/0/../../etc/passwd", "/tile/0/x999/x999/x999/x999/x999/999", "/v1/labels/x/proof",
        f"/v1/labels/{'A' * 22}/proof", "/v1/labels/%00/qr.svg", "/v1/labels/%F0%9F%98%80/qr.png",
        "/v/assets/..%2findex.html",
        "/v/assets/%2e%2e%2findex.html", "/v/assets/.hidden.js", "/etc/passwd", "/v1/orders/", "//v1/orders",
    ],
)  # fmt: skip
def test_paths_that_lead_nowhere(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code in (400, 404, 422), (answer.status_code, answer.text)
