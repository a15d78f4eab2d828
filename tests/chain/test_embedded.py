"""The embedded chain: created once, opened by one, in order, and there after any crash."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from hexbytes import HexBytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.blocks import check_receipts, read_raw_block
from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, EmbeddedChain, LogFilter, create_chain, open_chain
from anchor_service.chain.jsonrpc import INVALID_PARAMS, LIMIT_EXCEEDED, METHOD_NOT_FOUND
from anchor_service.chain.providers import NodeProvider
from anchor_service.chain.serving import EmbeddedNode, ReadOnlyNode
from anchor_service.ports import CallFailed, ChainRefused, ChainUnavailable
from anchor_service.protocol.anchor import ANCHORED, keccak256, print_address, word
from tests.anvil import ROOT
from tests.chain.world import OWNER, PUBLISHER, STRANGER, World, address_of, anchor_call, root_of, world_on

NOW = 1_800_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    create_chain(tmp_path / "chain.db", [OWNER, PUBLISHER], lambda: NOW)
    return tmp_path / "chain.db"


@pytest.fixture
def chain(path: Path) -> Iterator[EmbeddedChain]:
    with open_chain(path, lambda: NOW) as opened:
        yield opened


def world_of(chain: EmbeddedChain) -> World:
    return world_on(NodeProvider(EmbeddedNode(chain)), chain.chain_id)


def raw_transfer(nonce: int = 0, key: bytes = OWNER, **changes: Any) -> bytes:
    fields = {
        "to": "0x" + "11" * 20,
        "value": 1,
        "nonce": nonce,
        "chainId": DEVELOPMENT_CHAIN_ID,
        "gas": 30_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        **changes,
    }
    return bytes(
        Account.from_key(key).sign_transaction({k: v for k, v in fields.items() if v is not None}).raw_transaction
    )


# --- creating and opening ---------------------------------------------------------------------------------------------


def test_opening_never_creates_and_creating_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "chain.db"
    with pytest.raises(ChainRefused) as caught:
        open_chain(path, time.time)
    assert caught.value.code == "chain_missing"
    assert not path.exists()
    create_chain(path, [OWNER], time.time)
    before = path.read_bytes()
    with pytest.raises(ChainRefused) as caught:
        create_chain(path, [STRANGER], time.time)
    assert caught.value.code == "chain_exists"
    assert path.read_bytes() == before


def test_what_a_crash_while_creating_left_is_swept_away(tmp_path: Path) -> None:
    for name in ("chain.db.new", "chain.db.new-wal", "chain.db.new-shm"):
        (tmp_path / name).write_bytes(b"half of a file")
    create_chain(tmp_path / "chain.db", [OWNER], time.time)
    assert sorted(item.name for item in tmp_path.iterdir()) == ["chain.db", "chain.db.lock"]
    open_chain(tmp_path / "chain.db", time.time).close()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100])
def test_another_file_is_no_chain(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "chain.db"
    path.write_bytes(content)
    with pytest.raises((ChainRefused, ChainUnavailable)) as caught:
        open_chain(path, time.time)
    assert caught.value.code == ("chain_storage" if content else "chain_format")
    path.unlink()
    create_chain(path, [OWNER], time.time)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update about set value = 2 where name = 'format'")
    with pytest.raises(ChainRefused) as caught:
        open_chain(path, time.time)
    assert caught.value.code == "chain_format"


def test_one_process_at_a_time(path: Path, chain: EmbeddedChain) -> None:
    with pytest.raises(ChainUnavailable) as caught:
        open_chain(path, time.time)
    assert caught.value.code == "chain_locked"
    script = (
        "import sys, time; from pathlib import Path; from anchor_service.chain.embedded import open_chain\n"
        "try: open_chain(Path(sys.argv[1]), time.time)\n"
        "except Exception as problem: print(problem.code, '-', problem)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, str(path)], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert output.startswith("chain_locked - ")
    assert "in use by another process" in output
    chain.close()
    open_chain(path, time.time).close()


def test_deep_input_still_cannot_overflow_the_stack(path: Path) -> None:
    script = (
        "import json, sys, time; from pathlib import Path; from anchor_service.chain.embedded import open_chain\n"
        "chain = open_chain(Path(sys.argv[1]), time.time); chain.send(bytes.fromhex(sys.argv[2]))\n"
        "try: json.loads('[' * 1_000_000)\n"
        "except RecursionError: print('refused', chain.head().number)"
    )
    output = subprocess.run(
        [sys.executable, "-c", script, str(path), raw_transfer().hex()],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert output == "refused 1\n"


def test_the_genesis_has_what_was_asked_for(chain: EmbeddedChain) -> None:
    head = chain.head()
    assert (head.number, head.header.timestamp, chain.chain_id) == (0, NOW, DEVELOPMENT_CHAIN_ID)
    assert chain.balance(address_of(OWNER), head.header) == 10**24
    assert chain.balance(address_of(PUBLISHER), head.header) == 10**24
    assert chain.balance(address_of(STRANGER), head.header) == 0
    assert chain.code(read_artefact().factory, head.header) == read_artefact().factory_code


def test_a_chain_id_of_ones_own(tmp_path: Path) -> None:
    create_chain(tmp_path / "chain.db", [OWNER, PUBLISHER], time.time, chain_id=99)
    with open_chain(tmp_path / "chain.db", time.time) as chain:
        assert EmbeddedNode(chain).call("eth_chainId", []) == "0x63"
        world = world_of(chain)
        world.chain().check()
        # The registry sees the same id: its log ids are bound to it.
        assert world.place.chain_id == 99
        world.anchor(0, 5)


def test_everything_is_there_after_opening_again(path: Path) -> None:
    with open_chain(path, lambda: NOW) as chain:
        world = world_of(chain)
        transaction, mined = world.anchor(0, 5)
        evidence = world.chain().evidence(transaction.hash, mined.block, world.place.log, 5)
    with open_chain(path, lambda: NOW) as chain:
        world = world_of(chain)
        assert world.chain().find(transaction.hash) == mined
        assert world.chain().evidence(transaction.hash, mined.block, world.place.log, 5) == evidence
        again, _ = world.anchor(5, 7)
        assert again.nonce == transaction.nonce + 1


# --- time -------------------------------------------------------------------------------------------------------------


def test_time_strictly_increases_whatever_the_clock_does(path: Path) -> None:
    now = [NOW + 100.9, NOW + 100.9, NOW - 10**6, NOW + 50, NOW + 1_000]
    with open_chain(path, lambda: now.pop(0)) as chain:
        stamps = []
        for nonce in range(5):
            chain.send(raw_transfer(nonce))
            stamps.append(chain.head().header.timestamp)
    assert stamps == [NOW + 100, NOW + 101, NOW + 102, NOW + 103, NOW + 1_000]


# --- transactions -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (raw_transfer(chainId=DEVELOPMENT_CHAIN_ID + 1), "chain id"),
        (raw_transfer(chainId=None, maxFeePerGas=None, maxPriorityFeePerGas=None, gasPrice=10**10), "chain id"),
        (raw_transfer(nonce=1), "nonce too high"),
        (raw_transfer(key=STRANGER), "insufficient funds"),
        (raw_transfer(gas=20_000), "gas"),
        (raw_transfer(maxFeePerGas=1, maxPriorityFeePerGas=1), "fee"),
        (raw_transfer(value=10**30), "insufficient funds"),
        (raw_transfer(gas=40_000_000), "gas"),
        (b"", "not a signed transaction"),
        (b"\x02", "not a signed transaction"),
        (b"\x7f\xc0", "not a signed transaction"),
        (b"\xc0", "not a signed transaction"),
        (raw_transfer()[:-1], "not a signed transaction"),
        (raw_transfer() + b"\0", "not a signed transaction"),
    ],
)
def test_what_cannot_be_mined_changes_nothing(chain: EmbeddedChain, raw: bytes, words: str) -> None:
    before = chain.head().hash
    with pytest.raises(CallFailed, match=rf"(?i){words}"):
        chain.send(raw)
    assert chain.head().hash == before
    chain.send(raw_transfer())
    assert chain.head().number == 1


def test_known_and_overtaken_transactions_are_told_apart(chain: EmbeddedChain) -> None:
    raw = raw_transfer()
    chain.send(raw)
    with pytest.raises(CallFailed, match="already known"):
        chain.send(raw)
    with pytest.raises(CallFailed, match="nonce too low"):
        chain.send(raw_transfer(value=2))
    assert chain.head().number == 1


def test_a_legacy_and_an_access_list_transaction(chain: EmbeddedChain) -> None:
    none: dict[str, Any] = {"maxFeePerGas": None, "maxPriorityFeePerGas": None, "gasPrice": 10**10}
    chain.send(raw_transfer(0, **none))
    chain.send(raw_transfer(1, **none, accessList=[], type=1))
    node = EmbeddedNode(chain)
    for number, kind in ((1, "0x0"), (2, "0x1")):
        raw_block = read_raw_block(node.call("eth_getBlockByNumber", [hex(number), False]))
        receipts: Any = node.call("eth_getBlockReceipts", [hex(number)])
        check_receipts(receipts, raw_block.receipts_root)
        assert [receipt["type"] for receipt in receipts] == [kind]


def test_a_full_disk_loses_nothing_and_passes(path: Path) -> None:
    with open_chain(path, lambda: NOW) as chain:
        chain.send(raw_transfer(0))
        connection = chain._database.connection
        pages = connection.execute("pragma page_count").fetchone()[0]
        connection.execute(f"pragma max_page_count = {pages}")
        with pytest.raises(ChainUnavailable) as caught:
            [chain.send(raw_transfer(nonce)) for nonce in range(1, 50)]
        assert caught.value.code == "chain_storage"
        head = chain.head().number
        assert chain.nonce(address_of(OWNER), chain.head().header) == head
        connection.execute("pragma max_page_count = 1000000")
        chain.send(raw_transfer(head))
        assert chain.head().number == head + 1


def test_a_failure_after_the_block_was_built_leaves_none(chain: EmbeddedChain) -> None:
    world = world_of(chain)
    transaction = world.chain().prepare(anchor_call(world.place.log, 0, 5))
    before, connection = chain.head().hash, chain._database.connection
    connection.execute("create trigger broken before insert on log begin select raise(abort, 'broken'); end")
    with pytest.raises(ChainUnavailable):
        chain.send(transaction.raw)
    connection.execute("drop trigger broken")
    assert chain.head().hash == before
    assert world.chain().find(transaction.hash) is None
    world.chain().send(transaction)
    world.anchor(5, 7)
    check_whole(chain, 2)


def test_readers_and_the_sender_take_turns(chain: EmbeddedChain) -> None:
    world = world_of(chain)
    node, problems, done = ReadOnlyNode(chain, world.place.registry), [], threading.Event()

    def read() -> None:
        head = "0x" + (keccak256(b"head(bytes32)")[:4] + world.place.log).hex()
        try:
            while not done.is_set():
                block: Any = node.call("eth_getBlockByNumber", ["latest", False])
                assert read_raw_block(block).block.number == int(block["number"], 16)
                answer = str(
                    node.call("eth_call", [{"to": print_address(world.place.registry), "data": head}, "latest"])
                )
                size = int(answer[2:66], 16)
                assert answer[66:] == (root_of(size) if size else bytes(32)).hex()
        except BaseException as problem:  # noqa: BLE001 - carried to the test's own thread
            problems.append(problem)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for size in range(1, 30):
        world.anchor(size - 1, size)
    done.set()
    for reader in readers:
        reader.join()
    assert problems == []


# --- crashes ----------------------------------------------------------------------------------------------------------


def test_killed_at_any_moment_nothing_acknowledged_is_missing(tmp_path: Path) -> None:
    path, seed = tmp_path / "chain.db", random.randrange(2**32)
    chance, acknowledged = random.Random(seed), -1
    for attempt in range(5):
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.chain.crashing", str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "imported\n"
        # The first attempts die while the chain is made and set up, the later ones in the middle of the work.
        time.sleep(chance.uniform(0, 0.1) if attempt < 2 else chance.uniform(0.2, 0.9))
        process.send_signal(signal.SIGKILL)
        said, _ = process.communicate()
        numbers = [int(line) for line in said.splitlines() if line.isdigit()]
        acknowledged = max([acknowledged, *numbers])
        if not path.exists():
            continue
        with open_chain(path, time.time) as chain:
            check_whole(chain, acknowledged + 1)
    assert acknowledged >= 0, f"nothing was sent (seed {seed})"


def check_whole(chain: EmbeddedChain, at_least: int) -> None:
    node, head = EmbeddedNode(chain), chain.head()
    assert chain.nonce(address_of(PUBLISHER), head.header) >= at_least
    parent, transactions, logs = bytes(32), 0, 0
    for number in range(head.number + 1):
        block: Any = node.call("eth_getBlockByNumber", [hex(number), False])
        receipts: Any = node.call("eth_getBlockReceipts", [hex(number)])
        raw = read_raw_block(block)
        check_receipts(receipts, raw.receipts_root)
        assert block["parentHash"] == "0x" + parent.hex()
        assert all(chain.transaction_place(transaction) is not None for transaction in raw.transactions)
        parent = raw.block.hash
        transactions += len(raw.transactions)
        logs += sum(len(receipt["logs"]) for receipt in receipts)
    accounts = [address_of(OWNER), address_of(PUBLISHER)]
    assert transactions == sum(chain.nonce(account, head.header) for account in accounts)
    found = chain.logs(LogFilter(0, head.number, read_artefact().address, ()), 10**6)
    assert len(found) == logs


# --- JSON-RPC ---------------------------------------------------------------------------------------------------------


def test_web3_works_with_it(chain: EmbeddedChain) -> None:
    world = world_of(chain)
    transaction, mined = world.anchor(0, 5)
    web3 = Web3(world.provider)
    assert web3.is_connected()
    assert web3.eth.chain_id == DEVELOPMENT_CHAIN_ID
    assert web3.eth.block_number == mined.block.number
    block = web3.eth.get_block("finalized")
    assert bytes(block["hash"]) == mined.block.hash
    assert int(block["timestamp"]) == mined.block.timestamp
    receipt = web3.eth.get_transaction_receipt(HexBytes(transaction.hash))
    contract = web3.eth.contract(Web3.to_checksum_address(world.place.registry), abi=read_artefact().abi)
    (event,) = contract.events.Anchored().process_receipt(receipt)
    assert event["args"] == {"logId": world.place.log, "size": 5, "root": root_of(5), "previousSize": 0}
    (log,) = contract.events.Anchored().get_logs(from_block=0)
    assert log["args"] == event["args"]
    assert contract.functions.head(world.place.log).call() == [5, root_of(5)]


def test_everybody_may_read_and_nobody_more(chain: EmbeddedChain) -> None:
    world = world_of(chain)
    transaction, mined = world.anchor(0, 5)
    registry = print_address(world.place.registry)
    node = ReadOnlyNode(chain, world.place.registry)
    topics = ["0x" + ANCHORED.hex(), "0x" + world.place.log.hex(), "0x" + word(5).hex()]
    head = "0x" + (keccak256(b"head(bytes32)")[:4] + world.place.log).hex()

    assert node.call("eth_chainId", []) == hex(DEVELOPMENT_CHAIN_ID)
    assert node.call("eth_blockNumber", []) == hex(mined.block.number)
    block: Any = node.call("eth_getBlockByNumber", [hex(mined.block.number), False])
    assert block["hash"] == "0x" + mined.block.hash.hex()
    for tag in ("latest", "safe", "finalized"):
        assert node.call("eth_getBlockByNumber", [tag, False]) == block
    assert node.call("eth_getBlockByHash", [block["hash"], False]) == block
    assert node.call("eth_getBlockByNumber", [hex(10**9), False]) is None
    assert node.call("eth_getBlockByHash", ["0x" + "11" * 32, False]) is None
    receipt: Any = node.call("eth_getTransactionReceipt", ["0x" + transaction.hash.hex()])
    assert receipt["status"] == "0x1"
    for where in ({"fromBlock": "earliest", "toBlock": "latest"}, {"blockHash": block["hash"]}, {}):
        wanted = {"address": registry, "topics": topics, **where}
        assert node.call("eth_getLogs", [wanted]) == receipt["logs"]
        assert node.call("eth_getLogs", [{**wanted, "topics": [topics[1]]}]) == []
    for key in ("data", "input"):
        answer = node.call("eth_call", [{"to": registry, key: head}, "latest"])
        assert answer == "0x" + (word(5) + root_of(5)).hex()

    refused: list[tuple[str, list[Any], int]] = [
        ("eth_sendRawTransaction", ["0x" + raw_transfer().hex()], METHOD_NOT_FOUND),
        ("eth_getBalance", [registry, "latest"], METHOD_NOT_FOUND),
        ("eth_getCode", [registry, "latest"], METHOD_NOT_FOUND),
        ("eth_estimateGas", [{"to": registry, "data": head}, "latest"], METHOD_NOT_FOUND),
        ("eth_call", [{"to": print_address(read_artefact().factory), "data": "0x"}, "latest"], INVALID_PARAMS),
        ("eth_call", [{"to": registry, "data": head}, "0x1"], INVALID_PARAMS),
        ("eth_call", [{"to": registry, "data": "0x" + "00" * 4_097}, "latest"], INVALID_PARAMS),
        ("eth_call", [{"data": head}, "latest"], INVALID_PARAMS),
        ("eth_getBlockByNumber", ["latest", True], INVALID_PARAMS),
        ("eth_getBlockByNumber", ["latest"], INVALID_PARAMS),
        ("eth_getBlockByNumber", [5, False], INVALID_PARAMS),
        ("eth_getLogs", [{"topics": topics}], INVALID_PARAMS),
        ("eth_getLogs", [{"address": registry, "blockHash": "0x" + "11" * 32}], INVALID_PARAMS),
        ("eth_getLogs", [{"address": [registry, registry]}], INVALID_PARAMS),
        ("eth_getLogs", [{"address": registry, "more": 1}], INVALID_PARAMS),
    ]
    before = chain.head().hash
    for method, params, number in refused:
        with pytest.raises(CallFailed) as caught:
            node.call(method, params)
        assert caught.value.number == number, (method, params)
    with pytest.raises(CallFailed) as caught:
        node.call("eth_call", [{"to": registry, "data": "0xffffffff"}, "latest"])
    assert caught.value.number == 3
    assert chain.head().hash == before


def test_logs_are_bounded(chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of(chain)
    for size in range(1, 6):
        world.anchor(size - 1, size)
    wanted = {"address": print_address(world.place.registry), "fromBlock": "0x0", "topics": ["0x" + ANCHORED.hex()]}
    node = ReadOnlyNode(chain, world.place.registry)
    monkeypatch.setattr("anchor_service.chain.serving.MAX_LOGS", 5)
    answer: Any = node.call("eth_getLogs", [wanted])
    assert len(answer) == 5
    monkeypatch.setattr("anchor_service.chain.serving.MAX_LOGS", 4)
    with pytest.raises(CallFailed) as caught:
        node.call("eth_getLogs", [wanted])
    assert caught.value.number == LIMIT_EXCEEDED


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(
        ["0x0", "0x" + "ff" * 32, "0x" + "00" * 20, "latest", "earliest", "0x" + "f" * 64, "0x" + "f" * 63]
    ),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["to", "data", "input", "from", "address", "topics", "fromBlock", "toBlock", "blockHash"]),
            inner,
        )
    ),
    max_leaves=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=300)
@given(
    st.sampled_from(
        [*sorted(ReadOnlyNode._SERVED), "eth_foo", "", "eth_getTransactionCount", "eth_sendRawTransaction"]
    ),
    st.lists(JSON, max_size=3),
)
def test_whatever_is_asked_the_answer_is_an_answer(chain: EmbeddedChain, method: str, params: list[Any]) -> None:
    for node in (EmbeddedNode(chain), ReadOnlyNode(chain, read_artefact().address)):
        try:
            node.call(method, params)
        except CallFailed:
            continue


def test_a_head_does_not_move_by_being_read(chain: EmbeddedChain) -> None:
    world = world_of(chain)
    world.anchor(0, 5)
    before = chain.head().hash
    world.chain().prepare(anchor_call(world.place.log, 5, 7))
    assert chain.head().hash == before
    assert world.chain().head(world.place.log).size == 5
