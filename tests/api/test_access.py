"""Every route × scope × tenant: the routes are taken from the app, so that none is forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import pytest

# What each route needs.  A new route fails the first test until it is placed here.
PUBLIC = {
    ("GET", "/openapi.json"), ("GET", "/docs"), ("GET", "/"),
    ("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"),
    ("GET", "/checkpoint"), ("GET", "/tile/{path:path}"), ("POST", "/rpc"),
    ("GET", "/v1/labels/{token}/proof"), ("GET", "/v1/labels/{token}/attachments/{sha256}"),
    ("GET", "/v1/labels/{token}/qr.svg"), ("GET", "/v1/labels/{token}/qr.png"),
    ("GET", "/v/{token}"), ("GET", "/v/assets/{name}"), ("GET", "/v/absence"),
}  # fmt: skip
READ = {
    ("GET", "/v1/orders"), ("GET", "/v1/orders/{order_id}"), ("GET", "/v1/orders/{order_id}/proof"),
    ("GET", "/v1/orders/{order_id}/bundle"), ("GET", "/v1/attachments/{sha256}"),
    ("GET", "/v1/batches"), ("GET", "/v1/batches/{batch}"), ("GET", "/v1/anchors"), ("GET", "/v1/anchors/{size}"),
    ("GET", "/v1/anchors/{size}/evidence"),
}  # fmt: skip
AUDIT = {("GET", "/tile/entries/{path:path}")}
# What is about the log, and nobody's own: keys that read and keys that audit both open it.
WATCH = {place for place in READ if place[1].startswith(("/v1/batches", "/v1/anchors"))}
INGEST = {("POST", "/v1/events"), ("PUT", "/v1/attachments"), ("POST", "/v1/orders/{order_id}/labels")}
# These show one tenant's own things, by a name that is the tenant's own.
OWNED = {
    ("GET", "/v1/orders/{order_id}"), ("GET", "/v1/orders/{order_id}/proof"), ("GET", "/v1/orders/{order_id}/bundle"),
    ("GET", "/v1/attachments/{sha256}"), ("POST", "/v1/orders/{order_id}/labels"),
}  # fmt: skip

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)


def routes(found: Iterable[Any]) -> set[tuple[str, str]]:
    every = set()
    for route in found:
        if hasattr(route, "original_router"):
            every |= routes(route.original_router.routes)
        else:
            every |= {(method, route.path) for method in route.methods - {"HEAD"}}
    return every


@pytest.fixture(scope="module")
def owned(world: Any) -> dict[str, str]:
    """One of acme's orders, with a file and a label."""
    acme = world.client("acme")
    file = acme.put("/v1/attachments", content=PNG, headers={"Content-Type": "image/png"}).json()
    answer = acme.post(
        "/v1/events",
        json={
            "event_id": "own-1",
            "order_id": "OWN",
            "type": "placed",
            "occurred_at": "2026-05-01T09:30:00Z",
            "actor": {"role": "brand"},
            "attachments": [file | {"role": "photo"}],
            "parties": {"recipient": {"name": "Only Acme Knows"}},
        },
    )
    assert answer.status_code == 201, answer.text
    assert world.service.settle(60)
    token = acme.post("/v1/orders/OWN/labels").json()["token"]
    values = {"order_id": "OWN", "sha256": file["sha256"], "token": token, "batch": "1", "path:path": "0/000.p/1"}
    return values | {"size": str(world.service.prove.anchors().items[0].size), "name": "none.js"}


def fill(path: str, values: dict[str, str]) -> str:
    return re.sub(r"\{([a-z0-9_:]+)\}", lambda match: values[match[1]], path)


def ask(world: Any, tenant: str, scope: str, method: str, path: str) -> Any:
    body = {"/v1/attachments": PNG, "/v1/events": b"{}", "/rpc": b"{}"}.get(path, b"")
    kind = "image/png" if path == "/v1/attachments" else "application/json"
    return world.client(tenant, scope).request(method, path, content=body, headers={"Content-Type": kind})


def test_every_route_is_placed(world: Any) -> None:
    assert routes(world.app.routes) == PUBLIC | READ | INGEST | AUDIT
    assert not PUBLIC & (READ | INGEST | AUDIT)


@pytest.mark.parametrize(("method", "path"), sorted(READ | INGEST))
def test_a_route_takes_the_scope_that_it_needs_and_no_other(
    world: Any, owned: dict[str, str], method: str, path: str
) -> None:
    needed = "read" if (method, path) in READ else "ingest"
    other = "ingest" if needed == "read" else "read"
    place = fill(path, owned)
    refused = ask(world, "acme", "none", method, place)
    assert (refused.status_code, refused.json()["code"]) == (401, "api_key")
    assert refused.headers["www-authenticate"] == "Bearer"
    refused = ask(world, "acme", other, method, place)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope")
    for scope in (needed, "admin"):
        answer = ask(world, "acme", scope, method, place)
        assert answer.status_code in (200, 201) or answer.json()["code"] == "missing_field"


