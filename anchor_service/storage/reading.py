"""One unchanging state of the store, for reading: the ports `ReadStore` and `Snapshot`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import and_, bindparam, func, select

from anchor_service.ports import (
    AnchorRow,
    AnchorState,
    Audience,
    BatchRow,
    Bucket,
    BucketRow,
    GroupMember,
    LoggedEvent,
    OrderRow,
    ReceiptGroup,
    StoredEvent,
    Stream,
)
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.streammap import Subtree
from anchor_service.storage.anchors import read_anchor, read_anchors_below, read_evidence
from anchor_service.storage.database import Database
from anchor_service.storage.events import OF_EVENT, STORED, read_group, read_stored, stored_event
from anchor_service.storage.log import ConnectionReader, read_checkpoint
from anchor_service.storage.packing import unpack
from anchor_service.storage.quick import Quick
from anchor_service.storage.tables import (
    anchors,
    batches,
    checkpoints,
    entries,
    event_secrets,
    events,
    map_buckets,
    receipt_groups,
    streams,
    tiles,
    view_fields,
)

_LOGGED: Final = STORED.add_columns(entries.c.idx, entries.c.entry).join(
    entries, entries.c.event == events.c.number, isouter=True
)

# What every proof asks.
_ORDER: Final = Quick(
    select(
        streams.c.stream,
        streams.c.salt,
        *OF_EVENT,
        entries.c.idx,
        entries.c.entry,
    )
    .join(events, and_(events.c.stream == streams.c.number, events.c.tenant == streams.c.tenant), isouter=True)
    .join(event_secrets, event_secrets.c.event == events.c.number, isouter=True)
    .join(entries, entries.c.event == events.c.number, isouter=True)
    .where(streams.c.tenant == bindparam("tenant"), streams.c.order_id == bindparam("order_id"))
    .order_by(events.c.number)
)
_COVERING: Final = Quick(
    select(func.min(anchors.c.size)).where(
        anchors.c.state == AnchorState.FINAL.value, anchors.c.size > bindparam("place")
    )
)
_FINAL_SIZE: Final = Quick(select(func.max(anchors.c.size)).where(anchors.c.state == AnchorState.FINAL.value))
_DISCLOSED: Final = Quick(
    select(view_fields.c.field).where(
        view_fields.c.tenant == bindparam("tenant"), view_fields.c.audience == bindparam("audience")
    )
)
_BUCKET: Final = Quick(
    select(map_buckets.c.holds, map_buckets.c.hash, map_buckets.c.streams)
    .where(
        map_buckets.c.depth == bindparam("depth"),
        map_buckets.c.bucket == bindparam("number"),
        map_buckets.c.batch <= bindparam("as_of"),
    )
    .order_by(map_buckets.c.batch.desc())
    .limit(1)
)


class Reading:
    """The port `ReadStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def snapshot(self) -> Iterator[DatabaseSnapshot]:
        """Open a snapshot."""
        with self._database.read() as connection:
            yield DatabaseSnapshot(connection)


class DatabaseSnapshot(ConnectionReader):
    """The port `Snapshot`."""

    def bucket(self, depth: int, batch: int, number: int) -> Bucket | None:
        """Return a bucket of the map as of this batch; None where it holds nothing."""
        row = _BUCKET.first(self._connection, depth=depth, as_of=batch, number=number)
        return None if row is None else Bucket(Subtree(row[0], Hash(row[1])), row[2])

    def order(self, tenant: str, order_id: str) -> tuple[Stream, list[LoggedEvent]] | None:
        """Return the stream of an order, and its events in order of acceptance; None where there is no such order."""
        rows = _ORDER.rows(self._connection, tenant=tenant, order_id=order_id)
        if not rows:
            return None
        stream = Stream(StreamId(rows[0][0]), Hash(rows[0][1]), tenant, order_id)
        logged = [
            LoggedEvent(stored_event(stream, own), place, entry and unpack(entry))
            for _, _, *own, place, entry in rows
            if own[0] is not None  # an order without an event yet
        ]
        return stream, logged

    def event(self, tenant: str, event_id: str) -> StoredEvent | None:
        """Return an event."""
        row = self._connection.execute(STORED.where(events.c.tenant == tenant, events.c.event_id == event_id)).first()
        return None if row is None else read_stored(row)

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
        """Return the receipt group of an event and all its members in order."""
        return read_group(self._connection, number)

    def checkpoint(self, size: int | None = None) -> tuple[int, str] | None:
        """Return size and note of the published checkpoint of this size, or of the newest."""
        return read_checkpoint(self._connection, size)

    def covering(self, index: int) -> int | None:
        """Return the size of the first FINAL anchor that covers this index."""
        size: int | None = _COVERING.value(self._connection, place=index)
        return size

    def mined_size(self) -> int:
        """Return the size of the greatest MINED or FINAL anchor, 0 for none."""
        query = select(func.max(anchors.c.size)).where(anchors.c.state.in_((AnchorState.MINED, AnchorState.FINAL)))
        return self._connection.execute(query).scalar() or 0

    def final_size(self) -> int:
        """Return the size of the greatest FINAL anchor, 0 for none."""
        return _FINAL_SIZE.value(self._connection) or 0

    def evidence(self, size: int) -> ChainEvidence:
        """Return the evidence of a FINAL anchor."""
        return read_evidence(self._connection, size)

    def anchor(self, size: int) -> AnchorRow | None:
        """Return an anchor."""
        return read_anchor(self._connection, size)

    def anchors(self, below: int | None, limit: int) -> list[AnchorRow]:
        """Return anchors of sizes below, the greatest first."""
        return read_anchors_below(self._connection, below, limit)

    def batch_of(self, index: int) -> int | None:
        """Return the batch that an index is in."""
        query = select(batches.c.batch).where(batches.c.size > index).order_by(batches.c.size).limit(1)
        return self._connection.execute(query).scalar()

    def batches(self, below: int | None, limit: int) -> list[BatchRow]:
        """Return batches of numbers below, the greatest first."""
        query = (
            select(batches, entries.c.entry, checkpoints.c.note)
            .join(entries, entries.c.idx == batches.c.size - 1)
            .join(checkpoints, checkpoints.c.size == batches.c.size, isouter=True)
            .order_by(batches.c.batch.desc())
            .limit(limit)
        )
        if below is not None:
            query = query.where(batches.c.batch < below)
        return [
            BatchRow(
                batch=row.batch,
                first=row.first,
                size=row.size,
                events=row.size - row.first - 1,
                root=Hash(row.root),
                sealed=row.sealed,
                seal_entry=row.entry,
                note=row.note,
            )
            for row in self._connection.execute(query)
        ]

    def orders(self, tenant: str, below: int | None, limit: int) -> list[OrderRow]:
        """Return orders of the tenant with a number below, the newest first."""
        query = (
            select(
                streams.c.number,
                streams.c.order_id,
                streams.c.stream,
                select(func.count()).where(events.c.stream == streams.c.number).scalar_subquery().label("events"),
                select(func.max(events.c.accepted))
                .where(events.c.stream == streams.c.number)
                .scalar_subquery()
                .label("accepted"),
            )
            .where(streams.c.tenant == tenant)
            .order_by(streams.c.number.desc())
            .limit(limit)
        )
        if below is not None:
            query = query.where(streams.c.number < below)
        return [
            OrderRow(row.number, row.order_id, StreamId(row.stream), row.events, row.accepted)
            for row in self._connection.execute(query)
        ]

    def disclosed(self, tenant: str, audience: Audience) -> frozenset[str]:
        """Return the fields that the tenant shows to this audience beside the public ones."""
        return frozenset(
            field for (field,) in _DISCLOSED.rows(self._connection, tenant=tenant, audience=audience.value)
        )

    def waiting(self) -> tuple[int, int | None]:
        """Return how many events are not in the log, and when the oldest of them was accepted."""
        last = self.head().last_event
        newest = self._connection.execute(select(func.max(events.c.number))).scalar() or 0
        oldest = select(events.c.accepted).where(events.c.number > last).order_by(events.c.number).limit(1)
        # Numbers have no gaps, so that nothing needs to be counted.
        return newest - last, self._connection.execute(oldest).scalar()

    def all_events(self, after: int, limit: int) -> list[LoggedEvent]:
        """Return events of all tenants with numbers above `after`, in order."""
        query = _LOGGED.where(events.c.number > after).order_by(events.c.number).limit(limit)
        rows = self._connection.execute(query)
        return [LoggedEvent(read_stored(stored), place, entry and unpack(entry)) for *stored, place, entry in rows]

    def groups(self) -> Iterator[ReceiptGroup]:
        """Return all receipt groups in order."""
        for row in self._connection.execute(select(receipt_groups).order_by(receipt_groups.c.first)):
            yield ReceiptGroup(row.first, row.length, row.deadline, row.note)

    def weights(self) -> dict[StreamId, int]:
        """Return the weights of all streams."""
        query = select(streams.c.stream, streams.c.weight)
        return {StreamId(stream): weight for stream, weight in self._connection.execute(query)}

    def bucket_rows(self, after: int, upto: int | None = None) -> Iterator[BucketRow]:
        """Return the stored rows of buckets of batches above `after`, and not above `upto`, by batch."""
        query = select(map_buckets).where(map_buckets.c.batch > after).order_by(map_buckets.c.batch)
        for row in self._connection.execute(query if upto is None else query.where(map_buckets.c.batch <= upto)):
            yield BucketRow(row.batch, row.depth, row.bucket, Bucket(Subtree(row.holds, Hash(row.hash)), row.streams))

    def tiles(self) -> dict[tuple[int, int], bytes]:
        """Return all tiles by (level, index)."""
        return {(row.level, row.idx): row.data for row in self._connection.execute(select(tiles))}
