"""Single events, handed to ingest together: those that came in one turn of the event loop are one request to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, TypeAlias

from anchor_service.services.ingest import Outcome

Submit: TypeAlias = Callable[[str, Sequence[bytes], Sequence[str | None]], "Future[list[Outcome]]"]


class _Single(NamedTuple):
    raw: bytes
    key: str | None
    answer: asyncio.Future[Outcome]


class Singles:
    """Belongs to one event loop.

    A hand-over and the way back, from one thread to another, cost more than what is done for the event itself.
    Together, many events share them; one tenant's events are never handed over with another's.
    """

    def __init__(self, submit: Submit) -> None:
        self._submit = submit
        self._waiting: dict[str, list[_Single]] = {}

    async def outcome(self, tenant: str, raw: bytes, key: str | None) -> Outcome:
        """Have one event stored; raises what `Ingest.submit` and its future raise."""
        loop = asyncio.get_running_loop()
        single = _Single(raw, key, loop.create_future())
        if not self._waiting:
            loop.call_soon(self._hand_over, loop)
        self._waiting.setdefault(tenant, []).append(single)
        return await single.answer

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, {}
        for tenant, singles in waiting.items():
            try:
                stored = self._submit(tenant, [single.raw for single in singles], [single.key for single in singles])
            except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it
                _refuse(singles, problem)
            else:
                stored.add_done_callback(_Return(loop, singles))


class _Return:
    """The way back of one hand-over, from the thread that stores to the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, singles: list[_Single]) -> None:
        self._loop = loop
        self._singles = singles

    def __call__(self, stored: Future[list[Outcome]]) -> None:
        if not self._loop.is_closed():  # else nobody waits any more
            self._loop.call_soon_threadsafe(self._answer, stored)

    def _answer(self, stored: Future[list[Outcome]]) -> None:
        problem = stored.exception()
        if isinstance(problem, Exception):
            _refuse(self._singles, problem)
            return
        for single, outcome in zip(self._singles, stored.result(), strict=True):
            if not single.answer.done():
                single.answer.set_result(outcome)


def _refuse(singles: list[_Single], problem: Exception) -> None:
    for single in singles:
        if not single.answer.done():
            single.answer.set_exception(problem)
