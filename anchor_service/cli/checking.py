"""fsck: whether what a log has stored is whole."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from anchor_service.cli.console import COULD_NOT, NOT_WHOLE, Failure, out, progress
from anchor_service.cli.opening import looked_at
from anchor_service.cli.options import HOME, Data, settings_of
from anchor_service.ports import StoreRefused
from anchor_service.protocol.errors import SealtrailError


def fsck(
    data: Data = HOME,
    as_json: Annotated[bool, typer.Option("--json", help="Print the damage as JSON.")] = False,
) -> None:
    """Recompute everything stored and name each row that is damaged; beside a running service, if there is one."""
    settings = settings_of(data)
    try:
        with looked_at(settings) as log, progress("Checking the log") as note:
            health = log.health()
            found = log.fsck(note)
    except StoreRefused as problem:
        if problem.code != "database":
            raise
        raise Failure(f"could not check: {problem.message} ({problem.code})", COULD_NOT) from problem
    except SealtrailError as problem:
        raise Failure(f"could not check: {problem.message} ({problem.code})", COULD_NOT) from problem
    if as_json:
        damage = [{"where": finding.where, "problem": finding.problem} for finding in found]
        print(json.dumps({"size": health.size, "batches": health.batch, "damage": damage}, indent=1))
    elif found:
        table = Table("where", "what", title="Damage", title_justify="left")
        for finding in found:
            table.add_row(escape(finding.where), escape(finding.problem))
        out().print(table)
    else:
        out().print(f"whole: {health.size} entries in {health.batch} batches, and all that belongs to them")
    if found:
        raise Failure(f"{len(found)} damaged", NOT_WHOLE)
