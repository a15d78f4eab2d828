"""`AnchorChain` over any Ethereum-compatible nodes: the registry, our account, and what became of our transactions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from web3.providers.base import JSONBaseProvider

from anchor_service.chain.artefact import read_artefact
from anchor_service.chain.contract import RegistryCodec
from anchor_service.chain.follower import Finality, Follower
from anchor_service.chain.jsonrpc import parse_bytes, print_bytes, reverted
from anchor_service.chain.rpc import Rpc, calls_answered, check_chain_id, understood
from anchor_service.chain.sender import FeeLimits, Sender
from anchor_service.ports import (
    AnchorCall,
    AnchorConflict,
    AnchoredLog,
    AnchorStale,
    Block,
    CallFailed,
    ChainRefused,
    Mined,
    RegistryHead,
    SignedTransaction,
)
from anchor_service.protocol.anchor import print_address
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash, LogId

_MEANINGS: Final[Mapping[str, tuple[type[SealtrailError], str, str]]] = {
    "Stale": (AnchorStale, "stale", "the registry's head has moved on"),
    "Conflict": (AnchorConflict, "conflict", "the registry holds another root for this size"),
    "BadProof": (AnchorConflict, "bad_proof", "the proof does not extend the registry's head"),
    "NotPublisher": (ChainRefused, "not_publisher", "our account is not the log's publisher"),
    "Closed": (ChainRefused, "log_closed", "the log's owner has closed it"),
    "UnknownLog": (ChainRefused, "unknown_log", "the registry has no such log"),
}
"""What the registry's errors mean to the use case."""


class RegistryChain:
    """The port `AnchorChain`.  `key` is the publisher's private key, 32 bytes; nodes are in the order of preference."""

    def __init__(
        self,
        providers: Sequence[JSONBaseProvider],
        *,
        chain_id: int,
        registry: bytes,
        key: bytes,
        finality: Finality,
        limits: FeeLimits | None = None,
        first_block: int = 0,
    ) -> None:
        self._rpc = Rpc(providers)
        self._chain_id = chain_id
        self._registry = registry
        self._codec = RegistryCodec()
        self._sender = Sender(self._rpc, key, chain_id, limits or FeeLimits())
        self._follower = Follower(self._rpc, registry, finality, first_block)

    def check(self) -> None:
        """Refuse (ChainRefused) a chain whose id, registry code or header hashing differ from the pinned ones.

        Every node that answers is asked for the first two.
        """
        check_chain_id(self._rpc, self._chain_id)
        with understood():
            codes = [
                parse_bytes(answer, "eth_getCode")
                for answer in self._rpc.read_all("eth_getCode", [print_bytes(self._registry), "latest"])
            ]
        if not codes or any(code != read_artefact().runtime for code in codes):
            raise ChainRefused("registry_code", f"{print_address(self._registry)} does not hold the registry's code")
        self._follower.check_rebuilding()

    def head(self, log: LogId) -> RegistryHead:
        """Return the registry's head in the newest block."""
        with calls_answered():
            return self._codec.read_head(self._rpc.call(bytes(20), self._registry, self._codec.head(log)))

    def newest(self) -> Block:
        """Return the newest block."""
        with calls_answered():
            return self._follower.newest()

    def final(self) -> Block:
        """Return the newest block that the finality rule calls final."""
        with calls_answered():
            return self._follower.final()

    def canonical(self, number: int) -> Block | None:
        """Return the canonical block of this number; None where the chain is shorter."""
        with calls_answered():
            return self._follower.canonical(number)

    def prepare(self, call: AnchorCall, replaces: SignedTransaction | None = None) -> SignedTransaction:
        """Dry-run the call, then sign, without sending, a transaction that makes it (see the port)."""
        data = self._codec.anchor(call)
        with calls_answered():
            try:
                self._rpc.call(self._sender.address, self._registry, data)
                return self._sender.prepare(self._registry, data, replaces)
            except CallFailed as problem:
                if not reverted(problem):
                    raise
                raise self._meaning(problem) from problem

    def send(self, transaction: SignedTransaction) -> None:
        """Hand the raw bytes to the nodes.  Sending the same bytes again is quiet ("already known")."""
        self._sender.send(transaction)

    def find(self, transaction: Hash) -> Mined | None:
        """Return where a transaction landed on the canonical chain; None while it is not mined."""
        with calls_answered():
            return self._follower.find(transaction)

    def anchored(self, log: LogId, size: int) -> AnchoredLog | None:
        """Return the canonical `Anchored` log of this size, whoever's transaction wrote it."""
        with calls_answered():
            return self._follower.anchored(log, size)

    def evidence(self, transaction: Hash, block: Block, log: LogId, size: int) -> ChainEvidence:
        """Return header and receipts-trie proof of the `Anchored` log in this mined transaction (SPEC 12)."""
        with calls_answered():
            return self._follower.evidence(transaction, block, log, size)

    def _meaning(self, problem: CallFailed) -> SealtrailError:
        """The port's error for the registry's."""
        name = self._codec.error_name(problem.data)
        error, code, message = _MEANINGS.get(
            name or "", (ChainRefused, "reverted", f"the registry reverts: {name or problem.message}")
        )
        return error(code, message)
