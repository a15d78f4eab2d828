"""The tables in the docs that follow from code.  `python tests/docs/generated.py` writes them; a test compares.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import typer.main

from anchor_service.api.app import create_app
from anchor_service.cli.main import app as program
from anchor_service.protocol.lifecycle import ALWAYS, ANY_TIME, CBV, EXPECTED
from anchor_service.settings import Settings

ROOT: Final = Path(__file__).resolve().parents[2]
_PLACE: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def code(text: object) -> str:
    return f"`{text}`"


# --- lifecycle ------------------------------------------------------------------------------------------------------


def lifecycle() -> str:
    def expected(name: str) -> str:
        if name in ANY_TIME:
            return "any, after the first event"
        return ", ".join(code(state) for state, types in EXPECTED.items() if name in types)

    rows = (
        (code(name), code(ALWAYS[name]) if ALWAYS[name] else "as before", expected(name), CBV[name] or "–")
        for name in ALWAYS
    )
    return table(("type", "the order is then", "expected where it is", "CBV 2.0 step"), rows)


# --- settings -------------------------------------------------------------------------------------------------------


def settings() -> str:
    rows = []
    for name, field in Settings.model_fields.items():
        default = field.get_default()
        shown = (
            "–" if default in (None, (), "") else code(str(default).lower() if isinstance(default, bool) else default)
        )
        rows.append((code(name), shown, str(field.description)))
    return table(("setting", "without it", "what it is"), rows)


# --- commands -------------------------------------------------------------------------------------------------------


def commands() -> str:
    rows = ((code(f"sealtrail {name}"), about, options) for name, about, options in _commands())
    return table(("command", "what it does", "options beside `--data` and `--help`"), rows)


def _commands() -> Iterator[tuple[str, str, str]]:
    whole: Any = typer.main.get_command(program)
    for name, command in whole.commands.items():
        for part, inner in getattr(command, "commands", {"": command}).items():
            about = " ".join((inner.help or "").split())
            options = [
                f"{' '.join(map(code, parameter.opts))} {' '.join((parameter.help or '').split())}"
                for parameter in inner.params
                if parameter.param_type_name == "option" and parameter.name not in {"data", "help"}
            ]
            yield f"{name} {part}".strip(), about, "<br>".join(options)


# --- routes ---------------------------------------------------------------------------------------------------------


def routes() -> str:
    rows = []
    for path, methods in _spec()["paths"].items():
        for method, operation in methods.items():
            first = operation["description"].splitlines()[0]
            rows.append((code(f"{method.upper()} {path}"), "yes" if operation.get("security") else "–", first))
    pages = (
        ("GET /v/{token}", "The page behind a label; `/v/assets/…` are its files."),
        ("GET /docs", "These routes."),
    )
    rows += [(code(route), "–", about) for route, about in pages]
    return table(("route", "key", "what it does"), rows)


def _spec() -> dict[str, Any]:
    """The app's OpenAPI document; making it needs no open log."""
    unopened: Any = object.__new__(_NoService)
    return create_app(unopened).openapi()


class _NoService:
    """What an app is made with when nothing will be asked of it."""

    keys: Any = type("NoKeys", (), {"check": staticmethod(lambda _: None)})
    ingest: Any = None
    settings: Any = None


TABLES: Final[dict[str, Callable[[], str]]] = {
    "lifecycle": lifecycle,
    "settings": settings,
    "commands": commands,
    "routes": routes,
}


def regenerated(text: str) -> str:
    return _PLACE.sub(lambda place: place[1] + TABLES[place[2]]() + place[3], text)


def documents() -> list[Path]:
    return sorted(path for path in (ROOT / "docs").rglob("*.md"))


if __name__ == "__main__":
    for document in documents():
        before = document.read_text()
        if (after := regenerated(before)) != before:
            document.write_text(after)
            sys.stdout.write(f"{document.relative_to(ROOT)}\n")
