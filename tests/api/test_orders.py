"""Orders for their tenant: state, proof, bundle, label, files, pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx2
import pytest
from PIL import Image

from anchor_service.api.app import create_app
from anchor_service.api.server import HttpServer
from anchor_service.protocol.bundle import parse_bundle
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.proof import parse_proof, parse_receipt
from anchor_service.protocol.receipt import verify_receipt
from anchor_service.protocol.verify import verify
from anchor_service.services.keys import Scope
from anchor_service.settings import Settings
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build

Make = Callable[..., dict[str, Any]]
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)


def trusted(http: httpx2.Client) -> list[BlockId]:
    """The blocks of all anchors, as somebody would copy them from an explorer."""
    blocks = [item["block"] for item in http.get("/v1/anchors?limit=500").json()["items"] if item["block"]]
    return [BlockId(block["number"], Hash(bytes.fromhex(block["hash"][2:]))) for block in blocks]


def test_an_order_becomes_final_and_its_proof_verifies(world: Any, http: httpx2.Client, event: Make) -> None:
    placed = event()
    order = placed["order_id"]
    http.post("/v1/events", json=placed)
    limit = time.monotonic() + 60
    early = http.get(f"/v1/orders/{order}/proof")
    while (proof := http.get(f"/v1/orders/{order}/proof")).status_code == 202 and time.monotonic() < limit:
        assert proof.json()["state"] == "pending"
        assert proof.json()["sealed_by"] > proof.json()["accepted"]
        time.sleep(0.05)
    assert early.status_code in (200, 202)
    assert proof.status_code == 200
    verdict = verify(proof.content, world.service.policy().trusting(trusted(http)))
    assert verdict.state.value == "test_data"
    (shown,) = http.get(f"/v1/orders/{order}").json()["events"]
    assert shown["state"] == "final"
    assert shown["fields"]["recipient.name"] == "Wang Fang"
    assert (shown["seq"], shown["receipt"]) == (1, None)
    assert shown["index"] < shown["anchor"]


def test_pending_never_looks_like_a_proof(tmp_path: Any, event: Make) -> None:
    settings = Settings.model_validate({"data": tmp_path / "log", "seal_interval": 3600})
    create(settings)
    service = build(settings)
    service.keys.create_tenant("acme", "Acme")
    headers = {"Authorization": f"Bearer {service.keys.create('acme', [Scope.INGEST, Scope.READ])}"}
    service.ingest.start()  # and no sealer
    try:
        with HttpServer("127.0.0.1", 0) as server:
            server.start(create_app(service))
            url = f"http://127.0.0.1:{server.port}"
            with httpx2.Client(base_url=url, headers=headers, trust_env=False) as http:
                placed = event()
                accepted = http.post("/v1/events", json=placed)
                order = f"/v1/orders/{placed['order_id']}"
                (shown,) = http.get(order).json()["events"]
                assert (shown["state"], shown["seq"], shown["index"]) == ("accepted", None, None)
                token = http.post(f"{order}/labels").json()["token"]
                for place in (f"{order}/proof", f"{order}/bundle", f"/v1/labels/{token}/proof"):
                    answer = http.get(place)
                    assert answer.status_code == 202
                    assert answer.json().keys() == {"state", "accepted", "sealed_by"}
                    assert answer.headers["cache-control"] == "no-store"
                assert http.get("/checkpoint").json()["code"] == "checkpoint_unknown"
                assert http.get("/tile/0/000.p/1").status_code == 404
                assert http.get("/readyz").status_code == 503  # its workers do not run
                assert accepted.status_code == 201
    finally:
        service.stop()


def test_receipts_come_with_the_order_where_asked_for(world: Any, http: httpx2.Client, event: Make) -> None:
    said = http.post("/v1/events", json=event()).json()
    (shown,) = http.get(f"/v1/orders/{said['order_id']}?receipts=true").json()["events"]
    assert shown["receipt"] == said["receipt"]
    policy = world.service.policy()
    promise = verify_receipt(parse_receipt(shown["receipt"]), policy.origin, policy.receipt_keys)
    assert promise.commitment.hex() == shown["commitment"]


@pytest.mark.parametrize(
    "order", ["A/B", "100% cotton", "../x", "订单-1", "a?b#c", "%2F", "🜚 x", "a+b", "proof", "x/proof"]
)
def test_any_order_id_stays_itself_in_a_path(world: Any, http: httpx2.Client, event: Make, order: str) -> None:
    http.post("/v1/events", json=event(order_id=order))
    assert world.service.settle(60)
    path = f"/v1/orders/{quote(order, safe='')}"
    assert http.get(path).json()["order_id"] == order
    assert parse_proof(http.get(f"{path}/proof").content).opening.order_id == order


def test_pages_of_orders_hold_each_once(http: httpx2.Client, event: Make) -> None:
    sent = [event() for _ in range(7)]
    assert http.post("/v1/events", json=sent).json()["accepted"] == 7
    cursor, seen = None, []
    while True:
        page = http.get("/v1/orders", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [item["order_id"] for item in page["items"]]
        assert len(page["items"]) <= 3
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen))
    assert seen[:7] == [made["order_id"] for made in reversed(sent)]


def test_pages_of_events_hold_each_once_and_in_order(http: httpx2.Client, event: Make) -> None:
    placed = event()
    order = placed["order_id"]
    sent = [placed] + [event(order_id=order, type=kind) for kind in ("arrived", "paid", "shipped", "departed")]
    assert http.post("/v1/events", json=sent).json()["accepted"] == 5
    path = f"/v1/orders/{order}"
    whole = http.get(path, params={"receipts": "true"}).json()
    assert [shown["event_id"] for shown in whole["events"]] == [one["event_id"] for one in sent]
    assert whole["next"] is None
    pages: list[dict[str, Any]] = []
    cursor = None
    while cursor is not None or not pages:
        query = {"limit": "2", "receipts": "true"} | ({} if cursor is None else {"cursor": cursor})
        pages.append(http.get(path, params=query).json())
        cursor = pages[-1]["next"]
    assert [len(page["events"]) for page in pages] == [2, 2, 1]
    # Flags and lifecycle are the whole order's, on every page.
    names = ("event_id", "flags", "receipt", "fields")
    assert [[shown[name] for name in names] for page in pages for shown in page["events"]] == [
        [shown[name] for name in names] for shown in whole["events"]
    ]
    assert "unexpected" in whole["events"][2]["flags"]
    assert {page["lifecycle"] for page in pages} == {whole["lifecycle"]}
    assert http.get(path, params={"cursor": "5"}).json()["events"] == []
    for query in ({"cursor": "x"}, {"limit": "0"}, {"limit": "501"}):
        assert http.get(path, params=query).status_code == 422


def test_views_hide_what_they_hide(world: Any, http: httpx2.Client, event: Make) -> None:
    placed = event(note="between us", data={"margin": "0.40"})
    http.post("/v1/events", json=placed)
    assert world.service.settle(60)
    path = f"/v1/orders/{placed['order_id']}/proof"
    full, consumer = http.get(path).content, http.get(f"{path}?view=consumer").content
    for secret in (b"Wang Fang", b"between us", b"margin"):
        assert secret in full
        assert secret not in consumer
    assert b"W*** F***" in consumer
    refused = http.get(f"{path}?view=everyone")
    assert (refused.status_code, refused.json()["field"]) == (422, "view")


def test_a_proof_is_known_by_its_tag(world: Any, http: httpx2.Client, event: Make) -> None:
    placed = event()
    http.post("/v1/events", json=placed)
    assert world.service.settle(60)
    path = f"/v1/orders/{placed['order_id']}/proof"
    first = http.get(path)
    again = http.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get(path, headers={"If-None-Match": '"other"'}).content == first.content


def test_a_bundle_holds_proof_policy_and_files_and_is_the_same_each_time(
    world: Any, http: httpx2.Client, event: Make
) -> None:
    file = http.put("/v1/attachments", content=PNG, headers={"Content-Type": "image/png"}).json()
    placed = event(attachments=[file | {"role": "photo"}])
    assert http.post("/v1/events", json=placed).status_code == 201
    assert world.service.settle(60)
    path = f"/v1/orders/{placed['order_id']}/bundle"
    answer = http.get(path)
    assert answer.headers["content-type"] == "application/zip"
    bundle = parse_bundle(answer.content)
    assert bundle.attachments == {file["sha256"]: PNG}
    assert verify(bundle.proof, world.service.policy().trusting(trusted(http))).state.value == "test_data"
    assert http.get(path).content == answer.content


def test_a_label_is_a_link_with_the_stream_in_its_fragment(http: httpx2.Client, event: Make, tmp_path: Any) -> None:
    said = http.post("/v1/events", json=event()).json()
    answer = http.post(f"/v1/orders/{said['order_id']}/labels")
    assert answer.status_code == 201
    label = answer.json()
    assert len(label["token"]) == 22
    assert label["link"] == f"https://shop.example/v/{label['token']}#{said['stream']}"
    assert http.post(f"/v1/orders/{said['order_id']}/labels").json()["token"] != label["token"]
    drawn = http.get(f"/v1/labels/{label['token']}/qr.png")
    assert drawn.headers["content-type"] == "image/png"
    (tmp_path / "label.png").write_bytes(drawn.content)
    with Image.open(tmp_path / "label.png") as image:
        grey = image.convert("L")
        border = 4 * 10
        assert all(grey.getpixel((x, border - 1)) == 255 for x in range(grey.width))
        assert grey.getpixel((border, border)) == 0
    assert b"<svg" in http.get(f"/v1/labels/{label['token']}/qr.svg").content


def test_files_are_content_addressed_and_limited(http: httpx2.Client) -> None:
    png = {"Content-Type": "image/png"}
    first, again = (http.put("/v1/attachments", content=PNG, headers=png).json() for _ in range(2))
    assert first == again
    got = http.get(f"/v1/attachments/{first['sha256']}")
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    for body, kind, status in (
        (PNG + b"\0" * 100_000, "image/png", 413),
        (b"", "image/png", 400),
        (PNG, "text/html", 415),
        (b"<script>", "image/png", 415),
        (PNG, "", 415),
    ):
        answer = http.put("/v1/attachments", content=body, headers={"Content-Type": kind} if kind else {})
        assert answer.status_code == status, answer.text


def test_an_event_cannot_name_a_file_of_another_size_or_type(http: httpx2.Client, event: Make) -> None:
    file = http.put("/v1/attachments", content=PNG, headers={"Content-Type": "image/png"}).json()
    for other in ({"size": file["size"] + 1}, {"media_type": "image/jpeg"}):
        answer = http.post("/v1/events", json=event(attachments=[file | {"role": "photo"} | other]))
        assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (
            422,
            "attachment_unknown",
            "attachments",
        )
