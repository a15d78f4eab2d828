"""kill -9 at random moments while real orders are imported, sealed and anchored; thirty times.

An import that is killed is begun again on the same log, as an operator would; one that came to its end is checked and
a new log begun.  Nothing may be missing or doubled, and every proof verifies.
"""

from __future__ import annotations

import csv
import os
import random
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from anchor_service.ports import Audience
from anchor_service.protocol.verdict import State
from anchor_service.services.fsck import fsck
from anchor_service.settings import Settings
from tests.services.crashing import kill_again_and_again
from tests.services.log import OpenLog, open_log

pytestmark = pytest.mark.timeout(1_500)

KILLS = int(os.environ.get("SEALTRAIL_TEST_KILLS", "30"))
EXAMPLE = Path(__file__).parents[2] / "docs/examples/olist.yaml"
TENANT = "olist"
STARTING = 1.0
"""Seconds that a command takes, at least, before it touches the log."""


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "anchor_service", *map(str, arguments)]


def done(*arguments: object) -> None:
    subprocess.run(command(*arguments), check=True, capture_output=True, timeout=600)


def killed(arguments: list[str], after: float) -> bool:
    """Run a command and kill it after so many seconds; False where it came to its end before."""
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _, said = process.communicate(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0, said.decode()[-2000:]
    return False


def stored(log: OpenLog) -> Counter[str]:
    """How many events each order has."""
    found: Counter[str] = Counter()
    ids: set[str] = set()
    with log.service._reading.snapshot() as snapshot:
        last = 0
        while page := snapshot.all_events(last, 5_000):
            found.update(item.event.stream.order_id for item in page)
            ids |= {item.event.event_id for item in page}
            last = page[-1].event.number
    assert len(ids) == found.total(), "an event is there twice"
    return found


def check(data: Path, before: Counter[str], dice: random.Random) -> Counter[str]:
    """Nothing is damaged; what was there before is there; a hundred orders' proofs verify."""
    with open_log(Settings(data=data)) as log:
        found = stored(log)
        assert not before - found, "what was stored before is missing"
        log.settle()
        assert fsck(log.service._reading, log.service.policy(), 0) == []
        for order_id in dice.sample(sorted(found), min(100, len(found))):
            assert log.verdict(log.proof(order_id, Audience.CONSUMER, TENANT)).state is State.TEST_DATA
        return found


def expected(row: dict[str, str]) -> int:
    columns = ("order_approved_at", "order_delivered_carrier_date", "order_delivered_customer_date")
    return 1 + sum(bool(row[column]) for column in columns) + (row["order_status"] in ("canceled", "unavailable"))


def test_imports_that_are_killed_lose_and_double_nothing(shared_data: Path, tmp_path: Path) -> None:
    dice = random.Random(20_261_123)
    tables = tmp_path / "tables"
    tables.mkdir()
    for file in (shared_data / "olist-sample").glob("*.csv"):
        shutil.copyfile(file, tables / file.name)
    table = tables / "olist_orders_dataset.csv"
    with table.open(newline="", encoding="utf-8") as text:
        whole = Counter({row["order_id"]: expected(row) for row in csv.DictReader(text)})
    kills = logs = 0
    while kills < KILLS:
        data = tmp_path / f"log{logs}"
        logs += 1
        done("init", "--data", data)
        done("tenant", "add", TENANT, "--name", "Olist", "--data", data)
        import_all = command("import", table, "--mapping", EXAMPLE, "--tenant", TENANT, "--data", data)
        found: Counter[str] = Counter()
        while kills < KILLS and killed(import_all, STARTING + dice.uniform(0, 4)):
            kills += 1
            found = check(data, found, dice)
        done(*import_all[3:])
        assert check(data, found, dice) == whole
    print(f"{kills} kills over {logs} logs of {whole.total()} events")


def test_clients_that_are_cut_off_lose_and_double_nothing(tmp_path: Path) -> None:
    """The same, event by event: what was acknowledged to a client before the kill is there after it."""
    report = kill_again_and_again(tmp_path / "data", max(KILLS // 3, 1), seed=2)
    print(report)
    assert report.acknowledged > 0
