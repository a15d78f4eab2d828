"""The examples of openapi.json run as they are written, and every route says what it answers."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest

from anchor_service.api import examples
from anchor_service.protocol.model import draft_event


@pytest.fixture(scope="module")
def spec(http: httpx2.Client) -> dict[str, Any]:
    document: dict[str, Any] = http.get("/openapi.json").json()
    return document


def operations(spec: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(method, path, said) for path, methods in spec["paths"].items() for method, said in methods.items()]


def test_every_route_says_what_it_does_answers_and_needs(spec: dict[str, Any]) -> None:
    for method, path, said in operations(spec):
        assert said["description"], path
        assert any(status < "4" for status in said["responses"]), path
        assert said["tags"], path
        keyed = path.startswith(("/v1/", "/tile/entries/")) and not path.startswith("/v1/labels/")
        assert ("security" in said) is keyed, (method, path)


def test_every_example_of_a_request_runs(spec: dict[str, Any], http: httpx2.Client) -> None:
    run = 0
    for method, path, said in operations(spec):
        for media_type, body in said.get("requestBody", {}).get("content", {}).items():
            for name, example in body.get("examples", {}).items():
                value = example["value"]
                content = value if isinstance(value, str) else json.dumps(value)
                answer = http.request(method, path, content=content, headers={"Content-Type": media_type})
                assert answer.is_success, (path, name, answer.text)
                assert answer.status_code != 207, answer.text
                assert str(answer.status_code) in said["responses"]
                run += 1
    assert run == 5


def test_the_example_order_is_there_once_the_examples_ran(
    spec: dict[str, Any], http: httpx2.Client, world: Any
) -> None:
    test_every_example_of_a_request_runs(spec, http)
    assert world.service.settle(60)
    (example,) = spec["paths"]["/v1/orders/{order_id}"]["get"]["parameters"][0]["examples"].values()
    order = http.get(f"/v1/orders/{example['value']}").json()
    assert [event["fields"]["type"] for event in order["events"]] == ["placed", "shipped", "signed"]
    assert order["lifecycle"] == "signed"


def test_the_event_schema_names_what_the_model_takes(spec: dict[str, Any]) -> None:
    schema = spec["components"]["schemas"]["Event"]["properties"]
    for name in schema:
        with pytest.raises(Exception, match=r"^(?!.*not a member of the event model)"):
            draft_event({name: None})
    with pytest.raises(Exception, match="not a member of the event model"):
        draft_event({"tenant": "x"})
    for event in (examples.PLACED, examples.SHIPPED, examples.SIGNED):
        assert event.keys() <= schema.keys()


def test_the_docs_page_shows_every_route_and_loads_nothing(spec: dict[str, Any], http: httpx2.Client) -> None:
    page = http.get("/docs").text
    for path in spec["paths"]:
        assert f"{path}</h3>" in page
    assert re.findall(r"<script|<link|<img|src=|@import|url\(", page) == []
    assert http.get("/").headers["location"] == "/docs"
