"""Receipts: new ones by commit groups, and those that were given before, made again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from anchor_service.ports import EventStore, NewEvent, ReceiptGroup
from anchor_service.protocol.hashes import LogId
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.receipt import CommitGroup, Receipt, ReceiptLeaf, print_receipt_leaf, print_receipt_leaves

_GROUP: Final = 256
"""Most receipts under one signature: a path has 8 hashes at most."""


class Promises:
    """Promises that events are in the log within `promise` ms; `sign` signs with `key`'s secret."""

    def __init__(self, *, log: LogId, key: VerifierKey, sign: Callable[[bytes], bytes], promise: int) -> None:
        self._log = log
        self._key = key
        self._sign = sign
        self._promise = promise

    def give(self, events: Sequence[NewEvent], accepted: int) -> tuple[list[ReceiptGroup], list[Receipt]]:
        """Return the commit groups of events that are accepted at this time, and a receipt for each event."""
        deadline = accepted + self._promise
        promised = [(event.event_id, event.stream.id, event.commitment) for event in events]
        leaves = print_receipt_leaves(self._log, accepted, deadline, promised)
        groups, receipts = [], []
        for first in range(0, len(leaves), _GROUP):
            group = CommitGroup(leaves[first : first + _GROUP])
            note = group.sign(self._key, self._sign)
            groups.append(ReceiptGroup(first, len(group.leaves), deadline, note))
            receipts += group.receipts(note)
        return groups, receipts


class Given:
    """The receipts that were given for stored events; each commit group is rebuilt once."""

    def __init__(self, store: EventStore, log: LogId) -> None:
        self._store = store
        self._log = log
        self._groups: dict[int, tuple[ReceiptGroup, CommitGroup]] = {}  # by the number of each event in it

    def receipt(self, number: int) -> Receipt:
        """Return the receipt that was given for the event of this number."""
        if number not in self._groups:
            group, members = self._store.group_of(number)
            rebuilt = CommitGroup(
                [
                    print_receipt_leaf(ReceiptLeaf(self._log, stream, event_id, commitment, accepted, group.deadline))
                    for event_id, stream, commitment, accepted in members
                ]
            )
            self._groups.update(dict.fromkeys(range(group.first, group.first + group.length), (group, rebuilt)))
        group, rebuilt = self._groups[number]
        return rebuilt.receipt(number - group.first, group.note)
