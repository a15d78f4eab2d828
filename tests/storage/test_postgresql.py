"""What is PostgreSQL's own: several processes, its locks, its restarts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anchor_service.ports import Batch, Busy, Head, HeadMoved, LeaseLost, MapShape, StoreRefused, Tenant, Waiting
from anchor_service.protocol.hashes import ZERO
from anchor_service.storage import postgresql
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.arrays import Column, register
from anchor_service.storage.database import Database, create_database, database_exists
from anchor_service.storage.events import Events
from anchor_service.storage.lease import Leases
from anchor_service.storage.log import Log
from anchor_service.storage.reading import Reading
from anchor_service.storage.tenants import Tenants
from tests.postgres import Postgres, run_postgres
from tests.storage.conftest import FACTS
from tests.storage.rows import GROUP, accept, batch, known_streams, new_event, stream


@pytest.fixture
def url(postgres: Postgres) -> str:
    made = postgres.url()
    create_database(made, FACTS, 5)
    with closing(Database(made)) as database:
        Tenants(database).add_tenant(Tenant("acme", "Acme"), 5)
    return made


@pytest.fixture
def processes(url: str) -> Iterator[tuple[Database, Database, Database]]:
    """The same log, opened as by three processes; the third has the lease."""
    with ExitStack() as opened:
        first, second, third = [opened.enter_context(closing(Database(url))) for _ in range(3)]
        assert Leases(third, "the third", 600_000).take()
        yield first, second, third


@pytest.mark.parametrize(
    "place",
    ["mysql://host/name", "postgresql://host/name?schema=a;b", "postgresql://host/name?schema=pg_catalog", "?"],
)
def test_what_is_no_url_of_a_log_is_refused(place: str) -> None:
    with pytest.raises(StoreRefused, match="database"):
        Database(place)


def test_no_password_is_shown(postgres: Postgres) -> None:
    place = postgres.url().replace("test@", "test:secret@")
    with pytest.raises(StoreRefused) as caught:
        Database(place)
    assert "secret" not in caught.value.message
    assert "schema" in caught.value.message


def test_each_log_has_a_schema_of_its_own(postgres: Postgres, url: str) -> None:
    other = postgres.url()
    assert not database_exists(other)
    create_database(other, {"log": "y"}, 5)
    with closing(Database(url)) as one, closing(Database(other)) as two:
        assert (one.facts, two.facts) == (FACTS, {"log": "y"})
        assert len(Tenants(one).tenants()) == 1
        assert Tenants(two).tenants() == ()
        # Their turns do not meet.
        with Events(one).turn(), Events(two).turn():
            pass


def test_two_who_create_the_same_log_make_one(postgres: Postgres) -> None:
    url = postgres.url()
    made: list[str] = []

    def create(name: str) -> None:
        try:
            create_database(url, {"log": name}, 5)
        except StoreRefused as problem:
            made.append(problem.code)
        else:
            made.append(name)

    threads = [threading.Thread(target=create, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made)[-3:] == ["log_exists"] * 3
    with closing(Database(url)) as database:
        assert database.facts == {"log": min(made)}


def test_what_was_acknowledged_is_durable(postgres: Postgres, url: str) -> None:
    with postgres.outside() as outside:
        outside.execute("alter role test set synchronous_commit = off")
        try:
            with closing(Database(url)) as database, database.write() as connection:
                assert connection.exec_driver_sql("show synchronous_commit").scalar() == "on"
        finally:
            outside.execute("alter role test reset synchronous_commit")


# --- one turn to accept -----------------------------------------------------------------------------------------------


def seal_all(database: Database, seen: list[Waiting]) -> None:
    """Seal what is committed, as the sealer does: everything above the last number that it has seen."""
    waiting = Log(database).waiting(Log(database).head().last_event, 1000)
    if waiting:
        made: Batch = batch(database, *((b"%d" % item.number, item.number) for item in waiting), (b"seal", None))
        Log(database).append(made, lambda _: None)
        seen += waiting


def test_an_event_that_is_committed_late_is_neither_skipped_nor_overtaken(
    processes: tuple[Database, Database, Database],
) -> None:
    first, second, sealer = processes
    told: list[tuple[str, int]] = []
    sealed: list[Waiting] = []

    def accept_later() -> None:
        with Events(second).turn() as turn:
            turn.find(())
            # Its own clock is behind: what was accepted before decides.
            accepted = max(5, turn.newest)
            other = stream("C")
            turn.accept([other], [new_event(other, "fast")], [GROUP], accepted)
        told.append(("fast", accepted))

    with Events(first).turn() as turn:
        turn.find(())
        slow = stream("A")
        turn.accept([slow], [new_event(slow, "slow")], [GROUP], 7)
        thread = threading.Thread(target=accept_later)
        thread.start()
        # The second process waits, and the sealer sees neither.
        for _ in range(20):
            seal_all(sealer, sealed)
            time.sleep(0.02)
        assert thread.is_alive()
        assert (told, sealed) == ([], [])
    thread.join()
    assert told == [("fast", 7)]
    seal_all(sealer, sealed)
    assert [(item.number, item.accepted) for item in sealed] == [(1, 7), (2, 7)]
    with Reading(sealer).snapshot() as snapshot:
        assert [item.event.event_id for item in snapshot.all_events(0, 9)] == ["slow", "fast"]
        assert [item.place for item in snapshot.all_events(0, 9)] == [0, 1]


def test_many_who_accept_at_once_leave_no_gap_and_no_disorder(processes: tuple[Database, Database, Database]) -> None:
    first, second, sealer = processes
    sealed: list[Waiting] = []
    failures: list[BaseException] = []
    done = threading.Event()

    def accept_many(database: Database, name: str) -> None:
        try:
            events = Events(database)
            for number in range(40):
                # All share their orders: each finds what another has made.
                order = "acme", f"A-{number % 5}"
                with events.turn() as turn:
                    turn.find([order])
                    found = turn.streams
                    of = found[order].stream if found else stream(order[1])
                    new = [new_event(of, f"{name}-{number}-{part}") for part in range(number % 12 + 1)]
                    now = time.time_ns() // 1_000_000
                    turn.accept([] if found else [of], new, [GROUP._replace(length=len(new))], max(now, turn.newest))
        except BaseException as problem:
            failures.append(problem)
            raise

    def seal_on() -> None:
        while not done.is_set():
            seal_all(sealer, sealed)

    sealing = threading.Thread(target=seal_on)
    threads = [
        threading.Thread(target=accept_many, args=(database, f"{place}{which}"))
        for place, database in (("one", first), ("two", second))
        for which in range(2)
    ]
    for thread in (sealing, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    sealing.join()
    seal_all(sealer, sealed)
    assert failures == []
    total = 4 * sum(number % 12 + 1 for number in range(40))
    assert [item.number for item in sealed] == list(range(1, total + 1))
    times = [item.accepted for item in sealed]
    assert times == sorted(times)
    weights = known_streams(Events(first), *(("acme", f"A-{number}") for number in range(5)))
    assert sum(weighed.weight for weighed in weights.values()) == 10 * total


def test_streams_are_those_of_the_turn(processes: tuple[Database, Database, Database]) -> None:
    first, second, _ = processes
    one, two = Events(first), Events(second)
    of = stream()
    with one.turn() as turn:
        turn.find(())
        turn.accept([of], [new_event(of, "e1")], [GROUP], 7)
    with two.turn() as turn:
        turn.find([("acme", "A-1")])
        assert turn.streams["acme", "A-1"].weight == 10
        turn.accept([], [new_event(of, "e2")], [GROUP], 7)
    with one.turn() as turn:
        turn.find([("acme", "A-1")])
        assert turn.streams["acme", "A-1"].weight == 20


def test_who_hangs_in_the_turn_does_not_keep_it(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once all is answered the server itself ends it; amid what is sent ahead the next who waited in vain does."""
    monkeypatch.setattr(postgresql, "_IDLE", 300)
    monkeypatch.setattr(postgresql, "LOCK_TIMEOUT", 900)
    with closing(Database(url)) as hung, closing(Database(url)) as other:
        with pytest.raises(Busy), Events(hung).turn() as turn:  # noqa: PT012 - it hangs amid the turn
            turn.find(())
            accept(other, stream(), "e1")
            turn.known([("acme", "e1")])
        # The connection was thrown away; amid what is sent ahead now.
        with (  # noqa: PT012 - as above
            pytest.raises(Busy),
            hung.write() as connection,
            postgresql.send_ahead(connection) as sent,
        ):
            postgresql.take_turn(connection)
            time.sleep(0.5)
            with pytest.raises(Busy):
                accept(other, stream("A-2"), "e2")
            accept(other, stream("A-2"), "e2")
            sent.sync()
        accept(hung, stream("A-3"), "e3")
        with Reading(other).snapshot() as snapshot:
            assert [item.event.event_id for item in snapshot.all_events(0, 9)] == ["e1", "e2", "e3"]


