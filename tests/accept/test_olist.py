"""All 8,135 real orders: imported by the documented mapping, and every one's proof verified offline."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from anchor_service.ports import Audience
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.policy import Policy, parse_block_hash, parse_policy, print_policy
from anchor_service.protocol.verdict import State
from anchor_service.protocol.verify import verify
from anchor_service.services.prove import NotYet
from anchor_service.settings import Settings
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service

pytestmark = pytest.mark.timeout(1_500)

EXAMPLE = Path(__file__).parents[2] / "docs/examples/olist.yaml"
STEPS = {"placed", "paid", "shipped", "delivered", "cancelled"}


def sealtrail(*arguments: object, code: int = 0) -> str:
    command = [sys.executable, "-m", "anchor_service", *map(str, arguments)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=1_200)
    assert done.returncode == code, f"{command}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
    assert "Traceback" not in done.stderr
    return done.stdout


@dataclass(frozen=True)
class Imported:
    """A log that holds the orders, and the policy that names the blocks of its anchors, as the chain has them."""

    data: Path
    table: Path
    policy: Policy


@pytest.fixture(scope="module")
def imported(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Imported:
    folder = tmp_path_factory.mktemp("olist")
    data, tables = folder / "log", folder / "tables"
    tables.mkdir()
    for file in (shared_data / "olist-sample").glob("*.csv"):
        shutil.copyfile(file, tables / file.name)
    table = tables / "olist_orders_dataset.csv"
    sealtrail("init", "--data", data)
    sealtrail("tenant", "add", "olist", "--name", "Olist", "--data", data)
    sealtrail("import", table, "--mapping", EXAMPLE, "--tenant", "olist", "--data", data)
    service = build(Settings(data=data))
    try:
        policy = service.policy().trusting(chain_blocks(service))
    finally:
        service.stop()
    return Imported(data, table, policy)


def chain_blocks(service: Service) -> list[BlockId]:
    """Every block that the chain has, asked of the chain and not of what the service keeps."""
    nodes = service.nodes
    assert nodes is not None
    newest = int(str(nodes.call("eth_blockNumber", [])), 16)
    blocks = []
    for number in range(newest + 1):
        block = nodes.call("eth_getBlockByNumber", [hex(number), False])
        assert isinstance(block, dict)
        blocks.append(BlockId(number, parse_block_hash(block["hash"], "hash")))
    return blocks


def rows(table: Path) -> list[dict[str, str]]:
    with table.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_order_is_proven_offline(imported: Imported, tmp_path: Path) -> None:
    orders = rows(imported.table)
    assert len(orders) == 8_135
    flags: Counter[str] = Counter()
    policy_file = tmp_path / "policy.json"
    policy_file.write_bytes(print_policy(imported.policy))
    assert parse_policy(policy_file.read_bytes()) == imported.policy
    service = build(Settings(data=imported.data))
    by_command: list[Path] = []
    try:
        for place, row in enumerate(orders):
            proof = service.prove.proof("olist", row["order_id"], Audience.FULL)
            assert not isinstance(proof, NotYet), row
            verdict = verify(proof, imported.policy)
            assert verdict.state is State.TEST_DATA, (row, verdict.checks)
            assert verdict.proof is not None
            assert verdict.proof.opening.order_id == row["order_id"]
            assert [step.seq for step in verdict.steps] == list(range(1, len(verdict.steps) + 1))
            told = {str(step.view.fields["type"]): str(step.view.fields["occurred_at"]) for step in verdict.steps}
            assert told.keys() == expected(row)
            assert told["placed"][:19] == row["order_purchase_timestamp"].replace(" ", "T")
            flags.update(flag for step in verdict.steps for flag in step.flags)
            if place % (len(orders) // 20) == 0 and len(by_command) < 20:
                by_command.append(tmp_path / f"{place}.json")
                by_command[-1].write_bytes(proof)
    finally:
        service.stop()
    assert flags["late"] > 0, "the real disorder shows as flags"
    assert len(by_command) == 20
    for file in by_command:
        said = json.loads(sealtrail("verify", file, "--policy", policy_file, "--json"))
        assert said["state"] == "test_data"
    # The same without the trusted blocks: nobody says which chain this is.
    bare = tmp_path / "bare.json"
    bare.write_bytes(print_policy(replace(imported.policy, blocks=())))
    said = json.loads(sealtrail("verify", by_command[0], "--policy", bare, "--json", code=3))
    assert said["state"] == "could_not_check"


def expected(row: dict[str, str]) -> set[str]:
    """The steps that the table reports of an order."""
    steps = {"placed"}
    for column, step in (
        ("order_approved_at", "paid"),
        ("order_delivered_carrier_date", "shipped"),
        ("order_delivered_customer_date", "delivered"),
    ):
        if row[column]:
            steps.add(step)
    if row["order_status"] in ("canceled", "unavailable"):
        steps.add("cancelled")
    assert steps <= STEPS
    return steps


def test_a_second_import_finds_everything_known(imported: Imported) -> None:
    said = sealtrail("import", imported.table, "--mapping", EXAMPLE, "--tenant", "olist", "--data", imported.data)
    assert "0 events accepted, 28881 known already" in said


def test_an_altered_value_is_found(imported: Imported) -> None:
    """The check can fail: one letter of one order's disclosed city."""
    order_id = next(row["order_id"] for row in rows(imported.table) if row["order_delivered_customer_date"])
    service = build(Settings(data=imported.data))
    try:
        proof = service.prove.proof("olist", order_id, Audience.FULL)
        assert not isinstance(proof, NotYet)
    finally:
        service.stop()
    altered = proof.replace(b'"delivered\\"', b'"cancelled\\"', 1)
    assert altered != proof
    assert verify(altered, imported.policy).state is State.ALTERED
