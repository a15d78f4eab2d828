"""Turns to write to a file that several processes write to: in order, by locks that end with who holds them.

SQLite's own lock would do, but who waits for it asks again at longer and longer intervals, and whoever writes without
a pause takes it again and again meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from anchor_service.ports import Busy

_NAP: Final = 0.0005
"""Seconds between two looks at a lock that another holds."""


class Turns:
    """Takes turns among processes; in one process one thread at a time may ask.

    Two locks: whoever waits for the turn holds the queue's, so that nobody who comes later is first.
    """

    def __init__(self, path: Path, patience: float) -> None:
        """Lock files beside `path`, which are made by the first who writes; `patience` in seconds."""
        self._paths = [path.with_name(path.name + ending) for ending in ("-queue", "-turn")]
        self._patience = patience
        self._files: list[int] = []

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Have the turn; Busy where it cannot be had in time."""
        queue, turn = self._open()
        end = time.monotonic() + self._patience
        _take(queue, end)
        try:
            _take(turn, end)
        finally:
            fcntl.flock(queue, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(turn, fcntl.LOCK_UN)

    def _open(self) -> list[int]:
        if not self._files:
            try:
                self._files = [os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600) for path in self._paths]
            except OSError as problem:
                raise Busy(f"{problem.filename} cannot be opened: {problem.strerror}") from problem
        return self._files

    def close(self) -> None:
        """Let go of everything."""
        files, self._files = self._files, []
        for file in files:
            os.close(file)


def _take(lock: int, end: float) -> None:
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        if time.monotonic() > end:
            raise Busy("the database cannot be used now: another process has been writing to it for long")
        time.sleep(_NAP)
