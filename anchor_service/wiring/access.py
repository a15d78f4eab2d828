"""Who may open a log, and when."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext

from anchor_service.ports import StoreRefused
from anchor_service.settings import Settings
from anchor_service.storage.database import database_exists
from anchor_service.storage.files import DirectoryLock
from anchor_service.wiring.places import database_place


def check_exists(settings: Settings) -> None:
    """Refuse to go on where no log was created; StoreRefused: `log_missing`."""
    if not database_exists(database_place(settings)):
        where = f"{settings.data} and its database" if settings.database else f"{settings.data}"
        raise StoreRefused("log_missing", f"there is no log in {where}: create one first (sealtrail init)")


def lock(settings: Settings) -> AbstractContextManager[DirectoryLock | None]:
    """Keep other processes out of the data directory, where they cannot share the database."""
    return nullcontext() if settings.database else closing(DirectoryLock(settings.data))


def check_shared(settings: Settings) -> None:
    """Refuse to go on where processes cannot share the database; StoreRefused: `one_process`."""
    if not settings.database:
        raise StoreRefused(
            "one_process",
            "several processes need PostgreSQL: set SEALTRAIL_DATABASE (`database` in sealtrail.toml) to its URL, or "
            "let one process do it all (sealtrail serve)",
        )
