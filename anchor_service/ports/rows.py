"""What the store keeps, as values.  Times are ms UTC; sizes and indexes count entries of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from anchor_service.ports.buckets import Bucket, MapShape
from anchor_service.ports.chain import Block, SignedTransaction
from anchor_service.ports.disclosures import unpack
from anchor_service.protocol.hashes import Hash, StreamId


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


# --- events -----------------------------------------------------------------------------------------------------------


class Stream(NamedTuple):
    """A stream and what opens its id (SPEC 5)."""

    id: StreamId
    salt: Hash
    tenant: str
    order_id: str


class WeighedStream(NamedTuple):
    """A stream and its weight: the most bytes that its events have in a proof."""

    stream: Stream
    weight: int


class NewEvent(NamedTuple):
    """An event to be stored.  `disclosures` are all its disclosures by name, whole or without their salts, by lines.

    `weight` is what it adds to its stream's.
    """

    stream: Stream
    event_id: str
    secret: bytes
    commitment: Hash
    disclosures: bytes
    weight: int


class StoredEvent(NamedTuple):
    """An event as it was accepted; `number` is its place in the order of acceptance.

    `packed`: its disclosures as they are stored (`ports.disclosures`).  `secret` is empty where it was erased.
    """

    number: int
    stream: Stream
    event_id: str
    secret: bytes
    commitment: Hash
    packed: bytes
    accepted: int

    @property
    def disclosures(self) -> bytes:
        """The disclosures by lines, with their salts."""
        return unpack(self.packed, self.secret)


class LoggedEvent(NamedTuple):
    """A stored event and its entry in the log at index `place`; None while it has none."""

    event: StoredEvent
    place: int | None
    entry: bytes | None


class GroupMember(NamedTuple):
    """What an event's receipt speaks of, in its group."""

    event_id: str
    stream: StreamId
    commitment: Hash
    accepted: int


class ReceiptGroup(NamedTuple):
    """The receipts of the `length` events from number `first` on: one signed note, one deadline (SPEC 13.2)."""

    first: int
    length: int
    deadline: int
    note: str


# --- the log ----------------------------------------------------------------------------------------------------------


class Head(NamedTuple):
    """The log's newest state; `seal` is the leaf of its last seal entry, `last_event` the last event that is in it.

    An empty log has size 0, a root and seal of zeros, and was "sealed" when it was created.
    """

    size: int
    root: Hash
    batch: int
    seal: Hash
    sealed: int
    last_event: int


class Waiting(NamedTuple):
    """An accepted event that is not in the log."""

    number: int
    stream: StreamId
    commitment: Hash
    accepted: int


class Batch(NamedTuple):
    """Entries to be appended, with everything that changes with them.

    `entries` are (bytes, number of the event; None for the seal entry), in order, from index `before.size` on.
    `shape` is the stream map's from now on; `buckets` are rows of it by depth and number: those that changed, and what
    a map with twice as many buckets is made of (services/seal/growing.py).
    """

    before: Head
    after: Head
    entries: Sequence[tuple[bytes, int | None]]
    tiles: Mapping[tuple[int, int], bytes]
    shape: MapShape
    buckets: Mapping[tuple[int, int], Bucket]


class BatchRow(NamedTuple):
    """A batch in the log: its entries are `first` to `size` - 1; `note` is its checkpoint, if it was published."""

    batch: int
    first: int
    size: int
    events: int
    root: Hash
    sealed: int
    seal_entry: bytes
    note: str | None


class BucketRow(NamedTuple):
    """A bucket as of a batch that changed it."""

    batch: int
    depth: int
    number: int
    bucket: Bucket


# --- anchors ----------------------------------------------------------------------------------------------------------


class StoredTransaction(NamedTuple):
    """A transaction that was stored before it was sent; `sent` is when it was last handed to the nodes."""

    transaction: SignedTransaction
    stored: int
    sent: int | None


class AnchorRow(NamedTuple):
    """An anchor of the checkpoint of this size; `block` is where it was mined, transactions are the oldest first."""

    size: int
    previous_size: int
    root: Hash
    state: AnchorState
    created: int
    block: Block | None
    transactions: tuple[StoredTransaction, ...]


# --- tenants ----------------------------------------------------------------------------------------------------------


class Tenant(NamedTuple):
    """A brand; `name` is shown to people."""

    id: str
    name: str


class KeyRow(NamedTuple):
    """An API key; its plaintext is nowhere."""

    key_id: str
    tenant: str
    scopes: tuple[str, ...]
    created: int
    revoked: int | None


class OrderRow(NamedTuple):
    """An order in a list; `number` is the store's own number of its stream, `accepted` its newest event's."""

    number: int
    order_id: str
    stream: StreamId
    events: int
    accepted: int


class LabelRow(NamedTuple):
    """A label's token and the stream it is bound to."""

    token: str
    tenant: str
    order_id: str
    stream: StreamId


class File(NamedTuple):
    """A stored attachment; `size` in bytes."""

    sha256: Hash
    size: int
    media_type: str
