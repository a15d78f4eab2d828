"""The chain, as `services.anchor` sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from anchor_service.protocol.errors import SealtrailError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anchor_service.protocol.evidence import ChainEvidence
    from anchor_service.protocol.hashes import Hash, LogId


class ChainUnavailable(SealtrailError):
    """A node did not answer, or answered nonsense: the state is unknown, try again later."""


class ChainRefused(SealtrailError):
    """The chain is not the one we were set up for (chain id, registry code, header hashing): stop."""


class AnchorStale(SealtrailError):
    """The registry's head has moved on: reload it and go on."""


class AnchorConflict(SealtrailError):
    """The registry holds another root for this size, or our root does not extend its head: halt this log."""


class CannotPay(SealtrailError):
    """The publisher's account cannot pay, or the fee ceiling is below the base fee: wait, and say so."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block as a node reports it; `timestamp` in seconds UTC."""

    number: int
    hash: Hash
    timestamp: int


@dataclass(frozen=True, slots=True)
class RegistryHead:
    """The newest (size, root) of a log in the registry; size 0 before the first anchor."""

    size: int
    root: Hash


@dataclass(frozen=True, slots=True)
class AnchorCall:
    """The arguments of `AnchorRegistry.anchor` (SPEC 11)."""

    log: LogId
    previous_size: int
    size: int
    root: Hash
    proof: tuple[Hash, ...]


@dataclass(frozen=True, slots=True)
class SignedTransaction:
    """A raw transaction, stored before it is sent.  Fees in wei per gas."""

    hash: Hash
    raw: bytes
    nonce: int
    max_fee: int
    priority_fee: int


@dataclass(frozen=True, slots=True)
class Mined:
    """Where a transaction landed; `succeeded` is the receipt's status."""

    block: Block
    succeeded: bool


@dataclass(frozen=True, slots=True)
class AnchoredLog:
    """One `Anchored` log that a node reports for our log: the transaction that wrote it, and its block."""

    size: int
    root: Hash
    transaction: Hash
    block: Block


class AnchorChain(Protocol):
    """An Ethereum-compatible chain with our registry on it.  Every method may raise ChainUnavailable."""

    def check(self) -> None:
        """Refuse (ChainRefused) a chain whose id, registry code or header hashing differ from the pinned ones."""

    def head(self, log: LogId) -> RegistryHead:
        """Return the registry's head in the newest block."""

    def newest(self) -> Block:
        """Return the newest block."""

    def final(self) -> Block:
        """Return the newest block that the finality rule calls final."""

    def canonical(self, number: int) -> Block | None:
        """Return the canonical block of this number; None where the chain is shorter."""

    def prepare(self, call: AnchorCall, replaces: SignedTransaction | None = None) -> SignedTransaction:
        """Sign, without sending, a transaction that makes this call.

        The nonce is the lowest that no mined transaction has used, or that of `replaces`, whose two fee caps are
        then raised by at least 12.5 %, up to the ceiling.  May raise CannotPay, and AnchorStale or AnchorConflict
        where a dry run reverts with these.
        """

    def send(self, transaction: SignedTransaction) -> None:
        """Hand the raw bytes to the nodes.  Sending the same bytes again is quiet ("already known")."""

    def find(self, transaction: Hash) -> Mined | None:
        """Return where a transaction landed on the canonical chain; None while it is not mined."""

    def anchored(self, log: LogId, size: int) -> AnchoredLog | None:
        """Return the canonical `Anchored` log of this size, whoever's transaction wrote it."""

    def evidence(self, transaction: Hash, block: Block, log: LogId, size: int) -> ChainEvidence:
        """Return header and receipts-trie proof of the `Anchored` log in this mined transaction (SPEC 12)."""


class CallFailed(SealtrailError):
    """A JSON-RPC error: its number, its sentence and, of a revert, the bytes that the contract gave as the reason."""

    def __init__(self, number: int, message: str, data: bytes = b"") -> None:
        super().__init__("rpc_call", message)
        self.number = number
        self.data = data


class Nodes(Protocol):
    """Read-only JSON-RPC, as much of it as a verifier needs, for `/rpc` of the embedded chain."""

    def call(self, method: str, params: Sequence[object]) -> object:
        """Answer one call with its JSON result; CallFailed for a method or parameter that is not served."""
