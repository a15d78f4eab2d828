"""`sealtrail demo`: the whole road of three orders over real HTTP, then it keeps serving."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
from rich.markup import escape
from rich.table import Table

from anchor_service.api.server import HttpServer
from anchor_service.cli.client import Client
from anchor_service.cli.console import Failure, out, progress
from anchor_service.cli.files import write_whole
from anchor_service.cli.opening import bake_own_page
from anchor_service.cli.qr import terminal_qr
from anchor_service.cli.running import served, until_signal
from anchor_service.cli.samples import Sample, read_samples
from anchor_service.ports import StoreRefused
from anchor_service.protocol.policy import print_policy
from anchor_service.services.keys import Scope
from anchor_service.settings import Settings
from anchor_service.wiring.opening import build
from anchor_service.wiring.serving import Service

LAST_LINE: Final = "verified on a development chain: test data"
TENANT: Final = "demo"
_PATIENCE: Final = 180
"""Seconds to wait until the samples are under a final anchor."""


def demo(settings: Settings, server: HttpServer, *, once: bool) -> None:
    """Show the whole road; return when it was shown (`once`), else serve until somebody stops it."""
    console = out()
    service = _open_or_create(settings)
    own_url = f"http://127.0.0.1:{server.port}"
    with served(service, server), Client(own_url, _key(service, settings.data)) as client:
        bake_own_page(service)  # once its tenant is there, which the page's policy names
        console.print(f"[bold]Sealtrail[/] serves on {escape(own_url)} (data: {escape(str(settings.data))})")
        samples = read_samples()
        for sample in samples:
            _send(client, sample)
        orders = _wait_for_anchors(client, samples)
        links = _labels(client, samples, settings)
        _verify(client, service, samples[0], settings.data / "demo", own_url)
        _show(orders, links, samples)
        if once:
            print(LAST_LINE, flush=True)
            return
        with until_signal():
            places = dict.fromkeys([own_url, settings.link_base])
            console.print(f"\nServing on {escape(' and at '.join(places))}. Ctrl-C stops it.")


def _open_or_create(settings: Settings) -> Service:
    """Open the log; where there is none, create it.  Opening alone never creates."""
    try:
        return build(settings)
    except StoreRefused as refusal:
        if refusal.code != "log_missing":
            raise
    # Who opens a log that is there goes without web3 and py-evm.
    from anchor_service.wiring.creating import create

    with progress("Creating a log, its chain and its registry"):
        create(settings)
    return build(settings)


# --- sending --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """What the demo keeps beside the log (mode 0600): its API key, and the label of each order."""

    key: str
    labels: dict[str, dict[str, str]]


def _kept(data: Path) -> Kept:
    try:
        return Kept(**orjson.loads((data / "demo.json").read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):  # not there, or somebody edited it: it can be made again
        return Kept("", {})


def _keep(data: Path, kept: Kept) -> None:
    write_whole(data / "demo.json", orjson.dumps(kept, option=orjson.OPT_INDENT_2), 0o600)


def _key(service: Service, data: Path) -> str:
    """The demo tenant's API key, made once."""
    kept = _kept(data)
    if kept.key and service.keys.check(kept.key) is not None:
        return kept.key
    if TENANT not in {tenant.id for tenant in service.keys.tenants()}:
        service.keys.create_tenant(TENANT, "Sealtrail demo")
    key = service.keys.create(TENANT, [Scope.INGEST, Scope.READ])
    _keep(data, Kept(key, {}))
    return key


def _send(client: Client, sample: Sample) -> None:
    if client.put_file(sample.signature, "image/png") != sample.signature_hash:
        raise Failure(f"the signature image of {sample.order_id} was stored under another hash")
    answer = client.send(sample.body)
    for result in answer["results"]:
        if result["status"] == "refused":
            raise Failure(f"{sample.order_id}: an event was refused: {result['problem']['detail']}")
    new, known = answer["accepted"], answer["known"]
    said = f"{new} events accepted" if new else f"{known} events already known, nothing sent twice"
    out().print(escape(f"  {sample.order_id}  {sample.title}: {said}"))


