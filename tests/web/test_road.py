"""From placed to signed, through the whole service, in a phone's browser: on the embedded chain and on anvil.

On anvil the page and its policy are honest, and each other answer of the server is a lie in turn: never verified.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from tests.anvil import run_anvil
from tests.web.conftest import Open
from tests.web.road import BRAND, Road, road

LANGUAGES = ("en-GB", "zh-CN")
LAST = {"en-GB": "Signed for", "zh-CN": "签收"}
FIRST = {"en-GB": "Order placed", "zh-CN": "下单"}
GOOD = re.compile("has not changed|未被改动")
ALTERED = "This record was altered"
COULD_NOT = "Could not check"
Roads = Callable[[str], Road]


@pytest.fixture(scope="module")
def roads(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Roads]:
    """The service on either chain, started when first asked for."""
    running: dict[str, Road] = {}
    with ExitStack() as stack:

        def get(chain: str) -> Road:
            if chain not in running:
                anvil = stack.enter_context(run_anvil(31337, "--block-time", "1")) if chain == "anvil" else None
                running[chain] = stack.enter_context(road(tmp_path_factory.mktemp(chain) / "data", built, anvil))
            return running[chain]

        yield get


def tells_the_story(page: Page, road: Road, name: str, language: str) -> None:
    sample = road.samples[name]
    events = json.loads(sample.body)
    page.locator(".timeline").wait_for()
    titles = page.locator(".step h3").all_inner_texts()
    assert (len(titles), titles[0], titles[-1]) == (sample.events, FIRST[language], LAST[language])
    expect(page.locator(".order")).to_contain_text(sample.title)
    expect(page.locator(".order")).to_contain_text(sample.order_id)
    expect(page.locator(".order")).to_contain_text(BRAND)
    for at, event in enumerate(events):
        if "name" in event["actor"]:
            expect(page.locator(".step").nth(at)).to_contain_text(event["actor"]["name"])
    assert page.locator(".signature img").evaluate("image => image.naturalWidth") > 100
    assert page.locator("[data-result=INVALID]").count() == 0
    body = page.locator("body").inner_text()
    recipient = events[-1]["parties"]["recipient"]
    assert recipient["name"] not in body


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["rice", "bag", "medicine"])
def test_the_embedded_chain_gives_test_data(roads: Roads, open_page: Open, name: str, language: str) -> None:
    road = roads("embedded")
    page = open_page(road.link(name), language)
    expect(page.locator(".verdict h1")).to_have_text({"en-GB": "Test data", "zh-CN": "测试数据"}[language])
    expect(page.locator(".test-banner")).to_be_visible()
    tells_the_story(page, road, name, language)
    assert page.locator("[data-check=block]").get_attribute("data-result") == "VALID"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["rice", "bag", "medicine"])
def test_a_chain_of_others_gives_verified(roads: Roads, open_page: Open, name: str, language: str) -> None:
    road = roads("anvil")
    page = open_page(road.link(name), language)
    expect(page.locator(".verdict h1")).to_have_text(GOOD)
    assert page.locator(".test-banner").count() == 0
    tells_the_story(page, road, name, language)
    assert road.service.policy().rpc[0].url.startswith("http://node.test:")


# --- with the RPC gone ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_with_the_rpc_gone(roads: Roads, built: Path, open_page: Open, language: str) -> None:
    road = roads("anvil")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]  # bound and never listening: connections are refused
        road.bake(built, rpc=[{"operator": False, "url": f"http://node.test:{port}"}])
        try:
            page = open_page(road.link("bag"), language)
            expect(page.locator(".verdict h1")).to_have_text({"en-GB": COULD_NOT, "zh-CN": "无法核验"}[language])
            expect(page.locator("[data-check=block]")).to_have_attribute("data-result", "UNKNOWN")
            assert page.locator("[data-result=INVALID]").count() == 0
        finally:
            road.bake(built)


def test_with_an_rpc_that_the_operator_runs(roads: Roads, built: Path, open_page: Open) -> None:
    road = roads("anvil")
    (node,) = road.service.policy().rpc
    road.bake(built, rpc=[{"operator": True, "url": node.url}])
    try:
        page = open_page(road.link("bag"))
        expect(page.locator(".verdict h1")).to_have_text(COULD_NOT)
        expect(page.locator(".because")).to_contain_text("Only nodes of the record’s own operator answered")
    finally:
        road.bake(built)


# --- a server that lies -----------------------------------------------------------------------------------------------

Lie = Callable[[bytes], bytes]


def edited(edit: Callable[[Any], Any]) -> Lie:
    """A proof as a careful liar writes it: canonical again after the edit."""

    def lie(proof: bytes) -> bytes:
        document = json.loads(proof)
        edit(document)
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    return lie


def reported(document: Any, event: int, name: str, value: str) -> None:
    """Put another value into a disclosure, salt and all kept."""
    disclosed = document["events"][event]["disclosed"]
    for at, text in enumerate(disclosed):
        salt, field, _ = json.loads(text)
        if field == name:
            disclosed[at] = json.dumps([salt, field, value], ensure_ascii=False, separators=(",", ":"))
            return
    raise AssertionError(name)


def renumbered(document: Any) -> None:
    """Leave out the second event and number the rest as if it had never been."""
    del document["events"][1]
    for at, event in enumerate(document["events"]):
        event["entry"] = re.sub(r'"seq":\d+', f'"seq":{at + 1}', event["entry"])


def hidden_type(document: Any) -> None:
    """Hide what a step was, under the digest of nothing in particular."""
    event = document["events"][2]
    event["disclosed"] = [text for text in event["disclosed"] if json.loads(text)[1] != "type"]
    event["hidden"]["type"] = "00" * 32


def without_tail(document: Any) -> None:
    """Leave the newest step out, and the anchors that it alone needed."""
    document["events"].pop()
    used = {event["anchor"] for event in document["events"]} | {len(document["anchors"]) - 1}
    document["anchors"] = [anchor for at, anchor in enumerate(document["anchors"]) if at in used]


def other_order_id(document: Any) -> None:
    document["stream"]["order_id"] += "-2"


def other_root(document: Any) -> None:
    checkpoint = document["anchors"][-1]["checkpoint"].split("\n")
    checkpoint[2] = "A" * 43 + "="
    document["anchors"][-1]["checkpoint"] = "\n".join(checkpoint)


def other_block(document: Any) -> None:
    """A header of the same shape with another time: another block hash."""
    block = document["anchors"][-1]["block"]
    block["header"] = block["header"][:-2] + ("00" if block["header"][-2:] != "00" else "01")


def swapped_steps(document: Any) -> None:
    document["events"][1]["disclosed"], document["events"][2]["disclosed"] = (
        document["events"][2]["disclosed"],
        document["events"][1]["disclosed"],
    )


LIES: dict[str, tuple[str, Lie]] = {
    "the first step left out": (ALTERED, edited(lambda document: document["events"].pop(0))),
    "a middle step left out": (ALTERED, edited(lambda document: document["events"].pop(2))),
    "a middle step left out and the rest renumbered": (ALTERED, edited(renumbered)),
    "the newest step left out": (ALTERED, edited(without_tail)),
    "a step told twice": (COULD_NOT, edited(lambda document: document["events"].insert(1, document["events"][1]))),
    "two steps exchanged": (ALTERED, edited(swapped_steps)),
    "another name": (ALTERED, edited(lambda document: reported(document, 0, "actor.name", "Somebody Else"))),
    "another time": (ALTERED, edited(lambda document: reported(document, -1, "occurred_at", "2026-05-01T10:00:00Z"))),
    "another type": (ALTERED, edited(lambda document: reported(document, -1, "type", "delivered"))),
    "a hidden type": (ALTERED, edited(hidden_type)),
    "another order number": (ALTERED, edited(other_order_id)),
    "another root": (ALTERED, edited(other_root)),
    "another block": (ALTERED, edited(other_block)),
    "one more member": (COULD_NOT, edited(lambda document: document.update(verdict="verified"))),
    "version 0": (COULD_NOT, edited(lambda document: document.update(v=0))),
    "a later version": (COULD_NOT, edited(lambda document: document.update(v=2))),
    "one more space": (COULD_NOT, lambda proof: proof + b" "),
    "half of it": (COULD_NOT, lambda proof: proof[: len(proof) // 2]),
    "nothing": (COULD_NOT, lambda _: b""),
    "garbage": (COULD_NOT, lambda proof: bytes(byte ^ 0x55 for byte in proof)),
    "a claim": (COULD_NOT, lambda _: b'{"state":"verified","checks":[]}'),
}


def ask(route: Route) -> httpx2.Response:
    """Ask in the browser's place: it alone knows the hosts' names."""
    request = route.request
    url = re.sub(r"^http://[a-z]+\.test:", "http://127.0.0.1:", request.url)
    headers = {"content-type": request.headers.get("content-type", ""), "origin": "http://sealtrail.test"}
    return httpx2.request(request.method, url, headers=headers, content=request.post_data_buffer, trust_env=False)


def answer(route: Route, asked: httpx2.Response, body: bytes, status: int | None = None) -> None:
    kept = ("content-type", "access-control-allow-origin")
    headers = {name: asked.headers[name] for name in kept if name in asked.headers}
    route.fulfill(status=status or asked.status_code, headers=headers, body=body)


def lie_about(page: Page, path: str, lie: Lie, status: int | None = None) -> None:
    """Change every answer to requests whose path matches, on its way."""

    def altered(route: Route) -> None:
        asked = ask(route)
        assert asked.status_code == 200
        answer(route, asked, lie(asked.content), status)

    page.route(re.compile(path), altered)


@pytest.mark.parametrize("name", LIES)
def test_a_proof_that_lies(roads: Roads, open_page: Open, name: str) -> None:
    title, lie = LIES[name]
    page = open_page("about:blank")
    lie_about(page, r"/proof$", lie)
    page.goto(roads("anvil").link("bag"))
    expect(page.locator(".verdict h1")).to_have_text(title)
    assert page.locator(".sheet:not(.unproven) .timeline").count() == 0


def test_the_proof_of_another_order(roads: Roads, open_page: Open) -> None:
    road = roads("anvil")
    page = open_page("about:blank")
    token, _ = road.labels["rice"]
    own, _ = road.labels["bag"]
    page.route(re.compile(r"/v1/labels/"), lambda route: route.continue_(url=route.request.url.replace(own, token)))
    page.goto(road.link("bag"))
    expect(page.locator(".verdict h1")).to_have_text(ALTERED)
    expect(page.locator(".because")).to_contain_text("but of another order than the code names")


@pytest.mark.parametrize("status", [202, 204, 302, 404, 500])
def test_an_honest_proof_under_another_status(roads: Roads, open_page: Open, status: int) -> None:
    page = open_page("about:blank")
    lie_about(page, r"/proof$", lambda proof: proof, status)
    page.goto(roads("anvil").link("bag"))
    expect(page.locator(".verdict h1")).to_contain_text(COULD_NOT)


@pytest.mark.parametrize(
    "lie",
    [lambda file: file[:-1], lambda file: file + b"\x00", lambda _: b"", lambda _: b"<html>log in</html>"],
    ids=["shorter", "longer", "empty", "other"],
)
def test_a_signature_image_that_lies(roads: Roads, open_page: Open, lie: Lie) -> None:
    page = open_page("about:blank")
    lie_about(page, r"/attachments/", lie)
    page.goto(roads("anvil").link("bag"))
    expect(page.locator(".verdict h1")).to_have_text(ALTERED)
    assert page.locator("img").count() == 0


@pytest.mark.parametrize("keep_anchors", [True, False])
def test_a_tail_left_out(roads: Roads, open_page: Open, keep_anchors: bool) -> None:
    def without_last(document: Any) -> None:
        document["events"].pop()
        used = {event["anchor"] for event in document["events"]}
        if not keep_anchors:
            document["anchors"] = [anchor for at, anchor in enumerate(document["anchors"]) if at in used]

    page = open_page("about:blank")
    lie_about(page, r"/proof$", edited(without_last))
    page.goto(roads("anvil").link("bag"))
    expect(page.locator(".verdict h1")).to_have_text(ALTERED)
    expect(page.locator("[data-check=complete]")).to_have_attribute("data-result", "INVALID")
    expect(page.locator(".because")).to_contain_text("The log holds other steps of this order than those shown.")
    assert page.locator(".verdict .complete").count() == 0


def test_what_is_whole_is_said_to_be(roads: Roads, open_page: Open) -> None:
    page = open_page(roads("anvil").link("bag"))
    expect(page.locator("[data-check=complete]")).to_have_attribute("data-result", "VALID")
    expect(page.locator(".verdict .complete")).to_contain_text("nothing left out")


# --- nodes that lie ---------------------------------------------------------------------------------------------------


Altered = Callable[[Route], None]


def rpc(method: str, change: Callable[[Any], Any], when: Callable[[Any], bool] = lambda _: True) -> Altered:
    """Change the results of one method."""

    def altered(route: Route) -> None:
        call = json.loads(route.request.post_data or "{}")
        asked = ask(route)
        document = asked.json()
        if call["method"] == method and when(call["params"]):
            document["result"] = change(document["result"])
        answer(route, asked, json.dumps(document).encode())

    return altered


def by_number(params: Any) -> bool:
    return str(params[0]).startswith("0x")


NODE_LIES = {
    "another chain": (COULD_NOT, rpc("eth_chainId", lambda _: "0x1")),
    "no chain": (COULD_NOT, rpc("eth_chainId", lambda _: None)),
    "nothing final": (COULD_NOT, rpc("eth_blockNumber", lambda _: "0x1")),
    "no such block": (COULD_NOT, rpc("eth_getBlockByNumber", lambda _: None, by_number)),
    "another block": (
        ALTERED,
        rpc("eth_getBlockByNumber", lambda block: block | {"hash": "0x" + "ab" * 32}, by_number),
    ),
    "garbage": (COULD_NOT, rpc("eth_getBlockByNumber", lambda _: {"hash": "verified"}, by_number)),
    "another head": (ALTERED, rpc("eth_call", lambda head: head[:-8] + "deadbeef")),
}


# The medicine's order is the newest, so that its last anchor is the registry's head.
@pytest.mark.parametrize("name", NODE_LIES)
def test_a_node_that_lies(roads: Roads, open_page: Open, name: str) -> None:
    title, altered = NODE_LIES[name]
    page = open_page("about:blank")
    page.route(re.compile(r"^http://node\.test:"), altered)
    page.goto(roads("anvil").link("medicine"))
    expect(page.locator(".verdict h1")).to_have_text(title)


@pytest.mark.parametrize("name", [name for name in NODE_LIES if name != "nothing final"])
def test_the_embedded_chain_s_rpc_that_lies(roads: Roads, open_page: Open, name: str) -> None:
    title, altered = NODE_LIES[name]
    page = open_page("about:blank")
    page.route(re.compile(r"/rpc$"), altered)
    page.goto(roads("embedded").link("medicine"))
    expect(page.locator(".verdict h1")).to_have_text(title)
