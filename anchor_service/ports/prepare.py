"""What ingest is given of events before it looks at any state: read, disclosed, committed, by whichever process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import NamedTuple, TypeAlias

from anchor_service.protocol.canonical import JSON


class Prepared(NamedTuple):
    """An event that needs nothing but the store; `given`: the sender brought the secret."""

    event_id: str
    order_id: str
    secret: bytes
    given: bool
    commitment: bytes
    disclosures: bytes
    """One a line, without their salts (`ports.disclosures`)."""
    weight: int
    looked_at: dict[str, JSON]
    """The fields that the store's state says more about: attachments and signature."""


class Problem(NamedTuple):
    """Why an event cannot be taken, as a Malformed says it."""

    code: str
    message: str


Preparing: TypeAlias = "Future[list[Prepared | Problem]]"
Preparer: TypeAlias = Callable[[Sequence[bytes], Sequence[str | None], bytes], Preparing]
"""Prepares the JSON bytes of events, in the order of its calls: `keys[i]` stands for a missing event_id, the last
argument has 32 random bytes for each."""
