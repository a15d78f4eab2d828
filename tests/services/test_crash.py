"""kill -9 while events come in and are sealed and anchored (SEALTRAIL_TEST_KILLS times; 5 unless it says so)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.services.crashing import kill_again_and_again

KILLS = int(os.environ.get("SEALTRAIL_TEST_KILLS", "5"))


@pytest.mark.timeout(1500)
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    report = kill_again_and_again(tmp_path / "data", KILLS, seed=1)
    print(report)
    assert report.kills == KILLS
    assert report.acknowledged > 0
    assert report.batches > 0
