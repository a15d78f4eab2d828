from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The real data; scripts/accept says what is missing before it starts pytest."""
    data = Path(os.environ["SEALTRAIL_SHARED_DATA"])
    assert data.is_dir(), data
    return data
