from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from anchor_service.chain.embedded import DEVELOPMENT_CHAIN_ID, create_chain, open_chain
from anchor_service.chain.providers import NodeProvider
from anchor_service.chain.serving import EmbeddedNode
from tests.anvil import Anvil, run_anvil
from tests.chain.world import OWNER, PUBLISHER, STRANGER, World, world_on


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with run_anvil(31337) as running:
        yield running


@pytest.fixture(params=["embedded", "anvil"])
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """The same suite on both kinds of chain."""
    with ExitStack() as stack:
        if request.param == "anvil":
            running = stack.enter_context(run_anvil(31337))
            yield world_on(running.provider, running.chain_id)
        else:
            create_chain(tmp_path / "chain.db", [OWNER, PUBLISHER, STRANGER], time.time)
            opened = stack.enter_context(open_chain(tmp_path / "chain.db", time.time))
            yield world_on(NodeProvider(EmbeddedNode(opened)), DEVELOPMENT_CHAIN_ID)
