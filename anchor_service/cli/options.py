"""The options that several commands share."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from anchor_service.cli.console import BAD_INPUT, Failure
from anchor_service.cli.files import write_whole
from anchor_service.settings import FILE, Settings

HOME = Path(".sealtrail")

Data = Annotated[
    Path,
    typer.Option("--data", envvar="SEALTRAIL_DATA", help="The data directory.", file_okay=False, show_default=True),
]
Tenant = Annotated[str, typer.Option("--tenant", envvar="SEALTRAIL_TENANT", help="The tenant's id.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Where to write it; stdout if not given.", dir_okay=False)
]


def settings_of(data: Path, **given: object) -> Settings:
    """Settings for this data directory; options that were not given (None) come from environment, file, defaults."""
    try:
        known: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return Settings(data=data, **known)
    except ValidationError as error:
        found = error.errors()
        name = found[0]["loc"][0]
        # One of several for a setting that takes more than one kind of value.
        wrong = [problem["msg"].removeprefix("Value error, ") for problem in found if problem["loc"][0] == name]
        raise Failure(f"setting {name}: {', or '.join(wrong)}", BAD_INPUT) from None
    except SettingsError as error:
        raise Failure(f'settings: {error}: a list is written as JSON, such as ["https://…"]', BAD_INPUT) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise Failure(f"{data / FILE}: {error}", BAD_INPUT) from None


def write_settings(data: Path, given: Mapping[str, object]) -> None:
    """Keep what `init` was given in the data directory, where every later command finds it."""
    new = {name: value for name, value in given.items() if value is not None}
    if not new:
        return
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data / FILE
    kept = tomllib.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    # JSON's strings, numbers, booleans and arrays of them are TOML's as well.
    write_whole(
        file, "".join(f"{name} = {orjson.dumps(value).decode()}\n" for name, value in (kept | new).items()).encode()
    )
