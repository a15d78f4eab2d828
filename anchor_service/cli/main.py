"""The commands, and the program's one way out."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable, Sequence
from functools import partial

import typer

from anchor_service import __version__
from anchor_service.cli import checking, importing, logs, orders, tenants
from anchor_service.cli.console import EXIT_CODES, guarded
from anchor_service.cli.journal import log_to_stderr
from anchor_service.verifier import audit as auditor
from anchor_service.verifier import command as verifier

app = typer.Typer(
    name="sealtrail",
    help="Makes the story of an order provable: events in, a record out that anyone can verify.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(tenants.tenant, name="tenant")
app.add_typer(tenants.key, name="key")
_COMMANDS: tuple[Callable[..., None], ...] = (
    *(logs.init, logs.serve, logs.api, logs.worker, logs.demo, logs.status, checking.fsck, logs.upgrade),
    *(orders.send, orders.proof, orders.bundle, orders.label, orders.policy, orders.page),
)
for _command in _COMMANDS:
    app.command()(_command)
app.command("import")(importing.import_)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def verify(context: typer.Context) -> None:
    """Verify a proof or a bundle by a policy (sealtrail verify --help)."""
    raise SystemExit(verifier.main(context.args))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def audit(context: typer.Context) -> None:
    """Replay a log from its server, and say whether its operator contradicts itself (sealtrail audit --help)."""
    raise SystemExit(auditor.main(context.args))


@app.callback(invoke_without_command=True)
def _options(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        print(f"sealtrail {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    log_to_stderr(logging.WARNING)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal shows ? for what it has no letter for
    return guarded(partial(app, list(sys.argv[1:] if arguments is None else arguments)))
