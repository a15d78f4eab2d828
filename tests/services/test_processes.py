"""What a process that takes events knows of the one that seals and anchors; and that of two who seal, one does."""

from __future__ import annotations

import json
import time
from contextlib import closing

import pytest

from anchor_service.ports import Busy, LeaseLost
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.lease import Leases
from anchor_service.wiring.opening import build_front
from tests.services.log import event, open_log

POSTGRESQL_ONLY = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


@POSTGRESQL_ONLY
def test_a_front_hears_what_the_worker_says(settings: Settings) -> None:
    front = build_front(settings)
    with closing(Database(settings.database)) as elsewhere:
        worker = Leases(elsewhere, "elsewhere", 60_000)
        front.start()
        try:
            body = json.dumps(event("e1")).encode()
            front.ingest.submit("acme", [body]).result(30)
            assert front.health().ready
            assert "no worker" in front.health().problems[0]
            assert worker.take()
            assert front.health().problems == ()
            worker.renew(json.dumps({"over": "conflict: another root", "problems": ["anchoring has stopped"]}))
            front._listen()
            health = front.health()
            assert (health.ready, health.problems) == (False, ("anchoring has stopped",))
            with pytest.raises(Busy, match="another root"):
                front.ingest.submit("acme", [body])
        finally:
            front.stop()


@POSTGRESQL_ONLY
def test_who_lost_the_lease_seals_nothing_and_goes_on_once_it_has_it_again(settings: Settings) -> None:
    short = settings.model_copy(update={"lease": 0.5})
    with open_log(short) as log, closing(Database(settings.database)) as elsewhere:
        log.accept(event("e1"))
        assert log.service.seal.run_once() is not None
        log.accept(event("e2", kind="paid"))
        time.sleep(0.6)
        other = Leases(elsewhere, "elsewhere", 60_000)
        assert other.take()
        with pytest.raises(LeaseLost):
            log.service.seal.run_once()
        assert not log.service._seal_once()  # it lapsed by our own clock
        keeper = log.service._work.keeper
        assert keeper is not None
        keeper.run_once()
        before = keeper.held
        other.release()
        keeper.run_once()
        assert (before, keeper.held) == (False, True)
        log.settle()
        log.check()
