"""The page for everybody: axe finds nothing to object to, in both languages, light and dark, open and folded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.web.conftest import ROOT, Open, Show
from tests.web.site import Answer, serve
from tests.web.stories import Story, bag, story

AXE = ROOT / "verifier_web" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def objections(page: Page) -> list[str]:
    """What axe objects to, with the element concerned."""
    page.evaluate(AXE.read_text())
    found: dict[str, Any] = page.evaluate("rules => axe.run({runOnly: rules})", RULES)
    assert len(found["passes"]) > 15
    return [
        f"{violation['id']}: {node['html'][:160]} {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def waiting() -> Story:
    told = bag()
    told.world.await_anchor(
        told.order, {"type": "returned", "occurred_at": "2026-05-09T10:00:00Z", "actor.role": "buyer"}
    )
    return story(told.world, told.order)


def on_test_chain() -> Story:
    chain = bag().policy["chain"] | {"test": True}
    return bag(chain=chain)


def altered() -> Story:
    told = bag()
    return Story(told.world, told.order, told.proof.replace(b"Atelier Lune", b"Atelier Luna"), told.policy, told.files)


STORIES = {"waiting": waiting, "test data": on_test_chain, "altered": altered}


LOOKS = [("en-GB", "light"), ("zh-CN", "dark"), ("en-GB", "dark")]


@pytest.mark.parametrize("look", LOOKS, ids="-".join)
@pytest.mark.parametrize("told", STORIES)
def test_axe_finds_nothing(show: Show, open_page: Open, told: str, look: tuple[str, str]) -> None:
    chosen = STORIES[told]()
    site = show(chosen)
    page = open_page(site.label(chosen.stream), look[0], color_scheme=look[1])
    page.locator(".checks").wait_for()
    assert objections(page) == []
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true })")
    assert objections(page) == []
    site.proof(Answer(500, b""))
    page.reload()
    page.locator(".again").wait_for()
    assert objections(page) == []


def test_axe_sees_words_that_are_too_pale(built: Path, open_page: Open) -> None:
    with serve(built) as site:
        page = open_page(site.url + "/v/")
        page.locator(".verdict").wait_for()
        page.evaluate("document.documentElement.style.setProperty('--quiet', '#c0bab0')")
        assert any(objection.startswith("color-contrast") for objection in objections(page))
