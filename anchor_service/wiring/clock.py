"""The time, as everything here counts it: whole milliseconds."""

from __future__ import annotations

import time


def now() -> int:
    """Return the time, in ms UTC."""
    return time.time_ns() // 1_000_000


def ms(seconds: float) -> int:
    """Return seconds as ms."""
    return int(seconds * 1000)
