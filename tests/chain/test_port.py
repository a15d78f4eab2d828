"""What the port `AnchorChain` promises, on the embedded chain and on a real node."""

from __future__ import annotations

import time
from dataclasses import replace
from itertools import pairwise

import pytest

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.deploy import deploy
from anchor_service.chain.sender import FeeLimits
from anchor_service.ports import (
    AnchorCall,
    AnchorChain,
    AnchorConflict,
    AnchorStale,
    Block,
    CannotPay,
    ChainRefused,
    ChainUnavailable,
    RegistryHead,
)
from anchor_service.protocol.evidence import verify_anchored
from anchor_service.protocol.hashes import ZERO, Hash, LogId
from tests.chain.world import OWNER, SALT, STRANGER, World, address_of, anchor_call, landed, root_of, world_on


def test_the_way_of_an_anchor(world: World) -> None:
    chain: AnchorChain = world.chain()
    log = world.place.log
    chain.check()
    assert chain.head(log) == RegistryHead(0, ZERO)
    assert chain.anchored(log, 5) is None

    transaction = chain.prepare(anchor_call(log, 0, 5))
    assert chain.find(transaction.hash) is None, "prepared is not sent"
    chain.send(transaction)
    mined = landed(chain, transaction)
    assert mined.succeeded
    assert chain.head(log) == RegistryHead(5, root_of(5))
    assert mined.block == chain.canonical(mined.block.number) == chain.newest() == chain.final()
    assert chain.canonical(mined.block.number + 1) is None

    found = chain.anchored(log, 5)
    assert found is not None
    assert (found.size, found.root, found.transaction, found.block) == (5, root_of(5), transaction.hash, mined.block)

    evidence = chain.evidence(transaction.hash, mined.block, log, 5)
    header = verify_anchored(evidence, world.place.registry, log, 5, root_of(5))
    assert (header.hash, header.number, header.timestamp) == (
        mined.block.hash,
        mined.block.number,
        mined.block.timestamp,
    )
    chain.check()


def test_anchors_follow_one_another(world: World) -> None:
    sizes = (1, 2, 3, 7, 8, 33, 64)
    mined = [world.anchor(previous, size) for previous, size in zip((0, *sizes), sizes, strict=False)]
    assert [transaction.nonce for transaction, _ in mined] == list(range(len(sizes)))
    blocks = [landed.block for _, landed in mined]
    assert all(one.number < next_.number for one, next_ in pairwise(blocks))
    chain = world.chain()
    for size, (transaction, place) in zip(sizes, mined, strict=True):
        found = chain.anchored(world.place.log, size)
        assert found is not None
        assert found.transaction == transaction.hash
        evidence = chain.evidence(transaction.hash, place.block, world.place.log, size)
        verify_anchored(evidence, world.place.registry, world.place.log, size, root_of(size))


def test_the_same_bytes_twice_are_one_transaction(world: World) -> None:
    chain = world.chain()
    transaction = chain.prepare(anchor_call(world.place.log, 0, 5))
    chain.send(transaction)
    first = landed(chain, transaction)
    for _ in range(3):
        chain.send(transaction)
    assert chain.find(transaction.hash) == first
    assert chain.prepare(anchor_call(world.place.log, 5, 6)).nonce == transaction.nonce + 1


def test_after_a_crash_everything_is_found_by_the_hash(world: World) -> None:
    transaction = world.chain().prepare(anchor_call(world.place.log, 0, 5))
    # Prepared, and never sent: nothing was consumed.
    again = world.chain().prepare(anchor_call(world.place.log, 0, 5))
    assert again.nonce == transaction.nonce
    world.chain().send(transaction)
    # Sent, and the answer lost: the same bytes again, and the block that holds them.
    restarted = world.chain()
    restarted.send(transaction)
    mined = landed(restarted, transaction)
    assert mined.succeeded


def test_the_head_again_is_a_quiet_success(world: World) -> None:
    first, _ = world.anchor(0, 5)
    second, mined = world.anchor(0, 5)
    assert mined.succeeded
    found = world.chain().anchored(world.place.log, 5)
    assert found is not None
    assert found.transaction == first.hash
    with pytest.raises(ChainUnavailable):
        world.chain().evidence(second.hash, mined.block, world.place.log, 5)


def test_what_the_registry_refuses_has_a_name(world: World) -> None:
    chain, log = world.chain(), world.place.log
    world.anchor(0, 5)
    with pytest.raises(AnchorStale):
        chain.prepare(anchor_call(log, 3, 7))
    with pytest.raises(AnchorStale):
        chain.prepare(anchor_call(log, 3, 4))
    with pytest.raises(AnchorConflict) as caught:
        chain.prepare(AnchorCall(log, 5, 5, Hash(b"\x01" * 32), ()))
    assert caught.value.code == "conflict"
    with pytest.raises(AnchorConflict) as caught:
        chain.prepare(AnchorCall(log, 5, 7, Hash(b"\x01" * 32), anchor_call(log, 5, 7).proof))
    assert caught.value.code == "bad_proof"
    refusals = [
        (chain, AnchorCall(LogId(b"\x01" * 32), 0, 5, root_of(5), ()), "unknown_log"),
        (world.chain(key=STRANGER), anchor_call(log, 5, 7), "not_publisher"),
        (chain, AnchorCall(log, 5, 0, ZERO, ()), "reverted"),
    ]
    for asked, call, code in refusals:
        with pytest.raises(ChainRefused) as refused:
            asked.prepare(call)
        assert refused.value.code == code
    world.transact(OWNER, "closeLog", SALT, bytes(32))
    with pytest.raises(ChainRefused) as refused:
        chain.prepare(anchor_call(log, 5, 7))
    assert refused.value.code == "log_closed"


