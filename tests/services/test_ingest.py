"""Ingest: once, durably, or not at all; whatever fails, however often a client asks again."""

from __future__ import annotations

import json
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from anchor_service.ports import Audience, Busy, NotFound
from anchor_service.protocol.event import disclose
from anchor_service.protocol.hashes import FIELD, tagged
from anchor_service.protocol.model import parse_event
from anchor_service.protocol.proof import MAX_EVENTS, MAX_PROOF, parse_proof
from anchor_service.protocol.receipt import verify_receipt
from anchor_service.protocol.signature import signed_message
from anchor_service.protocol.verdict import Result
from anchor_service.services.ingest import Accepted, Outcome, Refused
from anchor_service.settings import Settings
from anchor_service.storage.events import Events
from tests.services.log import OpenLog, create_log, event, open_log, problem

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def events_of(log: OpenLog, order_id: str = "A-1") -> list[str]:
    return [item.event_id for item in log.service.prove.order("acme", order_id).events]


def test_the_same_event_again_gets_the_same_receipt(log: OpenLog) -> None:
    first = log.accept(*(event(f"e{number}", f"A-{number % 7}") for number in range(300)))
    again = log.accept(*(event(f"e{number}", f"A-{number % 7}") for number in range(300)))
    assert [item.receipt for item in again] == [item.receipt for item in first]
    assert all(item.known for item in again)
    assert not any(item.known for item in first)
    policy = log.service.policy()
    for item in first:
        assert verify_receipt(item.receipt, policy.origin, policy.receipt_keys).event_id == item.event_id
    assert log.service.prove.receipt("acme", "e7") == first[7].receipt


def test_the_order_of_members_and_spaces_is_no_other_body(log: OpenLog) -> None:
    body = event("e1", data={"b": 1, "a": [1.0, None]})
    log.accept(body)
    reversed_body = json.dumps(dict(reversed(body.items())), indent=1).replace("1.0", "1").encode()
    assert isinstance(log.service.ingest.submit("acme", [reversed_body]).result(10)[0], Accepted)


@pytest.mark.parametrize(
    "other",
    [
        event("e1", note="more"),
        event("e1", kind="paid"),
        event("e1", order_id="A-2"),
        event("e1", data={"x": True}),
        event("e1", secret="ab" * 32),
    ],
)
def test_another_body_under_the_same_id_is_a_conflict(log: OpenLog, other: dict[str, Any]) -> None:
    log.accept(event("e1"))
    assert problem(log.submit(other)[0]) == "event_conflict"
    assert events_of(log) == ["e1"]
    with pytest.raises(NotFound):
        log.service.prove.order("acme", "A-2")


def test_true_is_not_one(log: OpenLog) -> None:
    log.accept(event("e1", data={"x": 1}))
    assert problem(log.submit(event("e1", data={"x": True}))[0]) == "event_conflict"
    outcomes = log.submit(event("e2", data={"x": 1}), event("e2", data={"x": True}))
    assert problem(outcomes[1]) == "event_conflict"


def test_the_same_id_of_another_tenant_is_another_event(log: OpenLog) -> None:
    log.service.keys.create_tenant("other", "Other")
    mine = log.accept(event("e1"))[0]
    theirs = log.accept(event("e1", note="theirs"), tenant="other")[0]
    assert mine.stream != theirs.stream
    assert not theirs.known
    log.check()


def test_twice_in_one_request(log: OpenLog) -> None:
    outcomes = log.submit(event("e1"), event("e1"), event("e1", note="x"), event("e2"))
    assert [isinstance(item, Accepted) and item.known for item in outcomes] == [False, True, False, False]
    assert problem(outcomes[2]) == "event_conflict"
    assert events_of(log) == ["e1", "e2"]
    outcomes = log.submit(event("e1", note="x"), event("e1"))
    assert problem(outcomes[0]) == "event_conflict"
    assert isinstance(outcomes[1], Accepted)


def test_what_was_refused_stands_in_no_ones_way(log: OpenLog) -> None:
    missing = [{"sha256": "0" * 64, "size": 1, "media_type": "image/png", "role": "photo"}]
    outcomes = log.submit(
        event("e1", attachments=missing),
        event("e1"),
        event("e1"),
        event("e1", note="x"),
        event("e1", attachments=missing),
    )
    assert [problem(outcomes[place]) for place in (0, 3, 4)] == [
        "attachment_unknown", "event_conflict", "attachment_unknown",
    ]  # fmt: skip
    assert [isinstance(item, Accepted) and item.known for item in outcomes[1:3]] == [False, True]
    assert events_of(log) == ["e1"]


