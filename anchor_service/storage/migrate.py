"""The schema's versions, by Alembic, run from here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

_SCRIPTS: Final = Path(__file__).parent / "migrations"


def newest_version() -> str:
    """Return the schema version of this program."""
    version = ScriptDirectory.from_config(_config()).get_current_head()
    if version is None:
        raise AssertionError("there is one migration at least")
    return version


def version_of(connection: Connection) -> str | None:
    """Return the schema version of a database; None where it has none."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection) -> None:
    """Bring the schema to this program's version, inside the connection's transaction: whole or not at all."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
