"""A part of a log in a process of its own, asked question by question, so that its work holds up nobody here."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from typing import Any, Self

import structlog

from anchor_service.children import SPAWN, begin, starting
from anchor_service.protocol.errors import SealtrailError
from anchor_service.wiring.garbage import spare_garbage_collection

_log = structlog.get_logger(__name__)


class EndedError(Exception):
    """The process was killed, or the question came after `stop`: nobody knows what it had done."""


class Apart:
    """Has what `make` makes in a process of its own; any thread may ask it, one question is answered at a time.

    Where that process is killed, the next question starts another.  Where this one is, that one ends at once; it holds
    the file `lock` as well, so that until then nobody gets in who waits for it.
    """

    def __init__(
        self, name: str, make: Callable[..., AbstractContextManager[object]], *given: object, lock: int | None
    ) -> None:
        """Start it, so that it imports and makes what it needs meanwhile; `name` is for the log."""
        self._name = name
        self._made = make, given
        self._lock = lock
        self._turn = threading.Lock()  # guards what follows
        self._stopped = False
        self._process: BaseProcess | None = None
        self._connection = self._start()

    def __enter__(self) -> Self:
        """Have it until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process; None where it was killed, until the next question."""
        return None if self._process is None else self._process.pid

    def ask(self, call: str, *given: object) -> Any:  # noqa: ANN401 - what the call returns
        """Call a method there: what it returns or raises, or why the part could not be made; EndedError."""
        with self._turn:
            if self._stopped:
                raise EndedError
            try:
                if self._process is None:
                    self._connection = self._start()
                self._connection.send((call, given))
                answer, problem = self._connection.recv()
            except (EOFError, OSError) as ended:
                self._end()
                _log.warning("process_ended", process=self._name)
                raise EndedError from ended
        if problem is not None:
            raise problem
        return answer

    def stop(self) -> None:
        """End the process, after what it is at."""
        with self._turn:
            self._stopped = True
            self._end()

    def _end(self) -> None:
        self._connection.close()
        if self._process is not None:
            self._process.join()
            self._process = None

    def _start(self) -> Connection:
        ours, theirs = SPAWN.Pipe()
        lock = None if self._lock is None else _Lock(self._lock)
        process = SPAWN.Process(target=_run, args=(theirs, *self._made, lock), name=self._name)
        with starting():
            process.start()
        theirs.close()
        self._process = process
        return ours


class _Lock:
    """A locked file, handed to a process that is being started: it stays locked until both have ended."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __reduce__(self) -> tuple[object, ...]:
        return _keep, (DupFd(self._file),)


def _keep(lock: Any) -> int:  # noqa: ANN401 - multiprocessing gives no type for it
    file: int = lock.detach()
    return file


def _run(
    connection: Connection,
    make: Callable[..., AbstractContextManager[object]],
    given: tuple[object, ...],
    _lock: int | None,
) -> None:
    """Do what is asked, until nobody asks any more."""
    begin(deaf=True)
    with suppress(EOFError, ConnectionError), ExitStack() as opened:  # nobody asks any more

        def made() -> object:
            return opened.enter_context(make(*given))

        part, problem = attempt(made)
        first = True
        while True:
            call, arguments = connection.recv()
            if problem is not None and not first:
                part, problem = attempt(made)
            connection.send((None, problem) if problem else attempt(partial(getattr(part, call), *arguments)))
            if first:  # what is there now stays
                spare_garbage_collection()
                first = False


def attempt(call: Callable[[], object]) -> tuple[object, Exception | None]:
    """Return what a call returns, or what it raises in a form that gets to another process."""
    try:
        return call(), None
    except SealtrailError as problem:
        return None, problem
    except Exception as problem:  # noqa: BLE001 - our own bug, or damage: said by who asked
        failed = RuntimeError(f"{type(problem).__name__}: {problem}")
        failed.add_note(f"In a process of its own:\n{traceback.format_exc()}")
        return None, failed
