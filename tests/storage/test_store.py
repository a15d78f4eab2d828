"""What a store must do, on every store there is: SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError

from anchor_service.ports import (
    AlreadyThere,
    AnchorState,
    Audience,
    Block,
    Busy,
    File,
    Head,
    HeadMoved,
    KeyRow,
    MapShape,
    NotFound,
    ReceiptGroup,
    SignedTransaction,
    StoreRefused,
    Stream,
    Tenant,
    WeighedStream,
)
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import ZERO, Hash
from anchor_service.storage import tables
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.database import Database, Place, create_database, database_exists, insert_rows
from anchor_service.storage.events import Events
from anchor_service.storage.log import Log
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from tests.storage.conftest import FACTS
from tests.storage.rows import GROUP, accept, batch, bucket, known_streams, new_event, sealed, stream

# --- opening ----------------------------------------------------------------------------------------------------------


def test_opening_never_creates(place: Place, tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(StoreRefused, match="init"):
            Database(place)
        assert not database_exists(place)
    assert list(tmp_path.iterdir()) == []


def test_creating_never_overwrites(database: Database, place: Place) -> None:
    with pytest.raises(StoreRefused, match="already"):
        create_database(place, {"log": "y"}, 5)
    assert database.facts == FACTS
    with closing(Database(place)) as again:
        assert again.facts == FACTS


def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(Busy), database.read() as connection:
        connection.execute(text("delete from tenants"))
    assert len(Tenants(database).tenants()) == 2


# --- events -----------------------------------------------------------------------------------------------------------


def test_events_come_back_as_they_were(database: Database) -> None:
    events, first = Events(database), stream()
    new = [new_event(first, f"e{number}") for number in range(3)]
    with events.turn() as turn:
        turn.find([("acme", "A-1")])
        assert turn.newest == 0
        assert turn.streams == {}
        turn.accept([first], new, [ReceiptGroup(0, 2, 50, "n1"), ReceiptGroup(2, 1, 50, "n2")], 7)
    fresh = Events(database)  # remembers nothing
    with fresh.turn() as turn:
        turn.find([("acme", "A-1"), ("acme", "A-2"), ("other", "A-1")])
        assert turn.streams == {("acme", "A-1"): WeighedStream(first, 30)}
        assert turn.newest == 7
        found = turn.known([("acme", f"e{number}") for number in range(5)] + [("other", "e0")])
    assert sorted(found) == [("acme", "e0"), ("acme", "e1"), ("acme", "e2")]
    for number, (_, stored) in enumerate(sorted(found.items())):
        assert stored[1:6] == new[number][:5]
        assert (stored.number, stored.accepted) == (number + 1, 7)
    group, members = fresh.group_of(2)
    assert (group.first, group.length, group.note) == (1, 2, "n1")
    assert [member.event_id for member in members] == ["e0", "e1"]
    assert fresh.group_of(3)[0].note == "n2"
    with pytest.raises(LookupError):
        fresh.group_of(4)


def test_streams_that_were_found_stay_found_until_their_events_are_stored(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many streams there are: looking some up must not push out others of the same request."""
    monkeypatch.setattr("anchor_service.storage.events._REMEMBERED", 20)
    events = Events(database)
    for number in range(30):
        accept_with(events, [stream(f"A-{number}")], f"e{number}")
    remembered = [f"A-{number}" for number in range(29, -1, -1)]
    for number in range(5):
        with events.turn() as turn:
            turn.find([("acme", order_id) for order_id in remembered])
            found = turn.streams
            assert len(found) == 30
            new = [new_event(found["acme", order_id].stream, f"{number}-{order_id}") for order_id in remembered]
            turn.accept([], new, [GROUP._replace(length=30)], 7)
    assert len(events._remembered) <= 20 + 30
    # What is remembered of a stream's weight is what is stored.
    orders = [("acme", order_id) for order_id in remembered]
    weights = known_streams(events, *orders)
    assert weights == known_streams(Events(database), *orders)
    assert {weighed.weight for weighed in weights.values()} == {60}


