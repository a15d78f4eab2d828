"""Accepted events, their streams, secrets and receipts: the port `EventStore`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Row, bindparam, func, select, update

from anchor_service.ports import File, GroupMember, NewEvent, ReceiptGroup, StoredEvent, Stream, WeighedStream
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.storage.database import Database, insert_rows
from anchor_service.storage.tables import attachments, event_secrets, events, head, receipt_groups, streams

T = TypeVar("T")

_REMEMBERED: Final = 50_000
"""Streams kept in memory: events come in by order, and nobody else changes a stream's weight."""
_CHUNK: Final = 5_000
"""Values in one statement; SQLite takes 32,766."""


class Events:
    """The port `EventStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[tuple[str, str], tuple[int, WeighedStream]] = {}

    def streams(self, orders: Collection[tuple[str, str]]) -> dict[tuple[str, str], WeighedStream]:
        """Return the streams of those (tenant, order_id) that have one."""
        self._forget()
        found = {}
        missing: dict[str, list[str]] = {}
        for order in orders:
            remembered = self._remembered.get(order)
            if remembered is None:
                missing.setdefault(order[0], []).append(order[1])
            else:
                found[order] = remembered[1]
        if missing:
            with self._database.read() as connection:
                for tenant, order_ids in missing.items():
                    for part in chunks(order_ids):
                        query = select(streams).where(streams.c.tenant == tenant, streams.c.order_id.in_(part))
                        for row in connection.execute(query):
                            stream = Stream(StreamId(row.stream), Hash(row.salt), row.tenant, row.order_id)
                            found[tenant, row.order_id] = WeighedStream(stream, row.weight)
                            self._remembered[tenant, row.order_id] = row.number, found[tenant, row.order_id]
        return found

    def _forget(self) -> None:
        """Make room before streams are looked up, and at no other time: `accept` counts on those that were found."""
        if len(self._remembered) >= _REMEMBERED:
            for order in list(islice(self._remembered, len(self._remembered) - _REMEMBERED + _REMEMBERED // 10)):
                del self._remembered[order]

    def last_accepted(self) -> int:
        """Return when the newest event was accepted, 0 before the first."""
        with self._database.read() as connection:
            newest = select(events.c.accepted).order_by(events.c.number.desc()).limit(1)
            return connection.execute(newest).scalar() or 0

    def accept(
        self,
        new_streams: Sequence[Stream],
        new_events: Sequence[NewEvent],
        groups: Sequence[ReceiptGroup],
        accepted: int,
    ) -> None:
        """Store streams, events, secrets and receipt groups in one transaction."""
        added: dict[tuple[str, str], int] = {}
        for event in new_events:
            order = event.stream.tenant, event.stream.order_id
            added[order] = added.get(order, 0) + event.weight
        # Only what is durable is remembered.
        remembered = {order: self._remembered.pop(order) for order in added if order in self._remembered}
        with self._database.write() as connection:
            last_stream = connection.execute(_LAST_STREAM).scalar() or 0
            numbers = {stream.id: number for number, stream in enumerate(new_streams, start=last_stream + 1)}
            if new_streams:
                insert_rows(
                    connection,
                    streams,
                    [
                        (
                            numbers[stream.id],
                            stream.tenant,
                            stream.order_id,
                            stream.id,
                            stream.salt,
                            added[stream.tenant, stream.order_id],
                        )
                        for stream in new_streams
                    ],
                )
            if remembered:
                heavier = [{"place": number, "added": added[order]} for order, (number, _) in remembered.items()]
                connection.execute(_HEAVIER, heavier)
            first = (connection.execute(_LAST_EVENT).scalar() or 0) + 1
            event_rows, secret_rows = [], []
            for number, (stream, event_id, secret, commitment, disclosures, _) in enumerate(new_events, start=first):
                place = numbers.get(stream.id) or remembered[stream.tenant, stream.order_id][0]
                event_rows.append((number, stream.tenant, place, event_id, accepted, commitment, disclosures))
                secret_rows.append((number, secret))
            insert_rows(connection, events, event_rows)
            insert_rows(connection, event_secrets, secret_rows)
            insert_rows(
                connection,
                receipt_groups,
                [(first + group.first, group.length, group.deadline, group.note) for group in groups],
            )
        for stream in new_streams:
            order = stream.tenant, stream.order_id
            self._remembered[order] = numbers[stream.id], WeighedStream(stream, added[order])
        for order, (number, (stream, weight)) in remembered.items():
            self._remembered[order] = number, WeighedStream(stream, weight + added[order])

    def probe(self) -> None:
        """Write something that changes nothing."""
        with self._database.write() as connection:
            connection.execute(update(head).values(id=head.c.id))

    def known(self, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
        """Return those of the (tenant, event_id) that are stored."""
        by_tenant: dict[str, list[str]] = {}
        for tenant, event_id in ids:
            by_tenant.setdefault(tenant, []).append(event_id)
        found = {}
        with self._database.read() as connection:
            for tenant, event_ids in by_tenant.items():
                for part in chunks(event_ids):
                    query = STORED.where(events.c.tenant == tenant, events.c.event_id.in_(part))
                    for row in connection.execute(query):
                        found[tenant, row.event_id] = read_stored(row)
        return found

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
        """Return the receipt group of an event and all its members in order."""
        with self._database.read() as connection:
            return read_group(connection, number)

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""
        with self._database.read() as connection:
            return read_files(connection, tenant, hashes)


_LAST_STREAM: Final = select(func.max(streams.c.number))
_LAST_EVENT: Final = select(func.max(events.c.number))
_HEAVIER: Final = (
    update(streams).where(streams.c.number == bindparam("place")).values(weight=streams.c.weight + bindparam("added"))
)

STORED: Final = (
    select(
        events.c.number,
        events.c.tenant,
        events.c.event_id,
        events.c.accepted,
        events.c.commitment,
        events.c.disclosures,
        streams.c.order_id,
        streams.c.stream.label("stream_id"),
        streams.c.salt,
        event_secrets.c.secret,
    )
    .join(streams, streams.c.number == events.c.stream)
    .join(event_secrets, event_secrets.c.event == events.c.number, isouter=True)
)
"""Stored events with their streams and secrets, for `read_stored`."""


def read_stored(row: Row[*tuple[Any, ...]]) -> StoredEvent:
    """Read a row of `STORED`."""
    return StoredEvent(
        number=row.number,
        stream=Stream(StreamId(row.stream_id), Hash(row.salt), row.tenant, row.order_id),
        event_id=row.event_id,
        secret=row.secret or b"",
        commitment=Hash(row.commitment),
        disclosures=row.disclosures,
        accepted=row.accepted,
    )


def read_group(connection: Connection, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
    """Return the receipt group of an event and all its members in order; LookupError where one is missing."""
    newest = select(receipt_groups).where(receipt_groups.c.first <= number).order_by(receipt_groups.c.first.desc())
    row = connection.execute(newest.limit(1)).one()
    group = ReceiptGroup(row.first, row.length, row.deadline, row.note)
    last = group.first + group.length - 1
    query = (
        select(events.c.event_id, streams.c.stream, events.c.commitment, events.c.accepted)
        .join(streams, streams.c.number == events.c.stream)
        .where(events.c.number.between(group.first, last))
        .order_by(events.c.number)
    )
    members = [
        GroupMember(event_id, StreamId(stream), Hash(commitment), accepted)
        for event_id, stream, commitment, accepted in connection.execute(query)
    ]
    if len(members) != group.length or not group.first <= number <= last:
        raise LookupError(f"event {number} is not in the receipt group of {group.first} to {last}, or one is missing")
    return group, members


def read_files(connection: Connection, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
    """Return those attachments of the tenant that are stored."""
    found = {}
    for part in chunks(hashes):
        query = select(attachments.c.sha256, attachments.c.size, attachments.c.media_type).where(
            attachments.c.tenant == tenant, attachments.c.sha256.in_(part)
        )
        for sha256, size, media_type in connection.execute(query):
            found[Hash(sha256)] = File(Hash(sha256), size, media_type)
    return found


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """Cut values into lists that fit one statement."""
    rest = iter(values)
    while part := list(islice(rest, _CHUNK)):
        yield part
