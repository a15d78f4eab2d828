"""Anchor: one root for each size, whatever crashes, is lost, dropped, replaced, reorganised or done by others."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anchor_service.chain.registry import RegistryChain
from anchor_service.ports import (
    AnchorCall,
    AnchorState,
    Busy,
    ChainUnavailable,
    SignedTransaction,
    StoreRefused,
)
from anchor_service.protocol import tiles
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import prove_consistency
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import State
from anchor_service.services.anchor import Anchor
from anchor_service.settings import Settings
from tests.anvil import Anvil, run_anvil
from tests.chain.world import OWNER, PUBLISHER, address_of
from tests.services.conftest import SQLITE_ONLY
from tests.services.log import Crash, OpenLog, create_log, event, open_log


@pytest.fixture(scope="module")
def node() -> Iterator[Anvil]:
    with run_anvil(31337) as running:
        yield running


@pytest.fixture
def anvil(node: Anvil) -> Iterator[Anvil]:
    """A chain like new for each test."""
    before = node.call("evm_snapshot")
    yield node
    node.call("evm_setAutomine", True)
    assert node.call("evm_revert", before)


@pytest.fixture
def on_anvil(anvil: Anvil, tmp_path: Path) -> Settings:
    return settings_on(anvil, tmp_path)


def settings_on(anvil: Anvil, folder: Path, **more: Any) -> Settings:
    for name, key in (("owner", OWNER), ("publisher", PUBLISHER)):
        (folder / name).write_text(key.hex())
    chain = {"rpc_urls": (anvil.url,), "chain_id": anvil.chain_id, "finality": 2, "test_chain": True}
    keys = {"owner_key_file": folder / "owner", "publisher_key_file": folder / "publisher"}
    return create_log(folder / "data", **chain, **keys, **more)


def states(log: OpenLog) -> list[tuple[int, AnchorState]]:
    return [(anchor.size, anchor.state) for anchor in reversed(log.service.prove.anchors().items)]


def seal(log: OpenLog, number: int) -> None:
    log.accept(event(f"e{number}", kind="arrived"))
    assert log.service.seal.run_once() is not None


def step(log: OpenLog, times: int = 1) -> None:
    for _ in range(times):
        log.service.anchor.run_once()


def anchor_by_hand(anchor: Anchor, previous: int, size: int, root: Hash | None = None) -> SignedTransaction:
    """Anchor with our key, as a second submitter would, and leave no trace in our store."""
    tree = anchor._store
    proof = prove_consistency(tiles.TileTree(tree), previous, size) if previous else ()
    transaction = anchor._chain.prepare(AnchorCall(anchor._log, previous, size, root or tiles.root(size, tree), proof))
    anchor._chain.send(transaction)
    return transaction


# --- on the embedded chain --------------------------------------------------------------------------------------------


# An anchor takes five writes: PENDING, the transaction, SENT, MINED, FINAL with its evidence.
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("write", range(5))
def test_whichever_write_fails_the_anchor_ends_final_and_once(
    settings: Settings, write: int, persisted: bool, crash: bool
) -> None:
    with open_log(settings) as log:
        seal(log, 1)
        log.database.arm(write, persisted=persisted, crash=crash)
        with pytest.raises((Crash, Busy)):
            step(log, 4)
        log.database.disarm()
        if not crash:
            log.settle()
            assert states(log) == [(2, AnchorState.FINAL)]
    with open_log(settings) as log:
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]
        seal(log, 2)
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL), (4, AnchorState.FINAL)]
        assert log.service.anchor.alarm is None
        log.check()


@pytest.mark.parametrize("happens", [False, True])
def test_a_crash_around_sending(settings: Settings, happens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with open_log(settings) as log:
        seal(log, 1)
        chain = log.service.anchor._chain
        send = chain.send

        def crash(transaction: SignedTransaction) -> None:
            if happens:
                send(transaction)
            raise Crash

        with monkeypatch.context() as patch:
            patch.setattr(chain, "send", crash)
            with pytest.raises(Crash):
                step(log)
        row = log.service.anchor._store.open_anchors()[0]
        assert (row.state, len(row.transactions)) == (AnchorState.PENDING, 1)  # stored before it was sent
    with open_log(settings) as log:
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]
        assert len(log.service.anchor._store.newest_anchor().transactions) == 1  # type: ignore[union-attr]
        log.check()


@pytest.mark.parametrize("method", ["head", "final", "canonical", "prepare", "send", "anchored", "evidence"])
@pytest.mark.parametrize("happens", [False, True])
def test_a_node_that_fails_is_asked_again(
    log: OpenLog, method: str, happens: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind of question is answered wrongly twice: not at all, or after it was done."""
    seal(log, 1)
    chain = log.service.anchor._chain
    true = getattr(chain, method)
    failures = 2

    def fails(*arguments: Any) -> Any:
        nonlocal failures
        if failures:
            failures -= 1
            if happens:
                true(*arguments)
            raise ChainUnavailable("node_silent", "no answer")
        return true(*arguments)

    monkeypatch.setattr(chain, method, fails)
    for _ in range(8):
        try:
            step(log)
        except ChainUnavailable:
            assert log.service.anchor.waiting is not None
            assert any("node_silent" in problem for problem in log.service.health().problems)
    assert failures == (1 if happens and method == "send" else 0)  # what was sent and mined is not sent again
    log.settle()
    assert states(log) == [(2, AnchorState.FINAL)]
    log.check()


