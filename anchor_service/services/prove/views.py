"""What reading the log answers: orders, batches and anchors as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from anchor_service.ports import AnchorRow, AnchorState, BatchRow, Block
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.receipt import Receipt
from anchor_service.services.prove.reach import Reach

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
    receipt: Receipt | None = None


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with events of it in order of acceptance; `lifecycle` is a state of SPEC 4.8, that of the whole order.

    `next` is the cursor of the events that follow, None at the end.
    """

    tenant: str
    order_id: str
    stream: StreamId
    lifecycle: str
    events: tuple[EventView, ...]
    next: str | None


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
    """Nothing of the order is under a final anchor: when its oldest event was accepted, and by when it is sealed."""

    accepted: int
    sealed_by: int


def batch_view(row: BatchRow, reach: Reach) -> BatchView:
    """Make a view of a row."""
    return BatchView(
        batch=row.batch,
        first=row.first,
        size=row.size,
        events=row.events,
        root=row.root,
        sealed=row.sealed,
        seal_entry=row.seal_entry.decode(),
        checkpoint=row.note,
        anchor=reach.covering(row.size - 1),
    )


def anchor_view(row: AnchorRow) -> AnchorView:
    """Make a view of a row."""
    transaction = row.transactions[-1].transaction.hash if row.transactions else None
    return AnchorView(row.size, row.previous_size, row.root, row.state, transaction, row.block)
