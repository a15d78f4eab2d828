"""Processes that this one starts: they end with it, however it ends, and leave Ctrl-C to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import wait
from signal import SIG_BLOCK, SIG_IGN, SIG_SETMASK, SIGINT, SIGTERM, pthread_sigmask, signal
from typing import Final

SPAWN: Final = get_context("spawn")
"""How they are started: a fork would copy locks that other threads hold."""


@contextmanager
def starting() -> Iterator[None]:
    """Start processes in this block: they are deaf to Ctrl-C from their first moment on, not only from `begin`."""
    resource_tracker.ensure_running()  # it would undo the next line otherwise, on starting its own process
    before = pthread_sigmask(SIG_BLOCK, {SIGINT})
    try:
        yield
    finally:
        pthread_sigmask(SIG_SETMASK, before)


def begin(*, deaf: bool = False) -> None:
    """Begin as a process that another one started; `deaf`: SIGTERM, too, is the other's to heed."""
    for number in (SIGINT, SIGTERM) if deaf else (SIGINT,):
        signal(number, SIG_IGN)
    parent = parent_process()
    if parent is None:
        raise AssertionError("this runs in a process that another one started")
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)
