"""The chain in a process of its own: what it does, what it says, and what becomes of it when it is killed."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from anchor_service.chain.database import FileLock
from anchor_service.chain.jsonrpc import METHOD_NOT_FOUND, SERVER_ERROR
from anchor_service.ports import CallFailed, ChainRefused, ChainUnavailable, StoreRefused
from anchor_service.protocol.anchor import ANCHORED
from anchor_service.protocol.errors import SealtrailError
from anchor_service.settings import Settings
from anchor_service.wiring.apart import EndedError
from anchor_service.wiring.chain import ChainApart
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service
from tests.services.crashing import body
from tests.services.log import TENANT, create_log, open_log
from tests.services.parents import killed_parent


@contextmanager
def apart(settings: Settings) -> Iterator[tuple[Service, ChainApart]]:
    """A log whose chain is in a process of its own; nothing is sealed or anchored by itself."""
    service = build(settings)
    try:
        service.ingest.start()
        assert isinstance(service.nodes, ChainApart)
        yield service, service.nodes
    finally:
        service.stop()


def accept_and_seal(service: Service, *numbers: int) -> None:
    service.ingest.submit(TENANT, [body(f"a-{number}") for number in numbers]).result(30)
    assert service.seal.run_once() is not None


def kill(chain: ChainApart) -> None:
    pid = chain._apart.pid
    if pid is not None:
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return create_log(tmp_path / "data", seal_process=False)


def test_it_anchors_and_answers_as_the_one_here_does(settings: Settings) -> None:
    with apart(settings) as (service, chain):
        accept_and_seal(service, 1, 2, 3)
        while service.anchor.run_once():
            pass
        assert service.health().final_size == 4
        asked = [("eth_chainId", []), ("eth_blockNumber", []), ("eth_getBlockByNumber", ["latest", False])]
        answers = [chain.call(method, params) for method, params in asked]
        with pytest.raises(CallFailed, match="is not served") as refused:
            chain.call("eth_sendRawTransaction", ["0x"])
        assert (refused.value.number, refused.value.data) == (METHOD_NOT_FOUND, b"")
    with open_log(settings) as log:
        assert log.service.nodes is not None
        assert answers == [log.service.nodes.call(method, params) for method, params in asked]
        log.check()


def test_where_it_is_killed_another_is_started(settings: Settings) -> None:
    with apart(settings) as (service, chain):
        kill(chain)
        with pytest.raises(CallFailed, match="another is started") as failed:
            chain.call("eth_chainId", [])
        assert failed.value.number == SERVER_ERROR
        assert chain.call("eth_chainId", []) == hex(chain.id())
        accept_and_seal(service, 1)
        kill(chain)
        while service.anchor.run_once():
            pass
        assert service.health().final_size == 2


def test_killed_at_any_moment_no_anchor_is_lost_or_doubled(settings: Settings) -> None:
    rounds = 6
    with apart(settings) as (service, chain):
        for number in range(rounds):
            accept_and_seal(service, number)
            killer = threading.Timer(random.uniform(0, 0.2), kill, [chain])
            killer.start()
            while service.health().final_size < service.health().size:
                with suppress(ChainUnavailable):
                    service.anchor.run_once()
            killer.join()
            with suppress(ChainUnavailable):  # where it was killed with nothing asked of it
                chain.id()
    with open_log(settings) as log:
        anchors = log.service.prove.anchors(None, 100).items
        assert [anchor.size for anchor in anchors] == [2 * number for number in range(rounds, 0, -1)]
        assert len({anchor.block for anchor in anchors}) == rounds
        nodes = log.service.nodes
        assert nodes is not None
        wanted = {"fromBlock": "0x0", "toBlock": "latest", "address": "0x" + log.service.registry.hex()}
        logs = nodes.call("eth_getLogs", [wanted])
        assert isinstance(logs, list)
        anchored = "0x" + ANCHORED.hex()
        assert sum(entry["topics"][0] == anchored for entry in logs) == rounds
        log.check()


def test_threads_that_ask_at_once_get_their_own_answers(settings: Settings) -> None:
    with apart(settings) as (service, chain), ThreadPoolExecutor(8) as pool:
        accept_and_seal(service, 1)
        while service.anchor.run_once():
            pass
        newest = int(str(chain.call("eth_blockNumber", [])), 16)
        asked = [number % (newest + 1) for number in range(200)]
        answers = list(pool.map(lambda number: chain.call("eth_getBlockByNumber", [hex(number), False]), asked))
        assert [answer["number"] for answer in answers if isinstance(answer, dict)] == [hex(one) for one in asked]


def test_it_ends_with_a_parent_that_is_killed_and_keeps_others_out_until_then(settings: Settings) -> None:
    with killed_parent(settings.data, "service.nodes._apart.pid") as modules:
        assert not {"web3", "eth", "eth_account"} & modules, "what only the chain's process needs"
        assert "anchor_service" in modules
        with pytest.raises(StoreRefused, match="in use by another process"):
            build(settings)
    begin = time.monotonic()
    build(settings.model_copy(update={"chain_process": False})).stop()
    assert time.monotonic() - begin < 30


@pytest.mark.parametrize(
    ("file", "kind", "code"),
    [("chain.db", ChainRefused, "chain_missing"), ("keys/publisher.key", StoreRefused, "key_missing")],
)
def test_what_it_cannot_open_is_said_here_and_by_nobody_else(
    settings: Settings, file: str, kind: type[SealtrailError], code: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (settings.data / file).unlink()
    with pytest.raises(kind, match="is not there") as refused:
        build(settings)
    assert refused.value.code == code
    assert capfd.readouterr().err == ""


def test_what_could_not_be_opened_is_tried_again_with_the_next_question(settings: Settings) -> None:
    with closing(FileLock(settings.data / "chain.db")), pytest.raises(ChainUnavailable, match="in use") as refused:
        build(settings)
    assert refused.value.code == "chain_locked"
    with apart(settings) as (_, chain):
        kill(chain)
        with pytest.raises(ChainUnavailable, match="has ended"):
            chain.id()
        with closing(FileLock(settings.data / "chain.db")), pytest.raises(ChainUnavailable, match="in use"):
            chain.id()
        assert chain.id() > 0


def test_after_the_end_nobody_starts_another(settings: Settings) -> None:
    with apart(settings) as (_, chain):
        pass
    with pytest.raises(EndedError):
        chain._apart.ask("id")
    assert chain._apart.pid is None
