"""POST /v1/events: one, several, lines; once however often it is sent; one refused does not harm the others."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchor_service.api.app import create_app
from anchor_service.api.routes.events import MAX_EVENTS
from anchor_service.api.server import HttpServer
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.proof import parse_receipt
from anchor_service.protocol.receipt import parse_receipt_leaf, verify_receipt
from anchor_service.services.keys import Scope
from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build

Make = Callable[..., dict[str, Any]]
LINES = {"Content-Type": "application/x-ndjson"}


def ndjson(*events: object) -> bytes:
    return b"\n".join(json.dumps(event).encode() for event in events)


def test_one_event_is_accepted_with_a_receipt_that_the_policy_verifies(
    world: Any, http: httpx2.Client, event: Make
) -> None:
    placed = event()
    answer = http.post("/v1/events", json=placed)
    assert answer.status_code == 201
    said = answer.json()
    assert (said["status"], said["event_id"], said["order_id"]) == ("accepted", placed["event_id"], placed["order_id"])
    policy = world.service.policy()
    promise = verify_receipt(parse_receipt(said["receipt"]), policy.origin, policy.receipt_keys)
    assert promise.event_id == placed["event_id"]
    assert promise.stream.hex() == said["stream"]
    assert promise.deadline > promise.accepted


def test_the_same_again_is_known_with_the_same_receipt(http: httpx2.Client, event: Make) -> None:
    placed = event()
    first, again = http.post("/v1/events", json=placed), http.post("/v1/events", json=placed)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"status": "known"}


def test_the_same_id_with_another_body_is_a_conflict_and_stores_nothing(http: httpx2.Client, event: Make) -> None:
    placed = event()
    http.post("/v1/events", json=placed)
    answer = http.post("/v1/events", json=placed | {"note": "another"})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "event_conflict"
    (stored,) = http.get(f"/v1/orders/{placed['order_id']}").json()["events"]
    assert "note" not in stored["fields"]


def test_an_idempotency_key_stands_for_a_missing_event_id(http: httpx2.Client, event: Make) -> None:
    placed = event(event_id=None)
    refused = http.post("/v1/events", json=placed)
    assert (refused.status_code, refused.json()["code"]) == (422, "event_id_missing")
    key = {"Idempotency-Key": f"k-{placed['order_id']}"}
    assert http.post("/v1/events", json=placed, headers=key).status_code == 201
    assert http.post("/v1/events", json=placed, headers=key).status_code == 200
    assert http.post("/v1/events", json=placed | {"note": "x"}, headers=key).status_code == 409


def test_an_idempotency_key_covers_each_event_of_an_array(http: httpx2.Client, event: Make) -> None:
    several = [event(event_id=None), event(event_id=None)]
    key = {"Idempotency-Key": f"k-{several[0]['order_id']}"}
    first = http.post("/v1/events", json=several, headers=key).json()
    again = http.post("/v1/events", json=several, headers=key).json()
    assert [result["event_id"] for result in first["results"]] == [
        f"{key['Idempotency-Key']}/{place}" for place in (0, 1)
    ]
    assert (first["accepted"], again["known"]) == (2, 2)


@pytest.mark.parametrize("key", ["", "a b", "x" * 181, "schl\u00fcssel"])
def test_an_idempotency_key_has_a_grammar(http: httpx2.Client, event: Make, key: str) -> None:
    headers = {b"Idempotency-Key": key.encode("latin-1"), b"Content-Type": b"application/json"}
    answer = http.post("/v1/events", content=json.dumps(event(event_id=None)), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key")


@pytest.mark.parametrize("form", ["array", "lines"])
def test_one_refused_event_does_not_harm_the_others(http: httpx2.Client, event: Make, form: str) -> None:
    good, bad, last = event(), event(type="teleported"), event()
    events = [good, bad, last]
    body, headers = (json.dumps(events).encode(), {}) if form == "array" else (ndjson(*events), LINES)
    answer = http.post("/v1/events", content=body, headers={"Content-Type": "application/json"} | headers)
    assert answer.status_code == 207
    said = answer.json()
    assert [said[name] for name in ("accepted", "known", "refused")] == [2, 0, 1]
    assert [result["status"] for result in said["results"]] == ["accepted", "refused", "accepted"]
    problem = said["results"][1]["problem"]
    assert (problem["item"], problem["field"], problem["status"]) == (1, "type", 422)
    assert http.get(f"/v1/orders/{bad['order_id']}").status_code == 404
    assert http.get(f"/v1/orders/{last['order_id']}").status_code == 200


def test_several_without_a_refusal_are_200(http: httpx2.Client, event: Make) -> None:
    answer = http.post("/v1/events", content=ndjson(event(), event()) + b"\r\n\n", headers=LINES)
    assert answer.status_code == 200
    assert answer.json()["accepted"] == 2


def test_thousands_in_one_request(http: httpx2.Client, event: Make) -> None:
    order = event()["order_id"]
    events = [event(order_id=order, note=str(number)) for number in range(3_000)]
    answer = http.post("/v1/events", content=ndjson(*events), headers=LINES)
    assert answer.json()["accepted"] == 3_000
    pages = [http.get(f"/v1/orders/{order}").json()]
    while pages[-1]["next"] is not None:
        pages.append(http.get(f"/v1/orders/{order}", params={"cursor": pages[-1]["next"]}).json())
    assert [len(page["events"]) for page in pages] == [500] * 6
    notes = [int(stored["fields"]["note"]) for page in pages for stored in page["events"]]
    assert notes == list(range(3_000))


def test_a_line_that_is_no_json_harms_that_line_alone(http: httpx2.Client, event: Make) -> None:
    body = ndjson(event()) + b'\n{"a":NaN}\n' + ndjson(event())
    said = http.post("/v1/events", content=body, headers=LINES).json()
    assert [result["status"] for result in said["results"]] == ["accepted", "refused", "accepted"]
    assert said["results"][1]["problem"]["code"] == "json_number"


def test_too_many_events_are_refused_whole(http: httpx2.Client) -> None:
    answer = http.post("/v1/events", content=b"{}\n" * (MAX_EVENTS + 1), headers=LINES)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_events")


@pytest.mark.parametrize(("body", "kind"), [(b"", "application/json"), (b" \n", "application/x-ndjson"), (b"[]", "")])
def test_no_event_at_all_is_refused(http: httpx2.Client, body: bytes, kind: str) -> None:
    answer = http.post("/v1/events", content=body, headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["code"]) == (400, "body_empty")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml"])
def test_other_media_types_are_refused(http: httpx2.Client, event: Make, kind: str) -> None:
    answer = http.post("/v1/events", content=json.dumps(event()), headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["code"]) == (415, "media_type")


def test_a_media_type_may_have_parameters(http: httpx2.Client, event: Make) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    assert http.post("/v1/events", content=json.dumps(event()), headers=headers).status_code == 201


def test_late_and_unexpected_events_are_recorded_and_flagged(http: httpx2.Client, event: Make) -> None:
    order = event()["order_id"]
    for name, day in (("placed", 3), ("delivered", 5), ("shipped", 4)):
        sent = event(order_id=order, type=name, occurred_at=f"2026-05-0{day}T00:00:00Z")
        assert http.post("/v1/events", json=sent).status_code == 201
    flags = [set(stored["flags"]) for stored in http.get(f"/v1/orders/{order}").json()["events"]]
    assert flags == [set(), {"unexpected"}, {"unexpected", "late"}]


def test_a_receipt_names_the_log_and_its_commitment_is_the_stored_one(
    world: Any, http: httpx2.Client, event: Make
) -> None:
    said = http.post("/v1/events", json=event()).json()
    leaf = parse_receipt_leaf(said["receipt"]["leaf"])
    (stored,) = http.get(f"/v1/orders/{said['order_id']}").json()["events"]
    assert leaf.commitment.hex() == stored["commitment"]
    assert leaf.log == world.service.policy().log
    assert parse_checkpoint(said["receipt"]["note"]).origin.endswith("/receipts")


def test_full_and_locked_are_503_with_retry_after_and_lose_nothing(tmp_path: Path, event: Make) -> None:
    settings = Settings.model_validate({"data": tmp_path / "log", "queue_events": 2})
    create(settings)
    service = build(settings)
    service.start()
    try:
        service.keys.create_tenant("acme", "Acme")
        key = service.keys.create("acme", [Scope.INGEST, Scope.READ])
        first, second = event(), event()
        with (
            HttpServer("127.0.0.1", 0) as server,
            httpx2.Client(headers={"Authorization": f"Bearer {key}"}, trust_env=False, timeout=60) as http,
            ThreadPoolExecutor(1) as other,
        ):
            server.start(create_app(service))
            url = f"http://127.0.0.1:{server.port}/v1/events"
            with closing(sqlite3.connect(tmp_path / "log/sealtrail.db", isolation_level=None)) as intruder:
                intruder.execute("begin immediate")
                waiting = other.submit(http.post, url, json=[first, second])
                while service.ingest.queued == 0:
                    time.sleep(0.01)
                full = http.post(url, json=event())
                assert (full.status_code, full.json()["code"]) == (503, "busy")
                assert int(full.headers["retry-after"]) >= 1
                locked = waiting.result()
                assert (locked.status_code, locked.json()["code"]) == (503, "busy")
                unready = http.get(f"http://127.0.0.1:{server.port}/readyz")
                assert unready.status_code == 503
                assert unready.json()["problems"][-1].startswith("storing waits: ")
                intruder.execute("rollback")
            assert service.prove.orders("acme").items == ()
            again = http.post(url, json=[first, second])
            assert (again.status_code, again.json()["accepted"]) == (200, 2)
            assert http.get(f"http://127.0.0.1:{server.port}/readyz").status_code == 200
    finally:
        service.stop()
