"""A log on a temporary data directory, wired as in service, whose writes, chain and clock a test can make fail."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.exc import OperationalError

from anchor_service.ports import Audience
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import State, Verdict
from anchor_service.protocol.verify import verify
from anchor_service.services.fsck import fsck
from anchor_service.services.ingest import Accepted, Outcome, Refused
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.wiring.chain import chain_here
from anchor_service.wiring.creating import create
from anchor_service.wiring.opened import RegistryPlace
from anchor_service.wiring.places import database_place
from anchor_service.wiring.serving import Service

TENANT = "acme"


class Crash(BaseException):
    """The power goes: nothing in between may tidy up what a dead process could not."""


class FaultyDatabase(Database):
    """Fails the write of this number, counted from 0: before it is durable, or after; as a full disk or as a crash."""

    writes = 0
    fail_at: int | None = None
    persisted = False
    crash = False

    def before_commit(self) -> None:
        self.writes += 1
        if not self.persisted:
            self._fail()

    def after_commit(self) -> None:
        if self.persisted:
            self._fail()

    def _fail(self) -> None:
        if self.fail_at is not None and self.writes - 1 == self.fail_at:
            if self.crash:
                raise Crash
            raise OperationalError("commit", None, sqlite3.OperationalError("database or disk is full"))

    def arm(self, write: int, *, persisted: bool, crash: bool = False) -> None:
        """Fail the write that comes after `write` others from now on."""
        self.writes, self.fail_at, self.persisted, self.crash = 0, write, persisted, crash

    def disarm(self) -> None:
        self.fail_at = None


@dataclass
class OpenLog:
    """An open log; nothing runs by itself but the storing thread."""

    service: Service
    database: FaultyDatabase
    places: dict[str, int] = field(default_factory=dict)

    def submit(self, *events: dict[str, Any], tenant: str = TENANT) -> list[Outcome]:
        return self.service.ingest.submit(tenant, [json.dumps(event).encode() for event in events]).result(30)

    def accept(self, *events: dict[str, Any], tenant: str = TENANT) -> list[Accepted]:
        outcomes = self.submit(*events, tenant=tenant)
        assert all(isinstance(outcome, Accepted) for outcome in outcomes), outcomes
        return [outcome for outcome in outcomes if isinstance(outcome, Accepted)]

    def settle(self) -> None:
        """Seal and anchor until nothing is left to do."""
        while self.service.seal.run_once() is not None:
            pass
        while self.service.anchor.run_once():
            pass
        while self.service.seal.prune():
            pass

    def proof(self, order_id: str, audience: Audience = Audience.CONSUMER, tenant: str = TENANT) -> bytes:
        proof = self.service.prove.proof(tenant, order_id, audience)
        assert isinstance(proof, bytes)
        return proof

    def verdict(self, proof: bytes) -> Verdict:
        """Verify as one who trusts the blocks that the proof's anchors are in."""
        anchors = parse_proof(proof).anchors
        headers = [read_header(anchor.evidence.header) for anchor in anchors]
        policy = self.service.policy()
        return verify(proof, policy.trusting(BlockId(header.number, header.hash) for header in headers))

    def check(self) -> None:
        """Nothing is damaged, and every proof verifies."""
        assert fsck(self.service._reading, self.service.policy(), 0) == []
        cursor = None
        while True:
            page = self.service.prove.orders(TENANT, cursor, 500)
            for line in page.items:
                proof = self.service.prove.proof(TENANT, line.order_id, Audience.CONSUMER)
                if isinstance(proof, bytes):
                    assert self.verdict(proof).state is State.TEST_DATA
            cursor = page.next
            if cursor is None:
                return


def create_log(data: Path, **settings: Any) -> Settings:
    """Create a log with one tenant."""
    made = Settings.model_validate(
        {"data": data, "anchor_interval": 0, "heartbeat": 10**9, "resend_interval": 1e-9, **settings}
    )
    create(made)
    with open_log(made) as log:
        log.service.keys.create_tenant(TENANT, "Acme Goods")
    return made


@contextmanager
def open_log(settings: Settings) -> Iterator[OpenLog]:
    """Open a log as `build` does, on a database that can fail."""
    with ExitStack() as opened:
        database = opened.enter_context(closing(FaultyDatabase(database_place(settings))))
        chain = opened.enter_context(chain_here(settings, RegistryPlace.of(database.facts)))
        service = Service(settings, database, chain)
        service.check()
        keeper = service._work.keeper
        if keeper is not None:
            keeper.run_once()
            assert keeper.held
            opened.callback(keeper.stop)
        service.ingest.start()
        opened.callback(service.ingest.stop)
        yield OpenLog(service, database)
        database.disarm()


def event(event_id: str, order_id: str = "A-1", kind: str = "placed", **more: Any) -> dict[str, Any]:
    """An event as a brand sends it."""
    return {
        "event_id": event_id,
        "order_id": order_id,
        "type": kind,
        "occurred_at": "2026-05-03T14:05:00+08:00",
        "actor": {"role": "brand", "name": "Acme Goods"},
        **more,
    }


def problem(outcome: Outcome) -> str:
    """The code of a refusal."""
    assert isinstance(outcome, Refused), outcome
    return outcome.problem.code
