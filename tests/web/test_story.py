"""The page tells an order's story: who says what, how firmly it is recorded, what was checked, what that is worth."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import PHONE, Open, Show
from tests.web.site import Answer
from tests.web.stories import CUSTOMS, PLACED, SHIPPED, SIGNATURE, SIGNED, bag, file, story, tell

LANGUAGES = ("en-GB", "zh-CN")
TYPES = {"en-GB": ["Order placed", "Shipped", "Customs", "Signed for"], "zh-CN": ["下单", "发货", "海关", "签收"]}
TEST_CHAIN = {"finality": "finalized", "id": 560_048, "name": "Development chain", "test": True}
OPEN = "all => all.forEach(one => { one.open = true })"


def steps(page: Page) -> list[str]:
    page.locator(".timeline").wait_for()
    return page.locator(".timeline > .step h3").all_inner_texts()


@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        (
            "en-GB",
            "This record has not changed since 3 May 2026 at 14:33",
            [
                "28 April 2026 at 09:12 (UTC+08:00)",
                "Reported by Atelier Lune (brand)",
                "30 April 2026 at 07:55 (UTC+02:00)",
                "Lyon Saint-Exupéry · France",
                "Temperature",
                "18.4 °C",
                "Reported by customs, without a name",
                "Reported late",
                "Signed by 顺丰速运 SF Express",
                "Signed on the device handheld-17",
                "Signature on delivery by 王*",
                "In block 1012, ",
            ],
        ),
        (
            "zh-CN",
            "此记录自 2026年5月3日 14:33 起未被改动",
            [
                "2026年4月28日 09:12 (UTC+08:00)",
                "由 Atelier Lune（品牌方）报告",
                "2026年4月30日 07:55 (UTC+02:00)",
                "Lyon Saint-Exupéry · 法国",
                "温度",
                "18.4 °C",
                "由 海关 报告（未署名）",
                "补报",
                "由 顺丰速运 SF Express 电子签名",
                "在设备 handheld-17 上签收",
                "王* 的签收签名",
                "位于区块 1012，",
            ],
        ),
    ],
    ids=LANGUAGES,
)
def test_from_placed_to_signed(show: Show, open_page: Open, language: str, title: str, words: list[str]) -> None:
    told = bag()
    site = show(told)
    page = open_page(site.label(told.stream), language)
    expect(page.locator(".verdict h1")).to_have_text(title)
    assert steps(page) == TYPES[language]
    for said in words:
        expect(page.locator(".timeline")).to_contain_text(said)
    for said in ("手工缝制手提包", "AL-RV-004127", "Atelier Lune 月庐", "ME-2026-000417", "王*"):
        expect(page.locator(".order")).to_contain_text(said)
    signature = page.locator(".signature img")
    expect(signature).to_be_visible()
    assert signature.evaluate("image => image.naturalWidth") > 50
    assert page.locator("[data-check]").count() == 14
    assert page.locator("[data-result=INVALID]").count() == 0
    assert page.locator(".limits li").count() == 3
    expect(page.locator(".as-of")).to_contain_text("0x" + told.world.anchors[-1].block.hash.hex())
    assert page.locator(".test-banner").count() == 0


def test_private_fields_are_listed_as_hidden_and_never_shown(show: Show, open_page: Open) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream))
    page.locator(".timeline").wait_for()
    page.locator(".step").last.locator("summary").tap()
    expect(page.locator(".step").last.locator(".hidden-fields li")).to_have_text(
        ["recipient: name", "recipient: phone"]
    )
    expect(page.locator(".step").last).to_contain_text("SF1390024681357")
    text = page.locator("body").inner_text()
    assert "王芳" not in text
    assert "13900000000" not in text


def test_proof_is_kept_as_it_arrived(show: Show, open_page: Open) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download the proof").tap()
    assert download.value.suggested_filename == f"sealtrail-{told.stream[:16]}.proof.json"
    assert Path(download.value.path()).read_bytes() == told.proof


@pytest.mark.parametrize(("language", "copied"), [("en-GB", "Copied"), ("zh-CN", "已复制")], ids=LANGUAGES)
def test_block_hash_is_selected_and_copied_over_plain_http(
    show: Show, open_page: Open, language: str, copied: str
) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream), language)
    row = page.locator(".as-of .copyable").nth(1)
    row.get_by_role("button").tap()
    assert page.evaluate("isSecureContext") is False
    assert page.evaluate("getSelection().toString()") == "0x" + told.world.anchors[-1].block.hash.hex()
    expect(row.get_by_role("status")).to_have_text(copied)


@pytest.mark.parametrize(
    ("language", "title", "banner"),
    [("en-GB", "Test data", "on a development chain"), ("zh-CN", "测试数据", "位于开发链")],
    ids=LANGUAGES,
)
def test_development_chain_is_test_data(show: Show, open_page: Open, language: str, title: str, banner: str) -> None:
    registry = bag().policy["chain"]["registry"]
    told = bag(chain=TEST_CHAIN | {"registry": registry}, rpc=[{"operator": True, "url": "/node"}])
    page = open_page(show(told).label(told.stream), language)
    expect(page.locator(".verdict h1")).to_have_text(title)
    expect(page.locator(".test-banner")).to_contain_text(banner)
    assert len(steps(page)) == 4
    assert page.locator("[data-check=block]").get_attribute("data-result") == "VALID"


@pytest.mark.parametrize(
    ("language", "title", "note"),
    [
        ("en-GB", "This record has not changed since", "The newest step is recorded, but not anchored yet."),
        ("zh-CN", "此记录自", "最新一步已记录，但尚未上链。"),
    ],
    ids=LANGUAGES,
)
def test_newest_step_that_waits_for_its_anchor(
    show: Show, open_page: Open, language: str, title: str, note: str
) -> None:
    told = bag()
    told.world.await_anchor(
        told.order, {"type": "returned", "occurred_at": "2026-05-09T10:00:00Z", "actor.role": "buyer"}
    )
    waiting = story(told.world, told.order)
    page = open_page(show(waiting).label(waiting.stream), language)
    expect(page.locator(".verdict h1")).to_contain_text(title)
    expect(page.locator(".verdict")).to_contain_text(note)
    assert page.locator(".step.pending").count() == 1
    assert page.locator(".step.anchored").count() == 4


@pytest.mark.parametrize(
    ("kind", "language", "status"),
    [("recalled", "en-GB", "Recalled"), ("disputed", "zh-CN", "有争议"), ("cancelled", "en-GB", "Cancelled")],
)
def test_withdrawn(show: Show, open_page: Open, kind: str, language: str, status: str) -> None:
    told = tell(PLACED, SHIPPED, {"type": kind, "occurred_at": "2026-05-09T10:00:00Z", "actor.role": "brand"})
    page = open_page(show(told).label(told.stream), language)
    expect(page.locator(".verdict h1")).to_have_text(
        {"en-GB": "This order was withdrawn", "zh-CN": "此订单已被撤下"}[language]
    )
    expect(page.locator(".verdict .lifecycle")).to_contain_text(status)


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_wider_than_the_screen(show: Show, open_page: Open, language: str) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream), language)
    steps(page)
    page.locator("details").evaluate_all(OPEN)
    for width in (320, 360, 414, 600, 768, 1024, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_what_is_touched_is_large_enough(show: Show, open_page: Open) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream))
    steps(page)
    touched = page.locator("button, a.button, summary")
    heights = touched.evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert len(heights) > 20
    assert min(height for height in heights if height > 0) >= 44


def test_the_keyboard_reaches_everything(show: Show, open_page: Open) -> None:
    told = bag()
    page = open_page(show(told).label(told.stream))
    steps(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the result")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "result"
    assert page.evaluate("location.hash") == f"#{told.stream}"
    page.locator(".check").nth(4).locator("summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".check").nth(4).locator(".means")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_less_motion_and_the_dark(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    page = open_page(site.label(told.stream), color_scheme="dark", reduced_motion="reduce")
    steps(page)
    dark = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    light = open_page(site.label(told.stream), color_scheme="light").evaluate(
        "getComputedStyle(document.documentElement).backgroundColor"
    )
    assert dark != light
    assert page.evaluate("document.getAnimations().length") == 0


# --- hostile words ----------------------------------------------------------------------------------------------------

MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>{{7*7}}"
HOSTILE = [
    MARKUP,
    "\u202egnp.exe\u202c verified \u2066hidden\u2069",
    "javascript:document.title='owned'",
    "A" * 5_000,
    "\u0000\u0007\u009f\u200b\ufeff",
    "ﷺ" * 300 + "Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A" * 50,
    "{name} {date} {reason}",
    "__proto__",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:24])
@pytest.mark.parametrize("language", LANGUAGES)
def test_reported_words_stay_words(show: Show, open_page: Open, text: str, language: str) -> None:
    reported = {
        "actor.name": text,
        "actor.reference": text,
        "location.name": text,
        "location.country": text[:8],
        "device": text,
        "note": text,
        "recipient.masked": text,
        "data": {"x": text, "__proto__": [text]},
        "erased": [text],
        "items": [{"name": text, "gtin": text, "serial": text, "lot": text, "quantity": text, "unit": text}],
        "sensor": [{"kind": text, "value": text, "unit": text, "time": text}],
        "attachments": [
            {"sha256": "00" * 32, "size": 1, "media_type": text, "role": text, "name": text},
            {"sha256": text, "size": text, "media_type": 1, "role": None, "name": []},
        ],
    }
    told = tell(PLACED | reported, SHIPPED | {"items": text, "sensor": [[text]], "attachments": {"sha256": 1}}, CUSTOMS)
    page = open_page(show(told).label(told.stream), language)
    assert len(steps(page)) == 3
    page.locator("details").evaluate_all(OPEN)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert "owned" not in page.title()
    assert page.locator(".step img, .step script, .order img").count() == 0
    shown = page.locator(".order").inner_text()
    assert not any(character in shown for character in "\u202e\u2066\u0007\u200b\ufeff")
    if "\u202e" in text:
        assert "U+202E" in shown
    if text == MARKUP:
        assert MARKUP in shown


def test_a_picture_that_can_hold_a_program_is_not_shown(show: Show, open_page: Open) -> None:
    drawing = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    page_file = b"<html><script>alert(1)</script></html>"
    told = tell(
        PLACED,
        SIGNED
        | {
            "attachments": [
                file(drawing, "signature", "image/svg+xml", "signature.svg"),
                file(page_file, "document", "text/html", "../../invoice\u202e.html"),
                file(drawing, "photo", "image/png", "not-a-picture.png"),
            ]
        },
        files=(drawing, page_file),
    )
    page = open_page(show(told).label(told.stream))
    expect(page.locator(".verdict h1")).to_contain_text("has not changed")
    assert page.locator(".file img").count() == 1  # bytes that claim to be a PNG: the browser draws nothing
    assert page.locator(".file img").evaluate("image => image.naturalWidth") == 0
    with page.expect_download() as download:
        page.locator(".file a[download]").last.tap()
    assert download.value.suggested_filename.endswith("invoice[U+202E].html")
    assert Path(download.value.path()).read_bytes() == page_file


# --- a server that lies -----------------------------------------------------------------------------------------------


def test_a_changed_file_is_not_shown(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    site.attachment(sha256(SIGNATURE).hexdigest(), Answer(200, SIGNATURE[:-1] + b"\x00", "image/png"))
    page = open_page(site.label(told.stream))
    expect(page.locator(".verdict h1")).to_have_text("This record was altered")
    expect(page.locator(".verdict .because")).to_contain_text("A file that was sent is not the recorded one")
    assert page.locator("img").count() == 0


def test_a_file_that_does_not_come_is_said_to_be_missing(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    site.attachment(sha256(SIGNATURE).hexdigest(), Answer(500, b""))
    page = open_page(site.label(told.stream))
    expect(page.locator(".step").last).to_contain_text("The file could not be fetched")
    assert page.locator("img").count() == 0


def test_no_node_answers(show: Show, open_page: Open) -> None:
    told = bag()
    site = show(told)
    site.say("/node", Answer(503, b""))
    page = open_page(site.label(told.stream))
    expect(page.locator(".verdict h1")).to_have_text("Could not check")
    expect(page.locator(".verdict .because")).to_contain_text("None of the chain’s nodes answered.")
    page.locator(".sent > summary").tap()
    expect(page.locator(".sent .recorded").first).to_contain_text("Said to be in block 1000")
    told.put(site)
    page.get_by_role("button", name="Check again").tap()
    expect(page.locator(".verdict h1")).to_contain_text("has not changed")
