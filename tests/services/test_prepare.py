"""Preparing in a process of its own: the same results, in order, whatever happens to that process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from anchor_service.ports import Prepared, Problem
from anchor_service.ports.disclosures import pack, unpack
from anchor_service.protocol.event import commit, disclose
from anchor_service.protocol.model import parse_event
from anchor_service.protocol.weight import weight
from anchor_service.services.ingest import Accepted
from anchor_service.services.prepare import PrepareApart, prepare
from anchor_service.settings import Settings
from tests.services.log import event, open_log

COUNT = 64
SECRETS = bytes(range(256)) * (32 * COUNT // 256)


def items(run: str = "e") -> list[bytes]:
    """Events, and among them what cannot be taken."""
    made = [json.dumps(event(f"{run}{number}", f"A-{number % 5}")).encode() for number in range(COUNT)]
    made[3] = b"{"
    made[5] = json.dumps({**event("x"), "event_id": None}).encode()
    made[7] = json.dumps({name: value for name, value in event("x").items() if name != "event_id"}).encode()
    made[9] = json.dumps({**event("own"), "secret": "ab" * 32}).encode()
    return made


@pytest.fixture
def apart() -> Iterator[PrepareApart]:
    preparer = PrepareApart()
    yield preparer
    preparer.stop()


def pid_of(apart: PrepareApart) -> int:
    pool = apart._open()
    (pid,) = pool._processes
    return pid


def test_what_is_prepared_is_what_the_protocol_says() -> None:
    made = items()
    results = prepare(made, ["key"] * 8, SECRETS)
    for place, (raw, result) in enumerate(zip(made, results, strict=True)):
        if place in (3, 5):
            assert isinstance(result, Problem)
            continue
        assert isinstance(result, Prepared)
        draft = parse_event(raw)
        secret = draft.secret or SECRETS[32 * place : 32 * place + 32]
        disclosures = disclose(secret, draft.fields)
        assert (result.event_id, result.order_id) == (draft.event_id or "key", draft.order_id)
        assert (result.secret, result.given) == (secret, draft.secret is not None)
        assert result.commitment == commit(disclosures)
        whole = b"\n".join(text for _, text in disclosures)
        assert result.disclosures == pack(whole)
        assert unpack(result.disclosures, secret) == whole
        assert result.weight == weight(whole)


def test_another_process_prepares_the_same_and_in_order(apart: PrepareApart) -> None:
    requests = [items(f"r{number}-") for number in range(6)]
    order: list[int] = []
    answers = []
    for number, request in enumerate(requests):
        answer = apart(request, (), SECRETS)
        answer.add_done_callback(lambda _done, number=number: order.append(number))  # type: ignore[misc]
        answers.append(answer)
    assert [answer.result(60) for answer in answers] == [prepare(request, (), SECRETS) for request in requests]
    assert order == sorted(order)


def test_small_requests_start_no_process(apart: PrepareApart) -> None:
    assert apart(items()[:3], (), SECRETS).done()
    assert apart._pool is None


def test_where_the_process_is_killed_nothing_is_lost(apart: PrepareApart) -> None:
    expected = prepare(items(), (), SECRETS)
    assert apart(items(), (), SECRETS).result(60) == expected
    pid = pid_of(apart)
    os.kill(pid, signal.SIGSTOP)  # so that the request is surely under way
    waiting = apart(items(), (), SECRETS)
    os.kill(pid, signal.SIGKILL)
    assert waiting.result(60) == expected
    assert apart(items(), (), SECRETS).result(60) == expected
    assert pid_of(apart) != pid


def test_stopped_it_starts_again(apart: PrepareApart) -> None:
    expected = prepare(items(), (), SECRETS)
    waiting = apart(items(), (), SECRETS)
    apart.stop()
    assert waiting.done()
    assert waiting.result() == expected
    assert apart(items(), (), SECRETS).result(60) == expected


def test_a_call_that_meets_the_end_is_prepared_here(apart: PrepareApart) -> None:
    apart._open().shutdown()
    assert apart(items(), (), SECRETS).result(60) == prepare(items(), (), SECRETS)
    assert apart._pool is None


def test_it_ends_with_its_parent(tmp_path: Path) -> None:
    program = tmp_path / "parent.py"
    program.write_text(
        "import time\n"
        "from anchor_service.services.prepare import PrepareApart\n"
        "if __name__ == '__main__':\n"
        "    apart = PrepareApart()\n"
        "    apart([b'{}'] * 64, (), bytes(64 * 32)).result()\n"
        "    print(*apart._open()._processes, flush=True)\n"
        "    time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, signal.SIGINT)  # as Ctrl-C does to all of a terminal
        os.kill(pid, 0)
        parent.kill()
    while alive(pid):
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("process", [True, False])
def test_ingest_takes_the_same_either_way(settings: Settings, process: bool) -> None:
    with open_log(settings.model_copy(update={"prepare_process": process})) as log:
        sent: list[Future[list[object]]] = [log.service.ingest.submit("acme", items()) for _ in range(2)]  # type: ignore[misc]
        first, again = (answer.result(60) for answer in sent)
        assert [isinstance(outcome, Accepted) for outcome in first] == [
            place not in (3, 5, 7) for place in range(COUNT)
        ]
        taken = [outcome for outcome in again if isinstance(outcome, Accepted)]
        assert len(taken) == COUNT - 3
        assert all(outcome.known for outcome in taken)
