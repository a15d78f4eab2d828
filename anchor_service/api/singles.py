"""Single events, handed to ingest together: those that come while others are being stored are one request to it."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from functools import partial
from typing import Final, NamedTuple

from anchor_service.services.ingest import Ingest, Outcome

_MOST: Final = 256
"""So many are handed over even while others are out, so that ingest sees them in its queue, and may refuse them."""
_COMPANY: Final = 4
_MOMENT: Final = 0.003
"""Where so many senders were seen last, a hand-over waits for as many, so many seconds at most; a few never wait."""


class _Single(NamedTuple):
    raw: bytes
    key: str | None
    answer: asyncio.Future[Outcome]


class Singles:
    """Belongs to one event loop.

    A hand-over, its transaction and the way back to the event loop cost as much as ten events, whose own cost comes on
    top.  Together, many share them.  One tenant's events are never handed over with another's.
    """

    def __init__(self, ingest: Ingest) -> None:
        self._ingest = ingest
        self._waiting: dict[str, list[_Single]] = {}
        self._count = 0  # of those that wait
        self._out = 0  # hand-overs without an answer yet
        self._company = 0  # in the last hand-over
        self._expected = 0
        self._planned: asyncio.TimerHandle | None = None

    async def outcome(self, tenant: str, raw: bytes, key: str | None) -> Outcome:
        """Have one event stored; raises what `Ingest.submit` and its future raise."""
        loop = asyncio.get_running_loop()
        single = _Single(raw, key, loop.create_future())
        # Whoever waits has a hand-over ahead: one that is planned, or the one after what is out.
        if not self._waiting and not self._out:
            self._plan(loop)
        self._waiting.setdefault(tenant, []).append(single)
        self._count += 1
        if self._count >= _MOST or (self._planned is not None and self._count >= self._expected):
            self._hand_over(loop)
        return await single.answer

    def _plan(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._expected < _COMPANY:
            loop.call_soon(self._hand_over, loop)
        else:
            self._planned = loop.call_later(_MOMENT, self._hand_over, loop)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._planned is not None:
            self._planned.cancel()
            self._planned = None
        waiting, self._waiting = self._waiting, {}
        self._company, self._count = self._count, 0
        for tenant, singles in waiting.items():
            try:
                stored = self._ingest.submit(tenant, [one.raw for one in singles], [one.key for one in singles])
            except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it
                _refuse(singles, problem)
            else:
                self._out += 1
                stored.add_done_callback(partial(self._wake, loop, singles))

    def _wake(self, loop: asyncio.AbstractEventLoop, singles: list[_Single], stored: Future[list[Outcome]]) -> None:
        """Wake the event loop, once for however many events; the thread that stores calls this."""
        if not loop.is_closed():  # else nobody waits any more
            loop.call_soon_threadsafe(self._come_back, loop, singles, stored)

    def _come_back(
        self, loop: asyncio.AbstractEventLoop, singles: list[_Single], stored: Future[list[Outcome]]
    ) -> None:
        self._out -= 1
        if not self._out:
            # Whoever is answered now sends again soon, and would else come just too late for those who wait already.
            self._expected = self._company + self._count
            if self._waiting:
                self._plan(loop)
        problem = stored.exception()
        if isinstance(problem, Exception):
            _refuse(singles, problem)
            return
        for single, outcome in zip(singles, stored.result(), strict=True):
            if not single.answer.done():
                single.answer.set_result(outcome)


def _refuse(singles: list[_Single], problem: Exception) -> None:
    for single in singles:
        if not single.answer.done():
            single.answer.set_exception(problem)
