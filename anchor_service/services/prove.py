"""Prove: reads orders, batches and anchors, and builds proofs.  It never writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from anchor_service.ports import AnchorState, Audience, Block
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.receipt import Receipt

T = TypeVar("T")


class EventState(StrEnum):
    """How far an event has come."""

    ACCEPTED = "accepted"
    SEALED = "sealed"
    ANCHORED = "anchored"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items in order; `next` is the cursor of those that follow, None at the end."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class EventView:
    """An event as its own tenant sees it.

    `seq`, `index` and `batch` are None until it is sealed, `anchor` (the size of the first anchor that covers it)
    until that is FINAL.  `accepted` in ms UTC; flags by SPEC 4.8.
    """

    event_id: str
    state: EventState
    fields: Mapping[str, JSON]
    flags: tuple[str, ...]
    commitment: Hash
    accepted: int
    seq: int | None
    index: int | None
    batch: int | None
    anchor: int | None
    receipt: Receipt | None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with its events in order of acceptance; `lifecycle` is a state of SPEC 4.8."""

    tenant: str
    order_id: str
    stream: StreamId
    lifecycle: str
    events: tuple[EventView, ...]


@dataclass(frozen=True, slots=True)
class OrderLine:
    """An order in a list; `accepted` (ms UTC) is its newest event's."""

    order_id: str
    stream: StreamId
    events: int
    accepted: int


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch under a published checkpoint: entries `first` to `size` - 1, the last of them its seal entry.

    `anchor` is the size of the first FINAL anchor that covers it, None while there is none.
    """

    batch: int
    first: int
    size: int
    events: int
    root: Hash
    sealed: int
    seal_entry: str
    checkpoint: str | None
    anchor: int | None


@dataclass(frozen=True, slots=True)
class AnchorView:
    """An anchor and its newest transaction; `block` is where it was mined."""

    size: int
    previous_size: int
    root: Hash
    state: AnchorState
    transaction: Hash | None
    block: Block | None


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing of the order is under a final anchor yet: when its oldest event was accepted, and when it is sealed by."""

    accepted: int
    sealed_by: int


class Prove:
    """Reads with the store's published state: nothing beyond the published checkpoint is shown.

    Methods that name an order raise NotFound (`order_unknown`) where the tenant has none of that id.  Cursors are
    what a Page's `next` was, None for the first page; Malformed (`cursor`) otherwise.
    """

    def order(self, tenant: str, order_id: str) -> OrderView:
        """Return an order with all its fields, for its own tenant."""
        raise NotImplementedError

    def orders(self, tenant: str, cursor: str | None = None, limit: int = 50) -> Page[OrderLine]:
        """Return the tenant's orders, the newest first; 1 ≤ limit ≤ 500."""
        raise NotImplementedError

    def proof(self, tenant: str, order_id: str, audience: Audience) -> bytes | NotYet:
        """Return the order's proof for this audience, checked with the protocol's own verifier before it is given."""
        raise NotImplementedError

    def batch(self, batch: int) -> BatchView:
        """Return a batch; NotFound (`batch_unknown`)."""
        raise NotImplementedError

    def batches(self, cursor: str | None = None, limit: int = 50) -> Page[BatchView]:
        """Return batches, the newest first."""
        raise NotImplementedError

    def anchor(self, size: int) -> AnchorView:
        """Return the anchor of this size; NotFound (`anchor_unknown`)."""
        raise NotImplementedError

    def anchors(self, cursor: str | None = None, limit: int = 50) -> Page[AnchorView]:
        """Return anchors, the newest first."""
        raise NotImplementedError

    def checkpoint(self) -> str | None:
        """Return the published checkpoint, a signed note; None before the first."""
        raise NotImplementedError

    def tile(self, level: int, index: int, width: int = 256) -> bytes | None:
        """Return the first `width` hashes of a tile; None where the published checkpoint does not cover them all."""
        raise NotImplementedError

    def files(self, tenant: str, order_id: str, audience: Audience) -> frozenset[Hash]:
        """Return the files that events of this order name and this audience sees named."""
        raise NotImplementedError
