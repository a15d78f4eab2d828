"""A thread that does one job again and again: at once while there is more to do, with patience where it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from anchor_service.ports import Busy, ChainUnavailable, HeadMoved, LeaseLost
from anchor_service.protocol.errors import SealtrailError

_MOST_PATIENCE: Final = 60.0
_BREATH: Final = 0.01
"""Seconds between two runs of which the first said that there is more: others are let in."""
_log = structlog.get_logger(__name__)


class Loop:
    """Runs `job` every `interval` seconds, which may be changed.  The job says whether there is more to do at once.

    What a job raises ends that run alone: the next begins with reading the state again, later and later up to a
    minute.  `problem` says what the last run failed of.
    """

    def __init__(self, name: str, job: Callable[[], bool], interval: float) -> None:
        self._name = name
        self._job = job
        self.interval = interval
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=self._name)
        self._thread.start()

    def wake(self) -> None:
        """Run the job now."""
        self._wake.set()

    def stop(self) -> None:
        """Let the job finish what it is at, then end the thread."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._wake.clear()
            more = False
            try:
                more = self._job()
                failures, self.problem = 0, None
            except (Busy, ChainUnavailable, HeadMoved, LeaseLost) as problem:
                failures += 1
                self._note(problem, failures)
            except Exception as problem:  # noqa: BLE001 - our own bug, or damage: nothing was stored; say it, try later
                failures += 1
                self.problem = f"{type(problem).__name__}: {problem}"
                _log.exception("job_failed", job=self._name, failures=failures)
            if self._stopping.is_set():
                break
            if more:
                time.sleep(_BREATH)
            else:
                patience = self.interval * 2 ** min(failures, 16)
                self._wake.wait(min(patience, max(self.interval, _MOST_PATIENCE)))

    def _note(self, problem: SealtrailError, failures: int) -> None:
        self.problem = f"{problem.code}: {problem.message}"
        _log.warning("job_waits", job=self._name, code=problem.code, reason=problem.message, failures=failures)
