"""What an order leaves: proof, bundle, label; and the policy and page that belong to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from anchor_service.cli.client import Client
from anchor_service.cli.console import BAD_INPUT, COULD_NOT, Failure, err, out, progress
from anchor_service.cli.files import write_whole
from anchor_service.cli.opening import bake_page, looked_at
from anchor_service.cli.options import HOME, Data, Out, Tenant, settings_of
from anchor_service.cli.qr import terminal_qr
from anchor_service.ports import Audience
from anchor_service.protocol.policy import print_policy
from anchor_service.services.bundle import assemble_bundle
from anchor_service.services.label import label_link
from anchor_service.services.prove import NotYet

Order = Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")]
View = Annotated[Audience, typer.Option("--view", help="Whom it is for: which fields it discloses.")]
_LINES = 1_000


def send(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Events, one JSON object a line (NDJSON).")],
    key: Annotated[str, typer.Option(envvar="SEALTRAIL_KEY", help="An API key with the scope ingest.")],
    url: Annotated[str, typer.Option(help="The service.")] = "http://127.0.0.1:8000",
) -> None:
    """Send events to a running service.  Sending a file again is harmless."""
    lines = [line for line in file.read_bytes().splitlines() if line.strip()]
    counts = {"accepted": 0, "known": 0, "refused": 0}
    with Client(url, key) as client, progress(f"Sending {file.name}") as step:
        for first in range(0, len(lines), _LINES):
            part = lines[first : first + _LINES]
            answer = client.send(b"\n".join(part), "application/x-ndjson")
            for name in counts:
                counts[name] += answer[name]
            for place, result in enumerate(answer["results"], first + 1):
                if result["status"] == "refused":
                    err().print(f"event {place}: {result['problem']['detail']}", markup=False)
            step(first + len(part), len(lines))
    out().print(", ".join(f"{count} {name}" for name, count in counts.items()))
    if counts["refused"]:
        raise Failure(f"{counts['refused']} events were refused", BAD_INPUT)


def proof(order: Order, tenant: Tenant, view: View = Audience.FULL, output: Out = None, data: Data = HOME) -> None:
    """Write an order's proof."""
    with looked_at(settings_of(data)) as log:
        found = log.prove.proof(tenant, order, view)
    if isinstance(found, NotYet):
        raise _not_yet(order)
    _write(output, found)


def bundle(
    order: Order,
    tenant: Tenant,
    output: Annotated[Path, typer.Option("--out", "-o", help="The zip to write.", dir_okay=False)],
    view: View = Audience.COURT,
    data: Data = HOME,
) -> None:
    """Write an order's bundle for a dispute: proof, policy, files, and how to check them; whole or not at all."""
    with looked_at(settings_of(data)) as log:
        found = assemble_bundle(log.prove, log.attachments, log.policy(), tenant=tenant, order_id=order, audience=view)
    if isinstance(found, NotYet):
        raise _not_yet(order)
    write_whole(output, found)
    err().print(f"bundle written to {output}", markup=False)


def label(order: Order, tenant: Tenant, data: Data = HOME) -> None:
    """Make a label for an order and print its link, with its QR code on a terminal."""
    with looked_at(settings_of(data)) as log:
        link = label_link(log.settings.link_base, log.labels.create(tenant, order))
    print(link)
    if sys.stdout.isatty():
        print(terminal_qr(link, colour=True))


def policy(output: Out = None, data: Data = HOME) -> None:
    """Write what this log's operator claims: keys, chain, registry; a verifier compares it and trusts it by choice."""
    with looked_at(settings_of(data)) as log:
        _write(output, print_policy(log.policy()))


def page(
    policy: Annotated[Path, typer.Option("--policy", exists=True, dir_okay=False, help="The policy it shall trust.")],
    output: Annotated[Path, typer.Option("--out", "-o", file_okay=False, help="The directory to write.")],
) -> None:
    """Write the page behind the QR code, with a policy baked in."""
    bake_page(policy.read_bytes(), output)
    out().print(f"page written to {output}", markup=False)


def _not_yet(order: str) -> Failure:
    return Failure(f"nothing of order {order} is under a final anchor yet: is the service running?", COULD_NOT)


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        write_whole(output, data)
