"""A real Chromium, phone-sized, over plain HTTP on a name that is not localhost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from anchor_service.services.page import bake
from tests.web.site import Site, serve
from tests.web.stories import Story

ROOT = Path(__file__).resolve().parents[2]
BUILT = ROOT / "anchor_service" / "page"
PHONE = {"width": 360, "height": 740}

# What Chromium would otherwise ask of the world outside, or refuse to run as root.
_FLAGS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP *.test 127.0.0.1",
)

Open = Callable[..., Page]
Show = Callable[[Story], Site]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prebuilt page, without a policy: a copy, so that a build during the tests does no harm."""
    assert (BUILT / "index.html").exists(), "the page is not built: scripts/test setup"
    return Path(shutil.copytree(BUILT, tmp_path_factory.mktemp("built") / "page"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = os.environ.get("SEALTRAIL_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    assert program is not None, "no Chromium or Chrome: install one, or name it in SEALTRAIL_CHROMIUM"
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=program, args=_FLAGS) as browser:
        yield browser


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a link on a phone in a language; fails at the end where the page threw an error or broke its own rules."""
    contexts = []
    faults: list[str] = []

    def open_(link: str, language: str = "en-GB", **options: object) -> Page:
        phone = {"viewport": PHONE, "is_mobile": True, "has_touch": True, "device_scale_factor": 2}
        context = browser.new_context(**(phone | {"locale": language, "timezone_id": "Asia/Shanghai"} | options))  # type: ignore[arg-type]
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on(
            "console",
            lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None,
        )
        page.goto(link)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def bare_site(built: Path) -> Iterator[Site]:
    """The page as built, into which no policy was baked."""
    with serve(built) as site:
        yield site


@pytest.fixture
def show(built: Path, tmp_path: Path) -> Iterator[Show]:
    """Put a story behind a label, with its own policy in the page."""
    with ExitStack() as stack:

        def show_(told: Story) -> Site:
            bake(built, json.dumps(told.policy).encode(), tmp_path / "page")
            site = stack.enter_context(serve(tmp_path / "page"))
            told.put(site)
            return site

        yield show_
