"""Events one after the other, each by the plain way or the strict one; here, or in a process of its own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import Final

from anchor_service.children import SPAWN, begin, starting
from anchor_service.ports import Prepared, Preparing, Problem
from anchor_service.ports.disclosures import pack, packed_weight
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import commit, disclose, parse_name
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.model import parse_event
from anchor_service.services.prepare.plain import prepare_plain

_WORTH: Final = 32
"""Requests of fewer events are prepared where they come in: they would not be worth the way."""
_LOOKED_AT: Final = frozenset({"attachments", "signature"})
_ENDED: Final = BrokenExecutor, RuntimeError
"""What an executor raises that is broken, or that was shut down."""


def prepare(items: Sequence[bytes], keys: Sequence[str | None], secrets: bytes) -> list[Prepared | Problem]:
    """Prepare the JSON bytes of events; `keys[i]` stands for a missing event_id, `secrets` has 32 bytes for each."""
    prepared: list[Prepared | Problem] = []
    for place, raw in enumerate(items):
        secret = secrets[HASH_SIZE * place : HASH_SIZE * (place + 1)]
        try:
            key = keys[place] if place < len(keys) else None
            prepared.append(prepare_plain(raw, key, secret) or prepare_strictly(raw, key, secret))
        except Malformed as problem:
            prepared.append(Problem(problem.code, problem.message))
    return prepared


def prepare_strictly(raw: bytes, key: str | None, drawn: bytes) -> Prepared:
    """Prepare an event by the protocol's own reader, model and printer; Malformed says what is wrong, and where."""
    draft = parse_event(raw)
    event_id = draft.event_id
    if event_id is None:
        if key is None:
            raise Malformed("event_id_missing", "event_id: missing, and there is no Idempotency-Key")
        event_id = parse_name(key, "Idempotency-Key")
    secret = draft.secret or drawn
    disclosures = disclose(secret, draft.fields)
    packed = pack(b"\n".join([raw for _, raw in disclosures]))  # canonical JSON holds no newline
    return Prepared(
        event_id,
        draft.order_id,
        secret,
        draft.secret is not None,
        bytes(commit(disclosures)),
        packed,
        packed_weight(packed),
        {name: draft.fields[name] for name in _LOOKED_AT & draft.fields.keys()},
    )


def prepare_here(items: Sequence[bytes], keys: Sequence[str | None], secrets: bytes) -> Preparing:
    """Prepare in the caller's thread (about 0.02 ms an event)."""
    done: Preparing = Future()
    done.set_result(prepare(items, keys, secrets))
    return done


class PrepareApart:
    """Prepares larger requests in one process of its own, which starts with the first of them.

    One process and not more: requests stay in their order, and it is faster than the one that stores.  Where it is
    killed, what it had is prepared here, and the next request starts another.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()  # guards `_pool`
        self._pool: ProcessPoolExecutor | None = None

    def __call__(self, items: Sequence[bytes], keys: Sequence[str | None], secrets: bytes) -> Preparing:
        """Prepare later, in the order of the calls; any thread."""
        if len(items) < _WORTH:
            return prepare_here(items, keys, secrets)
        pool = self._open()
        answer: Preparing = Future()

        def settle(done: Preparing) -> None:
            try:
                answer.set_result(done.result())
            except _ENDED:
                self._forget(pool)
                answer.set_result(prepare(items, keys, secrets))

        try:
            with starting():  # the first one starts the process
                prepared = pool.submit(prepare, items, keys, secrets)
            prepared.add_done_callback(settle)
        except _ENDED:
            self._forget(pool)
            return prepare_here(items, keys, secrets)
        return answer

    def stop(self) -> None:
        """End the process after what was asked of it; a later call starts it again."""
        with self._turn:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()

    def _open(self) -> ProcessPoolExecutor:
        with self._turn:
            if self._pool is None:
                self._pool = ProcessPoolExecutor(1, SPAWN, initializer=begin)
            return self._pool

    def _forget(self, pool: ProcessPoolExecutor) -> None:
        with self._turn:
            if self._pool is pool:
                self._pool = None