@pytest.mark.parametrize(("method", "path"), sorted(AUDIT | READ | INGEST))
def test_a_key_that_audits_reads_the_log_and_nothing_of_a_tenants_own(
    world: Any, owned: dict[str, str], method: str, path: str
) -> None:
    place = fill(path, owned | {"path:path": "000.p/1"})
    status = ask(world, "acme", "audit", method, place).status_code
    assert status == (200 if (method, path) in AUDIT | WATCH else 403)
    if (method, path) in AUDIT:
        assert ask(world, "acme", "none", method, place).status_code == 401
        for scope in ("read", "ingest", "all", "admin"):
            refused = ask(world, "acme", scope, method, place)
            assert (refused.status_code, refused.json()["code"]) == (403, "scope")


@pytest.mark.parametrize(("method", "path"), sorted(PUBLIC))
def test_a_public_route_needs_no_key(world: Any, owned: dict[str, str], method: str, path: str) -> None:
    assert ask(world, "acme", "none", method, fill(path, owned)).status_code not in (401, 403)


@pytest.mark.parametrize(("method", "path"), sorted(OWNED))
@pytest.mark.parametrize("scope", ["all", "admin"])
def test_another_tenant_finds_nothing_by_name(
    world: Any, owned: dict[str, str], method: str, path: str, scope: str
) -> None:
    theirs, nobodys = (
        ask(world, "bolt", scope, method, fill(path, owned | names))
        for names in ({}, {"order_id": "NOBODY", "sha256": "1" * 64})
    )
    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    # Whether it exists for somebody else is not told either.
    assert {**theirs.json(), "detail": ""} == {**nobodys.json(), "detail": ""}
    assert b"Acme" not in theirs.content


def test_another_tenants_list_is_its_own(world: Any, owned: dict[str, str]) -> None:
    assert [order["order_id"] for order in world.client("acme").get("/v1/orders").json()["items"]] == [
        owned["order_id"]
    ]
    assert world.client("bolt").get("/v1/orders").json() == {"items": [], "next": None}


def test_the_same_ids_in_another_tenant_are_other_events(world: Any, owned: dict[str, str]) -> None:
    del owned
    event = {
        "event_id": "own-1",
        "order_id": "OWN",
        "type": "placed",
        "occurred_at": "2026-05-01T09:30:00Z",
        "actor": {"role": "brand"},
        "note": "Bolt's own",
    }
    bolt = world.client("bolt")
    assert bolt.post("/v1/events", json=event).status_code == 201
    mine, theirs = (world.client(tenant).get("/v1/orders/OWN").json() for tenant in ("bolt", "acme"))
    assert mine["stream"] != theirs["stream"]
    assert "note" in mine["events"][0]["fields"]
    assert "note" not in theirs["events"][0]["fields"]


def test_a_file_of_another_tenant_cannot_be_named(world: Any, owned: dict[str, str]) -> None:
    event = {
        "event_id": "steal",
        "order_id": "STEAL",
        "type": "placed",
        "occurred_at": "2026-05-01T09:30:00Z",
        "actor": {"role": "brand"},
        "attachments": [{"sha256": owned["sha256"], "size": len(PNG), "media_type": "image/png", "role": "photo"}],
    }
    answer = world.client("bolt").post("/v1/events", json=event)
    assert (answer.status_code, answer.json()["code"]) == (422, "attachment_unknown")


def test_a_label_opens_what_a_consumer_may_see_and_no_more(world: Any, owned: dict[str, str]) -> None:
    anybody = world.client("acme", "none")
    proof = anybody.get(f"/v1/labels/{owned['token']}/proof")
    assert proof.status_code == 200
    assert b"Only Acme Knows" not in proof.content
    assert b"O*** A*** K***" in proof.content
    full = world.client("acme").get("/v1/orders/OWN/proof")
    assert b"Only Acme Knows" in full.content
    assert anybody.get(f"/v1/labels/{owned['token']}/attachments/{owned['sha256']}").content == PNG
    other = (
        world.client("acme").put("/v1/attachments", content=PNG + b"\0", headers={"Content-Type": "image/png"}).json()
    )
    unnamed = anybody.get(f"/v1/labels/{owned['token']}/attachments/{other['sha256']}")
    assert (unnamed.status_code, unnamed.json()["code"]) == (404, "attachment_unknown")


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer  x", "Basic abc", "Bearer x y", "Bearer " + "k" * 300, "bearer sealtrail_x"]
)
def test_keys_that_are_none(world: Any, header: str) -> None:
    answer = world.client("acme", "none").get("/v1/orders", headers={"Authorization": header})
    assert (answer.status_code, answer.json()["code"]) == (401, "api_key")
