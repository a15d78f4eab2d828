"""Single events go to ingest together, and each gets its own answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import httpx2
import pytest

from anchor_service.api.singles import Singles
from anchor_service.ports import Busy, NotFound
from anchor_service.services.ingest import Accepted, Outcome, Refused

Make = Callable[..., dict[str, Any]]
Asked = tuple[str, dict[str, Any], str | None]

T = TypeVar("T")


def in_a_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run in an event loop of its own: this thread may have one that runs, the browser's of other tests."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


@pytest.fixture
def handed(world: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What was handed to ingest: whose events, and how many at once."""
    calls: list[tuple[str, int]] = []
    submit = world.service.ingest.submit

    def counted(tenant: str, items: Sequence[bytes], keys: Sequence[str | None] = ()) -> Future[list[Outcome]]:
        calls.append((tenant, len(items)))
        stored: Future[list[Outcome]] = submit(tenant, items, keys)
        return stored

    monkeypatch.setattr(world.service.ingest, "submit", counted)
    return calls


async def together(singles: Singles, asked: Sequence[Asked]) -> list[Outcome | BaseException]:
    return await asyncio.gather(
        *(singles.outcome(tenant, json.dumps(event).encode(), key) for tenant, event, key in asked),
        return_exceptions=True,
    )


def test_each_gets_its_own_answer(world: Any, event: Make, handed: list[tuple[str, int]]) -> None:
    good, bad, unnamed, named = event(), event(type="teleported"), event(event_id=None), event(event_id=None)
    asked: list[Asked] = [
        ("acme", good, None),
        ("acme", bad, None),
        ("acme", unnamed, None),
        ("bolt", good, None),
        ("acme", named, "k-together"),
        ("acme", good, None),
        ("acme", good | {"note": "another"}, None),
    ]
    first, wrong, missing, other, keyed, again, conflict = in_a_loop(together(Singles(world.service.ingest), asked))
    assert handed == [("acme", 6), ("bolt", 1)]
    for answer, known in ((first, False), (other, False), (keyed, False), (again, True)):
        assert isinstance(answer, Accepted)
        assert answer.known is known
    assert isinstance(first, Accepted)
    assert isinstance(other, Accepted)
    assert isinstance(again, Accepted)
    assert first.receipt == again.receipt
    assert first.stream != other.stream
    for answer, code in ((wrong, "type"), (missing, "event_id_missing"), (conflict, "event_conflict")):
        assert isinstance(answer, Refused)
        assert answer.problem.code == code


def test_who_comes_while_others_are_out_goes_next_together(
    world: Any, event: Make, handed: list[tuple[str, int]]
) -> None:
    async def three_times() -> list[list[Outcome | BaseException]]:
        singles = Singles(world.service.ingest)
        parties = []
        for count in (1, 5, 300):
            parties.append(asyncio.create_task(together(singles, [("acme", event(), None) for _ in range(count)])))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # the first is out now
        return await asyncio.gather(*parties)

    answers = in_a_loop(three_times())
    assert all(isinstance(answer, Accepted) for party in answers for answer in party)
    assert [len(party) for party in answers] == [1, 5, 300]
    assert sum(count for _, count in handed) == 306
    assert max(count for _, count in handed) == 256
    assert len(handed) <= 4


def test_who_is_answered_sends_again_with_those_who_came_too_late(
    world: Any, event: Make, handed: list[tuple[str, int]]
) -> None:
    """Else two parties take turns for ever, and the few of the smaller one cost as much as all."""

    async def client(singles: Singles) -> None:
        for _ in range(5):
            assert isinstance(await singles.outcome("acme", json.dumps(event()).encode(), None), Accepted)

    async def sixteen() -> None:
        singles = Singles(world.service.ingest)
        early = [asyncio.create_task(client(singles)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the two are out now
        await asyncio.gather(*early, *(client(singles) for _ in range(14)))

    in_a_loop(sixteen())
    assert [count for _, count in handed] == [2, 16, 16, 16, 16, 14]


def test_a_refusal_of_all_reaches_each_and_no_other_tenant(
    world: Any, event: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Asked] = [("nobody", event(), None), ("acme", event(), None), ("nobody", event(), None)]
    singles = Singles(world.service.ingest)
    stranger, ours, strange = in_a_loop(together(singles, asked))
    assert isinstance(stranger, NotFound)
    assert isinstance(strange, NotFound)
    assert isinstance(ours, Accepted)

    def full(*_: object) -> object:
        raise Busy("full")

    with monkeypatch.context() as patch:
        patch.setattr(world.service.ingest, "submit", full)
        assert all(isinstance(answer, Busy) for answer in in_a_loop(together(singles, asked)))
    (later,) = in_a_loop(together(singles, asked[1:2]))
    assert isinstance(later, Accepted)
    assert later.known


def test_who_stops_waiting_harms_nobody(world: Any, event: Make) -> None:
    async def one_leaves() -> Outcome:
        singles = Singles(world.service.ingest)
        leaving, staying = (
            asyncio.create_task(singles.outcome("acme", json.dumps(event()).encode(), None)) for _ in range(2)
        )
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert isinstance(in_a_loop(one_leaves()), Accepted)


def test_over_http_by_many_at_once(http: httpx2.Client, event: Make) -> None:
    events = [event() for _ in range(200)]
    with ThreadPoolExecutor(20) as senders:
        answers = list(senders.map(lambda sent: http.post("/v1/events", json=sent), events))
    assert {answer.status_code for answer in answers} == {201}
    assert [answer.json()["event_id"] for answer in answers] == [sent["event_id"] for sent in events]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 200
