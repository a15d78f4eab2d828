"""A log that takes events, one that seals and anchors, and one that does it all."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from anchor_service.ports import Nodes, StoreRefused
from anchor_service.protocol.receipt import receipts_origin
from anchor_service.services.ingest import Accepting, Ingest, Promises
from anchor_service.services.prepare import PrepareApart, prepare_here
from anchor_service.services.seal import Seal
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.events import Events
from anchor_service.wiring.clock import ms, now
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.health import Health, Said
from anchor_service.wiring.keys import named_key, read_key
from anchor_service.wiring.opened import OpenChain
from anchor_service.wiring.places import KEYS
from anchor_service.wiring.sealing import SealApart
from anchor_service.wiring.work import Work
from anchor_service.workers.loop import Loop

_LISTEN: Final = 2.0
"""Seconds between two looks at what the worker says of itself."""
_FOLD: Final = 1.0
"""Seconds between two times that SQLite's log is written into its file."""


class Front(Desk):
    """A log that takes events: `start` lets them in, `stop` stores what was let in and closes everything."""

    def __init__(self, settings: Settings, database: Database, *, apart: bool = False) -> None:
        """`apart`: larger requests are prepared in a process of their own.

        Where processes like this one run in any number, each core has work without that, and no way between two.
        """
        super().__init__(settings, database)
        receipt_key = named_key(read_key(settings.data / KEYS / "receipt.key"), receipts_origin(self.origin))
        if receipt_key.verifier != self._receipt_key:
            raise StoreRefused("log_other", "the receipt key is not the one that this log was created with")
        self.nodes: Nodes | None = None
        """The embedded chain for `/rpc`, where this process has it open; None on any other chain."""
        self._apart = PrepareApart() if apart else None
        promises = Promises(
            log=self.log, key=receipt_key.verifier, sign=receipt_key.sign, promise=ms(settings.receipt_deadline)
        )
        self.ingest = Ingest(
            Accepting(Events(database), promises, log=self.log, clock=now, draw=os.urandom),
            draw=os.urandom,
            most_queued=settings.queue_events,
            over=self._over,
            prepare=self._apart or prepare_here,
        )
        self._heard: str | None = None
        self._listen_loop = Loop("listen", self._listen, _LISTEN)
        self._open = False

    def _over(self) -> str | None:
        """Say why no receipt could be honoured any more, from memory."""
        return self._heard

    def _listen(self) -> bool:
        self._heard = self._said().over
        return False

    def start(self) -> None:
        """Let events in."""
        self.ingest.start()
        if self._database.shared:
            self._listen_loop.start()
        self._open = True

    def stop(self) -> None:
        """Store what was submitted, then close everything."""
        self._open = False
        self.ingest.stop()
        if self._apart is not None:
            self._apart.stop()
        self._listen_loop.stop()
        super().stop()

    def health(self) -> Health:
        """Say how the service is, from memory and a few indexed reads."""
        stored = super().health()
        storing = () if self.ingest.problem is None else (f"storing waits: {self.ingest.problem}",)
        return replace(
            stored,
            ready=self._open and stored.ready and self.ingest.problem is None,
            problems=(*stored.problems, *storing),
            queued=self.ingest.queued,
        )


class Service(Front):
    """A log that is open for everything: `start` runs its workers, `stop` stops them and closes everything."""

    def __init__(
        self, settings: Settings, database: Database, chain: OpenChain, sealer: SealApart | None = None
    ) -> None:
        """`sealer`: the one in a process of its own; without, one is made here."""
        super().__init__(settings, database, apart=settings.prepare_process)
        self._work = Work(self, database, chain, sealer)
        self.anchor = self._work.anchor
        self.nodes = chain.public
        self._fold_loop = Loop("fold", database.fold, _FOLD)

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self._work.check()

    def start(self) -> None:
        """Start ingest, sealing and anchoring."""
        self.start_taking()
        self.start_work()

    def start_taking(self) -> None:
        """Let events in; sealing and anchoring wait for `start_work`."""
        super().start()
        if not self._database.shared:
            self._fold_loop.start()

    @property
    def seal(self) -> Seal:
        """The sealer, where it is in this process (`seal_process`)."""
        if not isinstance(self._work.seal, Seal):
            raise TypeError("the sealer is in a process of its own")
        return self._work.seal

    def start_work(self) -> None:
        """Start sealing and anchoring."""
        self._work.start()

    def stop(self) -> None:
        """Stop gracefully: what was submitted is stored, what was begun is finished, everything is closed."""
        self._open = False
        self.ingest.stop()
        self._work.stop()
        self._fold_loop.stop()
        super().stop()

    def _over(self) -> str | None:
        return self._work.over if self._work.held else super()._over()

    def _said(self) -> Said:
        return self._work.said() if self._work.held else super()._said()

    def _seal_once(self) -> bool:
        return self._work.seal_once()

    def settle(self, patience: float, note: Callable[[int, int], None] = lambda _done, _of: None) -> bool:
        """Seal and anchor now, and wait until everything accepted is under a final anchor.

        False where nothing goes on for `patience` s.  `note` is told how much of what the log will hold is anchored.
        """
        before, end = (-1, -1), time.monotonic() + patience
        while time.monotonic() < end:
            health = self.health()
            note(health.final_size, health.size + health.waiting + health.queued)
            if not health.queued and not health.waiting and health.final_size == health.size:
                return True
            now = health.size, health.final_size
            if now != before:
                before, end = now, time.monotonic() + patience
            self._work.wake()
            time.sleep(0.05)
        return False


class Worker(Desk):
    """A log that this process seals and anchors, or stands by to do so; others take its events."""

    def __init__(self, settings: Settings, database: Database, chain: OpenChain) -> None:
        super().__init__(settings, database)
        self._work = Work(self, database, chain, None)

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self._work.check()

    def start(self) -> None:
        """Take the lease, or stand by until it can be had."""
        self._work.start()

    def stop(self) -> None:
        """Finish what was begun, let another take over, close everything."""
        self._work.stop()
        super().stop()

    def _said(self) -> Said:
        return self._work.said() if self._work.held else super()._said()
