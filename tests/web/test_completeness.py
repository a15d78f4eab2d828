"""What the page says of an order from which nothing was left out, and of a code that was never in the log."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from anchor_service.protocol.hashes import StreamId
from tests.web.conftest import Open, Show
from tests.web.site import TOKEN, Answer, Site
from tests.web.stories import HIDDEN, PLACED, Story, bag, story, tell

LANGUAGES = ("en-GB", "zh-CN")
NOBODYS = StreamId(bytes.fromhex("0123456789abcdef" * 4))
UNKNOWN_HERE = {"en-GB": "not known to this server", "zh-CN": "此服务器不认识这个二维码"}


def absence(told: Story, stream: StreamId = NOBODYS, **members: Any) -> Answer:
    document = told.world.absence(stream) | members
    return Answer(200, json.dumps(document, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode())


def unknown(site: Site, told: Story, answer: Answer) -> None:
    """Know no token, and answer so when asked for the stream."""
    site.routes.clear()
    site.routes["/node"] = told.node()
    site.absence(answer)


# --- nothing was left out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (
            "en-GB",
            (
                "4 of 4 steps, nothing left out As of block 1012, 3 May 2026 at 14:33.",
                "as of block 1012, 3 May 2026 at 14:33, the operator committed to exactly these 4 steps.",
                "That everybody was shown this same history at all times.",
            ),
        ),
        (
            "zh-CN",
            (
                "应有 4 步，实有 4 步，没有遗漏 截至区块 1012，2026年5月3日 14:33。",
                "截至区块 1012（2026年5月3日 14:33），运营方承诺的步骤恰好就是这 4 步。",
                "所有人在任何时候看到的都是同一份历史",
            ),
        ),
    ],
    ids=LANGUAGES,
)
def test_the_card_says_that_nothing_was_left_out(
    show: Show, open_page: Open, language: str, words: tuple[str, str, str]
) -> None:
    line, check, limit = words
    told = bag()
    site = show(told)
    page = open_page(site.label(told.stream), language)
    expect(page.locator(".verdict .complete")).to_have_text(line)
    complete = page.locator("[data-check=complete]")
    expect(complete).to_have_attribute("data-result", "VALID")
    complete.locator("summary").tap()
    expect(complete).to_contain_text(check)
    expect(page.locator(".limits")).to_contain_text(limit)
    assert page.locator(".limits li").count() == 3
    assert "/v/absence" not in site.asked


def test_one_step(show: Show, open_page: Open) -> None:
    told = tell(PLACED)
    page = open_page(show(told).label(told.stream))
    expect(page.locator(".verdict .complete strong")).to_have_text("1 of 1 step, nothing left out")


def test_the_record_stands_since_its_newest_step_and_is_complete_as_of_the_newest_anchor(
    show: Show, open_page: Open
) -> None:
    told = bag()
    told.world.noise(40)  # each takes the clock on
    told.world.seal()
    told.world.anchor(9_000)
    later = story(told.world, told.order)
    page = open_page(show(later).label(later.stream))
    expect(page.locator(".verdict h1")).to_have_text("This record has not changed since 3 May 2026 at 14:33")
    expect(page.locator(".verdict .complete")).to_contain_text("As of block 9000, 3 May 2026 at 14:34")
    expect(page.locator(".as-of")).to_contain_text("9000")


def test_pending_steps_are_not_counted(show: Show, open_page: Open) -> None:
    told = bag()
    returned = {"type": "returned", "occurred_at": "2026-05-09T10:00:00Z", "actor.role": "buyer"}
    told.world.await_anchor(told.order, returned)
    waiting = story(told.world, told.order)
    page = open_page(show(waiting).label(waiting.stream))
    expect(page.locator(".verdict .complete strong")).to_have_text("4 of 4 steps, nothing left out")


@pytest.mark.parametrize(
    ("language", "title", "line"),
    [
        ("en-GB", "Could not check", "a step hides a field that must be shown."),
        ("zh-CN", "无法核验", "某一步隐藏了必须显示的内容。"),
    ],
    ids=LANGUAGES,
)
def test_a_hidden_field_that_must_be_shown(show: Show, open_page: Open, language: str, title: str, line: str) -> None:
    told = bag()
    document = told.world.proof(told.order, hide=(*HIDDEN, "occurred_at"))
    proof = json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    site = show(told)
    site.proof(Answer(200, proof))
    page = open_page(site.label(told.stream), language)
    expect(page.locator(".verdict h1")).to_have_text(title)
    expect(page.locator(".verdict .complete.open")).to_contain_text(line)


def test_nothing_is_said_of_completeness_where_the_block_is_not_trusted(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    site.say("/node", Answer(503, b""))
    page = open_page(site.label(told.stream))
    expect(page.locator(".verdict h1")).to_have_text("Could not check")
    assert page.locator(".verdict .complete").count() == 0


# --- a code that was never in the log -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "title", "text"),
    [
        (
            "en-GB",
            "Unknown code: as of 3 May 2026 at 14:33, this code was never in this log",
            "The log has no order under this code.",
        ),
        (
            "zh-CN",
            "未知二维码：截至 2026年5月3日 14:33，此二维码从未出现在该日志中",
            "该日志中没有与此二维码对应的订单。",
        ),
    ],
    ids=LANGUAGES,
)
def test_an_unknown_code(show: Show, open_page: Open, language: str, title: str, text: str) -> None:
    told = bag()
    site = show(told)
    unknown(site, told, absence(told))
    page = open_page(site.label(NOBODYS.hex()), language)
    expect(page.locator(".verdict h1")).to_have_text(title)
    expect(page.locator(".verdict")).to_contain_text(text)
    found = page.locator("[data-check]").evaluate_all("all => all.map(one => [one.dataset.check, one.dataset.result])")
    names = ["format", "checkpoint", "inclusion", "anchor", "block", "absent", "dated", "fresh"]
    assert found == [[name, "VALID"] for name in names]
    assert page.locator(".limits li").count() == 1
    assert page.locator(".timeline, .order, .verdict .complete").count() == 0
    with page.expect_download() as download:
        page.locator(".keep a.button").tap()
    assert Path(download.value.path()).read_bytes() == absence(told).body
    assert site.asked[:1] == [f"/v/{TOKEN}"]
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_absence_proof_that_shows_nothing(show: Show, open_page: Open, language: str) -> None:
    told = bag()
    site = show(told)
    own = StreamId(bytes.fromhex(told.stream))
    page = open_page("about:blank", language)
    for stream, answer in (
        (own, absence(told, own)),  # the order is in the log
        (own, absence(told)),
        (NOBODYS, absence(told, map=[])),
        (NOBODYS, absence(told, leaf=None, map=["11" * 32])),
        (NOBODYS, absence(told, v=2)),
        (NOBODYS, Answer(200, told.proof)),
        (NOBODYS, Answer(200, b'{"state":"unknown_code"}')),
        (NOBODYS, Answer(404, b"{}")),
        (NOBODYS, Answer(500, absence(told).body)),
    ):
        unknown(site, told, answer)
        page.goto("about:blank")
        page.goto(site.label(stream.hex()))
        expect(page.locator(".verdict h1")).to_have_text({"en-GB": "Could not check", "zh-CN": "无法核验"}[language])
        expect(page.locator(".verdict")).to_contain_text(UNKNOWN_HERE[language])
        assert page.locator(".checks").count() == 0


def test_an_absence_that_no_node_confirms(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    unknown(site, told, absence(told))
    site.say("/node", Answer(503, b""))
    page = open_page(site.label(NOBODYS.hex()))
    expect(page.locator(".verdict h1")).to_have_text("Could not check")
    expect(page.locator(".verdict")).to_contain_text(UNKNOWN_HERE["en-GB"])
    expect(page.locator(".verdict .because")).to_contain_text("None of the chain’s nodes answered.")


def test_an_unknown_code_on_a_test_chain(show: Show, open_page: Open) -> None:
    registry = bag().policy["chain"]["registry"]
    chain = {"finality": "finalized", "id": 560_048, "name": "Development chain", "registry": registry, "test": True}
    told = bag(chain=chain)
    site = show(told)
    unknown(site, told, absence(told))
    page = open_page(site.label(NOBODYS.hex()))
    expect(page.locator(".verdict h1")).to_have_text(
        re.compile("Unknown code: as of .*, this code was never in this log")
    )
    expect(page.locator("body")).to_contain_text("on a development chain")


def test_the_stream_is_told_to_the_server_for_an_unknown_token_alone(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    asked: list[str] = []
    page: Page = open_page("about:blank")
    page.on("request", lambda request: asked.append(request.url))
    page.goto(site.label(told.stream))
    expect(page.locator(".verdict h1")).to_contain_text("has not changed")
    assert not any(told.stream in url.partition("#")[0] for url in asked)
    unknown(site, told, absence(told))
    page.goto("about:blank")
    page.goto(site.label(NOBODYS.hex()))
    expect(page.locator(".verdict h1")).to_contain_text("Unknown code")
    assert f"{site.url}/v/absence?stream={NOBODYS.hex()}" in asked