def _wait_for_anchors(client: Client, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    total = sum(sample.events for sample in samples)
    limit = time.monotonic() + _PATIENCE
    with progress("Sealing and anchoring") as step:
        while True:
            orders = [client.order(sample.order_id) for sample in samples]
            done = sum(event["state"] == "final" for order in orders for event in order["events"])
            step(done, total)
            if done >= total:
                return orders
            if time.monotonic() > limit:
                raise Failure(f"not all sealed and anchored after {_PATIENCE} seconds: /readyz says why")
            time.sleep(0.2)


def _labels(client: Client, samples: Sequence[Sample], settings: Settings) -> list[str]:
    """One label an order, made once; its link begins with today's public address."""
    kept = _kept(settings.data)
    for sample in samples:
        if sample.order_id not in kept.labels:
            label = client.label(sample.order_id)
            kept.labels[sample.order_id] = {"token": label["token"], "stream": label["stream"]}
            _keep(settings.data, kept)
    base = settings.link_base.rstrip("/")
    labels = [kept.labels[sample.order_id] for sample in samples]
    return [f"{base}/v/{label['token']}#{label['stream']}" for label in labels]


# --- verifying ------------------------------------------------------------------------------------------------------


def _verify(client: Client, service: Service, sample: Sample, place: Path, url: str) -> None:
    """Verify a proof and a bundle in other processes, which know the service by its policy alone."""
    policy, proof = place / "policy.json", place / f"{sample.order_id}.proof.json"
    bundle = place / f"{sample.order_id}.bundle.zip"
    write_whole(policy, print_policy(service.policy()))
    write_whole(proof, client.proof(sample.order_id))
    write_whole(bundle, client.bundle(sample.order_id))
    sizes = {event["anchor"] for event in client.order(sample.order_id)["events"]}
    blocks = [client.anchor(size)["block"] for size in sorted(sizes)]
    trusted = [word for block in blocks for word in ("--block", f"{block['number']}:{block['hash']}")]
    _run_verifier("The proof, asking the chain", [str(proof), "--policy", str(policy), "--rpc", f"{url}/rpc"])
    _run_verifier(
        "The bundle, offline, trusting the blocks that are named", [str(bundle), "--policy", str(policy), *trusted]
    )


def _run_verifier(what: str, arguments: list[str]) -> None:
    console = out()
    console.print(f"\n[bold]{escape(what)}:[/]")
    console.print(escape(f"  sealtrail verify {' '.join(arguments)}"), style="dim")
    done = subprocess.run(  # noqa: S603 - our own program, with a list of arguments
        [sys.executable, "-m", "anchor_service", "verify", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        timeout=120,
    )
    for line in _told(done.stdout.splitlines()):
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if done.returncode != 0:
        last = (done.stderr.strip() or "nothing on stderr").splitlines()[-1]
        raise Failure(f"the verifier ended with {done.returncode}: {last}", done.returncode)


def _told(lines: list[str]) -> list[str]:
    """The checks and the verdict; the story and its private fields are in the proof."""
    checked = lines.index("Checked") if "Checked" in lines else 0
    story = lines.index("Story") if "Story" in lines else len(lines)
    return [line for line in lines[checked:story] if line] + lines[max(story, len(lines) - 1) :]


# --- showing --------------------------------------------------------------------------------------------------------


def _show(orders: Sequence[dict[str, Any]], links: Sequence[str], samples: Sequence[Sample]) -> None:
    console = out()
    table = Table(title="Orders", title_justify="left", title_style="bold")
    for heading in ("order", "what", "events", "state", "flags"):
        table.add_column(heading)
    for order, sample in zip(orders, samples, strict=True):
        flags = sorted({flag for event in order["events"] for flag in event["flags"]})
        cells = (sample.order_id, sample.title, str(len(order["events"])), order["lifecycle"], ", ".join(flags))
        table.add_row(*map(escape, cells))
    console.print()
    console.print(table)
    console.print("\n[bold]Labels[/] (what a QR code on the parcel holds):")
    for sample, link in zip(samples, links, strict=True):
        console.print(f"  {sample.order_id}  {link}", markup=False, soft_wrap=True)
    console.print(escape(f"\nThe label of {samples[0].order_id}:"))
    print(terminal_qr(links[0], colour=console.is_terminal))
