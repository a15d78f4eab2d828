"""Accepted events, their streams, secrets and receipts: the port `EventStore`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any, Final

import psycopg
from sqlalchemy import ARRAY, Connection, Text, bindparam, func, select, update

from anchor_service.ports import File, GroupMember, NewEvent, ReceiptGroup, StoredEvent, Stream, WeighedStream
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.storage.arrays import Column
from anchor_service.storage.database import Database, add_to, among, chunks, driver_rows, insert_rows, is_postgresql
from anchor_service.storage.postgresql import analyze, end_hung_turn, send_ahead, take_turn
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
        """Wait for the turn to accept events."""
        if not self._database.shared:
            self._forget()
            with self._database.write() as connection:
                turn = AcceptingTurn(connection, self._remembered)
                yield turn
            # Only what is durable is remembered.
            self._remembered.update(turn.changed)
            return
        with self._database.write() as connection, send_ahead(connection) as sent:
            try:
                take_turn(connection)
                sent.sync()
            except psycopg.errors.LockNotAvailable:
                self._end_hung_turn()
                raise
            # Others accept as well: what this process remembers of streams may be old.
            turn = AcceptingTurn(connection, {}, sent.sync)
            yield turn
        self._keep_planned(turn.last)

    def _forget(self) -> None:
        if len(self._remembered) >= _REMEMBERED:
            for order in list(islice(self._remembered, len(self._remembered) - _REMEMBERED + _REMEMBERED // 10)):
                del self._remembered[order]

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
    """The port `Turn`, inside a transaction.

    `remembered`: streams that nobody else changes, with their numbers.  `sync` waits for what was sent ahead.
    """

    def __init__(
        self,
        connection: Connection,
        remembered: dict[tuple[str, str], tuple[int, WeighedStream]],
        sync: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._remembered = remembered
        self._sync = sync
        self.streams: dict[tuple[str, str], WeighedStream] = {}
        """The streams of the turn's orders, by (tenant, order_id), of those that have one."""
        self.newest = 0
        """When the newest event was accepted, 0 before the first."""
        self.changed: dict[tuple[str, str], tuple[int, WeighedStream]] = {}
        """Streams as they are once the turn has ended."""
        self.last = 0
        """The number of the last event that was stored here, 0 for none."""
        self._last_event = 0
        self._last_stream = 0

    def find(self, orders: Collection[tuple[str, str]]) -> None:
        """Look up the newest event, and the streams of these orders."""
        missing = []
        for order in orders:
            remembered = self._remembered.get(order)
            if remembered is None:
                missing.append(order)
            else:
                self.streams[order] = remembered[1]
        newest, found = _NEWEST.ask(self._connection), self._ask_streams(missing)
        self._sync()
        ((accepted, event, stream),) = newest.fetchall()
        self.newest, self._last_event, self._last_stream = accepted or 0, event or 0, stream or 0
        for number, tenant, order_id, name, salt, weight in chain.from_iterable(cursor.fetchall() for cursor in found):
            weighed = WeighedStream(Stream(StreamId(name), Hash(salt), tenant, order_id), weight)
            self.streams[tenant, order_id] = weighed
            self._remembered[tenant, order_id] = number, weighed

    def _ask_streams(self, orders: Collection[tuple[str, str]]) -> Iterable[Any]:
        if not is_postgresql(self._connection):
            return (_STREAM.ask(self._connection, tenant=tenant, order_id=order_id) for tenant, order_id in orders)
        by_tenant: dict[str, list[str]] = {}
        for tenant, order_id in orders:
            by_tenant.setdefault(tenant, []).append(order_id)
        return [  # there and back once, however many
            _STREAMS.ask(self._connection, tenant=tenant, order_ids=Column("text", order_ids))
            for tenant, order_ids in by_tenant.items()
        ]

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
        first = self._last_event + 1
        self.last = self._last_event + len(new_events)
        numbers = self._store_streams(new_streams, new_events)
        event_rows = [
            (number, stream.tenant, numbers[stream.id], event_id, accepted, bytes(commitment), disclosures)
            for number, (stream, event_id, _, commitment, disclosures, _) in enumerate(new_events, start=first)
        ]
        secret_rows = [(number, event.secret) for number, event in enumerate(new_events, start=first)]
        group_rows = [(first + group.first, group.length, group.deadline, group.note) for group in groups]
        insert_rows(self._connection, events, event_rows)
        insert_rows(self._connection, event_secrets, secret_rows)
        insert_rows(self._connection, receipt_groups, group_rows)

    def _store_streams(self, new_streams: Sequence[Stream], new_events: Sequence[NewEvent]) -> dict[StreamId, int]:
        """Store new streams, and what all gain in weight by new events; return the numbers of those streams."""
        numbers = {stream.id: number for number, stream in enumerate(new_streams, start=self._last_stream + 1)}
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
    number, event_id, secret, commitment, packed, accepted = own
    return StoredEvent(number, stream, event_id, secret or b"", Hash(commitment), packed, accepted)


def read_known(connection: Connection, ids: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StoredEvent]:
    """Return those of the (tenant, event_id) that are stored."""
    by_tenant: dict[str, list[str]] = {}
    for tenant, event_id in ids:
        by_tenant.setdefault(tenant, []).append(event_id)
    known = {}
    for tenant, event_ids in by_tenant.items():
        for part in chunks(event_ids):
            query = STORED.where(events.c.tenant == tenant, among(connection, events.c.event_id, part))
            for stored in map(read_stored, driver_rows(connection, query)):
                known[tenant, stored.event_id] = stored
    return known


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
    for part in chunks([bytes(sha256) for sha256 in hashes]):
        query = select(attachments.c.sha256, attachments.c.size, attachments.c.media_type).where(
            attachments.c.tenant == tenant, among(connection, attachments.c.sha256, part)
        )
        for sha256, size, media_type in driver_rows(connection, query):
            found[Hash(sha256)] = File(Hash(sha256), size, media_type)
    return found