def test_an_anchor_that_fails_on_the_chain_is_said_so(world: World) -> None:
    chain, log = world.chain(), world.place.log
    # Dry runs do not see what is mined between them and the transaction.
    late = chain.prepare(anchor_call(log, 0, 5))
    other = world_on(world.provider, world.chain_id, salt=b"\x08" * 32)
    assert other.place.log != log
    world.transact(OWNER, "closeLog", SALT, bytes(32))
    chain.send(late)
    mined = landed(chain, late)
    assert not mined.succeeded
    assert chain.anchored(log, 5) is None


def test_a_replacement_raises_both_caps(world: World) -> None:
    chain = world.chain(limits=FeeLimits(max_fee=20 * 10**9))
    first = chain.prepare(anchor_call(world.place.log, 0, 5))
    transaction = first
    for _ in range(5):
        raised = chain.prepare(anchor_call(world.place.log, 0, 5), replaces=transaction)
        assert raised.nonce == first.nonce
        assert raised.hash != transaction.hash
        assert raised.max_fee * 8 >= transaction.max_fee * 9
        assert raised.priority_fee * 8 >= transaction.priority_fee * 9
        assert raised.max_fee <= 20 * 10**9
        transaction = raised
    with pytest.raises(CannotPay) as caught:
        chain.prepare(anchor_call(world.place.log, 0, 5), replaces=replace(transaction, priority_fee=19 * 10**9))
    assert caught.value.code == "fee_ceiling"
    chain.send(transaction)
    # The one that was overtaken comes late: quiet, and nowhere to be found.
    chain.send(first)
    landed(chain, transaction)
    assert chain.find(first.hash) is None


def test_ceilings_hold(world: World) -> None:
    for limits, code in (
        (FeeLimits(max_fee=1), "fee_ceiling"),
        (FeeLimits(max_gas=50_000), "gas_ceiling"),
    ):
        with pytest.raises(CannotPay) as caught:
            world.chain(limits=limits).prepare(anchor_call(world.place.log, 0, 5))
        assert caught.value.code == code
    assert world.chain().prepare(anchor_call(world.place.log, 0, 5)).max_fee <= FeeLimits().max_fee


def test_an_account_without_funds_cannot_pay(world: World) -> None:
    poor = b"\x99" * 32
    other = world_on(world.provider, world.chain_id, publisher=poor, salt=b"\x08" * 32)
    with pytest.raises(CannotPay) as caught:
        other.chain(key=poor).prepare(anchor_call(other.place.log, 0, 5))
    assert caught.value.code == "funds"


def test_another_chain_or_contract_is_refused(world: World) -> None:
    for changes, code in (
        ({"chain_id": 1}, "chain_id"),
        ({"registry": read_artefact().factory}, "registry_code"),
        ({"registry": b"\x01" * 20}, "registry_code"),
    ):
        with pytest.raises(ChainRefused) as caught:
            world.chain(**changes).check()
        assert caught.value.code == code


def test_what_is_not_there(world: World) -> None:
    chain = world.chain()
    transaction, mined = world.anchor(0, 5)
    assert chain.find(Hash(b"\x01" * 32)) is None
    assert chain.anchored(world.place.log, 6) is None
    assert chain.anchored(LogId(b"\x01" * 32), 5) is None
    assert chain.head(LogId(b"\x01" * 32)) == RegistryHead(0, ZERO)
    assert chain.canonical(10**6) is None
    for wrong_hash, block, size in (
        (transaction.hash, mined.block, 6),
        (Hash(b"\x01" * 32), mined.block, 5),
        (transaction.hash, Block(mined.block.number, Hash(b"\x01" * 32), 0), 5),
    ):
        with pytest.raises(ChainUnavailable):
            chain.evidence(wrong_hash, block, world.place.log, size)


def test_deploying_again_finds_what_is_there(world: World) -> None:
    again = world_on(world.provider, world.chain_id).place
    assert (again.registry, again.log) == (world.place.registry, world.place.log)
    assert again.first_block == 0
    assert again.registry == read_artefact().address
    with pytest.raises(ChainRefused) as caught:
        world_on(world.provider, world.chain_id, publisher=STRANGER)
    assert caught.value.code == "not_publisher"
    with pytest.raises(ChainRefused) as caught:
        deploy(
            [world.provider],
            chain_id=world.chain_id + 1,
            owner_key=OWNER,
            publisher=address_of(OWNER),
            salt=SALT,
            sleep=time.sleep,
        )
    assert caught.value.code == "chain_id"
