"""How a log is: what is asked of the service, and what its worker says of itself."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """How the service is.  Times in ms UTC; counts are numbers of events or entries.

    `ready`: it takes events, and the newest could be stored, or one could be since.
    `problems`: what stands still for now or for good, in words; alarms first.
    """

    ready: bool
    problems: tuple[str, ...]
    queued: int = 0
    waiting: int = 0
    oldest_waiting: int | None = None
    size: int = 0
    batch: int = 0
    sealed: int | None = None
    anchored_size: int = 0
    final_size: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What the process that seals and anchors says of itself: why the log is over, if it is; and what stands still."""

    over: str | None
    problems: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> Said:
        """Read what `print` wrote."""
        if not text:  # it has only just begun
            return cls(None, ())
        said = json.loads(text)
        return cls(said["over"], tuple(said["problems"]))

    def print(self) -> str:
        """Write it for the lease's row, where other processes read it."""
        return json.dumps({"over": self.over, "problems": self.problems})