def accept_with(events: Events, streams: list[Stream], event_id: str) -> None:
    with events.turn() as turn:
        turn.find([(of.tenant, of.order_id) for of in streams])
        turn.accept(streams, [new_event(of, event_id) for of in streams], [GROUP._replace(length=len(streams))], 7)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        (lambda: (stream("A-2"), "e1"), AlreadyThere),
        (lambda: (stream("A-1"), "e2"), AlreadyThere),
        (lambda: (stream("A-3", "nobody"), "e2"), NotFound),
    ],
)
def test_what_is_refused_stores_nothing(
    database: Database, attempt: Callable[[], tuple[Stream, str]], error: type[Exception]
) -> None:
    accept(database, stream(), "e1")
    other, event_id = attempt()
    with pytest.raises(error):
        accept(database, other, "e9", event_id)
    with Reading(database).snapshot() as snapshot:
        assert [item.event.event_id for item in snapshot.all_events(0, 10)] == ["e1"]
        assert snapshot.order(other.tenant, "A-2") is None
    accept(database, stream("A-4"), "e9")


def test_no_row_points_into_another_tenants_data(database: Database) -> None:
    accept(database, stream(), "e1")
    zero = bytes(1)
    for statement in (
        insert(tables.events).values((9, "other", 1, "x", 1, zero, zero)),
        insert(tables.labels).values(("t", "other", 1, 1)),
        update(tables.events).values(tenant="other"),
        insert(tables.event_secrets).values((77, zero)),
    ):
        with pytest.raises(NotFound), database.write() as connection:
            connection.execute(statement)


def test_one_row_without_its_parent_stores_none_of_them(database: Database) -> None:
    accept(database, stream(), "e1", "e2")
    zero = bytes(1)
    for table, rows in (
        (tables.streams, [(7, "acme", "A-7", b"7", zero, 1), (8, "nobody", "A-8", b"8", zero, 1)]),
        (tables.events, [(8, "acme", 1, "e8", 1, zero, zero), (9, "acme", 2, "e9", 1, zero, zero)]),
        (tables.event_secrets, [(77, zero)]),
        (tables.entries, [(0, 1, zero), (1, None, zero), (2, 77, zero)]),
    ):
        with pytest.raises(NotFound), database.write() as connection:
            insert_rows(connection, table, rows)
        with database.write() as connection:
            insert_rows(connection, table, rows[:1] if len(rows) > 1 else [])


@pytest.mark.parametrize(
    "statement",
    ["delete from tenants", "delete from streams", "delete from events", "update streams set number = number + 1"],
)
def test_what_has_children_is_neither_deleted_nor_renamed(database: Database, statement: str) -> None:
    accept(database, stream(), "e1")
    with pytest.raises(NotFound), database.write() as connection:
        connection.exec_driver_sql(statement)


def test_a_snapshot_does_not_change(database: Database) -> None:
    accept(database, stream(), "e1")
    with Reading(database).snapshot() as snapshot:
        assert snapshot.waiting() == (1, 7)
        accept(database, stream("A-2"), "e2")
        assert snapshot.waiting() == (1, 7)
        assert snapshot.order("acme", "A-2") is None
    with Reading(database).snapshot() as snapshot:
        assert snapshot.waiting() == (2, 7)


def test_writers_take_turns(database: Database) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for part in range(10):
                Tenants(database).add_tenant(Tenant(f"t{number}-{part}", "x"), 1)
        except BaseException as problem:
            failures.append(problem)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(Tenants(database).tenants()) == 82


# --- the log ----------------------------------------------------------------------------------------------------------


