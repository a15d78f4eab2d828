"""The vectors in the page itself: the browser finds what the command line finds."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.event import stream_id
from anchor_service.protocol.hashes import Hash
from anchor_service.services.page import bake, bake_html
from tests.web.conftest import ROOT, Open
from tests.web.node import node_of
from tests.web.policies import some_policy
from tests.web.site import HOST, TOKEN, Answer, Site, serve

VECTORS = ROOT / "tests" / "vectors"
FILES = {sha256(content).hexdigest(): content for content in (b"a drawn signature", b"a photo")}
GOOD = {"verified", "verified_pending", "withdrawn", "test_data"}
TITLES = {
    "verified": "This record has not changed since ",
    "verified_pending": "This record has not changed since ",
    "withdrawn": "This order was withdrawn",
    "test_data": "Test data",
    "altered": "This record was altered",
    "malformed": "Could not check",
    "could_not_check": "Could not check",
    "unknown_code": "Unknown code: as of ",
}
UNSHOWN = {"altered", "malformed"}
"""What the page makes no result of, where there is no record: an absence proof that does not hold."""


@dataclass(frozen=True, slots=True)
class Vector:
    name: str
    proof: bytes
    policy: dict[str, Any]
    inputs: dict[str, Any]
    expected: dict[str, Any]

    @property
    def absence(self) -> bool:
        """Whether it is about a code that the log does not have."""
        return any(check == "absent" for check, _, _ in self.expected["checks"])

    @property
    def stream(self) -> str:
        """What the label names: as given, else the stream that the proof opens."""
        with suppress(ValueError, LookupError, TypeError, RecursionError, SealtrailError):
            opening = json.loads(self.proof)["stream"]
            opened = stream_id(Hash(bytes.fromhex(opening["salt"])), opening["tenant"], opening["order_id"])
            return str(self.inputs.get("stream", opened.hex()))
        return str(self.inputs.get("stream", "00" * 32))


def distinct() -> Iterator[Vector]:
    """Every case that is well, and the first of each kind of damage: the command runs them all."""
    seen = set()
    for vector in vectors():
        kind = str(vector.expected["checks"])
        if not vector.name.endswith("_fail") or kind not in seen:
            yield vector
        seen.add(kind)


def vectors() -> Iterator[Vector]:
    """Every case that the page can be put into."""
    for folder in sorted(path.parent for path in VECTORS.glob("*/proof.json")):
        documents = {
            name: json.loads(path.read_bytes()) if (path := folder / f"{name}.json").exists() else {}
            for name in ("policy", "inputs", "expected")
        }
        vector = Vector(folder.name, (folder / "proof.json").read_bytes(), **documents)
        if documents["policy"].get("max_age") is not None and "now" not in vector.inputs:
            continue  # the page always knows the time
        if vector.inputs.get("now", 0) > 8.64e15:
            continue  # no browser's clock goes that far
        if any(found == ["attachments", "INVALID", "attachment_unnamed"] for found in vector.expected["checks"]):
            continue  # the page fetches named files alone
        yield vector


def put(site: Site, vector: Vector, index: bytes) -> None:
    """Set the site up as the vector says."""
    nodes = vector.inputs.get("nodes", [])
    rpc = [{"operator": node["operator"], "url": f"/node/{at}"} for at, node in enumerate(nodes)]
    (site.page / "index.html").write_bytes(bake_html(index, json.dumps(vector.policy | {"rpc": rpc}).encode()))
    site.routes.clear()
    for at, node in enumerate(nodes):
        site.routes[f"/node/{at}"] = node_of(node)
    token = token_of(vector)
    if vector.absence:
        site.absence(Answer(200, vector.proof))
    else:
        site.say(f"/v1/labels/{token}/proof", Answer(200, vector.proof))
    for named, found in vector.inputs.get("attachments", {}).items():
        site.say(
            f"/v1/labels/{token}/attachments/{named}", Answer(200, FILES.get(found, b"something else"), "image/png")
        )


def token_of(vector: Vector) -> str:
    return base64.urlsafe_b64encode(sha256(vector.name.encode()).digest()[:16]).decode().rstrip("=")


def look(page: Page, site: Site, vector: Vector) -> tuple[str, dict[str, str]]:
    """Open the label; the card's title and the results of the checks."""
    page.clock.set_fixed_time(vector.inputs.get("now", 1_777_900_000_000) / 1000)
    page.goto(site.label(vector.stream, token_of(vector)))
    if vector.absence and vector.expected["state"] in UNSHOWN:
        page.locator(".verdict", has_text="not known to this server").wait_for()
    else:
        page.locator(".checks").wait_for()
    found = page.locator("[data-check]").evaluate_all("all => all.map(one => [one.dataset.check, one.dataset.result])")
    return page.locator(".verdict h1").inner_text(), dict(found)


@pytest.mark.parametrize(("host", "is_secure"), [(HOST, False), ("localhost", True)])
def test_the_vectors(built: Path, tmp_path: Path, open_page: Open, host: str, is_secure: bool) -> None:
    """Over plain HTTP signatures are the page's own to check; where the connection is trusted, the browser's."""
    bake(built, some_policy(), tmp_path / "page")
    index = (built / "index.html").read_bytes()
    wrong = []
    tried = 0
    with serve(tmp_path / "page") as site:
        site.url = site.url.replace(HOST, host)
        page = open_page(f"{site.url}/v/{TOKEN}")
        assert page.evaluate("[isSecureContext, 'subtle' in crypto]") == [is_secure, is_secure]
        for vector in distinct():
            put(site, vector, index)
            title, found = look(page, site, vector)
            state = vector.expected["state"]
            expected = {check: result for check, result, _ in vector.expected["checks"]}
            if vector.absence and state in UNSHOWN:
                state, expected = "could_not_check", {}
            if vector.absence and state == "test_data":
                state = "unknown_code"  # what the page speaks of, below a banner that says test data
            if not title.startswith(TITLES[state]) or found != expected:
                differences = set(found.items()) ^ set(expected.items())
                wrong.append((vector.name, state, title, differences))
            tried += 1
    assert not wrong, "\n".join(str(one) for one in wrong)
    assert tried > 60
