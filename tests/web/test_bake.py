"""`sealtrail page`: the prebuilt page with a policy in it, written so that readers never see half of it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.policy import parse_policy
from anchor_service.services.page import bake, bake_html
from tests.web.policies import some_policy


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A page as the build leaves it."""
    source = tmp_path / "source"
    (source / "assets").mkdir(parents=True)
    (source / "assets" / "index-1.js").write_text("start()")
    (source / "index.html").write_text(
        '<head><meta http-equiv="Content-Security-Policy" content="'
        "default-src 'none'; connect-src 'self'; base-uri 'none'\">"
        '<script type="application/json" id="policy"></script></head>'
    )
    return source


def baked_policy(html: bytes) -> bytes:
    found = re.search(rb'<script type="application/json" id="policy">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_policy_is_in_the_page_and_means_the_same(source: Path, tmp_path: Path) -> None:
    policy = some_policy(tenants={"demo": "</script><script>alert(1)</script><!--"})
    bake(source, policy, tmp_path / "out")
    html = (tmp_path / "out" / "index.html").read_bytes()
    assert html.count(b"</script>") == 1
    assert b"<!--" not in html
    assert parse_policy(baked_policy(html)) == parse_policy(policy)
    assert (tmp_path / "out" / "assets" / "index-1.js").read_text() == "start()"


def test_the_built_page_takes_a_policy(built: Path, tmp_path: Path) -> None:
    bake(built, some_policy(), tmp_path / "out")
    assert baked_policy((tmp_path / "out" / "index.html").read_bytes()) == some_policy()


def test_only_the_nodes_of_the_policy_may_be_asked(source: Path) -> None:
    urls = [
        "/rpc",
        "http://node.example:8545/key",
        "https://other.example",
        "http://node.example:8545/2",
        "http://10.0.0.7",
    ]
    html = bake_html(
        (source / "index.html").read_bytes(), some_policy(rpc=[{"operator": False, "url": url} for url in urls])
    )
    found = re.search(rb"connect-src ([^;]*);", html)
    assert found is not None
    assert found[1] == b"'self' http://node.example:8545 https://other.example http://10.0.0.7"


@pytest.mark.parametrize(
    "url",
    [
        "http://x;script-src",
        "http://x'unsafe-inline'",
        'http://x">',
        "http://user@x",
        "http://[::1]:8545",
        "http://*",
        "http:///x",
        "http://x:99999999",
        "http://node.example,other",
    ],
)
def test_a_node_that_no_content_security_policy_can_name(source: Path, url: str) -> None:
    with pytest.raises(Malformed):
        bake_html((source / "index.html").read_bytes(), some_policy(rpc=[{"operator": False, "url": url}]))


@pytest.mark.parametrize("policy", [b"", b"{}", some_policy(v=0), some_policy(log_keys=[]), b"\xff" + some_policy()])
def test_a_malformed_policy_is_refused_and_the_old_page_stays(source: Path, tmp_path: Path, policy: bytes) -> None:
    bake(source, some_policy(), tmp_path / "out")
    before = (tmp_path / "out" / "index.html").read_bytes()
    with pytest.raises(Malformed):
        bake(source, policy, tmp_path / "out")
    assert (tmp_path / "out" / "index.html").read_bytes() == before


def test_baking_again_replaces_the_page_and_its_old_assets(source: Path, tmp_path: Path) -> None:
    bake(source, some_policy(), tmp_path / "out")
    (source / "assets" / "index-1.js").rename(source / "assets" / "index-2.js")
    bake(source, some_policy(max_age=60), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == ["assets", "index-2.js", "index.html"]
    assert json.loads(baked_policy((tmp_path / "out" / "index.html").read_bytes()))["max_age"] == 60


@pytest.mark.parametrize("index", [b"", b"<head></head>"])
def test_what_is_no_page_of_ours_is_refused(index: bytes) -> None:
    with pytest.raises(SealtrailError, match="no place for a policy"):
        bake_html(index, some_policy())


def test_a_page_that_was_not_built(tmp_path: Path) -> None:
    with pytest.raises(SealtrailError, match="has not been built"):
        bake(tmp_path, some_policy(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