def test_a_batch_comes_back_as_it_was(database: Database) -> None:
    log = Log(database)
    assert log.head() == Head(0, ZERO, 0, ZERO, 5, 0)
    accept(database, stream(), "e1", "e2")
    waiting = log.waiting(0, 10)
    assert [item.number for item in waiting] == [1, 2]
    assert log.waiting(0, 1) == waiting[:1]
    assert log.waiting(1, 10) == waiting[1:]
    shape, buckets = MapShape(1, 3), {0: bucket(1, 1), 1: bucket(2, 1)}
    rows = {(1, number): made for number, made in buckets.items()}
    made = batch(database, (b"one", 1), (b"two", 2), (b"seal", None), shape=shape, buckets=rows)
    log.append(
        made,
        lambda reader: (
            None if reader.entries(0, 3) == [b"one", b"two", b"seal"] else pytest.fail("read back otherwise")
        ),
    )
    assert log.head() == made.after
    assert log.map_shape(1) == shape
    assert log.buckets(1, 1, range(2)) == buckets
    assert log.tile(0, 0) == bytes(96)
    assert log.tile(0, 1) == b""
    assert log.checkpoint() is None
    log.publish(3, "note")
    log.publish(3, "note")
    assert log.checkpoint() == (3, "note")
    with Reading(database).snapshot() as snapshot:
        assert [(item.event.event_id, item.place, item.entry) for item in snapshot.all_events(0, 9)] == [
            ("e1", 0, b"one"),
            ("e2", 1, b"two"),
        ]
        row = snapshot.batches(None, 9)[0]
        assert (row.batch, row.first, row.size, row.events, row.seal_entry, row.note) == (1, 0, 3, 2, b"seal", "note")
        assert [snapshot.batch_of(index) for index in range(4)] == [1, 1, 1, None]


def test_the_head_moves_by_compare_and_swap(database: Database) -> None:
    first, second = batch(database, (b"a", None)), batch(database, (b"b", None))
    Log(database).append(first, lambda _: None)
    with pytest.raises(HeadMoved):
        Log(database).append(second, lambda _: None)
    assert Log(database).entries(0, 9) == [b"a"]


def test_a_check_that_fails_leaves_nothing(database: Database) -> None:
    def fails(_reader: Any) -> None:
        raise ValueError("differs")

    before = Log(database).head()
    with pytest.raises(ValueError, match="differs"):
        Log(database).append(batch(database, (b"a", None)), fails)
    assert Log(database).head() == before
    assert Log(database).entries(0, 9) == []
    assert Log(database).tile(0, 0) == b""


def test_an_event_has_one_entry_and_an_entry_one_place(database: Database) -> None:
    accept(database, stream(), "e1")
    sealed(database, (b"one", 1), (b"seal", None))
    with pytest.raises(AlreadyThere):
        sealed(database, (b"again", 1), (b"seal", None))
    with pytest.raises(NotFound):
        sealed(database, (b"nobody", 7), (b"seal", None))


# --- anchors ----------------------------------------------------------------------------------------------------------


def transaction(number: int) -> SignedTransaction:
    return SignedTransaction(Hash(bytes([number]) * 32), b"raw", 3, 10**12, 10**9)


def test_an_anchor_and_what_came_of_it(database: Database) -> None:
    anchors = Anchors(database)
    made = sealed(database, (b"a", None), note="n")
    with pytest.raises(NotFound):
        anchors.add_anchor(99, 0, 1)
    row = anchors.add_anchor(1, 0, 11)
    assert (row.state, row.root, row.transactions, row.created) == (AnchorState.PENDING, made.after.root, (), 11)
    for number in (1, 2):
        anchors.add_transaction(1, transaction(number), 20 + number)
    assert anchors.open_anchors()[0].state is AnchorState.PENDING
    anchors.mark_sent(1, transaction(2).hash, 30)
    row = anchors.open_anchors()[0]
    assert row.state is AnchorState.SENT
    assert [(item.transaction, item.stored, item.sent) for item in row.transactions] == [
        (transaction(1), 21, None),
        (transaction(2), 22, 30),
    ]
    block = Block(7, Hash(b"\x07" * 32), 123)
    anchors.mark(1, AnchorState.MINED, block)
    assert anchors.open_anchors()[0].block == block
    anchors.mark(1, AnchorState.SENT, None)
    assert anchors.open_anchors()[0].block is None
    found = ChainEvidence(b"header", 4, (b"n1", b"n2"))
    anchors.finish(1, block, found)
    assert anchors.open_anchors() == []
    newest = anchors.newest_anchor()
    assert newest is not None
    assert (newest.state, newest.block) == (AnchorState.FINAL, block)
    anchors.mark(1, AnchorState.SENT, None)  # what is final stays so
    with Reading(database).snapshot() as snapshot:
        assert snapshot.evidence(1) == found
        assert (snapshot.covering(0), snapshot.covering(1)) == (1, None)
        assert (snapshot.mined_size(), snapshot.final_size()) == (1, 1)
    with pytest.raises(AlreadyThere):
        anchors.finish(1, block, found)


