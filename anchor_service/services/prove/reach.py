"""How far the log is published and anchored, as one snapshot has it."""

from __future__ import annotations

from anchor_service.ports import Snapshot


class Reach:
    """How far publishing and anchoring have come; asked for ascending indexes, `covering` looks up each anchor once."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        newest = snapshot.checkpoint()
        self.published = newest[0] if newest else 0
        self.mined = snapshot.mined_size()
        self.final = snapshot.final_size()
        self._last: tuple[int, int] | None = None  # an index, and the size of the first FINAL anchor that covers it

    def covering(self, index: int) -> int | None:
        """Return the size of the first FINAL anchor that covers this index."""
        if index >= self.final:
            return None
        if self._last is None or not self._last[0] <= index < self._last[1]:
            size = self.snapshot.covering(index)
            if size is None:
                raise AssertionError("the greatest final anchor covers the index")
            self._last = index, size
        return self._last[1]
