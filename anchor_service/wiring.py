"""Puts the parts together: the only place that names adapters."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_service.ports import Nodes
from anchor_service.protocol.policy import Policy
from anchor_service.services.attachments import Attachments
from anchor_service.services.ingest import Ingest
from anchor_service.services.keys import Keys
from anchor_service.services.label import Labels
from anchor_service.services.prove import Prove
from anchor_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is.  `ready`: it can store events.  Times in ms UTC; counts are numbers of events or entries.

    `problems`: what stands still for now or for good, in words; alarms first.
    """

    ready: bool
    problems: tuple[str, ...]
    queued: int
    waiting: int
    oldest_waiting: int | None
    size: int
    batch: int
    sealed: int | None
    anchored_size: int
    final_size: int


class Service:
    """A log that is open: `start` runs its workers, `stop` stops them and closes everything."""

    settings: Settings
    ingest: Ingest
    prove: Prove
    labels: Labels
    attachments: Attachments
    keys: Keys
    nodes: Nodes | None
    """The embedded chain for `/rpc`; None on any other chain."""

    def policy(self) -> Policy:
        """Return what the operator claims a verifier should trust: log, keys, chain, nodes; no blocks."""
        raise NotImplementedError

    def start(self) -> None:
        """Start ingest, sealing and anchoring."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop gracefully: what was submitted is stored, what was begun is finished, everything is closed."""
        raise NotImplementedError

    def health(self) -> Health:
        """Say how the service is, from memory and a few indexed reads."""
        raise NotImplementedError

    def settle(self, timeout: float) -> bool:
        """Seal and anchor now, and wait until everything accepted is under a final anchor; False after `timeout` s."""
        raise NotImplementedError


def create(settings: Settings) -> None:
    """Create a log in `settings.data`: keys, embedded chain, registry, database.  StoreRefused (`log_exists`)."""
    raise NotImplementedError


def build(settings: Settings) -> Service:
    """Open a log that was created; StoreRefused (`log_missing`, `log_other`, `schema`, `locked`, `log_behind`)."""
    raise NotImplementedError
