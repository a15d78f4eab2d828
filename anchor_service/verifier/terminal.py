"""What the verifier's commands print to: a terminal that may lack characters, obey some, or be gone."""

from __future__ import annotations

import contextlib
import os
import sys


def escape_missing() -> None:
    """Let a terminal without some characters get them escaped, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def drop_output() -> None:
    """Print to nobody from here on: who read our output has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def safe(text: str) -> str:
    """Escape what could move a terminal's cursor or turn its text round: controls, and marks that show as nothing."""
    return "".join(character if character.isprintable() else f"\\u{{{ord(character):x}}}" for character in text)
