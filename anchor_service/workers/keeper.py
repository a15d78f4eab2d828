"""Keeps the lease of who seals and anchors, or stands by until it can be had."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import structlog

from anchor_service.ports import Busy, LeaseStore
from anchor_service.protocol.errors import SealtrailError

_log = structlog.get_logger(__name__)


class Keeper:
    """Holds the lease for this process, or stands by; `run_once` is to be called a few times a `length`.

    `begin` is called whenever the lease was taken, before `held` says so: others may have sealed and anchored since.
    Where it raises, the lease is given back.  `said` is what others read of the holder.  `length` in seconds.
    """

    def __init__(
        self,
        lease: LeaseStore,
        *,
        length: float,
        begin: Callable[[], None],
        said: Callable[[], str],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease = lease
        self._length = length
        self._begin = begin
        self._said = said
        self._monotonic = monotonic
        self._holding = False
        self._until = 0.0
        self.problem: str | None = None
        """Why the lease could be neither taken nor renewed just now, in words."""

    @property
    def held(self) -> bool:
        """Say whether this process seals and anchors now.

        It spares work that would come to nothing.  What keeps the log whole is the token that the store checks.
        """
        return self._holding and self._monotonic() < self._until

    def run_once(self) -> bool:
        """Renew the lease, or take it if nobody holds it; never asks for more at once."""
        try:
            self._keep()
        except Busy as problem:
            # Not later and later, as other jobs: the lease may lapse meanwhile.
            self.problem = problem.message
        else:
            self.problem = None
        return False

    def _keep(self) -> None:
        asked = self._monotonic()
        if self._holding:
            if self._lease.renew(self._said()):
                self._until = asked + self._length
                return
            self._holding = False
            _log.warning("lease_lost")
        if self._lease.take():
            try:
                self._begin()
            except SealtrailError:
                self._lease.release()
                raise
            self._holding, self._until = True, asked + self._length
            _log.info("lease_taken")

    def stop(self) -> None:
        """Release the lease, so that another need not wait for it to lapse."""
        if self._holding:
            self._holding = False
            with suppress(Busy):
                self._lease.release()
