"""The whole service: created once, opened by one process, stopped gracefully; and its loops."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from anchor_service.ports import Busy, StoreRefused
from anchor_service.protocol.policy import parse_policy, print_policy
from anchor_service.settings import Settings
from anchor_service.wiring import creating
from anchor_service.wiring.creating import create
from anchor_service.wiring.opening import build
from anchor_service.wiring.work import rest
from anchor_service.workers.loop import Loop
from tests.services.conftest import SQLITE_ONLY
from tests.services.log import TENANT, create_log, event, open_log

QUICK = {"seal_interval": 0.02, "anchor_interval": 0, "poll_interval": 0.02}


def test_opening_never_creates(tmp_path: Path) -> None:
    with pytest.raises(StoreRefused, match="init"):
        build(Settings(data=tmp_path / "nothing"))
    assert not (tmp_path / "nothing").exists()


def test_creating_again_changes_nothing(settings: Settings) -> None:
    before = {path: path.read_bytes() for path in settings.data.rglob("*") if path.is_file()}
    with pytest.raises(StoreRefused, match="already"):
        create(settings)
    assert {path: path.read_bytes() for path in settings.data.rglob("*") if path.is_file()} == before


@SQLITE_ONLY
def test_keys_are_for_the_owner_alone(settings: Settings) -> None:
    for name in ("log.key", "receipt.key", "owner.key", "publisher.key"):
        assert (settings.data / "keys" / name).stat().st_mode & 0o077 == 0
    assert settings.data.stat().st_mode & 0o077 == 0
    assert (settings.data / "sealtrail.db").stat().st_mode & 0o077 == 0


STEPS = ["create_chain", "deploy", "create_database"]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
def test_creating_takes_up_where_it_was_killed(
    tmp_path: Path, step: str, after: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data=tmp_path / "data")
    true: Callable[..., Any] = getattr(creating, step)

    def killed(*arguments: Any, **options: Any) -> None:
        if after:
            true(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(creating, step, killed)
        with pytest.raises(KeyboardInterrupt):
            create(settings)
    if step == "create_database" and after:
        with pytest.raises(StoreRefused, match="already"):
            create(settings)
    else:
        with pytest.raises(StoreRefused, match="init"):
            build(settings)
        create(settings)
    with open_log(settings) as log:
        log.service.keys.create_tenant(TENANT, "Acme")
        log.accept(event("e1"))
        log.settle()
        log.check()


@SQLITE_ONLY
def test_a_log_whose_database_is_gone_is_not_made_anew(settings: Settings) -> None:
    with open_log(settings) as log:
        log.accept(event("e1"))
        log.settle()
    (settings.data / "sealtrail.db").unlink()
    with pytest.raises(StoreRefused, match="gone"):
        create(settings)
    (settings.data / "signer.json").unlink()
    with pytest.raises(StoreRefused, match="gone"):
        create(settings)


@SQLITE_ONLY
def test_one_process_at_a_time(settings: Settings) -> None:
    service = build(settings)
    try:
        with pytest.raises(StoreRefused, match="another process"):
            build(settings)
    finally:
        service.closing.close()
    build(settings).closing.close()


def test_it_runs_by_itself_and_stops_with_nothing_lost(tmp_path: Path) -> None:
    settings = create_log(tmp_path / "data", **QUICK)
    service = build(settings)
    service.start()
    bodies = [json.dumps(event(f"e{number}", f"A-{number % 9}", "arrived")).encode() for number in range(300)]
    assert len(service.ingest.submit(TENANT, bodies).result(30)) == 300
    assert service.settle(60)
    health = service.health()
    assert health.ready
    assert health.problems == ()
    assert (health.waiting, health.queued, health.final_size) == (0, 0, health.size)
    late = [service.ingest.submit(TENANT, [json.dumps(event(f"late{number}")).encode()]) for number in range(50)]
    service.stop()
    assert all(future.result(0) for future in late)
    assert threading.active_count() == 1 or not {"ingest", "seal", "anchor"} & {
        thread.name for thread in threading.enumerate()
    }
    with open_log(settings) as log:
        assert all(log.accept(event(f"late{number}"))[0].known for number in range(50))
        log.settle()
        log.check()


def test_events_can_be_taken_first_and_sealed_afterwards(tmp_path: Path) -> None:
    service = build(create_log(tmp_path / "data", **QUICK))
    try:
        service.start_taking()
        bodies = [json.dumps(event(f"e{number}", f"A-{number}")).encode() for number in range(30)]
        assert len(service.ingest.submit(TENANT, bodies).result(30)) == 30
        assert not service.settle(0.3)  # nobody seals yet
        assert (service.health().waiting, service.health().size) == (30, 0)
        service.start_work()
        seen: list[tuple[int, int]] = []
        assert service.settle(60, lambda done, of: seen.append((done, of)))
        assert seen[0] == (0, 30)
        assert seen[-1] == (service.health().size, service.health().size)
        assert seen == sorted(seen)
    finally:
        service.stop()


def test_the_policy_it_claims_reads_back(settings: Settings) -> None:
    with open_log(settings) as log:
        policy = log.service.policy()
        assert parse_policy(print_policy(policy)) == policy
        assert policy.chain.test
        assert policy.rpc[0].operator


def test_settings_come_from_arguments_then_environment_then_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sealtrail.toml").write_text('port = 1\nhost = "0.0.0.0"\npublic_url = "https://a.example"\n')
    monkeypatch.setenv("SEALTRAIL_DATA", str(tmp_path))
    monkeypatch.setenv("SEALTRAIL_PORT", "2")
    found = Settings(public_url="https://b.example")
    assert (found.data, found.host, found.port, found.public_url) == (tmp_path, "0.0.0.0", 2, "https://b.example")
    (tmp_path / "sealtrail.toml").write_text("prot = 1\n")
    with pytest.raises(ValueError, match="prot"):
        Settings()


def test_a_loop_outlives_what_its_job_raises() -> None:
    ran = threading.Semaphore(0)
    raises: list[Exception] = [Busy("full"), ValueError("a bug")]

    def job() -> bool:
        ran.release()
        if raises:
            raise raises.pop()
        return False

    loop = Loop("job", job, 0.01)
    loop.start()
    for _ in range(4):
        assert ran.acquire(timeout=10)
    end = time.monotonic() + 10
    while loop.problem is not None and time.monotonic() < end:
        time.sleep(0.01)
    assert loop.problem is None
    loop.stop()
    assert loop._thread is None


def test_seals_come_sooner_while_many_events_come_in_and_rest_longer_than_they_work() -> None:
    assert rest(255, 0.01, 1.0) == rest(0, 9.0, 1.0) == 1.0
    assert rest(256, 0.01, 1.0) == 0.3
    assert rest(2_000, 0.2, 1.0) == pytest.approx(0.6)
    assert rest(8_000, 0.9, 1.0) == 1.0
    assert rest(256, 0.001, 0.05) == pytest.approx(0.015)


def test_a_log_that_many_events_come_into_seals_sooner(settings: Settings) -> None:
    with open_log(settings) as log:
        work = log.service._work
        log.submit(*(event(f"e{number}", kind="arrived") for number in range(300)))
        assert log.service._seal_once() in {True, False}
        assert work._seal_loop.interval < settings.seal_interval
        log.service._seal_once()
        assert work._seal_loop.interval == settings.seal_interval
