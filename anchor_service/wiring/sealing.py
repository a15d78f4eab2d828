"""Sealing in this process, or in one of its own, so that it takes no time from those who send events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol, Self

from anchor_service.ports import Busy
from anchor_service.protocol.event import BlockId
from anchor_service.protocol.hashes import LogId, parse_hash
from anchor_service.services.seal import Seal, Sealed, Signer
from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.storage.files import SignerFile
from anchor_service.storage.log import Log
from anchor_service.wiring.apart import Apart, EndedError
from anchor_service.wiring.clock import ms, now
from anchor_service.wiring.keys import named_key, read_key
from anchor_service.wiring.places import KEYS, SIGNER, database_place


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

    Where that process was killed, the next who asks has another check the log first, as a start does.
    """

    def __init__(self, settings: Settings, lock: int) -> None:
        """Start it, so that it imports what it needs meanwhile; `lock` is the file that is locked."""
        self.newest_final: Callable[[], BlockId | None] = lambda: None
        """Gives the newest final block, here; for `Seal`."""
        self._apart = Apart("seal", _Sealer.open, settings, lock=lock)
        self._checked = False

    def __enter__(self) -> Self:
        """Have it until the block ends."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process."""
        self._apart.stop()

    def check(self) -> None:
        """As by `Seal.check`."""
        self._ask("check")
        self._checked = True

    def run_once(self) -> Sealed | None:
        """As by `Seal.run_once`; Busy where the process was killed, and nobody knows what it had done."""
        self._check_again()
        sealed: Sealed | None = self._ask("run_once")
        return sealed

    def prune(self) -> bool:
        """As by `Seal.prune`."""
        self._check_again()
        more: bool = self._ask("prune")
        return more

    def _check_again(self) -> None:
        if not self._checked:
            self.check()

    def _ask(self, call: str) -> Any:  # noqa: ANN401 - what the call returns
        try:
            return self._apart.ask("ask", call, self.newest_final())
        except EndedError as problem:
            self._checked = False
            raise Busy("the process that seals has ended; another is started") from problem


class _Sealer:
    """The sealer in that process, which is told the newest final block with each question."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._newest: BlockId | None = None
        self._seal = make_seal(settings, database, lambda: self._newest)

    @classmethod
    @contextmanager
    def open(cls, settings: Settings) -> Iterator[Self]:
        """Have it until the block ends."""
        with closing(Database(database_place(settings))) as database:
            yield cls(settings, database)

    def ask(self, call: str, newest: BlockId | None) -> object:
        """Do what is asked of a `Sealing`."""
        self._newest = newest
        return getattr(self._seal, call)()
