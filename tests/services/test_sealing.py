"""Sealing in a process of its own: what it does, what it says, and what becomes of it when either process is killed."""

from __future__ import annotations

import os
import pickle
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from anchor_service.ports import Busy, HeadMoved, StoreRefused
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.event import parse_seal_entry
from anchor_service.settings import Settings
from anchor_service.storage.files import DirectoryLock
from anchor_service.wiring.apart import attempt
from anchor_service.wiring.opening import build
from anchor_service.wiring.sealing import SealApart
from anchor_service.wiring.serving import Service
from tests.services.crashing import body
from tests.services.log import TENANT, create_log, event, open_log
from tests.services.parents import killed_parent


@contextmanager
def apart(settings: Settings) -> Iterator[tuple[Service, SealApart]]:
    """A log whose sealer is in a process of its own; nothing is sealed by itself."""
    service = build(settings)
    try:
        service.ingest.start()
        sealer = service._work.seal
        assert isinstance(sealer, SealApart)
        with pytest.raises(TypeError, match="process of its own"):
            _ = service.seal
        yield service, sealer
    finally:
        service.stop()


def accept(service: Service, *numbers: int) -> None:
    service.ingest.submit(TENANT, [body(f"a-{number}") for number in numbers]).result(30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return create_log(tmp_path / "data")


def test_it_seals_as_the_one_here_does(settings: Settings) -> None:
    with apart(settings) as (service, sealer):
        assert sealer.run_once() is None
        accept(service, 1, 2, 3)
        sealed = sealer.run_once()
        assert sealed is not None
        assert (sealed.batch, sealed.size, sealed.events) == (1, 4, 3)
        assert service.health().size == 4
        while service.anchor.run_once():
            pass
        accept(service, 4)
        assert sealer.run_once() is not None
        assert sealer.prune() is False
        assert service.prove.batches(None, 5).items[0].size == 6
    with open_log(settings) as log:
        log.settle()
        log.check()
        newest, first = log.service.prove.batches(None, 5).items
        assert parse_seal_entry(first.seal_entry).not_before is None
        assert parse_seal_entry(newest.seal_entry).not_before is not None  # the block that is final here


def test_where_it_is_killed_another_is_started(settings: Settings) -> None:
    with apart(settings) as (service, sealer):
        accept(service, 1)
        assert sealer.run_once() is not None
        assert sealer._apart.pid is not None
        os.kill(sealer._apart.pid, signal.SIGKILL)
        accept(service, 2)
        with pytest.raises(Busy, match="another is started"):
            sealer.run_once()
        sealed = sealer.run_once()
        assert sealed is not None
        assert (sealed.batch, sealed.events) == (2, 1)
    with open_log(settings) as log:
        log.settle()
        log.check()


def test_it_ends_with_a_parent_that_is_killed_and_keeps_others_out_until_then(settings: Settings) -> None:
    with (
        killed_parent(settings.data, "service._work.seal._apart.pid"),
        pytest.raises(StoreRefused, match="in use by another process"),
    ):
        DirectoryLock(settings.data)
    begin = time.monotonic()
    DirectoryLock(settings.data).close()
    assert time.monotonic() - begin < 1


def test_what_it_refuses_is_refused_here(settings: Settings) -> None:
    with open_log(settings) as log:
        log.accept(event("e1"))
        log.settle()
    signer = settings.data / "signer.json"
    signer.write_text(signer.read_text().replace('"size": 2', '"size": 200'))
    with pytest.raises(StoreRefused, match="an old backup") as refused:
        build(settings)
    assert refused.value.code == "log_behind"


def test_what_it_cannot_open_is_said_by_who_asks_and_by_nobody_else(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    (settings.data / "keys" / "log.key").unlink()
    lock = DirectoryLock(settings.data)
    with SealApart(settings, lock.file) as sealer:
        for ask in (sealer.check, sealer.run_once, sealer.prune):
            with pytest.raises(StoreRefused, match="is not there") as refused:
                ask()
            assert refused.value.code == "key_missing"
    lock.close()
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("problem", [Busy("full", 7), HeadMoved("head_moved", "moved"), SealtrailError("code", "text")])
def test_errors_go_from_process_to_process(problem: SealtrailError) -> None:
    again = pickle.loads(pickle.dumps(problem))
    assert (type(again), str(again), vars(again)) == (type(problem), str(problem), vars(problem))


def test_a_bug_of_ours_says_where_it_was_in_that_process() -> None:
    def bug() -> None:
        raise LookupError("no such thing")

    answer, problem = pickle.loads(pickle.dumps(attempt(bug)))
    assert answer is None
    assert isinstance(problem, RuntimeError)
    assert str(problem) == "LookupError: no such thing"
    assert "in bug" in "".join(traceback.format_exception(problem))
