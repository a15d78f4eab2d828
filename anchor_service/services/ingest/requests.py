"""Events on their way from a request to its answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from anchor_service.ports import Prepared, Problem
from anchor_service.protocol.errors import Malformed, SealtrailError
from anchor_service.protocol.event import commit, disclose
from anchor_service.protocol.hashes import Hash, made
from anchor_service.protocol.model import parse_event
from anchor_service.services.ingest.outcomes import Outcome, Refused


class Item:
    """An event on its way; one of a request's, at `place`.  `added`: what it adds to its order, once that is known."""

    __slots__ = (
        "added",
        "commitment",
        "disclosures",
        "event_id",
        "given",
        "key",
        "looked_at",
        "order",
        "outcome",
        "place",
        "raw",
        "secret",
        "weight",
    )

    def __init__(self, tenant: str, place: int, raw: bytes, prepared: Prepared) -> None:
        self.place = place
        self.raw = raw
        self.event_id = prepared.event_id
        self.key = tenant, prepared.event_id
        self.order = tenant, prepared.order_id
        self.secret = prepared.secret
        self.given = prepared.given
        self.commitment = made(Hash, prepared.commitment)
        self.disclosures = prepared.disclosures
        self.looked_at = prepared.looked_at
        self.weight = prepared.weight
        self.added = 0
        self.outcome: Outcome | None = None

    def same_as(self, order: tuple[str, str], secret: bytes, commitment: Hash) -> bool:
        """Say whether this has the body that was committed with that secret.

        The commitment is a hash of the body under the secret, so no other hash of the body need be kept; once the
        secret is erased, nobody can tell any more.
        """
        if self.order != order or not secret or (self.given and self.secret != secret):
            return False
        return commit(disclose(secret, parse_event(self.raw).fields)) == commitment

    def refuse(self, problem: SealtrailError) -> None:
        """Let this be the outcome: refused, for this reason."""
        self.outcome = Refused(self.place, self.event_id, problem)

    def refuse_conflict(self) -> None:
        """Let this be the outcome: refused, since another event has this id."""
        self.refuse(SealtrailError("event_conflict", f"event_id: {self.event_id!r} was sent before with another body"))


class Request:
    """The events that were submitted together, and who waits for their outcomes."""

    __slots__ = ("future", "items", "outcomes")

    def __init__(self, count: int) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self.items: list[Item] = []
        self.future: Future[list[Outcome]] = Future()
        self.future.set_running_or_notify_cancel()  # what was submitted is stored, whoever stops waiting for it

    def take(
        self, tenant: str, items: Sequence[bytes], keys: Sequence[str | None], prepared: Iterable[Prepared | Problem]
    ) -> None:
        """Take the events as they were prepared; those that cannot be have their outcome with that."""
        for place, (raw, event) in enumerate(zip(items, prepared, strict=True)):
            if isinstance(event, Problem):
                key = keys[place] if place < len(keys) else None
                self.outcomes[place] = Refused(place, key, Malformed(*event))
            else:
                self.items.append(Item(tenant, place, raw, event))

    def answer(self) -> None:
        """Give the outcomes to who waits; every event has one by now."""
        for item in self.items:
            self.outcomes[item.place] = item.outcome
        whole = [outcome for outcome in self.outcomes if outcome is not None]
        if len(whole) != len(self.outcomes):
            raise AssertionError("an event without an outcome")
        self.future.set_result(whole)
