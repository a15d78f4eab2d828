"""One log on a chain of either kind, and a tree whose roots can be anchored in it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account import Account
from web3 import Web3
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.deploy import Deployment, deploy
from anchor_service.chain.registry import RegistryChain
from anchor_service.chain.rpc import Rpc
from anchor_service.chain.sender import FeeLimits, Sender
from anchor_service.ports import AnchorCall, AnchorChain, Mined, SignedTransaction
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.protocol.merkle import leaf_hash, prove_consistency, range_root, tree_root
from tests.anvil import KEYS

OWNER, PUBLISHER, STRANGER, _ = KEYS
SALT = b"\x07" * 32
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(64)]


def address_of(key: bytes) -> bytes:
    return bytes.fromhex(Account.from_key(key).address[2:])


class Subtrees:
    def subtree(self, level: int, index: int) -> Hash:
        return tree_root(LEAVES[index << level : (index + 1) << level])


def root_of(size: int) -> Hash:
    return range_root(Subtrees(), 0, size)


def anchor_call(log: LogId, previous: int, size: int) -> AnchorCall:
    proof = prove_consistency(Subtrees(), previous, size) if previous else ()
    return AnchorCall(log, previous, size, root_of(size), tuple(proof))


def landed(chain: AnchorChain, transaction: SignedTransaction) -> Mined:
    """Where it landed; a real node mines when it has answered already."""
    for _ in range(500):
        mined = chain.find(transaction.hash)
        if mined is not None:
            return mined
        time.sleep(0.02)
    raise AssertionError("not mined")


@dataclass(frozen=True, slots=True)
class World:
    provider: JSONBaseProvider
    chain_id: int
    place: Deployment

    def chain(self, *more: JSONBaseProvider, **changes: Any) -> RegistryChain:
        """A connection to the registry, as after a restart."""
        given: dict[str, Any] = {
            "chain_id": self.chain_id,
            "registry": self.place.registry,
            "key": PUBLISHER,
            "finality": 0,
            "first_block": self.place.first_block,
        }
        return RegistryChain(changes.pop("providers", [self.provider, *more]), **(given | changes))

    def anchor(self, previous: int, size: int) -> tuple[SignedTransaction, Mined]:
        chain = self.chain()
        transaction = chain.prepare(anchor_call(self.place.log, previous, size))
        chain.send(transaction)
        mined = landed(chain, transaction)
        assert mined.succeeded
        return transaction, mined

    def transact(self, key: bytes, function: str, *arguments: object) -> None:
        """Call the registry from an account, whatever it may be."""
        contract = Web3().eth.contract(abi=read_artefact().abi)
        data = bytes.fromhex(contract.encode_abi(function, list(arguments))[2:])
        sender = Sender(Rpc([self.provider]), key, self.chain_id, FeeLimits())
        transaction = sender.prepare(self.place.registry, data)
        sender.send(transaction)
        assert landed(self.chain(), transaction).succeeded


def world_on(provider: JSONBaseProvider, chain_id: int, publisher: bytes = PUBLISHER, salt: bytes = SALT) -> World:
    place = deploy(
        [provider],
        chain_id=chain_id,
        owner_key=OWNER,
        publisher=address_of(publisher),
        salt=salt,
        sleep=time.sleep,
    )
    return World(provider, chain_id, place)


class Meddler(JSONBaseProvider):
    """A node between: `meddle` is given the method, its parameters and the true answer, and returns another."""

    def __init__(self, inner: JSONBaseProvider, meddle: Callable[[str, Any, Any], Any]) -> None:
        super().__init__()
        self._inner = inner
        self._meddle = meddle
        self.asked: list[str] = []

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        self.asked.append(method)
        answer: RPCResponse = self._meddle(method, params, self._inner.make_request(method, params))
        return answer