def test_one_refused_event_does_not_harm_the_others(log: OpenLog) -> None:
    outcomes = log.submit(event("e1"), event("e2", kind="teleported"), {"event_id": "e3"}, event("e4"))
    assert [type(item) for item in outcomes] == [Accepted, Refused, Refused, Accepted]
    assert [item.place for item in outcomes if isinstance(item, Refused)] == [1, 2]
    assert events_of(log) == ["e1", "e4"]


def test_an_idempotency_key_stands_for_a_missing_id(log: OpenLog) -> None:
    body = event("x")
    del body["event_id"]
    raw = json.dumps(body).encode()
    assert problem(log.service.ingest.submit("acme", [raw]).result(10)[0]) == "event_id_missing"
    outcomes = log.service.ingest.submit("acme", [raw, raw], ["k1", "bad\x00"]).result(10)
    assert isinstance(outcomes[0], Accepted)
    assert outcomes[0].event_id == "k1"
    assert problem(outcomes[1]) == "name_syntax"
    again = log.service.ingest.submit("acme", [raw], ["k1"]).result(10)[0]
    assert isinstance(again, Accepted)
    assert again.known


def test_an_unknown_tenant_harms_nobody_else(log: OpenLog) -> None:
    ingest = log.service.ingest
    ingest.stop()
    ingest._open = True  # let both in before the storing thread runs, so that they meet in one transaction
    lost = ingest.submit("nobody", [json.dumps(event("e1")).encode()])
    kept = ingest.submit("acme", [json.dumps(event("e1")).encode()])
    ingest.start()
    assert isinstance(kept.result(10)[0], Accepted)
    with pytest.raises(NotFound):
        lost.result(10)


def test_files_must_have_been_put_before(log: OpenLog) -> None:
    named = {"sha256": "00" * 32, "size": len(PNG), "media_type": "image/png", "role": "photo"}
    assert problem(log.submit(event("e1", attachments=[named]))[0]) == "attachment_unknown"
    named["sha256"] = log.service.attachments.put("acme", [PNG], "image/png").sha256.hex()
    assert problem(log.submit(event("e1", attachments=[{**named, "size": 5}]))[0]) == "attachment_unknown"
    log.service.keys.create_tenant("other", "Other")
    assert problem(log.submit(event("e1", attachments=[named]), tenant="other")[0]) == "attachment_unknown"
    log.accept(event("e1", attachments=[named]))
    log.settle()
    log.check()


def test_an_actors_signature_is_checked_before_it_is_committed(log: OpenLog) -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    secret = bytes(32)
    body = event("e2", kind="paid", secret=secret.hex())
    stream = log.accept(event("e1"))[0].stream
    # The salts go by the names of all fields, and the signature is one of them.
    fields = parse_event(json.dumps({**body, "signature": {}}).encode()).fields
    digests = {name: tagged(FIELD, raw) for name, raw in disclose(secret, fields)}
    names = ["actor.role", "occurred_at", "type"]
    message = signed_message(names, digests, log.service.log, stream)
    signature = {
        "alg": "ed25519",
        "fields": names,
        "key": key.public_key().public_bytes_raw().hex(),
        "sig": key.sign(message).hex(),
    }
    wrong = {**signature, "sig": key.sign(message + b"x").hex()}
    assert problem(log.submit({**body, "signature": wrong})[0]) == "actor_signature"
    assert problem(log.submit({**body, "order_id": "A-9", "signature": signature})[0]) == "actor_signature"
    log.accept({**body, "signature": signature})
    log.settle()
    verdict = log.verdict(log.proof("A-1", Audience.CONSUMER))
    assert verdict.check("signatures").result is Result.VALID
    log.check()


def test_disorder_is_recorded_and_flagged(log: OpenLog) -> None:
    log.accept(
        event("e1"),
        event("e2", kind="shipped", occurred_at="2026-05-04T00:00:00Z"),
        event("e3", kind="paid", occurred_at="2026-05-03T12:00:00Z"),
    )
    flags = [item.flags for item in log.service.prove.order("acme", "A-1").events]
    assert flags == [(), ("unexpected",), ("unexpected", "late")]


def test_fifty_clients_with_the_same_event(log: OpenLog) -> None:
    barrier = threading.Barrier(50)

    def send(number: int) -> Outcome:
        barrier.wait()
        body = event("e1", note="same" if number % 2 else "other")
        return log.service.ingest.submit("acme", [json.dumps(body).encode()]).result(30)[0]

    with ThreadPoolExecutor(50) as clients:
        outcomes = list(clients.map(send, range(50)))
    accepted = [item for item in outcomes if isinstance(item, Accepted)]
    assert sum(not item.known for item in accepted) == 1
    assert len({item.receipt for item in accepted}) == 1
    assert {problem(item) for item in outcomes if isinstance(item, Refused)} == {"event_conflict"}
    assert len(accepted) == 25
    assert events_of(log) == ["e1"]


