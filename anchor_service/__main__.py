"""The program `sealtrail`: `verify` and `audit` go to `verifier` before anything larger is imported, the rest to `cli`.

So these need the base install alone, and start in the time of its own few modules.  All `main`s take
the arguments after the program's name and return the exit code.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    try:
        return _run(list(sys.argv[1:] if arguments is None else arguments))
    except KeyboardInterrupt:  # while things are imported: a command that runs has its own way
        sys.stderr.write("sealtrail: interrupted\n")
        return 130


def _run(given: list[str]) -> int:
    if given[:1] == ["verify"]:
        from anchor_service.verifier.command import main as verify

        return verify(given[1:])
    if given[:1] == ["audit"]:
        from anchor_service.verifier.audit import main as audit

        return audit(given[1:])
    try:
        import typer  # noqa: F401 - the first thing that the base install lacks
    except ModuleNotFoundError:
        sys.stderr.write(
            "sealtrail: this is the base install, which only verifies and audits; install sealtrail[service]\n"
        )
        return 2
    from anchor_service.cli.main import main as run

    return run(given)


if __name__ == "__main__":
    sys.exit(main())