def test_the_head_that_another_anchored_is_adopted(log: OpenLog) -> None:
    seal(log, 1)
    anchor_by_hand(log.service.anchor, 0, 2)
    log.settle()
    assert states(log) == [(2, AnchorState.FINAL)]
    seal(log, 2)
    log.settle()
    log.check()


def test_an_anchor_that_was_overtaken_is_made_anew(settings: Settings) -> None:
    with open_log(settings) as log:
        seal(log, 1)
        seal(log, 2)
        log.database.arm(1, persisted=False, crash=True)  # the anchor of size 4 upon 0 is PENDING
        with pytest.raises(Crash):
            step(log)
    with open_log(settings) as log:
        anchor_by_hand(log.service.anchor, 0, 2)
        step(log)
        assert log.service.prove.anchor(4).previous_size == 2
        log.settle()
        assert states(log) == [(4, AnchorState.FINAL)]
        assert log.service.prove.anchor(4).previous_size == 2
        log.check()


def test_another_root_in_the_registry_halts_the_log(settings: Settings) -> None:
    with open_log(settings) as log:
        seal(log, 1)
        anchor_by_hand(log.service.anchor, 0, 2, Hash(b"\x07" * 32))
        log.settle()
        assert log.service.anchor.alarm is not None
        assert "another root" in log.service.anchor.alarm
        assert "anchoring, sealing and taking events have stopped" in log.service.health().problems[0]
        assert not log.service.health().ready
        # What was accepted stays, and nothing is added to what the registry contradicts.
        with pytest.raises(Busy, match="another root"):
            log.accept(event("e2"))
        published = log.service.prove.checkpoint()
        assert not log.service._seal_once()
        assert log.service.prove.checkpoint() == published
        step(log)
        assert [state for _, state in states(log)].count(AnchorState.FINAL) == 0
    with pytest.raises(StoreRefused, match="another root"), open_log(settings):
        pass


@SQLITE_ONLY
def test_keys_or_a_chain_of_another_log_are_refused(settings: Settings, tmp_path: Path) -> None:
    other = create_log(tmp_path / "other")
    key = settings.data / "keys" / "log.key"
    mine = key.read_bytes()
    key.write_bytes((other.data / "keys" / "log.key").read_bytes())
    with pytest.raises(StoreRefused, match="keys"), open_log(settings):
        pass
    key.write_bytes(mine)
    database = settings.data / "sealtrail.db"
    database.write_bytes((other.data / "sealtrail.db").read_bytes())
    with pytest.raises(StoreRefused), open_log(settings):
        pass


# --- on anvil: mempool, reorganisations, finality ---------------------------------------------------------------------


def test_a_real_node(anvil: Anvil, on_anvil: Settings) -> None:
    with open_log(on_anvil) as log:
        seal(log, 1)
        step(log, 2)
        assert states(log) == [(2, AnchorState.MINED)]
        assert log.service.prove.order("acme", "A-1").events[0].state == "anchored"
        anvil.call("anvil_mine", "0x1")
        step(log)
        assert states(log) == [(2, AnchorState.MINED)]
        anvil.call("anvil_mine", "0x1")
        step(log)
        assert states(log) == [(2, AnchorState.FINAL)]
        assert log.verdict(log.proof("A-1")).state is State.TEST_DATA
        log.check()


def test_a_reorganisation_takes_it_back_and_it_lands_again(anvil: Anvil, on_anvil: Settings) -> None:
    with open_log(on_anvil) as log:
        for number in (1, 2):
            seal(log, number)
            step(log, 2)
        assert states(log) == [(2, AnchorState.MINED), (4, AnchorState.MINED)]
        before = {anchor.size: anchor.block for anchor in log.service.prove.anchors().items}
        anvil.call("evm_setAutomine", False)
        anvil.call("anvil_reorg", 2, [])
        step(log)
        assert states(log) == [(2, AnchorState.SENT), (4, AnchorState.SENT)]
        anvil.call("evm_setAutomine", True)
        for _ in range(4):
            anvil.call("anvil_mine", "0x1")
            step(log)
        assert states(log) == [(2, AnchorState.FINAL), (4, AnchorState.FINAL)]
        for anchor in log.service.prove.anchors().items:
            assert anchor.block != before[anchor.size]
        log.check()


def test_a_dropped_transaction_is_sent_again(anvil: Anvil, on_anvil: Settings) -> None:
    with open_log(on_anvil) as log:
        anvil.call("evm_setAutomine", False)
        seal(log, 1)
        step(log)
        assert states(log) == [(2, AnchorState.SENT)]
        anvil.call("anvil_dropAllTransactions")
        step(log)
        anvil.call("anvil_mine", "0x3")
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]
        log.check()


