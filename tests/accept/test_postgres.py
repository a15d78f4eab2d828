"""The real orders on PostgreSQL: imported through two `sealtrail api` at once, while the worker is killed twice.

Every order's proof is then checked by both verifiers.

SEALTRAIL_TEST_ORDERS takes the first so many orders; all 8,135 without it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx2
import pytest

from anchor_service.ports import Audience
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.policy import parse_block_hash, print_policy
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import verify
from anchor_service.services.fsck import fsck
from anchor_service.storage.database import Database
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.opening import look
from tests.accept.test_olist import EXAMPLE, rows
from tests.cli.fleet import Fleet, WorkerProcess, event, fleet, held_by, until
from tests.cli.program import QUIET, free_port, running
from tests.conformance.corpus import drive
from tests.postgres import Postgres

pytestmark = pytest.mark.timeout(2_400)

ORDERS = int(os.environ.get("SEALTRAIL_TEST_ORDERS", "8135"))
MAIN = "olist_orders_dataset.csv"


def test_every_order_is_proven_though_workers_are_killed(shared_data: Path, tmp_path: Path, postgres: Postgres) -> None:
    halves = [cut(shared_data / "olist-sample", tmp_path / f"half{half}", half) for half in range(2)]
    order_ids = {row["order_id"] for table in halves for row in rows(table)}
    assert len(order_ids) == ORDERS
    with ExitStack() as opened:
        made = opened.enter_context(fleet(tmp_path, postgres, "olist"))
        ports = free_port(), free_port()
        for port in ports:
            opened.enter_context(running(port, "api", "--data", made.data))
        database = opened.enter_context(closing(Database(made.url)))
        worker = start(made, tmp_path / "worker0.txt", opened)
        until(lambda: held_by(database, worker), "the first worker works")
        done = threading.Event()
        loads = [opened.enter_context(load(port, made.key, done)) for port in ports]
        imports = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "anchor_service", "import", str(table), "--mapping", str(EXAMPLE)),
                    *("--tenant", "olist", "--data", str(made.data)),
                    *("--url", f"http://127.0.0.1:{port}", "--key", made.key),
                ],
                env=QUIET,
            )
            for table, port in zip(halves, ports, strict=True)
        ]
        for kill in (1, 2):
            reached = final(made)
            until(lambda reached=reached: final(made) > reached, "the worker anchors", 300)  # type: ignore[misc]
            worker.kill()
            worker = start(made, tmp_path / f"worker{kill}.txt", opened)
            until(lambda worker=worker: held_by(database, worker), "the next takes over")  # type: ignore[misc]
        for running_import in imports:
            assert running_import.wait(1_200) == 0
        done.set()
        sent = [event_id for ids in loads for event_id in ids]
        until(lambda: settled(made), "everything is final", 300)
        desk = look(made.settings)
        opened.callback(desk.stop)
        check(desk, made, order_ids, sent, tmp_path)


def cut(source: Path, folder: Path, half: int) -> Path:
    """Copy the tables, with every second one of the orders."""
    folder.mkdir()
    for file in source.glob("*.csv"):
        shutil.copyfile(file, folder / file.name)
    lines = (source / MAIN).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / MAIN).write_text("".join([lines[0], *lines[1 + half : 1 + ORDERS : 2]]), encoding="utf-8")
    return folder / MAIN


def start(made: Fleet, said: Path, opened: ExitStack) -> WorkerProcess:
    worker = WorkerProcess(made.data, said)
    opened.callback(worker.kill)
    return worker


@contextmanager
def load(port: int, key: str, done: threading.Event) -> Iterator[list[str]]:
    """Send single events beside the import, to orders that the other process gets events of as well."""
    sent: list[str] = []
    failures: list[BaseException] = []

    def send() -> None:
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        try:
            with httpx2.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
                while not done.wait(0.02):
                    event_id = f"load-{port}-{len(sent)}"
                    answer = client.post("/v1/events", content=event(event_id, f"L-{len(sent) % 50}"), timeout=60)
                    assert answer.status_code in {200, 201, 202}, answer.text
                    sent.append(event_id)
        except BaseException as problem:
            failures.append(problem)
            raise

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        done.set()
        thread.join()
        assert failures == []


def final(made: Fleet) -> int:
    with closing(Database(made.url)) as database, database.read() as connection:
        query = "select coalesce(max(size), 0) from anchors where state = 'FINAL'"
        return int(connection.exec_driver_sql(query).scalar_one())


def settled(made: Fleet) -> bool:
    time.sleep(0.5)
    desk = look(made.settings)
    try:
        health = desk.health()
        return not health.waiting and health.final_size == health.size
    finally:
        desk.stop()


def check(desk: Desk, made: Fleet, order_ids: set[str], sent: list[str], folder: Path) -> None:
    assert fsck(desk._reading, desk.policy(), 0) == []
    policy = desk.policy().trusting(chain_blocks(made))
    trust = folder / "policy.json"
    trust.write_bytes(print_policy(policy))
    seen: dict[str, int] = {}
    proofs: list[Path] = []
    cursor = None
    while True:
        page = desk.prove.orders("olist", cursor, 500)
        for line in page.items:
            proof = desk.prove.proof("olist", line.order_id, Audience.FULL)
            assert isinstance(proof, bytes), line
            verdict = verify(proof, policy)
            assert verdict.state is State.TEST_DATA, (line, verdict.checks)
            assert [step.seq for step in verdict.steps] == list(range(1, line.events + 1))
            proofs.append(folder / f"proof{len(proofs)}.json")
            proofs[-1].write_bytes(proof)
            seen[line.order_id] = line.events
        cursor = page.next
        if cursor is None:
            break
    # The other verifier, with the same policy: the same orders, each complete.
    answers = drive([str(proof), "--policy", str(trust), "--json"] for proof in proofs)
    for said, (order_id, events) in zip(answers, seen.items(), strict=True):
        other = said.verdict
        results = {check["check"]: check["result"] for check in other["checks"]}
        assert (said.code, other["state"], results["complete"]) == (0, State.TEST_DATA.value, "VALID"), said
        assert other["order"]["order_id"] == order_id
        assert [step["seq"] for step in other["order"]["events"]] == list(range(1, events + 1))
    assert seen.keys() >= order_ids
    with desk._database.read() as connection:
        stored = connection.exec_driver_sql(
            "select event_id, number, accepted, idx from events left join entries on event = number order by number"
        ).all()
    numbers = [row.event_id for row in stored]
    assert len(numbers) == len(set(numbers))
    assert set(sent) <= set(numbers)
    assert [row.number for row in stored] == list(range(1, len(stored) + 1))
    for values in ([row.accepted for row in stored], [row.idx for row in stored]):
        assert values == sorted(values)
    print(f"{len(seen)} orders, {len(stored)} events, {len(sent)} of them beside the import")


def chain_blocks(made: Fleet) -> list[BlockId]:
    """Every block of the chain, asked of the node."""
    newest = int(made.anvil.call("eth_blockNumber"), 16)
    blocks = []
    for number in range(newest + 1):
        block = made.anvil.call("eth_getBlockByNumber", hex(number), False)
        blocks.append(BlockId(number, parse_block_hash(block["hash"], "hash")))
    return blocks
