"""The chain of a log, in this process or in one of its own, so that it takes no time from those who send events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Self

from anchor_service.chain.jsonrpc import SERVER_ERROR
from anchor_service.ports import (
    AnchorCall,
    AnchoredLog,
    Block,
    CallFailed,
    ChainUnavailable,
    Mined,
    RegistryHead,
    SignedTransaction,
)
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.settings import Settings
from anchor_service.wiring.apart import Apart, EndedError
from anchor_service.wiring.opened import OpenChain, RegistryPlace


def chain_here(settings: Settings, place: RegistryPlace) -> AbstractContextManager[OpenChain]:
    """Have the chain in this process; StoreRefused, ChainRefused and ChainUnavailable where it cannot be opened."""
    # Who has it in another process goes without web3 and py-evm: two seconds and 40 MiB.
    from anchor_service.wiring.nodes import open_registry  # noqa: PLC0415

    return open_registry(settings, place)


@contextmanager
def chain_apart(settings: Settings, place: RegistryPlace, lock: int | None) -> Iterator[OpenChain]:
    """Have the chain in a process of its own until the block ends; `lock` is a file that this process has locked."""
    with Apart("chain", _There.open, settings, place, lock=lock) as apart:
        chain = ChainApart(apart)
        yield OpenChain(chain.id, chain, None if settings.rpc_urls else chain)


class ChainApart:
    """The ports `AnchorChain` and, of the embedded chain, `Nodes`, by a process of its own; any thread may ask.

    All may raise ChainUnavailable where that process was killed, and nobody knows what it had done, and whatever keeps
    it from opening the chain.
    """

    def __init__(self, apart: Apart) -> None:
        self._apart = apart

    def id(self) -> int:
        """Return the chain's id."""
        number: int = self._ask("id")
        return number

    def call(self, method: str, params: Sequence[object]) -> object:
        """As by `Nodes`."""
        try:
            return self._ask("call", method, params)
        except ChainUnavailable as problem:
            raise CallFailed(SERVER_ERROR, problem.message) from problem

    def check(self) -> None:
        """As by `AnchorChain`, and so are all that follow."""
        self._ask("registry", "check")

    def head(self, log: LogId) -> RegistryHead:
        """The registry's head in the newest block."""
        answer: RegistryHead = self._ask("registry", "head", log)
        return answer

    def newest(self) -> Block:
        """The newest block."""
        answer: Block = self._ask("registry", "newest")
        return answer

    def final(self) -> Block:
        """The newest final block."""
        answer: Block = self._ask("registry", "final")
        return answer

    def canonical(self, number: int) -> Block | None:
        """The canonical block of this number."""
        answer: Block | None = self._ask("registry", "canonical", number)
        return answer

    def prepare(self, call: AnchorCall, replaces: SignedTransaction | None = None) -> SignedTransaction:
        """Sign a transaction that makes this call."""
        answer: SignedTransaction = self._ask("registry", "prepare", call, replaces)
        return answer

    def send(self, transaction: SignedTransaction) -> None:
        """Hand it to the nodes."""
        self._ask("registry", "send", transaction)

    def find(self, transaction: Hash) -> Mined | None:
        """Where it landed."""
        answer: Mined | None = self._ask("registry", "find", transaction)
        return answer

    def anchored(self, log: LogId, size: int) -> AnchoredLog | None:
        """The `Anchored` log of this size."""
        answer: AnchoredLog | None = self._ask("registry", "anchored", log, size)
        return answer

    def evidence(self, transaction: Hash, block: Block, log: LogId, size: int) -> ChainEvidence:
        """The evidence of an `Anchored` log."""
        answer: ChainEvidence = self._ask("registry", "evidence", transaction, block, log, size)
        return answer

    def _ask(self, call: str, *given: object) -> Any:  # noqa: ANN401 - what the call returns
        try:
            return self._apart.ask(call, *given)
        except EndedError as problem:
            raise ChainUnavailable(
                "chain_ended", "the process that has the chain has ended; another is started"
            ) from problem


class _There:
    """The chain in that process."""

    def __init__(self, chain: OpenChain) -> None:
        self._chain = chain

    @classmethod
    @contextmanager
    def open(cls, settings: Settings, place: RegistryPlace) -> Iterator[Self]:
        """Have it until the block ends."""
        with chain_here(settings, place) as chain:
            yield cls(chain)

    def id(self) -> int:
        return self._chain.id()

    def registry(self, call: str, *given: object) -> object:
        return getattr(self._chain.registry, call)(*given)

    def call(self, method: str, params: Sequence[object]) -> object:
        assert self._chain.public is not None, "only the embedded chain is for everybody"
        return self._chain.public.call(method, params)
