"""What lies where in the data directory."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from anchor_service.settings import Settings

DATABASE: Final = "sealtrail.db"
CHAIN: Final = "chain.db"
SIGNER: Final = "signer.json"
ATTACHMENTS: Final = "attachments"
KEYS: Final = "keys"


def database_place(settings: Settings) -> Path | str:
    """Return where the database is: a URL, or its file in the data directory."""
    return settings.database or settings.data / DATABASE


def publisher_file(settings: Settings) -> Path:
    """Return where the publisher's key is."""
    return settings.publisher_key_file or settings.data / KEYS / "publisher.key"