@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1),
    st.lists(st.none() | st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1),
    st.lists(st.none() | st.binary(), min_size=1),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_columns_arrive_as_they_are(
    postgres: Postgres, numbers: list[int | None], texts: list[str | None], blobs: list[bytes | None]
) -> None:
    with postgres.outside() as outside:
        register(outside)
        columns = [Column("int8", numbers), Column("text", texts), Column("bytea", blobs)]
        rows = outside.cursor(binary=True).execute("select %b::int8[], %b::text[], %b::bytea[]", columns).fetchall()
    assert rows == [(numbers, texts, blobs)]


# --- the lease --------------------------------------------------------------------------------------------------------


def test_one_holds_the_lease_until_it_lapses_or_is_released(url: str) -> None:
    with closing(Database(url)) as one, closing(Database(url)) as two:
        first, second = Leases(one, "one", 400), Leases(two, "two", 60_000)
        assert first.take()
        assert not second.take()
        assert first.renew("all is well")
        row = second.look()
        assert (row.token, row.holder, row.live, row.said) == (1, "one", True, "all is well")
        time.sleep(0.5)
        assert not second.look().live
        assert second.take()
        assert not first.renew("I am still here")
        first.release()  # what is not ours is not released
        assert second.look().live
        assert not first.take()
        second.release()
        assert first.take()
        assert first.look().token == 3


