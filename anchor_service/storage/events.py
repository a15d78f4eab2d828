"""Accepted events, their streams, secrets and receipts: the port `EventStore`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import islice
from typing import Any, Final

import psycopg
from sqlalchemy import ARRAY, Connection, Text, bindparam, func, select, update

from anchor_service.ports import File, GroupMember, NewEvent, ReceiptGroup, StoredEvent, Stream, WeighedStream
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.storage.database import Database, add_to, chunks, insert_rows, rows_of_pairs
from anchor_service.storage.packing import pack, unpack
from anchor_service.storage.postgresql import analyze, end_hung_turn, take_turn
from anchor_service.storage.quick import Quick
from anchor_service.storage.tables import attachments, event_secrets, events, head, receipt_groups, streams

_REMEMBERED: Final = 50_000
"""Streams kept in memory: events come in by order, and nobody else changes a stream's weight."""
_SMALL: Final = 1_000
_LARGE: Final = 4_000_000
"""Events from which on, and up to which, PostgreSQL is told to look at the tables."""


class Events:
    """The port `EventStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._remembered: dict[tuple[str, str], tuple[int, WeighedStream]] = {}
        self._planned = _SMALL // 4

    @contextmanager
    def turn(self) -> Iterator[AcceptingTurn]:
        """Wait for the turn to accept."""
        if not self._database.shared:
            with self._database.write() as connection:
                turn = AcceptingTurn(connection, self._remembered)
                yield turn
            # Only what is durable is remembered.
            self._remembered.update(turn.changed)
            return
        with self._database.write() as connection:
            try:
                take_turn(connection)
            except psycopg.errors.LockNotAvailable:
                self._end_hung_turn()
                raise
            # Others accept as well: what this process remembers of streams may be old.
            turn = AcceptingTurn(connection, {})
            yield turn
        self._keep_planned(turn.last)

    def _keep_planned(self, last: int) -> None:
        """Let PostgreSQL look at the tables each time they have grown fourfold, up to where its own looks suffice.

        It plans by what it last saw of them, and by itself looks once a minute at most: a log that grows from nothing
        would be read by the wrong indexes until then.
        """
        if self._planned * 4 <= last < _LARGE:
            self._planned = last
            with suppress(SealtrailError), self._database.write() as connection:  # what was accepted is durable
                analyze(connection)

    def _end_hung_turn(self) -> None:
        with self._database.write() as connection:
            end_hung_turn(connection)

    def probe(self) -> None:
        """Write something that changes nothing."""
        with self._database.write() as connection:
            connection.execute(update(head).values(id=head.c.id))

    def group_of(self, number: int) -> tuple[ReceiptGroup, list[GroupMember]]:
        """Return the receipt group of an event and all its members in order."""
        with self._database.read() as connection:
            return read_group(connection, number)


class AcceptingTurn:
    """The port `Turn`, inside a transaction.  `remembered`: streams that nobody else changes, with their numbers."""

    def __init__(self, connection: Connection, remembered: dict[tuple[str, str], tuple[int, WeighedStream]]) -> None:
        self._connection = connection
        self._remembered = remembered
        self.changed: dict[tuple[str, str], tuple[int, WeighedStream]] = {}
        """Streams as they are once the turn has ended."""
        self.last = 0
        """The number of the last event that was stored here, 0 for none."""

    def newest(self) -> int:
        """Return when the newest event was accepted, 0 before the first."""
        return self._newest[0]

    @cached_property
    def _newest(self) -> tuple[int, int, int]:
        """When the newest event was accepted, its number, and that of the newest stream; 0 where there is none."""
        accepted, event, stream = _NEWEST.rows(self._connection)[0]
        return accepted or 0, event or 0, stream or 0

    def streams(self, orders: Collection[tuple[str, str]]) -> dict[tuple[str, str], WeighedStream]:
        """Return the streams of those (tenant, order_id) that have one."""
        self._forget()
        found = {}
        missing = []
        for order in orders:
            remembered = self._remembered.get(order)
            if remembered is None:
                missing.append(order)
            else:
                found[order] = remembered[1]
        for number, tenant, order_id, name, salt, weight in self._look_up(missing):
            stream = WeighedStream(Stream(StreamId(name), Hash(salt), tenant, order_id), weight)
            found[tenant, order_id] = stream
            self._remembered[tenant, order_id] = number, stream
        return found

    def _look_up(self, orders: Collection[tuple[str, str]]) -> Iterator[tuple[Any, ...]]:
        if self._connection.dialect.name != "postgresql":
            for tenant, order_id in orders:
                yield from _STREAM.rows(self._connection, tenant=tenant, order_id=order_id)
            return
        by_tenant: dict[str, list[str]] = {}
        for tenant, order_id in orders:
            by_tenant.setdefault(tenant, []).append(order_id)
        for tenant, order_ids in by_tenant.items():  # there and back once, however many
            yield from _STREAMS.rows(self._connection, tenant=tenant, order_ids=order_ids)

    def _forget(self) -> None:
        """Make room before streams are looked up, and at no other time: `accept` counts on those that were found."""
        if len(self._remembered) >= _REMEMBERED:
            for order in list(islice(self._remembered, len(self._remembered) - _REMEMBERED + _REMEMBERED // 10)):
                del self._remembered[order]

    def known(self, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
        """Return those of the (tenant, event_id) that are stored."""
        return read_known(self._connection, ids)

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""
        return read_files(self._connection, tenant, hashes)

    def accept(
        self,
        new_streams: Sequence[Stream],
        new_events: Sequence[NewEvent],
        groups: Sequence[ReceiptGroup],
        accepted: int,
    ) -> None:
        """Store streams, events, secrets and receipt groups."""
        connection = self._connection
        numbers = self._store_streams(new_streams, new_events)
        first = self._newest[1] + 1
        self.last = self._newest[1] + len(new_events)
        event_rows = [
            (number, stream.tenant, numbers[stream.id], event_id, accepted, bytes(commitment), pack(disclosures))
            for number, (stream, event_id, _, commitment, disclosures, _) in enumerate(new_events, start=first)
        ]
        insert_rows(connection, events, event_rows)
        insert_rows(
            connection, event_secrets, [(number, event.secret) for number, event in enumerate(new_events, start=first)]
        )
        insert_rows(
            connection,
            receipt_groups,
            [(first + group.first, group.length, group.deadline, group.note) for group in groups],
        )

    def _store_streams(self, new_streams: Sequence[Stream], new_events: Sequence[NewEvent]) -> dict[StreamId, int]:
        """Store new streams, and what all gain in weight by new events; return the numbers of those streams."""
        numbers = {stream.id: number for number, stream in enumerate(new_streams, start=self._newest[2] + 1)}
        added: dict[StreamId, int] = {}
        known: dict[StreamId, tuple[str, str]] = {}
        for stream, *_, weight in new_events:
            if stream.id in added:
                added[stream.id] += weight
            else:
                added[stream.id] = weight
                if stream.id not in numbers:
                    known[stream.id] = stream.tenant, stream.order_id
        stream_rows = [
            (numbers[name], tenant, order_id, name, salt, added[name]) for name, salt, tenant, order_id in new_streams
        ]
        for stream in new_streams:
            self.changed[stream.tenant, stream.order_id] = numbers[stream.id], WeighedStream(stream, added[stream.id])
        for name, order in known.items():
            number, (stream, weight) = self._remembered.pop(order)  # forgotten until the turn has ended well
            numbers[name] = number
            self.changed[order] = number, WeighedStream(stream, weight + added[name])
        insert_rows(self._connection, streams, stream_rows)
        add_to(self._connection, streams, "weight", {numbers[name]: added[name] for name in known})
        return numbers


_NEWEST: Final = Quick(
    select(
        select(events.c.accepted).order_by(events.c.number.desc()).limit(1).scalar_subquery(),
        select(func.max(events.c.number)).scalar_subquery(),
        select(func.max(streams.c.number)).scalar_subquery(),
    )
)
_OF_TENANT: Final = select(streams).where(streams.c.tenant == bindparam("tenant"))
_STREAM: Final = Quick(_OF_TENANT.where(streams.c.order_id == bindparam("order_id")))
_STREAMS: Final = Quick(_OF_TENANT.where(streams.c.order_id == func.any(bindparam("order_ids", type_=ARRAY(Text)))))

OF_EVENT: Final = (
    events.c.number,
    events.c.event_id,
    event_secrets.c.secret,
    events.c.commitment,
    events.c.disclosures,
    events.c.accepted,
)
"""What is stored of an event beside its stream, for `stored_event`."""
STORED: Final = (
    select(*OF_EVENT, events.c.tenant, streams.c.order_id, streams.c.stream, streams.c.salt)
    .join(streams, streams.c.number == events.c.stream)
    .join(event_secrets, event_secrets.c.event == events.c.number, isouter=True)
)
"""Stored events with their streams and secrets, for `read_stored`."""


def read_stored(row: Sequence[Any]) -> StoredEvent:
    """Read a row of `STORED`."""
    *own, tenant, order_id, stream, salt = row
    return stored_event(Stream(StreamId(stream), Hash(salt), tenant, order_id), own)


def stored_event(stream: Stream, own: Sequence[Any]) -> StoredEvent:
    """Read the columns `OF_EVENT` of an event of this stream."""
    number, event_id, secret, commitment, disclosures, accepted = own
    return StoredEvent(number, stream, event_id, secret or b"", Hash(commitment), unpack(disclosures, secret), accepted)


def read_known(connection: Connection, ids: Collection[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
    """Return those of the (tenant, event_id) that are stored."""
    rows = rows_of_pairs(connection, STORED, events.c.tenant, events.c.event_id, ids)
    return {(row.tenant, row.event_id): read_stored(row) for row in rows}


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
