"""Opens a log that was created, for each of the ways to have it open."""

from __future__ import annotations

from contextlib import ExitStack, closing

from anchor_service.settings import Settings
from anchor_service.storage.database import Database
from anchor_service.wiring.access import check_exists, check_shared, lock
from anchor_service.wiring.chain import chain_apart, chain_here
from anchor_service.wiring.desk import Desk
from anchor_service.wiring.opened import RegistryPlace
from anchor_service.wiring.places import database_place
from anchor_service.wiring.sealing import SealApart
from anchor_service.wiring.serving import Front, Service, Worker


def build(settings: Settings) -> Service:
    """Open a log that was created.

    StoreRefused: `log_missing`, `locked` (another process has it open), `schema` (upgrade it first), `log_other` (the
    keys or the chain are another log's), `log_behind` (an old backup), `key_missing`.  ChainRefused where the chain is
    not the one that it was created on.  Nodes that do not answer are no reason to refuse.
    """
    check_exists(settings)
    with ExitStack() as opened:
        locked = opened.enter_context(lock(settings))
        file = None if locked is None else locked.file
        sealer = None
        if file is not None and settings.seal_process:
            sealer = opened.enter_context(SealApart(settings, file))
        database = opened.enter_context(closing(Database(database_place(settings))))
        place = RegistryPlace.of(database.facts)
        chain = chain_apart(settings, place, file) if settings.chain_process else chain_here(settings, place)
        service = Service(settings, database, opened.enter_context(chain), sealer)
        service.check()
        service.closing = opened.pop_all()
        return service


def build_front(settings: Settings) -> Front:
    """Open a log for taking events and for reading, beside others; a worker seals and anchors.

    StoreRefused: `one_process` (on SQLite), `log_missing`, `schema`, `log_other`, `key_missing`.
    """
    check_shared(settings)
    check_exists(settings)
    with ExitStack() as opened:
        front = Front(settings, opened.enter_context(closing(Database(database_place(settings)))))
        front.closing = opened.pop_all()
        return front


def build_worker(settings: Settings) -> Worker:
    """Open a log for sealing and anchoring, or for standing by; StoreRefused and ChainRefused as by `build`."""
    check_shared(settings)
    check_exists(settings)
    with ExitStack() as opened:
        database = opened.enter_context(closing(Database(database_place(settings))))
        chain = opened.enter_context(chain_here(settings, RegistryPlace.of(database.facts)))
        worker = Worker(settings, database, chain)
        worker.check()
        worker.closing = opened.pop_all()
        return worker


def look(settings: Settings) -> Desk:
    """Open a log beside the process that serves it; StoreRefused: `log_missing`, `schema`."""
    check_exists(settings)
    with ExitStack() as opened:
        desk = Desk(settings, opened.enter_context(closing(Database(database_place(settings)))))
        desk.closing = opened.pop_all()
        return desk