def test_a_superseded_anchor_is_taken_up_again(database: Database) -> None:
    anchors = Anchors(database)
    sealed(database, (b"a", None), note="n")
    anchors.add_anchor(1, 0, 1)
    with pytest.raises(AssertionError):
        anchors.add_anchor(1, 0, 2)
    anchors.mark(1, AnchorState.SUPERSEDED, None)
    assert anchors.newest_anchor() is None
    assert anchors.add_anchor(1, 0, 3).created == 3


# --- tenants ----------------------------------------------------------------------------------------------------------


def test_keys_views_labels_and_files_are_their_tenants(database: Database) -> None:
    tenants = Tenants(database)
    with pytest.raises(AlreadyThere):
        tenants.add_tenant(Tenant("acme", "x"), 1)
    key = KeyRow("k1", "acme", ("ingest", "read"), 1, None)
    tenants.add_key(key, Hash(b"\x01" * 32))
    assert tenants.key(Hash(b"\x01" * 32)) == key
    assert tenants.key(Hash(b"\x02" * 32)) is None
    assert not tenants.revoke_key("other", "k1", 9)
    assert tenants.revoke_key("acme", "k1", 9)
    assert tenants.revoke_key("acme", "k1", 10)
    assert tenants.keys("acme")[0].revoked == 9
    assert tenants.keys("other") == ()

    tenants.disclose("acme", Audience.CARRIER, ["note", "data"])
    tenants.disclose("acme", Audience.CARRIER, ["note"])
    with Reading(database).snapshot() as snapshot:
        assert snapshot.disclosed("acme", Audience.CARRIER) == {"note"}
        assert snapshot.disclosed("acme", Audience.CONSUMER) == frozenset()
        assert snapshot.disclosed("other", Audience.CARRIER) == frozenset()

    of = stream()
    accept(database, of, "e1")
    assert tenants.add_label("t1", "other", "A-1", 1) is None
    label = tenants.add_label("t1", "acme", "A-1", 1)
    assert label is not None
    assert (label.tenant, label.order_id, label.stream) == ("acme", "A-1", of.id)
    assert tenants.label("t1") == label
    assert tenants.label("t2") is None

    file = File(Hash(b"\x03" * 32), 5, "image/png")
    tenants.add_file("acme", file, 1)
    tenants.add_file("acme", file, 2)
    assert tenants.files("acme", [file.sha256]) == {file.sha256: file}
    assert tenants.files("other", [file.sha256]) == {}
    with pytest.raises(NotFound):
        tenants.add_file("nobody", file, 1)
    with pytest.raises(NotFound):
        tenants.add_key(key._replace(tenant="nobody"), ZERO)
    with pytest.raises(NotFound):
        tenants.disclose("nobody", Audience.COURT, ["note"])


def test_an_error_of_ours_is_no_busy(database: Database) -> None:
    with pytest.raises((DBAPIError, Busy, StoreRefused)), database.write() as connection:
        connection.execute(text("select * from nothing"))
    accept(database, stream(), "e1")
