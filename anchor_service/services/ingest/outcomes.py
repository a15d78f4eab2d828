"""What came of an event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.receipt import Receipt


class Accepted(NamedTuple):
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
    `attachment_unknown` (a file that was not uploaded before, or with another size or media type); `actor_signature`;
    `order_full` (no proof of the order could hold it).
    """

    place: int
    event_id: str | None
    problem: SealtrailError


Outcome: TypeAlias = "Accepted | Refused"
