"""The committed binary on py-evm and on anvil: same address, same code, same gas, same logs, same errors."""

from __future__ import annotations

from ast import literal_eval
from random import Random

import pytest
from eth.vm.forks.prague.computation import PragueComputation
from eth_tester.exceptions import TransactionFailed  # type: ignore[import-untyped]
from web3 import Web3
from web3.exceptions import ContractLogicError
from web3.types import TxReceipt

from anchor_service.protocol.anchor import ANCHORED, log_id, word
from tests.contracts.chains import ARTEFACT, CHAIN_ID, CREATE2, Chain, new_py_evm
from tests.contracts.reference import grow

CEILING = 80_000
SHA_256 = bytes(19) + b"\x02"


def code_at(chain: Chain, address: str) -> bytes:
    return bytes(chain.web3.eth.get_code(Web3.to_checksum_address(address)))


def new_log(chain: Chain, salt: bytes) -> bytes:
    owner, publisher = chain.accounts[:2]
    assert chain.call(owner, "createLog", salt, publisher)["status"] == 1
    found: bytes = chain.registry.functions.logIdOf(owner, salt).call()
    return found


def error_of(chain: Chain, sender: str, function: str, *arguments: object) -> str:
    """The name of the error that this call reverts with."""
    selectors: dict[str, str] = {
        Web3.keccak(text=f"{item['name']}()")[:4].hex(): item["name"]
        for item in ARTEFACT["abi"]
        if item["type"] == "error"
    }
    data = chain.registry.encode_abi(function, list(arguments))
    with pytest.raises((TransactionFailed, ContractLogicError)) as caught:
        chain.web3.eth.call({"from": Web3.to_checksum_address(sender), "to": chain.registry.address, "data": data})
    match caught.value:
        case TransactionFailed():  # "execution reverted: b'…'"
            reason: bytes = literal_eval(str(caught.value).removeprefix("execution reverted: "))
        case ContractLogicError(data=str(data)):
            reason = bytes.fromhex(data[2:])
        case other:
            raise other
    return selectors[reason.hex()]


def test_the_binary_is_at_its_address(chain: Chain) -> None:
    assert code_at(chain, CREATE2["factory"]).hex() == CREATE2["factory_code"][2:]
    assert code_at(chain, CREATE2["address"]).hex() == ARTEFACT["runtime"][2:]
    factory, salt, bytecode = (
        bytes.fromhex(each[2:]) for each in (CREATE2["factory"], CREATE2["salt"], ARTEFACT["bytecode"])
    )
    made = Web3.keccak(b"\xff" + factory + salt + Web3.keccak(bytecode))
    assert Web3.to_checksum_address(made[12:]) == CREATE2["address"]


def test_the_topics_are_those_of_the_protocol() -> None:
    assert ARTEFACT["log_topic"]["Anchored"] == "0x" + ANCHORED.hex()


def test_a_chain_without_sha_256_has_no_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = new_py_evm()
    kept = {address: code for address, code in PragueComputation._precompiles.items() if address != SHA_256}
    assert len(kept) == len(PragueComputation._precompiles) - 1
    monkeypatch.setattr(PragueComputation, "_precompiles", kept)
    assert chain.deploy()["status"] == 0
    assert code_at(chain, CREATE2["address"]) == b""
    monkeypatch.undo()
    assert chain.deploy()["status"] == 1


def test_a_log_from_first_to_last(chain: Chain) -> None:
    owner, publisher, other = chain.accounts[:3]
    salt = bytes(32)
    log = new_log(chain, salt)
    assert log == log_id(CHAIN_ID, bytes.fromhex(CREATE2["address"][2:]), bytes.fromhex(owner[2:]), salt)

    old, new, proof = grow(1000, 1777, Random(4))
    first = chain.call(publisher, "anchor", log, 0, 1000, old, [])
    second = chain.call(publisher, "anchor", log, 1000, 1777, new, proof)
    again = chain.call(publisher, "anchor", log, 1000, 1777, new, proof)
    assert [len(receipt["logs"]) for receipt in (first, second, again)] == [1, 1, 0]
    assert [receipt["status"] for receipt in (first, second, again)] == [1, 1, 1]
    assert_anchored(second, log, 1777, new, 1000)
    assert chain.registry.functions.head(log).call() == [1777, new]

    anchor = (chain, publisher, "anchor", log)
    assert error_of(*anchor, 1000, 2000, new, proof) == "Stale"
    assert error_of(*anchor, 1000, 1777, old, proof) == "Conflict"
    assert error_of(*anchor, 1777, 2000, new, proof) == "BadProof"
    assert error_of(*anchor, 1777, 2000, bytes(32), proof) == "EmptyHead"
    assert error_of(chain, other, "anchor", log, 1777, 2000, new, proof) == "NotPublisher"
    assert error_of(chain, publisher, "anchor", bytes(32), 1777, 2000, new, proof) == "UnknownLog"
    assert error_of(chain, publisher, "nominatePublisher", salt, other) == "UnknownLog"

    assert chain.call(owner, "nominatePublisher", salt, other)["status"] == 1
    assert chain.call(other, "acceptPublisher", log)["status"] == 1
    assert error_of(*anchor, 1777, 2000, new, proof) == "NotPublisher"
    assert chain.call(owner, "closeLog", salt, bytes(32))["status"] == 1
    assert error_of(chain, other, "anchor", log, 1777, 1777, new, []) == "Closed"
    # A refused transaction is mined, costs gas, and changes nothing.
    assert chain.call(other, "anchor", log, 1777, 1777, new, [])["status"] == 0
    assert chain.registry.functions.head(log).call() == [1777, new]


def assert_anchored(receipt: TxReceipt, log: bytes, size: int, root: bytes, previous: int) -> None:
    """The layout that IAnchorRegistry promises and verifiers read."""
    (entry,) = receipt["logs"]
    assert entry["address"] == CREATE2["address"]
    assert [bytes(topic) for topic in entry["topics"]] == [ANCHORED, log, word(size)]
    assert bytes(entry["data"]) == root + word(previous)


@pytest.mark.parametrize("more", [1, 1000, 65536])
def test_the_worst_case_at_2_30_entries(py_evm: Chain, anvil: Chain, more: int) -> None:
    """2^30 - 1 has the longest way, with two hashes a level; both machines charge the same for it."""
    old, new, proof = grow(2**30 - 1, 2**30 - 1 + more, Random(more))
    gas = []
    for chain in (py_evm, anvil):
        publisher = chain.accounts[1]
        log = new_log(chain, more.to_bytes(32))
        assert chain.call(publisher, "anchor", log, 0, 2**30 - 1, old, [])["status"] == 1
        receipt = chain.call(publisher, "anchor", log, 2**30 - 1, 2**30 - 1 + more, new, proof)
        assert receipt["status"] == 1
        gas.append(receipt["gasUsed"])
    assert gas[0] == gas[1] <= CEILING
