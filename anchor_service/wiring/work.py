"""Sealing and anchoring, under the lease."""

from __future__ import annotations

import os
import socket
import time
from typing import Final

import structlog

from anchor_service.ports import ChainUnavailable, StoreRefused
from anchor_service.services.anchor import Anchor
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.database import Database
from anchor_service.storage.lease import Leases
from anchor_service.wiring.clock import ms, now
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.health import Said
from anchor_service.wiring.keys import named_key, read_key
from anchor_service.wiring.opened import OpenChain
from anchor_service.wiring.places import KEYS
from anchor_service.wiring.sealing import SealApart, Sealing, make_seal
from anchor_service.workers.keeper import Keeper
from anchor_service.workers.loop import Loop

_MANY: Final = 256
"""Events of a batch after which the next one may come sooner."""
_SOONER: Final = 0.3
"""How much sooner, of the interval between seals, at most."""
_REST: Final = 3
"""How many times longer sealing rests than it works, up to that interval."""
_log = structlog.get_logger(__name__)


def rest(events: int, took: float, interval: float) -> float:
    """Return in how many seconds the next batch follows one of so many events that took so many seconds.

    Where many events come in, smaller batches hold up none of them for long; where there are very many, larger ones
    cost less.
    """
    return min(interval, max(interval * _SOONER, took * _REST)) if events >= _MANY else interval


class Work:
    """Sealing and anchoring in threads of their own, under the lease where several processes might."""

    def __init__(self, desk: Desk, database: Database, chain: OpenChain, sealer: SealApart | None) -> None:
        """`sealer`: the one in a process of its own; without, one is made here."""
        settings, facts = desk.settings, database.facts
        log_key = named_key(read_key(settings.data / KEYS / "log.key"), desk.origin)
        if log_key.verifier.public.hex() != facts["log_key"]:
            raise _other_log()
        self._chain_id, self._opened_chain_id = int(facts["chain_id"]), chain.id
        self._most_events = settings.seal_events
        self._interval = settings.seal_interval
        self.anchor = Anchor(
            Anchors(database),
            chain.registry,
            log=desk.log,
            registry=desk.registry,
            clock=now,
            interval=ms(settings.anchor_interval),
            resend=ms(settings.resend_interval),
            replace=ms(settings.replace_interval),
        )
        self.seal: Sealing
        if sealer is None:
            self.seal = make_seal(settings, database, self.anchor.newest_final)
        else:
            self.seal = sealer
            sealer.newest_final = self.anchor.newest_final
        self._seal_loop = Loop("seal", self.seal_once, settings.seal_interval)
        self._anchor_loop = Loop("anchor", self._anchor_once, settings.poll_interval)
        self.keeper: Keeper | None = None
        if database.shared:
            leases = Leases(database, f"{socket.gethostname()}:{os.getpid()}", ms(settings.lease))
            # What others have sealed and anchored until now is looked at anew.
            self.keeper = Keeper(leases, length=settings.lease, begin=self.check, said=lambda: self.said().print())
            self._keep_loop = Loop("lease", self.keeper.run_once, settings.lease / 4)

    @property
    def held(self) -> bool:
        """Whether this process is the one that seals and anchors."""
        return self.keeper is None or self.keeper.held

    @property
    def over(self) -> str | None:
        """Why nothing that is accepted could be anchored any more; None while it can."""
        return self.anchor.alarm if self.anchor.over else None

    def check(self) -> None:
        """Refuse to go on with a log that its signer, its tiles or its registry contradict."""
        self.seal.check()
        if self._opened_chain_id() != self._chain_id:
            raise _other_log()
        try:
            self.anchor.check()
        except ChainUnavailable as problem:
            _log.warning("chain_unavailable", code=problem.code, reason=problem.message)

    def start(self) -> None:
        """Start sealing and anchoring."""
        if self.keeper is not None:
            self._keep_loop.start()
        self._seal_loop.start()
        self._anchor_loop.start()

    def stop(self) -> None:
        """Finish what was begun."""
        self._seal_loop.stop()
        self._anchor_loop.stop()
        if self.keeper is not None:
            self._keep_loop.stop()
            self.keeper.stop()

    def wake(self) -> None:
        """Seal and anchor now."""
        self._seal_loop.wake()
        self._anchor_loop.wake()

    def seal_once(self) -> bool:
        """Seal what waits, if that is ours to do; say whether there is more."""
        if not self.held:
            return False
        # The signer's memory may be as old as a backup of the database; the registry is not.  What would be sealed upon
        # an old backup is a second history, so it waits until the registry has been seen once; receipts do not.
        if not self.anchor.agreed:
            raise ChainUnavailable("registry_unseen", "the registry has not been seen since the start")
        # What the registry contradicts must not grow.
        if self.anchor.over:
            return False
        begin = time.monotonic()
        sealed = self.seal.run_once()
        self._seal_loop.interval = rest(sealed.events if sealed else 0, time.monotonic() - begin, self._interval)
        more = self.seal.prune()
        if sealed is None:
            return more
        _log.info("sealed", batch=sealed.batch, size=sealed.size, events=sealed.events)
        self._anchor_loop.wake()
        return more or sealed.events == self._most_events

    def _anchor_once(self) -> bool:
        return self.held and self.anchor.run_once()

    def said(self) -> Said:
        """Say what stands still, alarms first."""
        alarm = self.anchor.alarm
        stopped = "anchoring, sealing and taking events have" if self.anchor.over else "anchoring has"
        problems = [] if alarm is None else [f"{stopped} stopped: {alarm}"]
        for name, problem in (
            ("sealing", self._seal_loop.problem),
            ("anchoring", self._anchor_loop.problem or self.anchor.waiting),
            ("the lease", self.keeper and self.keeper.problem),
        ):
            if problem is not None:
                problems.append(f"{name} waits: {problem}")
        return Said(self.over, tuple(problems))


def _other_log() -> StoreRefused:
    return StoreRefused("log_other", "the keys or the chain are not those that this log was created with")
