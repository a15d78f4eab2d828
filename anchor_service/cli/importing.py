"""`sealtrail import`: a brand's own tables become events, by a mapping (docs/import.md)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table

from anchor_service.cli.client import Client
from anchor_service.cli.console import BAD_INPUT, COULD_NOT, Failure, err, out, progress
from anchor_service.cli.opening import opened
from anchor_service.cli.options import HOME, Data, Tenant, settings_of
from anchor_service.protocol.errors import SealtrailError
from anchor_service.services.imports import Import, Report, rows_of
from anchor_service.services.ingest import Accepted, Outcome
from anchor_service.settings import Settings
from anchor_service.wiring.garbage import spare_garbage_collection

Submit = Callable[[Sequence[bytes]], "Future[list[str | SealtrailError]]"]
_SHOWN: Final = 20
_PATIENCE: Final = 120.0
"""Seconds in which nothing more is sealed or anchored, after which that is left to the service."""


_Mapping = Annotated[Path, typer.Option("--mapping", exists=True, dir_okay=False, help="The mapping (docs/import.md).")]
_Refused = Annotated[Path | None, typer.Option("--refused", help="Write every refusal to this CSV file.")]
_Url = Annotated[str | None, typer.Option("--url", help="Send to a running service; without it, store into --data.")]
_Key = Annotated[
    str, typer.Option("--key", envvar="SEALTRAIL_KEY", help="With --url: an API key with the scope ingest.")
]


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The CSV file.")],
    mapping: _Mapping,
    tenant: Tenant = "demo",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing; show what would be imported.")] = False,
    show: Annotated[int, typer.Option("--show", min=0, help="How many events a dry run shows.")] = 3,
    refused: _Refused = None,
    url: _Url = None,
    key: _Key = "",
    data: Data = HOME,
) -> None:
    """Import a CSV file as events.  Cut off and started again, it goes on; run twice, it changes nothing."""
    state = file.with_name(f".{file.name}.sealtrail-import")
    size = file.stat().st_size
    with rows_of(file, mapping.read_bytes()) as rows:
        if dry_run:
            with progress(f"Going over {file.name}") as step:
                report = Import(file, rows, _nowhere, state).dry_run(show, lambda read: step(read, size))
            for raw in report.first:
                out().print_json(raw.decode())
        else:
            into = _remote(url, key) if url else _local(settings_of(data), tenant)
            with into as submit, progress(f"Importing {file.name}") as step:
                report = Import(file, rows, submit, state).run(lambda read: step(read, size))
    _show(report, dry_run=dry_run)
    if refused is not None:
        _write_refusals(refused, report)
    if report.refused:
        others = "would be taken" if dry_run else "were taken"
        raise Failure(f"{len(report.refused)} events or rows were refused; all others {others}", BAD_INPUT)


def _nowhere(_items: Sequence[bytes]) -> Future[list[str | SealtrailError]]:
    raise AssertionError("a dry run sends nothing")


@contextmanager
def _local(settings: Settings, tenant: str) -> Iterator[Submit]:
    """Store into a log in this process; what was imported is sealed and anchored before it ends."""
    with opened(settings) as service:
        service.keys.need(tenant)
        # Storing first and sealing afterwards is faster than both at once: what is stored is safe, and the batches are
        # whole ones.
        service.start_taking()
        spare_garbage_collection()

        def submit(items: Sequence[bytes]) -> Future[list[str | SealtrailError]]:
            answers: Future[list[str | SealtrailError]] = Future()

            def answer(done: Future[list[Outcome]]) -> None:
                if (problem := done.exception()) is not None:
                    answers.set_exception(problem)
                else:
                    answers.set_result([_said(outcome) for outcome in done.result()])

            service.ingest.submit(tenant, items).add_done_callback(answer)
            return answers

        yield submit
        service.start_work()
        with progress("Sealing and anchoring") as step:
            if not service.settle(_PATIENCE, step):
                raise Failure("everything is stored, and not all is anchored yet: start the service", COULD_NOT)


def _said(outcome: Outcome) -> str | SealtrailError:
    if isinstance(outcome, Accepted):
        return "known" if outcome.known else "accepted"
    return outcome.problem


@contextmanager
def _remote(url: str, key: str) -> Iterator[Submit]:
    """Send to a running service."""
    with Client(url, key) as client, ThreadPoolExecutor(4, "send") as threads:

        def send(items: Sequence[bytes]) -> list[str | SealtrailError]:
            answer = client.send(b"\n".join(items), "application/x-ndjson")
            return [
                SealtrailError(result["problem"]["code"], result["problem"]["detail"])
                if result["status"] == "refused"
                else str(result["status"])
                for result in answer["results"]
            ]

        yield lambda items: threads.submit(send, items)


def _show(report: Report, *, dry_run: bool) -> None:
    """Print what was done: counts by step, uncertain times, and the first refusals."""
    table = Table("step", "events", title="would be imported" if dry_run else "imported", title_justify="left")
    for step, count in report.steps.items():
        table.add_row(step, str(count))
    out().print(table)
    if report.resumed_after:
        out().print(f"went on after row {report.resumed_after}")
    if not dry_run:
        out().print(f"{report.rows} rows: {report.accepted} events accepted, {report.known} known already")
    for note, count in report.notes.items():
        out().print(f"{count} ×: {note}", markup=False)
    for refusal in report.refused[:_SHOWN]:
        step = f", {refusal.step}" if refusal.step else ""
        err().print(f"line {refusal.line}{step}: {refusal.reason} ({refusal.code})", markup=False)
    if len(report.refused) > _SHOWN:
        err().print(f"… and {len(report.refused) - _SHOWN} more; --refused FILE writes them all")


def _write_refusals(path: Path, report: Report) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "step", "code", "reason"))
        for refusal in report.refused:
            # A cell that a spreadsheet would run as a formula is quoted as text.
            reason = json.dumps(refusal.reason, ensure_ascii=False) if refusal.reason[:1] in "=+-@" else refusal.reason
            writer.writerow((refusal.line, refusal.step or "", refusal.code, reason))
