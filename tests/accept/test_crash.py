"""Thirty kills at random moments while events come in and are sealed and anchored; after each, a restart."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.services.crashing import kill_again_and_again

KILLS = 30


@pytest.mark.timeout(1_500)
def test_nothing_acknowledged_is_lost_or_doubled_in_thirty_kills(tmp_path: Path) -> None:
    report = kill_again_and_again(tmp_path / "data", KILLS, seed=30)
    print(report)
    assert report.kills == KILLS
    assert report.acknowledged > 0
    assert report.batches > 0