def test_a_transaction_that_is_stuck_is_replaced(anvil: Anvil, tmp_path: Path) -> None:
    with open_log(settings_on(anvil, tmp_path, replace_interval=1e-9)) as log:
        anvil.call("evm_setAutomine", False)
        seal(log, 1)
        step(log, 3)
        row = log.service.anchor._store.open_anchors()[0]
        assert len(row.transactions) == 3
        assert len({stored.transaction.nonce for stored in row.transactions}) == 1
        fees = [stored.transaction.max_fee for stored in row.transactions]
        assert fees == sorted(fees)
        assert fees[-1] > fees[0]
        anvil.call("anvil_mine", "0x3")
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]
        log.check()


def test_an_empty_purse_waits(anvil: Anvil, on_anvil: Settings) -> None:
    purse = "0x" + address_of(PUBLISHER).hex()
    with open_log(on_anvil) as log:
        seal(log, 1)
        anvil.call("anvil_setBalance", purse, "0x1")
        step(log, 3)
        assert log.service.anchor.waiting is not None
        assert log.service.anchor.waiting.startswith("funds")
        assert states(log) == [(2, AnchorState.PENDING)]
        anvil.call("anvil_setBalance", purse, hex(10**18))
        step(log, 2)
        anvil.call("anvil_mine", "0x3")
        log.settle()
        assert log.service.health().problems == ()
        assert states(log) == [(2, AnchorState.FINAL)]


def test_a_final_block_that_goes_is_an_alarm(anvil: Anvil, on_anvil: Settings) -> None:
    with open_log(on_anvil) as log:
        seal(log, 1)
        step(log)
        anvil.call("anvil_mine", "0x2")
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]
        evidence = parse_proof(log.proof("A-1")).anchors[0].evidence
        anvil.call("evm_setAutomine", False)
        anvil.call("anvil_reorg", 4, [])
        step(log)
        assert log.service.anchor.alarm is not None
        assert log.service.anchor.alarm.startswith("final_reverted")
        # That says nothing against the log: it goes on, and is anchored once somebody has looked.
        assert log.service.health().problems[0].startswith("anchoring has stopped")
        seal(log, 2)
        # What was kept stays what it was.
        assert parse_proof(log.proof("A-1")).anchors[0].evidence == evidence


def test_nodes_that_do_not_answer_are_no_reason_to_refuse(anvil: Anvil, on_anvil: Settings) -> None:
    gone = on_anvil.model_copy(update={"rpc_urls": ("http://127.0.0.1:9",)})
    with open_log(gone) as log:
        seal(log, 1)
        with pytest.raises(ChainUnavailable):
            step(log)
        assert log.service.health().problems
    with open_log(on_anvil) as log:
        step(log, 2)
        anvil.call("anvil_mine", "0x3")
        log.settle()
        assert states(log) == [(2, AnchorState.FINAL)]


def test_an_old_backup_signs_no_second_history_while_no_node_answers(
    anvil: Anvil, on_anvil: Settings, tmp_path: Path
) -> None:
    """The signer's memory is in the backup as well: only the registry knows."""
    shutil.copytree(on_anvil.data, tmp_path / "backup")
    with open_log(on_anvil) as log:
        seal(log, 1)
        step(log, 2)
        published = log.service.prove.checkpoint()
    shutil.rmtree(on_anvil.data)
    shutil.copytree(tmp_path / "backup", on_anvil.data)
    with open_log(on_anvil.model_copy(update={"rpc_urls": ("http://127.0.0.1:9",)})) as log:
        assert log.accept(event("other"))
        for _ in range(2):
            with pytest.raises(ChainUnavailable):
                log.service._seal_once()
        assert log.service.prove.checkpoint() is None
        # The node comes back.
        log.service.anchor._chain = RegistryChain(
            [anvil.provider],
            chain_id=anvil.chain_id,
            registry=log.service.registry,
            key=PUBLISHER,
            finality=2,
        )
        step(log)
        assert "log_behind" in str(log.service.anchor.alarm)
        with pytest.raises(ChainUnavailable):
            log.service._seal_once()
        assert log.service.prove.checkpoint() != published
    with pytest.raises(StoreRefused, match="old backup"), open_log(on_anvil):
        pass


def test_a_clock_that_was_ahead_stops_no_anchor(tmp_path: Path) -> None:
    with open_log(create_log(tmp_path / "data", anchor_interval=1)) as log:
        anchor = log.service.anchor
        now = anchor._clock
        anchor._clock = lambda: now() + 10 * 365 * 86_400_000
        log.accept(event("e1"))
        log.settle()
        anchor._clock = now
        log.accept(event("e2", kind="paid"))
        log.settle()
        assert [state for _, state in states(log)] == [AnchorState.FINAL] * 2