def test_many_clients_with_one_order(log: OpenLog) -> None:
    def send(number: int) -> None:
        log.accept(*(event(f"e{number}-{part}", kind="arrived") for part in range(5)))

    with ThreadPoolExecutor(16) as clients:
        list(clients.map(send, range(32)))
    log.settle()
    order = log.service.prove.order("acme", "A-1")
    assert [item.seq for item in order.events] == list(range(1, 161))
    log.check()


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
def test_a_failed_write_is_told_and_asking_again_converges(
    settings: Settings, persisted: bool, crash: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)  # a crash ends the storing thread
    bodies = [event(f"e{number}", f"A-{number % 3}") for number in range(10)]
    with open_log(settings) as log:
        log.accept(event("before"))
        log.database.arm(0, persisted=persisted, crash=crash)
        future = log.service.ingest.submit("acme", [json.dumps(body).encode() for body in bodies])
        if crash:
            assert log.service.ingest._thread is not None
            log.service.ingest._thread.join(10)
            assert not future.done()
        else:
            with pytest.raises(Busy):
                future.result(10)
            log.database.disarm()
            again = log.accept(*bodies)
            assert {item.known for item in again} == {persisted}
    with open_log(settings) as log:
        again = log.accept(*bodies)
        assert {item.known for item in again} == {persisted or not crash}
        log.settle()
        assert sum(len(log.service.prove.order("acme", f"A-{number}").events) for number in range(3)) == 11
        log.check()


def test_a_full_queue_is_busy_and_stores_nothing(tmp_path: Any) -> None:
    settings = create_log(tmp_path / "data", queue_events=10)
    with open_log(settings) as log:
        ingest = log.service.ingest
        ingest.stop()
        ingest._open = True  # let in without storing
        futures: list[Future[list[Outcome]]] = [
            ingest.submit("acme", [json.dumps(event(f"e{number}-{part}")).encode() for part in range(5)])
            for number in range(2)
        ]
        with pytest.raises(Busy) as caught:
            ingest.submit("acme", [json.dumps(event("late")).encode()])
        assert caught.value.retry_after >= 1
        ingest.start()
        for future in futures:
            assert all(isinstance(item, Accepted) for item in future.result(10))
        assert ingest.queued == 0
        assert len(events_of(log)) == 10


def test_stopping_stores_what_was_submitted(settings: Settings) -> None:
    with open_log(settings) as log:
        futures = [log.service.ingest.submit("acme", [json.dumps(event(f"e{n}")).encode()]) for n in range(200)]
        log.service.ingest.stop()
        assert all(isinstance(future.result(0)[0], Accepted) for future in futures)
        with pytest.raises(Busy):
            log.service.ingest.submit("acme", [b"{}"])


def test_what_comes_in_while_the_turn_is_waited_for_goes_along(log: OpenLog) -> None:
    ingest = log.service.ingest

    def submit(number: int) -> Future[list[Outcome]]:
        return ingest.submit("acme", [json.dumps(event(f"e{number}", f"A-{number}")).encode()])

    with Events(log.database).turn():
        stored = [submit(0)]
        while not ingest._queue.empty():
            time.sleep(0.01)
        stored += [submit(number) for number in range(1, 4)]
    assert all(isinstance(outcome, Accepted) for future in stored for outcome in future.result(10))
    assert Events(log.database).group_of(1)[0].length == 4
    log.settle()
    log.check()


def test_acceptance_never_goes_back_in_time(log: OpenLog) -> None:
    log.accept(event("e1"))
    now = log.service.ingest._accepting._clock()
    log.service.ingest._accepting._clock = lambda: now - 10_000_000
    log.accept(event("e2", kind="paid"))
    first, second = log.service.prove.order("acme", "A-1").events
    assert first.accepted <= second.accepted
    log.settle()
    log.check()


