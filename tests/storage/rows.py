"""What the tests of stores put in."""

from __future__ import annotations

import os

from anchor_service.ports import (
    Batch,
    Bucket,
    Head,
    MapShape,
    NewEvent,
    ReceiptGroup,
    Stream,
    WeighedStream,
    make_bucket,
    print_record,
)
from anchor_service.protocol.event import disclose, stream_id
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.streammap import MapLeaf
from anchor_service.storage.database import Database
from anchor_service.storage.events import Events
from anchor_service.storage.log import Log

NO_MAP = MapShape(0, 0)
GROUP = ReceiptGroup(0, 1, 99, "note")


def stream(order_id: str = "A-1", tenant: str = "acme") -> Stream:
    salt = Hash(os.urandom(32))
    return Stream(stream_id(salt, tenant, order_id), salt, tenant, order_id)


def new_event(of: Stream, event_id: str) -> NewEvent:
    secret = os.urandom(32)
    disclosures = b"\n".join(raw for _, raw in disclose(secret, {"note": event_id, "type": "placed"}))
    return NewEvent(of, event_id, secret, Hash(os.urandom(32)), disclosures, 10)


def accept(database: Database, of: Stream, *event_ids: str, new: bool = True) -> None:
    events = [new_event(of, event_id) for event_id in event_ids]
    group = GROUP._replace(length=len(events))
    with Events(database).turn() as turn:
        turn.find([(of.tenant, of.order_id)])
        turn.accept([of] if new else [], events, [group], 7)


def known_streams(events: Events, *orders: tuple[str, str]) -> dict[tuple[str, str], WeighedStream]:
    with events.turn() as turn:
        turn.find(orders)
        return turn.streams


def batch(
    database: Database,
    *entries: tuple[bytes, int | None],
    shape: MapShape = NO_MAP,
    buckets: dict[tuple[int, int], Bucket] | None = None,
) -> Batch:
    """An entry of a batch is its bytes and its event's number; `buckets` are by depth and number."""
    before = Log(database).head()
    size = before.size + len(entries)
    last = max((number for _, number in entries if number is not None), default=before.last_event)
    after = Head(size, Hash(os.urandom(32)), before.batch + 1, Hash(os.urandom(32)), before.sealed + 1, last)
    return Batch(before, after, entries, {(0, 0): bytes(32 * size)}, shape, buckets or {})


def bucket(streams: int, depth: int) -> Bucket:
    """A bucket of streams whose ids begin with zeros."""
    leaves = [MapLeaf(StreamId(bytes(31) + bytes([number])), 1, Hash(os.urandom(32))) for number in range(streams)]
    return make_bucket(map(print_record, leaves), depth)


def sealed(database: Database, *entries: tuple[bytes, int | None], note: str | None = None) -> Batch:
    made = batch(database, *entries)
    Log(database).append(made, lambda _: None)
    if note is not None:
        Log(database).publish(made.after.size, note)
    return made
