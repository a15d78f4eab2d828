"""/v/{token}: the same static page for every label, from the data directory and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.verdict import Result
from anchor_service.protocol.verify import verify_absence

TOKEN = "A" * 22


@pytest.fixture
def baked(world: Any) -> Path:
    """A page in the data directory; what is in it does not matter to the server."""
    page: Path = world.service.settings.data / "page"
    (page / "assets").mkdir(parents=True, exist_ok=True)
    (page / "index.html").write_text("<!doctype html><title>page</title>")
    (page / "assets/index-1a2b.js").write_text("export {}")
    (page / "assets/index-1a2b.css").write_text("body{}")
    (page / "secret.txt").write_text("no")
    return page


def test_without_a_page_it_says_so(world: Any, http: httpx2.Client) -> None:
    assert not (world.service.settings.data / "page").exists()
    answer = http.get(f"/v/{TOKEN}")
    assert answer.status_code == 404
    assert "has not been built" in answer.text
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_every_token_gets_the_same_page(baked: Path, http: httpx2.Client) -> None:
    answers = [http.get(f"/v/{token}") for token in (TOKEN, "whatever")]
    for answer in answers:
        assert answer.content == (baked / "index.html").read_bytes()
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        # The page's own policy is baked into it; ours must not be stricter than it, but for frames.
        assert answer.headers["content-security-policy"] == "frame-ancestors 'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_assets_are_kept_and_typed(baked: Path, http: httpx2.Client) -> None:
    script = http.get("/v/assets/index-1a2b.js")
    assert script.content == (baked / "assets/index-1a2b.js").read_bytes()
    assert script.headers["content-type"].startswith("text/javascript")
    assert "immutable" in script.headers["cache-control"]
    assert http.get("/v/assets/index-1a2b.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    "name",
    ["none.js", "..%2fsecret.txt", "%2e%2e/secret.txt", "..%5csecret.txt", ".js", "index-1a2b.js/"],
)
def test_nothing_else_is_served(baked: Path, http: httpx2.Client, name: str) -> None:
    assert (baked / "secret.txt").exists()
    answer = http.get(f"/v/assets/{name}")
    assert answer.status_code == 404
    assert answer.content != b"no"


def test_absence_is_shown_or_refused(world: Any, http: httpx2.Client, event: Any) -> None:
    answer = http.get("/v/absence", params={"stream": "xyz"})
    assert (answer.status_code, answer.json()["code"]) == (422, "hash_syntax")
    sent = event()
    assert http.post("/v1/events", json=sent).status_code < 300
    assert world.service.settle(30)
    stream = StreamId(bytes(32))
    answer = http.get("/v/absence", params={"stream": stream.hex()})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    verdict = verify_absence(answer.content, world.service.policy(), stream)
    assert verdict.check("absent").result is Result.VALID
    known = http.get(f"/v1/orders/{sent['order_id']}").json()["stream"]
    answer = http.get("/v/absence", params={"stream": known})
    assert (answer.status_code, answer.json()["code"]) == (409, "stream_known")
