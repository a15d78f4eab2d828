"""The registry on two chains: py-evm in this process, and anvil."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from web3 import Web3

from tests.anvil import run_anvil
from tests.contracts.chains import CHAIN_ID, Chain, new_py_evm


@pytest.fixture(scope="session")
def py_evm() -> Chain:
    chain = new_py_evm()
    chain.deploy()
    return chain


@pytest.fixture(scope="session")
def anvil() -> Iterator[Chain]:
    with run_anvil(CHAIN_ID) as node:
        chain = Chain(Web3(node.provider), node.url)
        chain.deploy()
        yield chain


@pytest.fixture(params=["py_evm", "anvil"])
def chain(request: pytest.FixtureRequest) -> Chain:
    found: Chain = request.getfixturevalue(request.param)
    return found
