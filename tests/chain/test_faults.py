"""What goes wrong between us and real nodes: reorganisations, lost transactions, fees, nodes that lie or disagree."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.deploy import Deployment, deploy
from anchor_service.chain.providers import HttpProvider
from anchor_service.chain.registry import RegistryChain
from anchor_service.ports import CannotPay, ChainRefused, ChainUnavailable
from anchor_service.protocol.evidence import verify_anchored
from tests.anvil import Anvil, run_anvil
from tests.chain.world import OWNER, PUBLISHER, Meddler, World, address_of, anchor_call, landed, root_of, world_on


@pytest.fixture
def world(anvil: Anvil) -> World:
    return world_on(anvil.provider, anvil.chain_id)


def test_a_reorganisation_takes_the_anchor_back(world: World, anvil: Anvil) -> None:
    chain, log = world.chain(finality="finalized"), world.place.log
    transaction, mined = world.anchor(0, 5)
    anvil.call("anvil_mine", "0x2")
    anvil.call("anvil_reorg", 3, [])
    assert chain.find(transaction.hash) is None
    assert chain.anchored(log, 5) is None
    assert chain.head(log).size == 0
    now_there = chain.canonical(mined.block.number)
    assert now_there is not None
    assert now_there.hash != mined.block.hash
    # The same bytes land again, in another block; evidence of the first block is no longer to be had.
    chain.send(transaction)
    again = landed(chain, transaction)
    assert again.block.hash != mined.block.hash
    evidence = chain.evidence(transaction.hash, again.block, log, 5)
    assert verify_anchored(evidence, world.place.registry, log, 5, root_of(5)).hash == again.block.hash
    with pytest.raises(ChainUnavailable):
        chain.evidence(transaction.hash, mined.block, log, 5)


def test_finality_is_the_tag_or_a_depth(world: World, anvil: Anvil) -> None:
    _, mined = world.anchor(0, 5)
    assert world.chain(finality="finalized").final().number < mined.block.number
    assert world.chain(finality=3).final().number < mined.block.number
    anvil.call("anvil_mine", "0x3")
    assert world.chain(finality=3).final() == mined.block
    anvil.call("anvil_mine", hex(80))
    assert world.chain(finality="finalized").final().number >= mined.block.number
    assert world.chain(finality=10**6).final().number == 0


def test_a_chain_without_the_tag_has_nothing_final(world: World) -> None:
    def no_tag(method: str, params: Any, answer: Any) -> Any:
        if method == "eth_getBlockByNumber" and params[0] == "finalized":
            return {"error": {"code": -32602, "message": "unknown tag"}}
        return answer

    chain = world.chain(providers=[Meddler(world.provider, no_tag)], finality="finalized")
    with pytest.raises(ChainUnavailable) as caught:
        chain.final()
    assert caught.value.code == "no_finality"


def test_a_dropped_transaction_is_sent_again(world: World, anvil: Anvil) -> None:
    chain = world.chain()
    anvil.call("evm_setAutomine", False)
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    chain.send(transaction)
    chain.send(transaction)
    assert chain.find(transaction.hash) is None, "in the pool is not mined"
    anvil.call("anvil_dropTransaction", "0x" + transaction.hash.hex())
    anvil.call("evm_mine")
    assert chain.find(transaction.hash) is None
    chain.send(transaction)
    anvil.call("evm_mine")
    assert landed(chain, transaction).succeeded


def test_a_replacement_overtakes(world: World, anvil: Anvil) -> None:
    chain = world.chain()
    anvil.call("evm_setAutomine", False)
    first = chain.prepare(anchor_call(world.place.log, 0, 5))
    chain.send(first)
    second = chain.prepare(anchor_call(world.place.log, 0, 5), replaces=first)
    chain.send(second)
    chain.send(first)
    anvil.call("evm_mine")
    assert landed(chain, second).succeeded
    assert chain.find(first.hash) is None
    chain.send(first)
    anvil.call("evm_mine")
    assert chain.find(first.hash) is None


def test_the_nonce_is_the_lowest_that_is_free(world: World, anvil: Anvil) -> None:
    chain = world.chain()
    anvil.call("evm_setAutomine", False)
    first = chain.prepare(anchor_call(world.place.log, 0, 5))
    chain.send(first)
    # What waits in the pool uses no nonce: another transaction of ours would replace it, never queue behind it.
    assert chain.prepare(anchor_call(world.place.log, 0, 5)).nonce == first.nonce
    anvil.call("anvil_setNonce", "0x" + address_of(PUBLISHER).hex(), hex(first.nonce + 7))
    assert chain.prepare(anchor_call(world.place.log, 0, 5)).nonce == first.nonce + 7
    # One whose nonce is gone is for the follower to look for.
    chain.send(first)


def test_a_lagging_node_does_not_lower_the_nonce(world: World) -> None:
    def lag(method: str, _params: Any, answer: Any) -> Any:
        return {"result": "0x0"} if method == "eth_getTransactionCount" else answer

    world.anchor(0, 5)
    chain = world.chain(providers=[Meddler(world.provider, lag), world.provider])
    assert chain.prepare(anchor_call(world.place.log, 5, 7)).nonce == 1


def test_fees_that_rise_above_the_ceiling_wait(world: World, anvil: Anvil) -> None:
    chain = world.chain()
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(10**13))
    anvil.call("evm_mine")
    with pytest.raises(CannotPay) as caught:
        chain.prepare(anchor_call(world.place.log, 0, 5))
    assert caught.value.code == "fee_ceiling"
    anvil.call("anvil_setNextBlockBaseFeePerGas", hex(10**9))
    anvil.call("evm_mine")
    chain.send(transaction)
    assert landed(chain, transaction).succeeded


def test_funds_that_are_gone_wait(world: World, anvil: Anvil) -> None:
    chain = world.chain()
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    address = "0x" + address_of(PUBLISHER).hex()
    anvil.call("anvil_setBalance", address, "0x1")
    with pytest.raises(CannotPay):
        chain.send(transaction)
    with pytest.raises(CannotPay):
        chain.prepare(anchor_call(world.place.log, 0, 5))
    anvil.call("anvil_setBalance", address, hex(10**18))
    chain.send(transaction)
    assert landed(chain, transaction).succeeded


@pytest.fixture
def twins() -> Iterator[tuple[World, World]]:
    """Two nodes of one chain id whose chains differ."""
    with ExitStack() as stack:
        one, other = (stack.enter_context(run_anvil(31337)) for _ in range(2))
        other.call("evm_increaseTime", 1_000)
        other.call("evm_mine")
        yield world_on(one.provider, 31337), world_on(other.provider, 31337)


def test_nodes_that_disagree_leave_the_state_unknown(twins: tuple[World, World]) -> None:
    one, other = twins
    transaction, mined = one.anchor(0, 5)
    other.anchor(0, 5)
    chain = one.chain(other.provider)
    for ask in (
        lambda: chain.canonical(mined.block.number),
        lambda: chain.find(transaction.hash),
        lambda: chain.anchored(one.place.log, 5),
        chain.final,
    ):
        with pytest.raises(ChainUnavailable) as caught:
            ask()
        assert caught.value.code == "nodes_disagree"


def test_the_next_node_answers_where_one_is_gone(world: World) -> None:
    gone = HttpProvider("http://127.0.0.1:9", timeout=5)
    refusing = Meddler(world.provider, lambda *_: {"error": {"code": -32005, "message": "too many requests"}})
    empty = Meddler(world.provider, lambda *_: {"result": None})
    chain = world.chain(providers=[gone, refusing, empty, world.provider])
    chain.check()
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    chain.send(transaction)
    assert landed(chain, transaction).succeeded
    with pytest.raises(ChainUnavailable):
        world.chain(providers=[gone]).newest()
    with pytest.raises(ChainUnavailable):
        world.chain(providers=[gone, refusing]).send(transaction)
    gone.close()


def test_an_answer_that_is_lost_does_no_harm(world: World) -> None:
    """The node took the transaction; we were told of an error."""

    def lose(method: str, _params: Any, answer: Any) -> Any:
        if method == "eth_sendRawTransaction":
            raise ChainUnavailable("node_silent", "lost")
        return answer

    chain = world.chain(providers=[Meddler(world.provider, lose)])
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    with pytest.raises(ChainUnavailable):
        chain.send(transaction)
    world.chain().send(transaction)
    assert landed(chain, transaction).succeeded


def test_a_receipt_that_is_missing_for_a_while(world: World) -> None:
    transaction, mined = world.anchor(0, 5)
    left = [26]

    def forget(method: str, _params: Any, answer: Any) -> Any:
        if method == "eth_getTransactionReceipt" and left[0]:
            left[0] -= 1
            return {"result": None}
        return answer

    chain = world.chain(providers=[Meddler(world.provider, forget)])
    found = [chain.find(transaction.hash) for _ in range(27)]
    assert found == [None] * 26 + [mined]


def test_a_receipt_of_a_block_that_does_not_count(world: World) -> None:
    transaction, _ = world.anchor(0, 5)

    def fork(method: str, _params: Any, answer: Any) -> Any:
        if method == "eth_getTransactionReceipt":
            return {"result": {**answer["result"], "blockHash": "0x" + "11" * 32}}
        return answer

    assert world.chain(providers=[Meddler(world.provider, fork)]).find(transaction.hash) is None


@pytest.mark.parametrize(
    ("method", "member", "value", "code"),
    [
        ("eth_getBlockByNumber", "gasUsed", "0x1", "header_hash"),
        ("eth_getBlockByNumber", "extraData", "0xff", "header_hash"),
        ("eth_getBlockReceipts", "status", "0x0", "receipts_root"),
        ("eth_getBlockReceipts", "logs", [], "receipts_root"),
    ],
)
def test_a_chain_that_hashes_otherwise_is_refused(
    world: World, method: str, member: str, value: Any, code: str
) -> None:
    world.anchor(0, 5)

    def alter(asked: str, _params: Any, answer: Any) -> Any:
        if asked != method:
            return answer
        result = answer["result"]
        altered = (
            [{**item, member: value} for item in result] if isinstance(result, list) else {**result, member: value}
        )
        return {"result": altered}

    world.chain().check()
    with pytest.raises(ChainRefused) as caught:
        world.chain(providers=[Meddler(world.provider, alter)]).check()
    assert caught.value.code == code


def test_one_node_of_another_chain_is_refused(world: World) -> None:
    for method, answer, code in (("eth_chainId", "0x1", "chain_id"), ("eth_getCode", "0x00", "registry_code")):
        wrong = {method: {"result": answer}}
        stranger = Meddler(world.provider, partial(lambda wrong, asked, _, true: wrong.get(asked, true), wrong))
        with pytest.raises(ChainRefused) as caught:
            world.chain(stranger).check()
        assert caught.value.code == code


def test_receipts_are_fetched_one_by_one_where_they_must(world: World) -> None:
    transaction, mined = world.anchor(0, 5)

    def without(method: str, _params: Any, answer: Any) -> Any:
        if method == "eth_getBlockReceipts":
            return {"error": {"code": -32601, "message": "Method not found"}}
        return answer

    node = Meddler(world.provider, without)
    chain = world.chain(providers=[node])
    chain.check()
    expected = world.chain().evidence(transaction.hash, mined.block, world.place.log, 5)
    assert chain.evidence(transaction.hash, mined.block, world.place.log, 5) == expected
    assert "eth_getTransactionReceipt" in node.asked


def test_logs_are_found_in_small_steps_where_they_must(world: World, anvil: Anvil) -> None:
    transaction, _ = world.anchor(0, 5)
    anvil.call("anvil_mine", hex(300))

    def bounded(method: str, params: Any, answer: Any) -> Any:
        if method == "eth_getLogs" and int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) >= 50:
            return {"error": {"code": -32005, "message": "query exceeds 50 blocks"}}
        return answer

    found = world.chain(providers=[Meddler(world.provider, bounded)]).anchored(world.place.log, 5)
    assert found is not None
    assert found.transaction == transaction.hash
    assert world.chain(providers=[Meddler(world.provider, bounded)]).anchored(world.place.log, 6) is None


NONSENSE = [None, True, 5, "", "0x", "0x0", "zz", [], [None], {}, {"number": "0x1"}, "0x" + "f" * 70, "0x" + "00" * 64]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=str)
def test_nonsense_leaves_the_state_unknown(world: World, nonsense: Any) -> None:
    transaction, mined = world.anchor(0, 5)
    chain = world.chain(providers=[Meddler(world.provider, lambda *_: {"result": nonsense})])
    asks = {
        "check": (chain.check, ChainRefused),
        "head": (lambda: chain.head(world.place.log), ()),
        "newest": (chain.newest, ()),
        "final": (chain.final, ()),
        "canonical": (lambda: chain.canonical(3), ()),
        "find": (lambda: chain.find(transaction.hash), ()),
        "prepare": (lambda: chain.prepare(anchor_call(world.place.log, 5, 7)), ()),
        "send": (lambda: chain.send(transaction), ()),
        "anchored": (lambda: chain.anchored(world.place.log, 5), ()),
        "evidence": (lambda: chain.evidence(transaction.hash, mined.block, world.place.log, 5), ()),
    }
    for name, (ask, also) in asks.items():
        if nonsense is None and name in ("canonical", "find"):
            assert ask() is None
        elif nonsense == "0x" + "00" * 64 and name == "head":
            assert chain.head(world.place.log).size == 0
        else:
            with pytest.raises((ChainUnavailable, also) if also else ChainUnavailable):  # type: ignore[arg-type]
                ask()


@pytest.mark.parametrize("error", [None, 5, "busy", {}, {"code": "x", "message": None, "data": {"data": 5}}], ids=str)
def test_errors_of_every_shape_are_read(world: World, error: Any) -> None:
    answer = {"error": error, "result": None}
    chain = world.chain(providers=[Meddler(world.provider, lambda *_: answer)])
    with pytest.raises(ChainUnavailable):
        chain.newest()
    with pytest.raises(ChainUnavailable):
        chain.prepare(anchor_call(world.place.log, 0, 5))


def test_a_chain_without_base_fees_is_paid_by_gas_price(world: World) -> None:
    def legacy(method: str, _params: Any, answer: Any) -> Any:
        if method == "eth_getBlockByNumber":
            return {"result": {name: value for name, value in answer["result"].items() if name != "baseFeePerGas"}}
        return answer

    chain = world.chain(providers=[Meddler(world.provider, legacy)])
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    assert transaction.max_fee == transaction.priority_fee
    assert transaction.raw[0] >= 0xC0, "a transaction without a type"
    raised = chain.prepare(anchor_call(world.place.log, 0, 5), replaces=transaction)
    assert raised.max_fee * 8 >= transaction.max_fee * 9
    world.chain().send(transaction)
    assert landed(world.chain(), transaction).succeeded


# --- setting up -------------------------------------------------------------------------------------------------------


def deploy_on(anvil: Anvil, sleep: Any) -> Deployment:
    return deploy(
        [anvil.provider],
        chain_id=anvil.chain_id,
        owner_key=OWNER,
        publisher=address_of(PUBLISHER),
        salt=bytes(32),
        sleep=sleep,
    )


def test_setting_up_waits_for_the_blocks(anvil: Anvil) -> None:
    anvil.call("evm_setAutomine", False)
    waits: list[float] = []

    def mine(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) % 3 == 0:
            anvil.call("evm_mine")

    place = deploy_on(anvil, mine)
    assert len(waits) == 6
    World(anvil.provider, anvil.chain_id, place).chain().check()


def test_setting_up_does_not_wait_for_ever(anvil: Anvil) -> None:
    anvil.call("evm_setAutomine", False)
    with pytest.raises(ChainUnavailable) as caught:
        deploy_on(anvil, lambda _: None)
    assert caught.value.code == "not_mined"
    # What was sent may still be mined; the next attempt goes on from there.
    anvil.call("evm_mine")
    anvil.call("evm_setAutomine", True)
    World(anvil.provider, anvil.chain_id, deploy_on(anvil, time.sleep)).chain().check()


def test_a_chain_without_the_factory_is_refused(anvil: Anvil) -> None:
    anvil.call("anvil_setCode", "0x" + read_artefact().factory.hex(), "0x")
    with pytest.raises(ChainRefused) as caught:
        deploy_on(anvil, time.sleep)
    assert caught.value.code == "no_factory"


def test_other_code_where_the_registry_belongs_is_refused(world: World, anvil: Anvil) -> None:
    anvil.call("anvil_setCode", "0x" + world.place.registry.hex(), "0x" + read_artefact().runtime[:-1].hex() + "00")
    with pytest.raises(ChainRefused) as caught:
        deploy_on(anvil, time.sleep)
    assert caught.value.code == "registry_code"
    with pytest.raises(ChainRefused) as caught:
        world.chain().check()
    assert caught.value.code == "registry_code"


# --- answers that are well formed and wrong ---------------------------------------------------------------------------


def changing(world: World, asked: str, change: Any) -> RegistryChain:
    def meddle(method: str, _params: Any, answer: Any) -> Any:
        return {"result": change(answer["result"])} if method == asked else answer

    return world.chain(providers=[Meddler(world.provider, meddle)])


def test_a_log_of_a_block_that_does_not_count(world: World) -> None:
    world.anchor(0, 5)
    chain = changing(world, "eth_getLogs", lambda logs: [{**log, "blockHash": "0x" + "11" * 32} for log in logs])
    assert chain.anchored(world.place.log, 5) is None
    changes: list[dict[str, Any]] = [{"removed": True}, {"address": "0x" + "11" * 20}, {"topics": []}, {"data": "0x"}]
    for change in changes:
        chain = changing(world, "eth_getLogs", lambda logs, change=change: [{**log, **change} for log in logs])
        with pytest.raises(ChainUnavailable):
            chain.anchored(world.place.log, 5)


def test_another_block_than_was_asked_for(world: World) -> None:
    _, mined = world.anchor(0, 5)
    first: Any = changing(world, "eth_chainId", lambda _: None)._rpc.read("eth_getBlockByNumber", ["0x0", False])
    chain = changing(world, "eth_getBlockByNumber", lambda _: first)
    with pytest.raises(ChainUnavailable) as caught:
        chain.canonical(mined.block.number)
    assert caught.value.code == "node_nonsense"


def test_a_receipt_of_another_transaction(world: World) -> None:
    transaction, _ = world.anchor(0, 5)
    chain = changing(world, "eth_getTransactionReceipt", lambda it: {**it, "transactionHash": "0x" + "11" * 32})
    with pytest.raises(ChainUnavailable):
        chain.find(transaction.hash)


def test_evidence_is_checked_before_it_is_kept(world: World) -> None:
    transaction, mined = world.anchor(0, 5)
    for asked, change in (
        ("eth_getBlockReceipts", lambda them: [{**them[0], "gasUsed": "0x1", "cumulativeGasUsed": "0x1"}]),
        ("eth_getBlockByHash", lambda it: {**it, "receiptsRoot": "0x" + "11" * 32}),
        ("eth_getBlockByHash", lambda it: {**it, "transactions": ["0x" + "11" * 32]}),
    ):
        with pytest.raises(ChainUnavailable):
            changing(world, asked, change).evidence(transaction.hash, mined.block, world.place.log, 5)
