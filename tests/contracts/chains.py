"""The committed binary of the registry on a chain that holds the deterministic deployment factory."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from eth_tester import EthereumTester, PyEVMBackend  # type: ignore[import-untyped]
from web3 import EthereumTesterProvider, Web3
from web3.types import TxReceipt

ARTEFACT: dict[str, Any] = json.loads(
    (Path(__file__).parents[2] / "anchor_service" / "chain" / "AnchorRegistry.json").read_bytes()
)
CREATE2: dict[str, str] = ARTEFACT["create2"]
CHAIN_ID = 131277322940537  # eth-tester's own; anvil is given the same, so that every byte and all gas can be compared
MNEMONIC = "test test test test test test test test test test test junk"  # anvil's own


@dataclass
class Chain:
    """A chain whose node signs for its accounts; `url` where it has one."""

    web3: Web3
    url: str = ""

    @cached_property
    def accounts(self) -> tuple[str, ...]:
        return tuple(self.web3.eth.accounts)

    @cached_property
    def registry(self) -> Any:
        return self.web3.eth.contract(address=Web3.to_checksum_address(CREATE2["address"]), abi=ARTEFACT["abi"])

    def send(self, sender: str, to: str, data: str) -> TxReceipt:
        """Mine a transaction, whether it succeeds or not.

        The gas is given because eth-tester's estimate knows nothing of the calldata floor of EIP-7623.
        """
        transaction = self.web3.eth.send_transaction(
            {
                "from": Web3.to_checksum_address(sender),
                "to": Web3.to_checksum_address(to),
                "data": Web3.to_bytes(hexstr=data),  # type: ignore[arg-type]
                "gas": 1_000_000,
            }
        )
        return self.web3.eth.wait_for_transaction_receipt(transaction, poll_latency=0.01)

    def deploy(self) -> TxReceipt:
        return self.send(self.accounts[0], CREATE2["factory"], CREATE2["salt"] + ARTEFACT["bytecode"][2:])

    def call(self, sender: str, function: str, *arguments: object) -> TxReceipt:
        return self.send(sender, CREATE2["address"], self.registry.encode_abi(function, list(arguments)))


def new_py_evm() -> Chain:
    """A chain of its own, with the factory in its genesis and the registry not yet deployed."""
    state = PyEVMBackend.generate_genesis_state(num_accounts=4, mnemonic=MNEMONIC)
    factory, code = (bytes.fromhex(CREATE2[key][2:]) for key in ("factory", "factory_code"))
    state[factory] = {"balance": 0, "nonce": 1, "code": code, "storage": {}}
    backend = PyEVMBackend(genesis_state=state, mnemonic=MNEMONIC)
    return Chain(Web3(EthereumTesterProvider(EthereumTester(backend))))
