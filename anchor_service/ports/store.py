"""The store, as the use cases see it.  Every method may raise Busy."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from anchor_service.ports.buckets import Bucket, MapShape
from anchor_service.ports.chain import Block, SignedTransaction
from anchor_service.ports.rows import (
    AnchorRow,
    AnchorState,
    Audience,
    Batch,
    BatchRow,
    BucketRow,
    File,
    GroupMember,
    Head,
    KeyRow,
    LabelRow,
    LoggedEvent,
    NewEvent,
    OrderRow,
    ReceiptGroup,
    StoredEvent,
    Stream,
    Tenant,
    Waiting,
    WeighedStream,
)
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash, StreamId


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


class LeaseLost(SealtrailError):
    """Another process seals and anchors by now: stand by.  Nothing was stored."""


class Turn(Protocol):
    """The turn to accept: until it ends, nobody else accepts anything, in whatever process."""

    @property
    def newest(self) -> int:
        """When the newest event was accepted, 0 before the first."""

    @property
    def streams(self) -> Mapping[tuple[str, str], WeighedStream]:
        """The streams of the turn's orders, by (tenant, order_id), of those that have one."""

    def find(self, orders: Collection[tuple[str, str]]) -> None:
        """Look up the newest event, and the streams of these (tenant, order_id): once in a turn, before all else."""

    def known(self, events: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
        """Return those of the (tenant, event_id) that are stored."""

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""

    def accept(
        self, streams: Sequence[Stream], events: Sequence[NewEvent], groups: Sequence[ReceiptGroup], accepted: int
    ) -> None:
        """Store new streams, events and their receipt groups, once in a turn; durable when the turn has ended.

        `accepted` is not before `newest`.  Streams of events that are not new are among the turn's `streams`.
        The first group is that of the first events, and so on; `first` counts from 0 here.  AlreadyThere where an event
        id or stream exists already; NotFound where a tenant does not: the turn has failed then.
        """


class EventStore(Protocol):
    """Where `ingest` keeps accepted events."""

    def turn(self) -> AbstractContextManager[Turn]:
        """Wait for the turn to accept events.

        What was accepted in it is whole and durable when it has ended well.  Where it ends by an exception, nothing is
        stored; where it ends by Busy, it is unknown whether it was.
        """

    def probe(self) -> None:
        """Write something that changes nothing; Busy where nothing can be stored now."""

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
        """Return the receipt group of an event and all its members in order."""


class LogReader(Protocol):
    """What is read back of the log, before it is committed or after."""

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, 32 bytes each, as many as there are; empty where there are none."""

    def entries(self, first: int, last: int) -> list[bytes]:
        """Return the entries at indexes `first` to `last` - 1, as many as there are."""

    def head(self) -> Head:
        """Return the log's newest state, published or not."""

    def map_shape(self, batch: int) -> MapShape:
        """Return the shape of the stream map as of a batch; (0, 0) for batch 0, NotFound where there is none."""

    def buckets(self, depth: int, batch: int, numbers: Iterable[int]) -> dict[int, Bucket]:
        """Return those of the buckets of the map as of this batch, whose depth this is, that hold anything."""

    def written(self, batch: int) -> dict[tuple[int, int], Bucket]:
        """Return the buckets that a batch has written, by depth and number."""

    def subtrees(self, depth: int, after: int, batch: int) -> Iterator[tuple[int, int, bytes]]:
        """Return (bucket, holds, hash) of all buckets of the map as of `batch` that changed after batch `after`.

        A bucket that changed several times comes as often, and is what it is the last time.
        """


class LogStore(LogReader, Protocol):
    """Where `seal` keeps the log.  One thread at a time appends; LeaseLost where that is another process's by now."""

    def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Return the events with a number above `after` in order, at most `limit`; none is ever committed below it."""

    def append(self, batch: Batch, check: Callable[[LogReader], None]) -> None:
        """Append a batch, whole or not at all.

        `check` reads back what was written, inside the transaction, and raises where it differs: then nothing is
        stored.  HeadMoved where the head is not `batch.before`, or where it is unknown whether it was stored.
        """

    def halved(self, depth: int, batch: int) -> int:
        """Return how many of the first buckets of this depth have their halves stored, as of a batch."""

    def checkpoint(self) -> tuple[int, str] | None:
        """Return size and note of the newest published checkpoint."""

    def publish(self, size: int, note: str) -> None:
        """Publish a checkpoint; the same again is quiet."""

    def final_batch(self) -> int:
        """Return the batch of the newest FINAL anchor, 0 for none."""

    def prune_map(self, after: int, most: int) -> tuple[int, bool]:
        """Delete rows of buckets that no map as of the newest FINAL anchor or later needs, in short transactions.

        Looks at some `most` rows of batches above `after`; returns what to go on after, and whether there is more.
        """


class LeaseStore(Protocol):
    """Where it is kept who seals and anchors, where several processes might."""

    def take(self) -> bool:
        """Take the lease if nobody holds it; what this process writes is fenced by its new token from now on."""

    def renew(self, said: str) -> bool:
        """Hold the lease on, and say how the holder is; False where another holds it by now."""

    def release(self) -> None:
        """Let another take it at once; quiet where it is not ours."""


class SignerMemory(Protocol):
    """What the log key last signed, kept outside the database."""

    def load(self) -> tuple[int, Hash]:
        """Return the last (size, root), (0, zeros) before the first; StoreRefused where it is missing or damaged."""

    def store(self, size: int, root: Hash) -> None:
        """Replace it; durable when this returns.  Busy where the disk is full."""


class AnchorStore(Protocol):
    """Where `anchor` keeps what it sent and what came of it; LeaseLost where that is another process's by now."""

    def checkpoint(self) -> tuple[int, str] | None:
        """Return size and note of the newest published checkpoint."""

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""

    def open_anchors(self) -> list[AnchorRow]:
        """Return the anchors that are PENDING, SENT or MINED, by size."""

    def newest_anchor(self) -> AnchorRow | None:
        """Return the anchor of the greatest size that is not SUPERSEDED."""

    def add_anchor(self, size: int, previous_size: int, created: int) -> AnchorRow:
        """Add a PENDING anchor of a published checkpoint, or take up a SUPERSEDED one of this size again."""

    def add_transaction(self, size: int, transaction: SignedTransaction, stored: int) -> None:
        """Store a signed transaction; durable when this returns, so that it may be sent."""

    def mark_sent(self, size: int, transaction: Hash, sent: int) -> None:
        """Note that it was handed to the nodes; a PENDING anchor is SENT then."""

    def mark(self, size: int, state: AnchorState, block: Block | None) -> None:
        """Note a new state; FINAL comes with evidence only (`finish`)."""

    def finish(self, size: int, block: Block, evidence: ChainEvidence) -> None:
        """Keep the evidence and call the anchor FINAL, both or neither."""


class Snapshot(LogReader, Protocol):
    """One unchanging state of the store, for reading."""

    def bucket(self, depth: int, batch: int, number: int) -> Bucket | None:
        """Return a bucket of the map as of this batch; None where it holds nothing."""

    def order(self, tenant: str, order_id: str) -> tuple[Stream, list[LoggedEvent]] | None:
        """Return the stream of an order, and its events in order of acceptance; None where there is no such order."""

    def event(self, tenant: str, event_id: str) -> StoredEvent | None:
        """Return an event."""

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
        """Return the receipt group of an event and all its members in order."""

    def checkpoint(self, size: int | None = None) -> tuple[int, str] | None:
        """Return size and note of the published checkpoint of this size, or of the newest."""

    def covering(self, index: int) -> int | None:
        """Return the size of the first FINAL anchor that covers this index."""

    def mined_size(self) -> int:
        """Return the size of the greatest MINED or FINAL anchor, 0 for none."""

    def final_size(self) -> int:
        """Return the size of the greatest FINAL anchor, 0 for none."""

    def evidence(self, size: int) -> ChainEvidence:
        """Return the evidence of a FINAL anchor."""

    def anchor(self, size: int) -> AnchorRow | None:
        """Return an anchor."""

    def anchors(self, below: int | None, limit: int) -> list[AnchorRow]:
        """Return anchors of sizes below, the greatest first."""

    def batch_of(self, index: int) -> int | None:
        """Return the batch that an index is in."""

    def batches(self, below: int | None, limit: int) -> list[BatchRow]:
        """Return batches of numbers below, the greatest first."""

    def orders(self, tenant: str, below: int | None, limit: int) -> list[OrderRow]:
        """Return orders of the tenant with a number below, the newest first."""

    def disclosed(self, tenant: str, audience: Audience) -> frozenset[str]:
        """Return the fields that the tenant shows to this audience beside the public ones."""

    def waiting(self) -> tuple[int, int | None]:
        """Return how many events are not in the log, and when the oldest of them was accepted."""

    # for fsck, which reads everything

    def all_events(self, after: int, limit: int) -> list[LoggedEvent]:
        """Return events of all tenants with numbers above `after`, in order."""

    def groups(self) -> Iterator[ReceiptGroup]:
        """Return all receipt groups in order."""

    def weights(self) -> dict[StreamId, int]:
        """Return the weights of all streams."""

    def bucket_rows(self, after: int, upto: int | None = None) -> Iterator[BucketRow]:
        """Return the stored rows of buckets of batches above `after`, and not above `upto`, by batch."""

    def tiles(self) -> dict[tuple[int, int], bytes]:
        """Return all tiles by (level, index)."""


class ReadStore(Protocol):
    """Where `prove` reads."""

    def snapshot(self) -> AbstractContextManager[Snapshot]:
        """Open a snapshot."""


class TenantStore(Protocol):
    """Tenants, keys, view policies, labels, and the names of attachments."""

    def add_tenant(self, tenant: Tenant, created: int) -> None:
        """Add a tenant; AlreadyThere."""

    def tenants(self) -> tuple[Tenant, ...]:
        """Return all tenants by id."""

    def add_key(self, key: KeyRow, key_hash: Hash) -> None:
        """Add a key; NotFound for an unknown tenant."""

    def key(self, key_hash: Hash) -> KeyRow | None:
        """Return the key with this hash, revoked or not."""

    def keys(self, tenant: str) -> tuple[KeyRow, ...]:
        """Return a tenant's keys, the oldest first."""

    def revoke_key(self, tenant: str, key_id: str, revoked: int) -> bool:
        """Revoke a key; False where the tenant has none of this id."""

    def disclose(self, tenant: str, audience: Audience, fields: Collection[str]) -> None:
        """Set the fields that the tenant shows to an audience beside the public ones; NotFound: unknown tenant."""

    def add_label(self, token: str, tenant: str, order_id: str, created: int) -> LabelRow | None:
        """Add a label; None where the tenant has no such order."""

    def label(self, token: str) -> LabelRow | None:
        """Return a label."""

    def add_file(self, tenant: str, file: File, stored: int) -> None:
        """Note a file that is durable in the directory; the same again is quiet; NotFound for an unknown tenant."""

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""


class FileDirectory(Protocol):
    """Where the bytes of attachments are."""

    def write(self, tenant: str, parts: Iterable[bytes]) -> Hash:
        """Store a file under its SHA-256; whole, durable and in place when this returns.

        An exception that `parts` raises passes through, and nothing is kept.  Busy where the disk is full.
        """

    def read(self, tenant: str, sha256: Hash) -> bytes | None:
        """Return a file's bytes; None where it is not there."""
