"""What lies where in the data directory, and who may open it."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import Final

from anchor_service.ports import StoreRefused
from anchor_service.settings import Settings
from anchor_service.storage.database import Place, database_exists
from anchor_service.storage.files import DirectoryLock

DATABASE: Final = "sealtrail.db"
CHAIN: Final = "chain.db"
SIGNER: Final = "signer.json"
ATTACHMENTS: Final = "attachments"
KEYS: Final = "keys"


def database_place(settings: Settings) -> Place:
    """Return where the database is: a URL, or its file in the data directory."""
    return settings.database or settings.data / DATABASE


def publisher_file(settings: Settings) -> Path:
    """Return where the publisher's key is."""
    return settings.publisher_key_file or settings.data / KEYS / "publisher.key"


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
