"""Thirty kills at random moments while events come in and are sealed and anchored; after each, a restart."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.crashing import kill_again_and_again, settings_of
from tests.services.log import TENANT, create_log, open_log

KILLS = 30
EXAMPLE = Path(__file__).parents[2] / "docs/examples/olist.yaml"


@pytest.mark.timeout(1_500)
def test_nothing_acknowledged_is_lost_or_doubled_in_thirty_kills(tmp_path: Path) -> None:
    report = kill_again_and_again(tmp_path / "data", KILLS, seed=30)
    print(report)
    assert report.kills == KILLS
    assert report.acknowledged > 0
    assert report.batches > 0


@pytest.mark.timeout(1_500)
def test_an_import_that_is_killed_goes_on(shared_data: Path, tmp_path: Path) -> None:
    for file in (shared_data / "olist-sample").glob("*.csv"):
        shutil.copyfile(file, tmp_path / file.name)
    table = tmp_path / "olist_orders_dataset.csv"
    table.write_text("".join(table.read_text().splitlines(keepends=True)[:2_001]))
    data = tmp_path / "log"
    create_log(data)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "anchor_service",
        "import",
        table,
        "--mapping",
        EXAMPLE,
        "--tenant",
        TENANT,
    ]
    dice = random.Random(7)
    died = 0
    for _ in range(8):
        with subprocess.Popen([*command, "--data", data], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            try:
                run.wait(dice.uniform(2, 7))
            except subprocess.TimeoutExpired:
                run.send_signal(signal.SIGKILL)
                died += 1
    done = subprocess.run([*command, "--data", data], check=True, capture_output=True, text=True, timeout=600)
    assert died > 0
    assert "refused" not in done.stdout
    again = subprocess.run([*command, "--data", data], check=True, capture_output=True, text=True, timeout=600)
    assert "2000 rows: 0 events accepted" in again.stdout, "everything is there, and once"
    with open_log(settings_of(data)) as log:
        log.check()
