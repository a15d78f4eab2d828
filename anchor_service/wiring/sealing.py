"""Sealing in this process, or in one of its own, so that it takes no time from those who send events."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from typing import Any, Protocol, Self

import structlog

from anchor_service.children import SPAWN, begin, starting
from anchor_service.ports import Busy
from anchor_service.protocol.errors import SealtrailError
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.hashes import LogId, parse_hash
from anchor_service.services.seal import Seal, Sealed, Signer
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.files import SignerFile
from anchor_service.storage.log import Log
from anchor_service.wiring.clock import ms, now
from anchor_service.wiring.garbage import spare_garbage_collection
from anchor_service.wiring.keys import named_key, read_key
from anchor_service.wiring.places import KEYS, SIGNER, database_place

_log = structlog.get_logger(__name__)


class Sealing(Protocol):
    """Seals a log (`services.seal.Seal`)."""

    def check(self) -> None:
        """Refuse to go on from a head that is not what its tiles and the signer's memory say: StoreRefused."""

    def run_once(self) -> Sealed | None:
        """Seal at most one batch; None where nothing was to do."""

    def prune(self) -> bool:
        """Delete some of what the map needs no more; True where there is more to delete."""


def make_seal(settings: Settings, database: Database, newest_final: Callable[[], BlockId | None]) -> Seal:
    """Make the sealer of an open log."""
    log_key = named_key(read_key(settings.data / KEYS / "log.key"), database.facts["origin"])
    return Seal(
        Log(database),
        Signer(log_key.verifier, log_key.sign, SignerFile(settings.data / SIGNER)),
        log=LogId(parse_hash(database.facts["log"], "log")),
        clock=now,
        newest_final=newest_final,
        most_events=settings.seal_events,
        heartbeat=ms(settings.heartbeat),
    )


class SealApart:
    """Seals in a process of its own, by the database of a log that this process has locked; one thread at a time asks.

    It holds the lock on the data directory as well: where this process is killed, nobody else gets in before that one
    has ended, which is at once.  Where that one is killed, the next who asks starts another.
    """

    def __init__(self, settings: Settings, lock: int) -> None:
        """Start it, so that it imports what it needs meanwhile; `lock` is the file that is locked."""
        self.newest_final: Callable[[], BlockId | None] = lambda: None
        """Gives the newest final block, here; for `Seal`."""
        self._settings = settings
        self._lock = lock
        self._process: BaseProcess | None = None
        self._connection: Connection | None = None
        self._checked = False
        self._start()

    def __enter__(self) -> Self:
        """Have it until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self.stop()

    def check(self) -> None:
        """As by `Seal.check`."""
        self._ask("check")

    def run_once(self) -> Sealed | None:
        """As by `Seal.run_once`; Busy where the process was killed, and nobody knows what it had done."""
        sealed: Sealed | None = self._ask("run_once")
        return sealed

    def prune(self) -> bool:
        """As by `Seal.prune`."""
        more: bool = self._ask("prune")
        return more

    def stop(self) -> None:
        """End the process."""
        connection, process = self._connection, self._process
        self._connection = self._process = None
        if connection is not None:
            connection.close()
        if process is not None:
            process.join()

    def _ask(self, call: str) -> Any:  # noqa: ANN401 - what the call returns
        try:
            connection = self._connection or self._start()
            if not self._checked and call != "check":
                self._answer(connection, "check")
            answer = self._answer(connection, call)
        except (EOFError, OSError) as problem:
            self.stop()
            _log.warning("sealer_ended")
            raise Busy("the process that seals has ended; another is started") from problem
        self._checked = True
        return answer

    def _answer(self, connection: Connection, call: str) -> Any:  # noqa: ANN401 - what the call returns
        connection.send((call, self.newest_final()))
        answer, problem = connection.recv()
        if problem is not None:
            raise problem
        return answer

    def _start(self) -> Connection:
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=_run, args=(theirs, self._settings, _Lock(self._lock)), name="seal")
        with starting():
            process.start()
        theirs.close()
        self._process, self._connection, self._checked = process, ours, False
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


def _run(connection: Connection, settings: Settings, _lock: int) -> None:
    """Do what is asked, until nobody asks any more."""
    begin(deaf=True)
    newest: list[BlockId | None] = [None]
    with suppress(EOFError, ConnectionError), ExitStack() as opened:  # nobody asks any more
        seal, problem = _done(lambda: _open(settings, opened, lambda: newest[0]))
        while True:
            call, newest[0] = connection.recv()
            connection.send(_done(getattr(seal, call)) if problem is None else (None, problem))
            if call == "check":
                spare_garbage_collection()


def _open(settings: Settings, opened: ExitStack, newest_final: Callable[[], BlockId | None]) -> Seal:
    database = opened.enter_context(closing(Database(database_place(settings))))
    return make_seal(settings, database, newest_final)


def _done(call: Callable[[], object]) -> tuple[object, Exception | None]:
    """Return what a call returns, or what it raises in a form that gets to another process."""
    try:
        return call(), None
    except SealtrailError as problem:
        return None, problem
    except Exception as problem:  # noqa: BLE001 - our own bug, or damage: said by who asked
        failed = RuntimeError(f"{type(problem).__name__}: {problem}")
        failed.add_note(f"In the process that seals:\n{traceback.format_exc()}")
        return None, failed
