from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from anchor_service.settings import Settings
from tests.services.log import OpenLog, create_log, open_log


@pytest.fixture(scope="session")
def new_log(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A log as it is right after it was created; never opened, only copied."""
    return create_log(tmp_path_factory.mktemp("new") / "data")


@pytest.fixture
def settings(new_log: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(new_log.data, tmp_path / "data")
    return new_log.model_copy(update={"data": tmp_path / "data"})


@pytest.fixture
def log(settings: Settings) -> Iterator[OpenLog]:
    with open_log(settings) as opened:
        yield opened
