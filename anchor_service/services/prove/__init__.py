"""Prove: the service that reads and proves."""

from anchor_service.services.prove.prove import MAX_PAGE, Prove
from anchor_service.services.prove.views import (
    AnchorView,
    BatchView,
    EventState,
    EventView,
    NotYet,
    OrderLine,
    OrderView,
    Page,
)

__all__ = [
    "MAX_PAGE",
    "AnchorView",
    "BatchView",
    "EventState",
    "EventView",
    "NotYet",
    "OrderLine",
    "OrderView",
    "Page",
    "Prove",
]
