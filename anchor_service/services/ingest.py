"""Ingest: takes events, stores them durably in commit groups, and gives receipts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TypeAlias

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.receipt import Receipt


@dataclass(frozen=True, slots=True)
class Accepted:
    """The event is durable.  `known`: it was already, and this is the receipt that was given then."""

    event_id: str
    order_id: str
    stream: StreamId
    receipt: Receipt
    known: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing of the event at this place (from 0) of the request was stored; `problem` says why.

    Codes: those of the model and of strict JSON; `event_id_missing`; `event_conflict` (the same id with another body);
    `attachment_unknown` (a file that was not uploaded before, or with another size or media type); `actor_signature`.
    """

    place: int
    event_id: str | None
    problem: SealtrailError


Outcome: TypeAlias = "Accepted | Refused"


class Ingest:
    """The only writer of events.  Any thread may submit; one thread of its own stores them in commit groups."""

    def submit(self, tenant: str, items: Sequence[bytes], keys: Sequence[str | None] = ()) -> Future[list[Outcome]]:
        """Take the JSON bytes of events and return, later, one outcome for each, in order.

        `keys[i]` (an Idempotency-Key) stands for a missing event_id of `items[i]`.  Parsing happens in the caller's
        thread (about 0.1 ms an event).  Raises Busy where the queue is full; the future raises Busy where the disk or
        database is full or locked.  In both cases the whole request may be sent again.
        """
        raise NotImplementedError

    def start(self) -> None:
        """Start storing."""
        raise NotImplementedError

    def stop(self) -> None:
        """Store what was submitted, then stop; later submissions raise Busy."""
        raise NotImplementedError

    @property
    def queued(self) -> int:
        """How many events wait to be stored."""
        raise NotImplementedError
