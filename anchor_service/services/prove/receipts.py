"""Receipts, made again from what is stored."""

from __future__ import annotations

from anchor_service.ports import ReceiptGroup, Snapshot, StoredEvent
from anchor_service.protocol.hashes import LogId
from anchor_service.protocol.receipt import CommitGroup, Receipt, ReceiptLeaf, print_receipt_leaf


class Receipts:
    """The receipts that were given for events; asked for ascending numbers, each commit group is rebuilt once."""

    def __init__(self, snapshot: Snapshot, log: LogId) -> None:
        self._snapshot = snapshot
        self._log = log
        self._last: tuple[ReceiptGroup, CommitGroup] | None = None

    def of(self, event: StoredEvent) -> Receipt:
        """Return the receipt that was given for this event."""
        if self._last is None or not 0 <= event.number - self._last[0].first < self._last[0].length:
            group, members = self._snapshot.group_of(event.number)
            leaves = [
                print_receipt_leaf(ReceiptLeaf(self._log, stream, event_id, commitment, accepted, group.deadline))
                for event_id, stream, commitment, accepted in members
            ]
            self._last = group, CommitGroup(leaves)
        group, rebuilt = self._last
        return rebuilt.receipt(event.number - group.first, group.note)
