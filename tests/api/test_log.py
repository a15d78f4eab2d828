"""The log in public: checkpoint, tiles, the chain; and for tenants: batches, anchors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from anchor_service.api.app import create_app
from anchor_service.api.rpc import MAX_BODY, MAX_CALLS
from anchor_service.api.server import HttpServer
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.evidence import verify_anchored
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.note import verify_note
from anchor_service.protocol.policy import print_policy
from anchor_service.protocol.proof import parse_anchor
from anchor_service.protocol.tiles import WIDTH, bundle_path, parse_entries, root, tile_path
from anchor_service.verifier.audit import main as audit

Make = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def filled(world: Any) -> httpx2.Client:
    """More than one full tile of events, sealed and anchored; a client without a key."""
    events = [
        {
            "event_id": f"t-{number}",
            "order_id": f"T-{number % 7}",
            "type": "placed",
            "occurred_at": "2026-05-01T09:30:00Z",
            "actor": {"role": "brand"},
        }
        for number in range(300)
    ]
    assert world.client().post("/v1/events", json=events).json()["accepted"] == 300
    assert world.service.settle(60)
    client: httpx2.Client = world.client("acme", "none")
    return client


def test_the_checkpoint_is_the_logs_and_its_tiles_lead_to_its_root(world: Any, filled: httpx2.Client) -> None:
    answer = filled.get("/checkpoint")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    checkpoint = parse_checkpoint(answer.text)
    policy = world.service.policy()
    verify_note(checkpoint.note, policy.log_keys[0].key)

    class Served:
        def tile(self, level: int, index: int) -> bytes:
            width = min(WIDTH, (checkpoint.size >> (8 * level)) - index * WIDTH)
            answer = filled.get(f"/{tile_path(level, index, width)}")
            assert answer.status_code == 200
            assert len(answer.content) == width * 32
            return answer.content

    assert root(checkpoint.size, Served()) == checkpoint.root


def test_nothing_beyond_the_checkpoint_is_served(filled: httpx2.Client) -> None:
    size = parse_checkpoint(filled.get("/checkpoint").text).size
    index, held = divmod(size, WIDTH)
    assert filled.get(f"/{tile_path(0, index, held)}").status_code == 200
    beyond = filled.get(f"/{tile_path(0, index, held + 1)}")
    assert (beyond.status_code, beyond.json()["code"]) == (404, "tile_unknown")
    assert filled.get(f"/{tile_path(0, index)}").status_code == 404
    assert filled.get(f"/{tile_path(0, index + 1, 1)}").status_code == 404


@pytest.mark.parametrize("path", ["0/x000/000", "00/000", "0/0", "0/000.p/256", "0/000.p/01", "-1/000", "0/000/"])
def test_a_tile_has_one_path_only(filled: httpx2.Client, path: str) -> None:
    assert filled.get("/tile/0/000").status_code == 200
    assert filled.get(f"/tile/{path}").status_code == 404


def test_entry_bundles_are_the_leaves_of_their_tiles(world: Any, filled: httpx2.Client) -> None:
    size = parse_checkpoint(filled.get("/checkpoint").text).size
    auditor = world.client("acme", "audit")
    for index in range((size + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - index * WIDTH)
        answer = auditor.get(f"/{bundle_path(index, width)}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/octet-stream")
        assert answer.headers["cache-control"].startswith("private")
        leaves = [leaf_hash(entry) for entry in parse_entries(answer.content, width)]
        assert b"".join(leaves) == filled.get(f"/{tile_path(0, index, width)}").content
        again = auditor.get(f"/{bundle_path(index, width)}", headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    index, held = divmod(size, WIDTH)
    for beyond in (bundle_path(index, held + 1), bundle_path(index), bundle_path(index + 1, 1), "tile/entries/0"):
        refused = auditor.get(f"/{beyond}")
        assert (refused.status_code, refused.json()["code"]) == (404, "tile_unknown")


@pytest.mark.parametrize("path", ["x000/000", "0", "000.p/256", "000.p/01", "000.p/0", "-1", "000/", "entries/000", ""])
def test_an_entry_bundle_has_one_path_only(world: Any, filled: httpx2.Client, path: str) -> None:
    del filled
    assert world.client("acme", "audit").get(f"/tile/entries/{path}").status_code == 404


def test_the_evidence_of_an_anchor_is_what_a_proof_carries(world: Any, filled: httpx2.Client) -> None:
    auditor, policy = world.client("acme", "audit"), world.service.policy()
    (newest, *_) = auditor.get("/v1/anchors").json()["items"]
    answer = auditor.get(f"/v1/anchors/{newest['size']}/evidence")
    anchor = parse_anchor(answer.json(), "anchor")
    header = verify_anchored(
        anchor.evidence, policy.chain.registry, policy.log, anchor.checkpoint.size, anchor.checkpoint.root
    )
    assert (header.number, f"0x{header.hash.hex()}") == (newest["block"]["number"], newest["block"]["hash"])
    assert (anchor.checkpoint.root.hex(), anchor.seal.size) == (newest["root"], newest["size"])
    unknown = auditor.get("/v1/anchors/1/evidence")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "anchor_unknown")
    assert filled.get(f"/v1/anchors/{newest['size']}/evidence").status_code == 401


def test_entries_are_public_where_the_operator_says_so(world: Any, filled: httpx2.Client) -> None:
    del filled
    with HttpServer("127.0.0.1", 0) as server:
        server.start(create_app(world.service, public_entries=True))
        with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=60, trust_env=False) as anybody:
            for path in ("/tile/entries/000.p/1", "/v1/batches", "/v1/anchors"):
                assert anybody.get(path).status_code == 200
            assert anybody.get("/v1/orders").status_code == 401


def test_tiles_are_kept_for_ever_and_the_checkpoint_is_asked_for_again(filled: httpx2.Client) -> None:
    tile, checkpoint = filled.get("/tile/0/000"), filled.get("/checkpoint")
    assert "immutable" in tile.headers["cache-control"]
    assert checkpoint.headers["cache-control"] == "no-cache"
    for path, answer in (("/tile/0/000", tile), ("/checkpoint", checkpoint)):
        again = filled.get(path, headers={"If-None-Match": answer.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_batches_and_anchors_agree(world: Any, filled: httpx2.Client) -> None:
    http = world.client()
    (newest, *_) = http.get("/v1/anchors").json()["items"]
    assert http.get(f"/v1/anchors/{newest['size']}").json() == newest
    assert (newest["state"], newest["block"]["hash"][:2]) == ("FINAL", "0x")
    batches = http.get("/v1/batches?limit=500").json()["items"]
    assert sum(batch["events"] for batch in batches) == 300
    assert batches[0]["size"] == newest["size"]
    assert batches[0]["root"] == newest["root"]
    assert http.get(f"/v1/batches/{batches[0]['batch']}").json() == batches[0]
    assert [batch["first"] for batch in batches[:-1]] == [batch["size"] for batch in batches[1:]]
    seen: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = http.get("/v1/batches", params={"limit": 1} | ({"cursor": cursor} if cursor else {})).json()
        seen += page["items"]
        cursor = page["next"]
    assert seen == batches
    assert filled.get("/v1/batches").status_code == 401


# --- the embedded chain -----------------------------------------------------------------------------------------------


def call(http: httpx2.Client, method: str, *params: object) -> Any:
    answer = http.post("/rpc", json={"jsonrpc": "2.0", "id": 7, "method": method, "params": params})
    assert answer.status_code == 200
    assert answer.json()["id"] == 7
    return answer.json()


def test_the_chain_is_asked_over_the_path_of_any_chain(world: Any, filled: httpx2.Client) -> None:
    policy = world.service.policy()
    assert int(call(filled, "eth_chainId")["result"], 16) == policy.chain.id
    newest = world.client().get("/v1/anchors").json()["items"][0]["block"]
    block = call(filled, "eth_getBlockByNumber", hex(newest["number"]), False)["result"]
    assert block["hash"] == newest["hash"]


@pytest.mark.parametrize(
    "method", ["eth_sendRawTransaction", "eth_accounts", "evm_mine", "debug_traceCall", "eth_getCode", "personal_sign"]
)
def test_nothing_that_changes_or_tells_more_is_served(filled: httpx2.Client, method: str) -> None:
    assert call(filled, method, "0x00")["error"]["code"] == -32601


def test_batches_of_calls_are_bounded(filled: httpx2.Client) -> None:
    one = {"jsonrpc": "2.0", "id": "a", "method": "eth_chainId", "params": []}
    assert [answer["id"] for answer in filled.post("/rpc", json=[one] * 3).json()] == ["a"] * 3
    assert filled.post("/rpc", json=[one] * (MAX_CALLS + 1)).json()["error"]["code"] == -32600
    assert filled.post("/rpc", json=[]).json()["error"]["code"] == -32600
    assert filled.post("/rpc", content=b" " * (MAX_BODY + 1)).status_code == 413


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", -32700),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"eth_chainId"}', -32700),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"eth_chainId"}', -32700),
        (b"[" * 10_000, -32700),
        (b"1", -32600),
        (b'{"id":1,"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":{},"method":"eth_chainId"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":{}}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["0x01",false]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":[[],{}]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"address":{}}]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[{"to":"0x00"},"latest"]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_call","params":[7,"latest"]}', -32602),
        (b'{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionReceipt","params":["0xzz"]}', -32602),
    ],
)
def test_what_is_no_call_is_answered_as_json_rpc_does(filled: httpx2.Client, body: bytes, code: int) -> None:
    answer = filled.post("/rpc", content=body)
    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == code


# --- an outsider's audit ----------------------------------------------------------------------------------------------


def test_an_auditor_finds_nothing_wrong_with_the_real_log(
    world: Any, filled: httpx2.Client, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del filled
    policy, state = tmp_path / "policy.json", tmp_path / "state"
    policy.write_bytes(print_policy(world.service.policy()))
    key = world.client("acme", "audit").headers["Authorization"].removeprefix("Bearer ")
    arguments = [world.url, "--policy", str(policy), "--state", str(state), "--rpc", f"{world.url}/rpc", "--key", key]
    code = audit(arguments)
    out = capsys.readouterr().out
    assert (code, out.splitlines()[-1].split(":")[0]) == (0, "consistent"), out
    event = {
        "event_id": "t-after",
        "order_id": "T-0",
        "type": "shipped",
        "occurred_at": "2026-05-02T09:30:00Z",
        "actor": {"role": "brand"},
    }
    assert world.client().post("/v1/events", json=event).status_code == 201
    assert world.service.settle(60)
    code = audit(arguments)
    out = capsys.readouterr().out
    assert (code, "extends the 1 seen before" in out) == (0, True), out