def test_what_an_old_holder_writes_is_refused(url: str) -> None:
    with closing(Database(url)) as one, closing(Database(url)) as two:
        assert Leases(one, "one", 1).take()
        first = batch(one, (b"a", None))
        Log(one).append(first, lambda _: None)
        late = batch(one, (b"b", None))
        time.sleep(0.01)
        Log(one).publish(1, "note")  # lapsed and not taken: nobody else is at work
        assert Leases(two, "two", 60_000).take()
        anchors = Anchors(one)
        for attempt in (
            lambda: Log(one).append(late, lambda _: None),
            lambda: Log(one).publish(1, "another"),
            lambda: anchors.add_anchor(1, 0, 1),
        ):
            with pytest.raises(LeaseLost):
                attempt()
        Log(two).append(batch(two, (b"b", None)), lambda _: None)
        assert Log(two).checkpoint() == (1, "note")
        with pytest.raises(LeaseLost):  # not HeadMoved: there is nothing to reload
            Log(one).append(batch(one, (b"c", None)), lambda _: None)


def test_who_never_held_the_lease_writes_nothing(url: str) -> None:
    with closing(Database(url)) as database, pytest.raises(LeaseLost):
        Log(database).append(batch(database, (b"a", None)), lambda _: None)


def test_nobody_takes_over_amid_a_write(url: str) -> None:
    with closing(Database(url)) as one, closing(Database(url)) as two:
        mine = Leases(one, "one", 1)
        assert mine.take()
        taken: list[bool] = []
        thread = threading.Thread(target=lambda: taken.append(Leases(two, "two", 60_000).take()))

        def check(_reader: object) -> None:
            thread.start()
            time.sleep(0.3)
            assert taken == []
            assert mine.renew("busy")  # a renewal need not wait for a long batch

        Log(one).append(batch(one, (b"a", None)), check)
        thread.join()
        assert Log(one).head().size == 1