def test_a_request_that_was_let_in_before_the_end_is_stored(settings: Settings) -> None:
    with open_log(settings) as log:
        ingest = log.service.ingest
        draw, let_in, go_on = ingest._draw, threading.Event(), threading.Event()

        def slow(count: int) -> bytes:
            let_in.set()
            assert go_on.wait(10)
            return draw(count)

        ingest._draw = slow
        futures: list[Future[list[Outcome]]] = []
        client = threading.Thread(
            target=lambda: futures.append(ingest.submit("acme", [json.dumps(event("e1")).encode()]))
        )
        client.start()
        assert let_in.wait(10)
        stopping = threading.Thread(target=ingest.stop)
        stopping.start()
        stopping.join(0.2)
        assert stopping.is_alive()
        go_on.set()
        stopping.join(10)
        client.join(10)
        assert isinstance(futures[0].result(0)[0], Accepted)


def test_what_could_not_be_stored_is_known_until_something_can_be(log: OpenLog) -> None:
    """Whoever is told so sends nothing more: the service finds out by itself."""
    log.service._open = True
    log.database.arm(0, persisted=False)
    with pytest.raises(Busy):
        log.submit(event("e1"))
    assert not log.service.health().ready
    assert "storing waits" in log.service.health().problems[-1]
    end = time.monotonic() + 30
    while not log.service.health().ready and time.monotonic() < end:
        time.sleep(0.02)
    assert log.service.health().ready
    assert log.database.writes == 2
    log.database.arm(0, persisted=False)
    with pytest.raises(Busy):
        log.submit(event("e1"))
    log.accept(event("e1"))
    assert log.service.health().ready


def big(event_id: str, size: int = 60_000, order_id: str = "A-1") -> dict[str, Any]:
    return event(event_id, order_id, "arrived", data={"x": '"' * (size // 2)})


def test_an_order_takes_no_more_than_its_proof_can_hold(log: OpenLog) -> None:
    """Quotes are the worst of what an event may hold: each is two bytes in a disclosure, and four in a proof."""
    log.accept(big("first"))
    outcomes = log.submit(*(big(f"e{number}") for number in range(300)))
    full = next(place for place, item in enumerate(outcomes) if isinstance(item, Refused))
    assert problem(outcomes[full]) == "order_full"
    assert all(isinstance(item, Refused) for item in outcomes[full:])
    assert 100 < full < 300
    assert events_of(log)[-1] == f"e{full - 1}"
    # What is there is known still, what is smaller finds room, and another order is another matter.
    assert log.accept(big("e7"))[0].known
    assert not log.accept(event("small"))[0].known
    assert problem(log.submit(big(f"e{full}"))[0]) == "order_full"
    assert not log.accept(big(f"e{full}", order_id="A-2"))[0].known
    log.settle()
    size = len(log.proof("A-1", Audience.FULL))
    assert 0.9 * MAX_PROOF < size <= MAX_PROOF


def test_what_an_order_holds_is_known_after_a_restart(settings: Settings) -> None:
    with open_log(settings) as log:
        outcomes = log.submit(*(big(f"e{number}") for number in range(300)))
        full = sum(isinstance(item, Accepted) for item in outcomes)
    with open_log(settings) as log:
        assert problem(log.submit(big("more"))[0]) == "order_full"
        outcomes = log.submit(event("e0", note="another body"), big("e1"), big("e1"), big("more"), big("more"))
        assert problem(outcomes[0]) == "event_conflict"
        assert [isinstance(item, Accepted) and item.known for item in outcomes[1:3]] == [True, True]
        assert [problem(item) for item in outcomes[3:]] == ["order_full", "order_full"]
        assert len(events_of(log)) == full


@pytest.mark.parametrize("audience", list(Audience))
def test_no_proof_is_longer_than_was_reckoned(log: OpenLog, audience: Audience) -> None:
    """Each event under an anchor of its own, and then some that are pending; names and values that need escaping."""
    order = '\\"' * 100
    for number in range(4):
        log.accept(event(f"e{number}" + '"' * 190, order, "arrived", note='\t\\"' * 100, data={"x": [number, "é\n"]}))
        log.settle()
    log.accept(*(event(f"pending{number}" + '"' * 190, order, "arrived") for number in range(3)))
    with Events(log.database).turn() as turn:
        turn.find([("acme", order)])
        (weighed,) = turn.streams.values()
    assert len(log.proof(order, audience)) <= weighed.weight + 4_096


def test_thousands_of_small_events_have_a_proof_as_long_as_they_are_taken(log: OpenLog) -> None:
    outcomes = log.submit(*(event(f"e{number}", kind="arrived") for number in range(10_000)))
    taken = sum(isinstance(item, Accepted) for item in outcomes)
    assert 4_000 < taken < MAX_EVENTS
    assert {problem(item) for item in outcomes[taken:]} == {"order_full"}
    log.settle()
    assert len(parse_proof(log.proof("A-1", Audience.FULL)).events) == taken
