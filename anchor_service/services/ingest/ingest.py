"""The queue and the thread of ingest.

Requests of any size queue up for one thread, which stores all that wait in one transaction, with what comes in until
it has the turn: the more there is to do, the cheaper each event gets.  An answer is given only for what is durable.

    submit ─ parse, draw the secret, disclose, commit ─▶ queue ─▶ streams, receipts, one transaction ─▶ outcomes
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Final

import structlog

from anchor_service.ports import Busy, NotFound, Preparer, Preparing
from anchor_service.services.ingest.accepting import Accepting
from anchor_service.services.ingest.outcomes import Outcome
from anchor_service.services.ingest.requests import Item, Request

_TRANSACTION: Final = 4_000
"""Events stored at once, about; a request is never torn apart."""
_PATIENCE: Final = 0.05
"""Seconds between two looks for requests that were let in before the end."""
_RETRY: Final = 1.0
"""Seconds between two attempts to write, after one has failed."""
_log = structlog.get_logger(__name__)


class Ingest:
    """The only writer of events.  Any thread may submit; one thread of its own stores them in commit groups.

    `draw` gives that many random bytes; `most_queued` is in events; `over` says why no receipt could be honoured any
    more, None while they can; `prepare` is given the requests in their order, and may take its time.
    """

    def __init__(
        self,
        accepting: Accepting,
        *,
        draw: Callable[[int], bytes],
        most_queued: int,
        over: Callable[[], str | None],
        prepare: Preparer,
    ) -> None:
        self._accepting = accepting
        self._draw = draw
        self._most_queued = most_queued
        self._over = over
        self._prepare = prepare
        self.problem: str | None = None
        """Why the newest write failed, in words; None where it was stored, or one since could be."""
        self._queue: SimpleQueue[Request | None] = SimpleQueue()
        self._queued = 0
        self._turn = threading.Lock()  # guards `_queued` and `_open`
        self._open = False
        self._thread: threading.Thread | None = None

    # --- the caller's thread ------------------------------------------------------------------------------------------

    def submit(self, tenant: str, items: Sequence[bytes], keys: Sequence[str | None] = ()) -> Future[list[Outcome]]:
        """Take the JSON bytes of events and return, later, one outcome for each, in order.

        `keys[i]` (an Idempotency-Key) stands for a missing event_id of `items[i]`.  Raises Busy where the queue is
        full; the future raises Busy where the disk or database is full or locked, and NotFound for an unknown
        tenant.  After Busy the whole request may be sent again.
        """
        self._enter(len(items))
        request = Request(len(items))

        def prepared(done: Preparing) -> None:
            try:
                request.take(tenant, items, keys, done.result())
            except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it
                self._leave(len(items))
                request.future.set_exception(problem)
                return
            if request.items:
                self._queue.put(request)
            else:
                self._leave(len(items))
                request.answer()

        try:
            preparing = self._prepare(items, keys, self._draw(32 * len(items)))
        except BaseException:
            self._leave(len(items))
            raise
        preparing.add_done_callback(prepared)
        return request.future

    def _enter(self, count: int) -> None:
        reason = self._over()
        if reason is not None:
            raise Busy(f"this log takes no more events: {reason}", retry_after=60)
        with self._turn:
            if not self._open:
                raise Busy("the service is stopping", retry_after=5)
            if self._queued and self._queued + count > self._most_queued:
                raise Busy(f"{self._queued} events are waiting to be stored")
            self._queued += count

    def _leave(self, count: int) -> None:
        with self._turn:
            self._queued -= count

    @property
    def queued(self) -> int:
        """How many events wait to be stored."""
        return self._queued

    def start(self) -> None:
        """Start storing."""
        self._thread = threading.Thread(target=self._run, name="ingest")
        self._open = True
        self._thread.start()

    def stop(self) -> None:
        """Store what was submitted, then stop; later submissions raise Busy."""
        with self._turn:
            self._open = False
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            self._thread = None

    # --- the storing thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        going = True
        while going:
            request = self._next()
            going = request is not None
            if request is not None:
                self._store_from(request)
        # The door is closed; who was let in before may still be at work on a request.
        while self._queued:
            with suppress(Empty):
                if (late := self._queue.get(timeout=_PATIENCE)) is not None:
                    self._store_from(late)

    def _store_from(self, first: Request) -> None:
        requests = [first]
        self._fill(requests)
        self._store_requests(requests)
        self._leave(sum(len(request.outcomes) for request in requests))

    def _fill(self, requests: list[Request]) -> None:
        """Add requests that wait, up to what is stored at once."""
        count = sum(len(request.items) for request in requests)
        while count < _TRANSACTION and not self._queue.empty():
            request = self._queue.get()
            if request is None:
                self._queue.put(None)  # the end, for `_run`
                return
            requests.append(request)
            count += len(request.items)

    def _next(self) -> Request | None:
        # Who is told that nothing can be stored sends nothing more, so that we try by ourselves.
        while self.problem is not None:
            try:
                return self._queue.get(timeout=_RETRY)
            except Empty:
                self._try()
        return self._queue.get()

    def _try(self) -> None:
        try:
            self._accepting.probe()
        except Exception as problem:  # noqa: BLE001 - whatever it is, the next request shall be tried
            self.problem = str(problem)
        else:
            self.problem = None

    def _store_requests(self, requests: list[Request], *, alone: bool = False) -> None:
        """Store requests, and those that come in while we wait for our turn: they are added to `requests`."""

        def gather() -> list[Item]:
            if not alone:
                self._fill(requests)
            return [item for request in requests for item in request.items]

        try:
            decided = self._accepting.store(gather)
            self.problem = None
            self._accepting.answer(decided)
            for request in requests:
                request.answer()
        except NotFound as problem:
            if len(requests) == 1:
                requests[0].future.set_exception(problem)
                return
            for request in requests:  # one tenant that is unknown must not harm the others
                self._store_requests([request], alone=True)
        except Exception as problem:  # noqa: BLE001 - whoever waits must hear of it, and the next request is another
            if isinstance(problem, Busy):
                self.problem = problem.message
            else:
                _log.exception("ingest_failed", events=sum(len(request.items) for request in requests))
            for request in requests:
                if not request.future.done():
                    request.future.set_exception(problem)
