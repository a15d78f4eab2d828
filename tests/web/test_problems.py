"""Where there is no verdict, the page says "could not check" and why; nothing of it reads as tampering."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from anchor_service.services.page import bake
from tests.web.conftest import Open
from tests.web.policies import some_policy
from tests.web.site import TOKEN, Answer, Site, serve

STREAM = "0123456789abcdef" * 4
ALTERED = {"en-GB": "altered", "zh-CN": "改动"}
COULD_NOT = {"en-GB": "Could not check", "zh-CN": "无法核验"}
LANGUAGES = ("en-GB", "zh-CN")


@pytest.fixture
def site(built: Path, tmp_path: Path) -> Iterator[Site]:
    bake(built, some_policy(rpc=[{"operator": False, "url": "/rpc"}]), tmp_path / "page")
    with serve(tmp_path / "page") as site:
        yield site


def says_could_not_check(page: Page, language: str, words: str) -> None:
    card = page.locator(".verdict")
    expect(card.locator("h1")).to_contain_text(COULD_NOT[language])
    expect(card).to_contain_text(words)
    expect(card).not_to_contain_text(ALTERED[language])


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB", "without a policy"), ("zh-CN", "本页尚未写入核验策略")], ids=LANGUAGES
)
def test_page_without_a_policy(bare_site: Site, open_page: Open, language: str, words: str) -> None:
    says_could_not_check(open_page(bare_site.label(STREAM), language), language, words)


def test_policy_that_the_page_cannot_read(built: Path, tmp_path: Path, open_page: Open) -> None:
    bake(built, some_policy(), tmp_path / "page")
    index = tmp_path / "page" / "index.html"
    index.write_bytes(index.read_bytes().replace(b'"sealtrail/policy"', b'"sealtrail/polity"'))
    with serve(tmp_path / "page") as site:
        says_could_not_check(open_page(site.label(STREAM)), "en-GB", "policy in this page cannot be read")
        assert not any(path.startswith("/v1/") for path in site.asked)


@pytest.mark.parametrize("fragment", ["", "#", "#" + STREAM[1:], "#" + STREAM + "0", "#" + STREAM.upper(), "#result"])
def test_incomplete_link(site: Site, open_page: Open, fragment: str) -> None:
    page = open_page(f"{site.url}/v/{TOKEN}{fragment}")
    says_could_not_check(page, "en-GB", "The code’s link is incomplete")
    expect(page.get_by_role("button", name="Check again")).to_have_count(0)
    assert not any(path.startswith("/v1/") for path in site.asked)


def test_a_fragment_completed_by_hand_is_taken(site: Site, open_page: Open) -> None:
    page = open_page(f"{site.url}/v/{TOKEN}#{STREAM[1:]}")
    says_could_not_check(page, "en-GB", "The code’s link is incomplete")
    page.evaluate("fragment => { location.hash = fragment }", STREAM)
    says_could_not_check(page, "en-GB", "not known to this server")


@pytest.mark.parametrize(
    ("language", "words"), [("en-GB", "not known to this server"), ("zh-CN", "此服务器不认识这个二维码")], ids=LANGUAGES
)
def test_unknown_token(site: Site, open_page: Open, language: str, words: str) -> None:
    site.proof(Answer(404, b"{}"))
    says_could_not_check(open_page(site.label(STREAM), language), language, words)


@pytest.mark.parametrize("status", [400, 403, 429, 500, 503, 418])
def test_error_of_the_server(site: Site, open_page: Open, status: int) -> None:
    site.proof(Answer(status, b'{"state":"verified"}'))
    says_could_not_check(open_page(site.label(STREAM)), "en-GB", "answered with an error")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"verified",
        b"<html>Welcome to the hotel's network</html>",
        b"{}",
        b'{"format":"sealtrail/proof","state":"verified","v":1}',
        b'{"format":"sealtrail/proof","v":0}',
        b'{"format":"sealtrail/proof","v":1}',
        b"[" * 100_000,
        b"\x00\xff" * 1000,
        "“{}”".encode("utf-16"),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_no_proof_at_all(site: Site, open_page: Open, body: bytes) -> None:
    site.proof(Answer(200, body))
    page = open_page(site.label(STREAM))
    says_could_not_check(page, "en-GB", "cannot be read as a record")
    expect(page.locator("[data-check=format]")).to_have_attribute("data-result", "INVALID")
    assert page.locator("[data-result=SKIPPED]").count() == 13


def test_more_than_a_proof_may_have(site: Site, open_page: Open) -> None:
    site.proof(Answer(200, b" " * (16 * 2**20 + 1)))
    says_could_not_check(open_page(site.label(STREAM)), "en-GB", "larger than a record may be")


def test_transfer_that_breaks_off_and_a_second_try(site: Site, open_page: Open) -> None:
    site.proof(Answer(200, b'{"format":"sealtrail/proof"' + b" " * 5000, cut=2000))
    page = open_page(site.label(STREAM))
    says_could_not_check(page, "en-GB", "did not answer")
    site.proof(Answer(404, b"{}"))
    page.get_by_role("button", name="Check again").tap()
    says_could_not_check(page, "en-GB", "not known to this server")
    assert page.evaluate("document.activeElement.id") == "result"


def test_no_connection(site: Site, open_page: Open) -> None:
    page = open_page(site.label(STREAM))
    says_could_not_check(page, "en-GB", "not known to this server")
    page.context.set_offline(True)
    page.get_by_role("button", name="Check again").tap()
    says_could_not_check(page, "en-GB", "did not answer")


def test_a_server_that_is_slow_and_then_too_slow(site: Site, open_page: Open) -> None:
    hanging = threading.Event()

    def never(_body: bytes) -> Answer:
        hanging.wait(20)
        return Answer(500, b"")

    site.routes[f"/v1/labels/{TOKEN}/proof"] = never
    page = open_page("about:blank")
    page.clock.install()
    page.goto(site.label(STREAM))
    expect(page.locator(".steps .now")).to_have_text("Fetching the record")
    page.clock.run_for(7_000)
    expect(page.locator(".verdict")).to_contain_text("The network is slow")
    page.clock.run_for(24_000)
    says_could_not_check(page, "en-GB", "took too long")
    hanging.set()


def test_a_page_that_waits_looks_again_by_itself(site: Site, open_page: Open) -> None:
    site.proof(Answer(202, b"{}"))
    page = open_page("about:blank")
    page.clock.install()
    page.goto(site.label(STREAM))
    page.clock.run_for(100)
    expect(page.locator(".verdict h1")).to_have_text("Could not check yet")
    site.proof(Answer(404, b"{}"))
    page.clock.run_for(10_000)
    says_could_not_check(page, "en-GB", "not known to this server")


@pytest.mark.parametrize(
    ("language", "title"), [("en-GB", "Could not check yet"), ("zh-CN", "暂时无法核验")], ids=LANGUAGES
)
def test_recorded_and_not_anchored_yet(site: Site, open_page: Open, language: str, title: str) -> None:
    body = {"state": "pending", "accepted": 3, "sealed_by": 1_777_788_300_000}
    site.proof(Answer(202, json.dumps(body).encode()))
    page = open_page(site.label(STREAM), language)
    expect(page.locator(".verdict h1")).to_have_text(title)
    site.proof(Answer(404, b"{}"))
    page.locator(".again").tap()
    expect(page.locator(".verdict h1")).to_have_text(COULD_NOT[language])


def test_language_switch_is_remembered_and_the_page_says_its_language(site: Site, open_page: Open) -> None:
    page = open_page(site.label(STREAM), "zh-CN")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    expect(page).to_have_title("无法核验 · Sealtrail")
    page.get_by_role("button", name="English").tap()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("button", name="English")).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(page.locator(".verdict h1")).to_have_text("Could not check")


def test_the_result_is_announced(site: Site, open_page: Open) -> None:
    page = open_page(site.label(STREAM))
    expect(page.get_by_role("status").first).to_have_text("Could not check")
    expect(page.get_by_role("main")).to_have_attribute("aria-label", "Result")
    assert page.locator("h1").count() == 1
