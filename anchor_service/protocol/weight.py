"""Weight: the most bytes that an event adds to its order's proof, so that nothing is accepted that no proof can hold.

It is reckoned when the event is accepted, before its place in the log and its anchor are known.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.proof import MAX_EVENTS, MAX_PROOF

_FRAME: Final = 4_096
"""What belongs to no event: members' names, and the stream's opening with two names of 200 characters."""
_EVENT: Final = 2_600
"""An entry, its index and a path of 30 hashes, which is a log of 10^9 entries; or a receipt in their place."""
_FIELD: Final = 24
"""A digest, where a view hides the field, is at most this longer than the shortest disclosure; so are its quotes."""
ANCHOR: Final = 10_240
"""A checkpoint, its seal with a path of 30 hashes, a header, and the nodes of a full block's receipts."""

if _EVENT * MAX_EVENTS <= MAX_PROOF:
    raise AssertionError("the number of events must be counted too: bytes no longer bound it")


def weight(disclosures: bytes) -> int:
    """Return the most bytes of an event in a proof, for whichever audience, given its disclosures by lines.

    Disclosures are text members there, in which each quote and backslash is escaped.
    """
    escapes = disclosures.count(b'"') + disclosures.count(b"\\")
    return _EVENT + len(disclosures) + escapes + _FIELD * (disclosures.count(b"\n") + 1)


class Room:
    """How much more the orders of one transaction can take, given what each weighs.

    Events that are accepted together are anchored together; those of another transaction may need an anchor more.
    """

    def __init__(self, weights: Mapping[tuple[str, str], int]) -> None:
        self._weights = weights
        self._taken: dict[tuple[str, str], int] = {}

    def take(self, order: tuple[str, str], weight: int) -> int:
        """Take the room of an event of this weight and return what it adds.

        Malformed (`order_full`) where there is not so much left.
        """
        weight_before, taken = self._weights.get(order, 0), self._taken.get(order, 0)
        added = weight + (0 if taken else ANCHOR)
        whole = _FRAME + weight_before + taken + added
        if whole > MAX_PROOF:
            detail = f"order_id: with this event the order's proof could have {whole} bytes, and may have {MAX_PROOF}"
            raise Malformed("order_full", f"{detail}; go on in another order")
        self._taken[order] = taken + added
        return added
