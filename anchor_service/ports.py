"""What the use cases ask of the outside world, and the errors that adapters may raise.

A port is declared by its consumer and says what holds when a call returns.  Adapters live in `storage` and `chain`;
`wiring` alone puts the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

from anchor_service.protocol.errors import SealtrailError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from anchor_service.protocol.evidence import ChainEvidence
    from anchor_service.protocol.hashes import Hash, LogId, StreamId


# --- the chain, as `services.anchor` sees it ----------------------------------------------------------------------


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


# --- the store, as the use cases see it ---------------------------------------------------------------------------


class Busy(SealtrailError):
    """The queue, the disk or the database is full or locked: whether it was stored is unknown, so ask again.

    Asking again with the same event ids does no harm.  `retry_after` in seconds.
    """

    def __init__(self, message: str, retry_after: int = 1) -> None:
        super().__init__("busy", message)
        self.retry_after = retry_after


class NotFound(SealtrailError):
    """There is no such order, batch, anchor, file or label for this tenant."""


class StoreRefused(SealtrailError):
    """What is in the data directory is not what this program or this log expects: stop."""


class AlreadyThere(SealtrailError):
    """A row with this name is there already, perhaps since a moment ago: look again.  Nothing was stored."""


class HeadMoved(SealtrailError):
    """The head is not the one that was built on: the state is unknown, reload it.  Nothing was stored."""


class Audience(StrEnum):
    """Whom a proof is for: which fields it discloses.  `type`, `occurred_at` and `actor.role` are always disclosed."""

    CONSUMER = "consumer"
    CARRIER = "carrier"
    COURT = "court"
    FULL = "full"


class AnchorState(StrEnum):
    """PENDING → SENT → MINED → FINAL, MINED → SENT on a reorg; SUPERSEDED where another anchor overtook it."""

    PENDING = "PENDING"
    SENT = "SENT"
    MINED = "MINED"
    FINAL = "FINAL"
    SUPERSEDED = "SUPERSEDED"


class Tenant(NamedTuple):
    """A brand; `name` is shown to people."""

    id: str
    name: str


class Stream(NamedTuple):
    """A stream and what opens its id (SPEC 5)."""

    id: StreamId
    salt: Hash
    tenant: str
    order_id: str


class NewEvent(NamedTuple):
    """An event to be stored.  `disclosures` are the exact bytes of all its disclosures by name, joined by newlines."""

    stream: Stream
    event_id: str
    secret: Hash
    commitment: Hash
    disclosures: bytes


class StoredEvent(NamedTuple):
    """An event as it was accepted; `number` is its place in the order of acceptance, `accepted` in ms UTC."""

    number: int
    stream: Stream
    event_id: str
    secret: Hash | None
    commitment: Hash
    disclosures: bytes
    accepted: int


class ReceiptGroup(NamedTuple):
    """The receipts of the `count` events from number `first` on: one signed note, one deadline (ms UTC; SPEC 13.2)."""

    first: int
    count: int
    deadline: int
    note: str


class File(NamedTuple):
    """A stored attachment; `size` in bytes."""

    sha256: Hash
    size: int
    media_type: str


class EventStore(Protocol):
    """Where accepted events are kept.  One thread at a time accepts.  Every method may raise Busy."""

    def streams(self, orders: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
        """Return the streams of those (tenant, order_id) that have one."""

    def last_accepted(self) -> int:
        """Return when the newest event was accepted, 0 before the first."""

    def accept(self, streams: Sequence[Stream], events: Sequence[NewEvent], group: ReceiptGroup, accepted: int) -> int:
        """Store new streams, events and their receipt group, whole or not at all, and return the first's number.

        When this returns, all is durable.  `group.first` is not looked at.  AlreadyThere where an event id or stream
        exists already; Busy where it is unknown whether it was stored.
        """

    def known(self, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
        """Return those of the (tenant, event_id) that are stored."""

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[StoredEvent]]:
        """Return the receipt group of an event and all its events in order."""

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""
