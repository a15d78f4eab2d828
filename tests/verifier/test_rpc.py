"""Asking nodes: what is honest counts, what is broken is silence, and nothing hangs or grows without end."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from typing import Any

import pytest

from anchor_service.protocol.anchor import keccak256
from anchor_service.protocol.policy import NodePolicy, parse_policy
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import Inputs, NodeAnswer, State
from anchor_service.protocol.verify import needed_blocks, verify
from anchor_service.verifier import rpc
from scripts.vectors.case import pretty
from scripts.vectors.orders import PRIVATE
from scripts.vectors.undecided import node
from scripts.vectors.world import first_world
from tests.verifier.node import Answer, CallError, from_inputs, serving

WORLD = first_world()
HONEST = node(WORLD)
POLICY = parse_policy(pretty(WORLD.policy(blocks=[])))
RAW = json.dumps(
    WORLD.proof("A-1001", hide=PRIVATE), sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode()
NUMBERS = needed_blocks(parse_proof(RAW))


def asked(answer: Answer, policy: Any = POLICY, operator: bool = False, **options: Any) -> NodeAnswer:
    with serving(answer, **options) as url:
        [said] = rpc.ask([NodePolicy(url, operator)], policy, NUMBERS)
        return said


def test_an_honest_node_is_enough() -> None:
    calls: list[tuple[str, list[Any]]] = []

    def answer(method: str, params: list[Any]) -> Any:
        calls.append((method, params))
        return from_inputs(HONEST)(method, params)

    said = asked(answer)
    assert said.error is None
    assert (said.chain_id, said.final, said.operator) == (WORLD.chain_id, 1_012, False)
    assert {number: f"0x{(found or b'').hex()}" for number, found in said.blocks.items()} == {
        int(number): found for number, found in HONEST["blocks"].items()
    }
    assert said.head == (11, WORLD.root(11))
    assert verify(RAW, POLICY, Inputs(nodes=(said,))).state is State.VERIFIED
    head = next(params for method, params in calls if method == "eth_call")
    assert head[0] == {
        "to": f"0x{WORLD.registry.hex()}",
        "data": f"0x{keccak256(b'head(bytes32)')[:4].hex()}{WORLD.log.hex()}",
    }


def test_finality_by_depth() -> None:
    deep = replace(POLICY, chain=replace(POLICY.chain, finality=10))
    assert asked(from_inputs(HONEST), deep).final == 1_012
    deeper = replace(POLICY, chain=replace(POLICY.chain, finality=10_000))
    assert asked(from_inputs(HONEST), deeper).final is None


def test_a_node_of_another_chain_is_asked_nothing_more() -> None:
    methods: list[str] = []

    def answer(method: str, params: list[Any]) -> Any:
        methods.append(method)
        return from_inputs(HONEST | {"chain_id": 1})(method, params)

    said = asked(answer)
    assert (said.chain_id, said.error, said.blocks) == (1, None, {})
    assert methods == ["eth_chainId"]


@pytest.mark.parametrize(
    "broken", ["finalized", "eth_call", "block", "finalized_null", "head_short", "head_zero", "head_huge"]
)
def test_what_a_node_does_not_know_is_left_out(broken: str) -> None:
    def answer(method: str, params: list[Any]) -> Any:
        if broken == "finalized" and params[:1] == ["finalized"]:
            raise CallError("no such tag")
        if broken == "finalized_null" and params[:1] == ["finalized"]:
            return None
        if broken == "block" and method == "eth_getBlockByNumber" and params[0] == hex(900):
            raise CallError("pruned")
        if method == "eth_call":
            wrong = {"head_short": "0x", "head_zero": "0x" + "00" * 64, "head_huge": "0x" + "ff" * 64}
            if broken == "eth_call":
                raise CallError("reverted")
            return wrong.get(broken) or from_inputs(HONEST)(method, params)
        return from_inputs(HONEST)(method, params)

    said = asked(answer)
    assert said.error is None
    if broken.startswith("finalized"):
        assert said.final is None
    elif broken == "block":
        assert said.blocks[900] is None
        assert said.blocks[1_012] is not None
    else:
        assert said.head is None
        assert said.final == 1_012


def _raw(body: bytes) -> Answer:
    return lambda _method, _params: body


@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"not json", b"[]", b"null", b"{}", b'{"jsonrpc":"2.0","id":1}', b"[" * 100_000, b'{"result":NaN}'],
        *[
            b'{"result":"0x0g"}',
            b'{"result":1}',
            b'{"result":null}',
            b'{"result":"0x01"}',
            b'{"result":"0xffffffffffffffff"}',
        ],
        *[b'{"error":{"code":1,"message":"no"}}', b'{"error":"no"}', b'{"result":{"number":"0x1"}}', b"\xff"],
        b'{"result":"' + b"x" * (rpc.MAX_ANSWER + 100) + b'"}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_broken_answers_are_silence(body: bytes) -> None:
    said = asked(_raw(body))
    assert said.error
    verdict = verify(RAW, POLICY, Inputs(nodes=(said,)))
    assert verdict.state is State.COULD_NOT_CHECK
    assert verdict.check("block").code == "nodes_silent"


def test_broken_block_hashes_are_silence() -> None:
    for wrong in ({"hash": "0x12"}, {"hash": None}, {}, {"hash": "AB" * 32}):

        def answer(method: str, params: list[Any], wrong: Any = wrong) -> Any:
            return wrong if method == "eth_getBlockByNumber" else from_inputs(HONEST)(method, params)

        said = asked(answer)
        assert said.error
        assert said.blocks == {}


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
def test_http_errors_are_silence(status: int) -> None:
    assert asked(from_inputs(HONEST), status=status).error


@pytest.mark.parametrize("target", ["file:///etc/passwd", "http://127.0.0.1:1/", "ftp://127.0.0.1/"])
def test_redirects_are_not_followed(target: str) -> None:
    assert "302" in (asked(from_inputs(HONEST), status=302, headers={"Location": target}).error or "")


def test_a_node_that_is_not_there_is_silence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        [said] = rpc.ask([NodePolicy(url, operator=False)], POLICY, NUMBERS)
    assert said.error


def test_a_node_that_never_answers_is_given_up() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        with pytest.raises(rpc._Unanswered, match="timed out"):
            rpc.Node(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout=0.05).call("eth_chainId")


def test_a_path_of_the_pages_server_cannot_be_asked() -> None:
    [said] = rpc.ask([NodePolicy("/rpc", operator=True)], POLICY, NUMBERS)
    assert said.error
    assert said.operator


def test_the_operators_node_stays_the_operators() -> None:
    said = asked(from_inputs(HONEST), operator=True)
    assert verify(RAW, POLICY, Inputs(nodes=(said,))).check("block").code == "operator_node"