# --- restarts ---------------------------------------------------------------------------------------------------------


def test_after_a_restart_of_the_server_it_goes_on() -> None:
    with run_postgres() as server:
        url = server.url()
        create_database(url, FACTS, 5)
        with closing(Database(url)) as database:
            Tenants(database).add_tenant(Tenant("acme", "Acme"), 5)
            assert Leases(database, "one", 600_000).take()
            accept(database, stream(), "e1")
            with pytest.raises(Busy), Events(database).turn() as turn:  # noqa: PT012 - it stops amid the turn
                turn.find(())
                server.stop()
                turn.known([("acme", "e1")])
            with pytest.raises(Busy):
                accept(database, stream("A-2"), "e2")
            with pytest.raises(HeadMoved):
                Log(database).append(batch_of_nothing(), lambda _: None)
            with pytest.raises(Busy):
                Tenants(database).tenants()
            with pytest.raises(Busy):
                database_exists(url)
            server.start()
            accept(database, stream("A-2"), "e2")
            Log(database).append(batch(database, (b"one", 1), (b"two", 2)), lambda _: None)
            with Reading(database).snapshot() as snapshot:
                assert [item.place for item in snapshot.all_events(0, 9)] == [0, 1]


def batch_of_nothing() -> Batch:
    empty = Head(0, ZERO, 0, ZERO, 0, 0)
    return Batch(empty, empty, [], {}, MapShape(0, 0), {})


def test_a_session_that_the_operator_ends_is_busy(postgres: Postgres, url: str) -> None:
    with closing(Database(url)) as database:
        with pytest.raises(Busy), database.write() as connection, postgres.outside() as outside:  # noqa: PT012 - as above
            pid = connection.exec_driver_sql("select pg_backend_pid()").scalar()
            outside.execute("select pg_terminate_backend(%s, 5000)", (pid,))
            connection.exec_driver_sql("select 1")
        accept(database, stream(), "e1")


def test_many_rows_come_back_as_they_were(processes: tuple[Database, Database, Database]) -> None:
    first, _, _ = processes
    orders = [stream(f"A-{number} ü€😀") for number in range(700)]
    with Events(first).turn() as turn:
        turn.find(())
        turn.accept(orders, [new_event(of, of.order_id) for of in orders], [GROUP._replace(length=700)], 7)
    with Events(first).turn() as turn:
        turn.find([(of.tenant, of.order_id) for of in orders])
        found = turn.streams
        assert [found[of.tenant, of.order_id].stream for of in orders] == orders
        turn.accept([], [new_event(of, f"{of.order_id}2") for of in orders], [GROUP._replace(length=700)], 7)
        assert len(turn.known([("acme", f"A-{number} ü€😀2") for number in range(800)])) == 700
    assert {weighed.weight for weighed in known_streams(Events(first), ("acme", "A-699 ü€😀")).values()} == {20}


def test_a_log_that_grows_is_looked_at(processes: tuple[Database, Database, Database]) -> None:
    """PostgreSQL plans for as many rows as it last saw, and by itself sees none until a minute has passed."""
    first, second, _ = processes

    def seen() -> int:
        with first.read() as connection:
            query = "select reltuples::int from pg_class where oid = 'streams'::regclass"
            return connection.exec_driver_sql(query).scalar_one()  # type: ignore[no-any-return] # an int

    def grow(database: Database, name: str, count: int) -> None:
        orders = [stream(f"{name}-{number}") for number in range(count)]
        with events[database].turn() as turn:
            turn.find(())
            turn.accept(orders, [new_event(of, of.order_id) for of in orders], [GROUP._replace(length=count)], 7)

    events = {first: Events(first), second: Events(second)}
    grow(first, "A", 999)
    assert seen() == -1  # never
    grow(first, "B", 1)
    assert seen() == 1_000
    grow(first, "C", 2_999)
    assert seen() == 1_000
    grow(second, "D", 1)  # another process, that has looked at nothing yet
    assert seen() == 4_000
    grow(second, "E", 1)
    assert seen() == 4_000
