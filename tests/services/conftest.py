from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_service.settings import Settings
from tests.services.log import OpenLog, create_log, open_log


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return create_log(tmp_path / "data")


@pytest.fixture
def log(settings: Settings) -> Iterator[OpenLog]:
    with open_log(settings) as opened:
        yield opened
