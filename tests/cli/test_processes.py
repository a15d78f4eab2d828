"""Several processes on PostgreSQL: they take events side by side, and one at a time seals and anchors."""

from __future__ import annotations

import signal
import threading
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest

from anchor_service.ports import Audience
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import verify
from anchor_service.services.fsck import fsck
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.wiring.opening import look
from tests.cli.fleet import Fleet, WorkerProcess, event, fleet, held_by, until
from tests.cli.program import free_port, program, running, sealtrail
from tests.postgres import Postgres


@pytest.mark.parametrize("command", ["api", "worker"])
def test_on_sqlite_one_process_does_it_all(command: str, tmp_path: Path) -> None:
    assert sealtrail("init", "--data", tmp_path / "log").returncode == 0
    done = program(command, "--data", tmp_path / "log")
    assert done.returncode == 4
    assert done.stderr.count("sealtrail:") == 1
    assert "SEALTRAIL_DATABASE" in done.stderr


def test_the_embedded_chain_is_the_workers(tmp_path: Path, postgres: Postgres) -> None:
    """One setting is all it takes; the chain's file is one process's."""
    data = tmp_path / "log"
    assert sealtrail("init", "--data", data, "--database", postgres.url()).returncode == 0
    assert sealtrail("upgrade", "--data", data).returncode == 0
    sealtrail("tenant", "add", "acme", "--data", data)
    key = sealtrail("key", "add", "--tenant", "acme", "--data", data).stdout.strip()
    port = free_port()
    with running(port, "serve", "--data", data) as process:
        send(port, key, "e1", "A-1")
        until(lambda: final(data) >= 2, "serve seals and anchors")
        assert httpx2.post(f"http://127.0.0.1:{port}/rpc", json=block_number(), trust_env=False).json()["result"]
        refused = program("worker", "--data", data)
        assert (refused.returncode, refused.stderr.count("sealtrail:")) == (3, 1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with running(port, "api", "--data", data):
        ready = httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
        assert ready.status_code == 200
        assert "no worker" in ready.text
        answer = httpx2.post(f"http://127.0.0.1:{port}/rpc", json=block_number(), trust_env=False)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_embedded")
        send(port, key, "e2", "A-1")
        worker = WorkerProcess(data, tmp_path / "worker.txt")
        try:
            until(lambda: final(data) >= 4, "the worker seals and anchors")
            ready = httpx2.get(f"http://127.0.0.1:{port}/readyz", trust_env=False)
            assert ready.json()["problems"] == []
            worker.signal(signal.SIGTERM)
            assert worker.process.wait(60) == 0
        finally:
            worker.kill()
    assert check(data) == {"A-1": State.TEST_DATA}


def test_a_worker_that_is_killed_or_stopped_is_replaced(tmp_path: Path, postgres: Postgres) -> None:
    with ExitStack() as opened:
        made = opened.enter_context(fleet(tmp_path, postgres))
        ports = free_port(), free_port()
        for port in ports:
            opened.enter_context(running(port, "api", "--data", made.data))
        database = opened.enter_context(closing(Database(made.url)))

        def start(name: str) -> WorkerProcess:
            worker = WorkerProcess(made.data, tmp_path / f"{name}.txt")
            opened.callback(worker.kill)
            return worker

        first = start("first")
        until(lambda: held_by(database, first), "the first worker works")
        second = start("second")
        done = threading.Event()
        sent: list[str] = []
        failures: list[BaseException] = []
        clients = [threading.Thread(target=keep_sending, args=(port, made.key, done, sent, failures)) for port in ports]
        for client in clients:
            client.start()
        try:
            until(lambda: final(made.data) > 0, "the first worker anchors")
            assert not held_by(database, second)

            first.kill()
            until(lambda: held_by(database, second), "the second takes over from one that was killed")
            reached = final(made.data)
            until(lambda: final(made.data) > reached, "the second anchors")

            second.signal(signal.SIGSTOP)
            third = start("third")
            until(lambda: held_by(database, third), "the third takes over from one that was stopped")
            reached = final(made.data)
            until(lambda: final(made.data) > reached, "the third anchors")
            second.signal(signal.SIGCONT)
            until(lambda: "lease_lost" in second.said(), "the second finds that it was replaced")
            assert held_by(database, third)
            reached = final(made.data)
            until(lambda: final(made.data) > reached, "the third goes on")

            third.signal(signal.SIGTERM)
            until(lambda: held_by(database, second), "the second takes over from one that ended", 30)
        finally:
            done.set()
            for client in clients:
                client.join()
        assert failures == []
        until(lambda: waiting(made.data) == 0, "everything is final")
        second.signal(signal.SIGTERM)
        assert second.process.wait(60) == 0
        check_order(made, sent)
        states = check(made.data)
        assert set(states.values()) == {State.TEST_DATA}


def keep_sending(port: int, key: str, done: threading.Event, sent: list[str], failures: list[BaseException]) -> None:
    """Send events to orders that both clients share, until told to end."""
    try:
        number = 0
        while not done.wait(0.02):
            number += 1
            send(port, key, f"c{port}-{number}", f"A-{number % 7}")
            sent.append(f"c{port}-{number}")
    except BaseException as problem:
        failures.append(problem)
        raise


def check_order(made: Fleet, sent: list[str]) -> None:
    """All that was acknowledged is there once, without a gap, and entries are in the order of acceptance."""
    with closing(Database(made.url)) as database, database.read() as connection:
        rows = connection.exec_driver_sql(
            "select event_id, number, accepted, idx from events left join entries on event = number order by number"
        ).all()
    assert sorted(row.event_id for row in rows) == sorted(sent)
    assert [row.number for row in rows] == list(range(1, len(sent) + 1))
    for values in ([row.accepted for row in rows], [row.idx for row in rows]):
        assert values == sorted(values)


def send(port: int, key: str, event_id: str, order_id: str) -> None:
    answer = httpx2.post(
        f"http://127.0.0.1:{port}/v1/events",
        content=event(event_id, order_id),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code in {200, 201, 202}, answer.text


def block_number() -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []}


def final(data: Path) -> int:
    return state(data)["final_size"]


def waiting(data: Path) -> int:
    now = state(data)
    return now["waiting"] + now["size"] - now["final_size"]


def state(data: Path) -> dict[str, int]:
    desk = look(Settings(data=data))
    try:
        health = desk.health()
        return {"final_size": health.final_size, "waiting": health.waiting, "size": health.size}
    finally:
        desk.stop()


def check(data: Path) -> dict[str, State]:
    """Nothing is damaged; return what a verifier says of each order."""
    desk = look(Settings(data=data))
    try:
        assert fsck(desk._reading, desk.policy(), 0) == []
        states = {}
        for line in desk.prove.orders("acme", None, 500).items:
            proof = desk.prove.proof("acme", line.order_id, Audience.FULL)
            assert isinstance(proof, bytes)
            headers = [read_header(anchor.evidence.header) for anchor in parse_proof(proof).anchors]
            policy = desk.policy().trusting(BlockId(header.number, header.hash) for header in headers)
            states[line.order_id] = verify(proof, policy).state
        return states
    finally:
        desk.stop()
