"""A log's life: init, serve, api, worker, demo, status."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from anchor_service.cli.console import BAD_INPUT, REFUSED, Failure, err, out, progress
from anchor_service.cli.journal import log_to_stderr
from anchor_service.cli.opening import bake_own_page, log_exists, looked_at
from anchor_service.cli.options import HOME, Data, settings_of, write_settings

Host = Annotated[str | None, typer.Option("--host", help="Address to listen on.")]
Port = Annotated[int | None, typer.Option("--port", min=0, max=65535, help="Port to listen on (8000).")]
PublicUrl = Annotated[str | None, typer.Option("--public-url", help="Where phones reach this service: labels' links.")]


def init(
    data: Data = HOME,
    name: Annotated[str | None, typer.Option(help="Your schema-less URL, the first part of the log's origin.")] = None,
    public_url: PublicUrl = None,
    database: Annotated[str | None, typer.Option(help="URL of a PostgreSQL database; else a file (SQLite).")] = None,
    rpc: Annotated[list[str] | None, typer.Option(help="A node of the chain to anchor on; repeatable.")] = None,
    chain_id: Annotated[int | None, typer.Option(help="That chain's id.")] = None,
    chain_name: Annotated[str | None, typer.Option(help="That chain's name for people.")] = None,
    test_chain: Annotated[bool | None, typer.Option("--test-chain", help="It is a development chain.")] = None,
    finality: Annotated[str | None, typer.Option(help="Which blocks are final: finalized, or a depth.")] = None,
    verifier_rpc: Annotated[
        list[str] | None, typer.Option(help="A node that the policy suggests to verifiers; repeatable.")
    ] = None,
    publisher_key: Annotated[Path | None, typer.Option(help="File with the publisher's private key (hex).")] = None,
    owner_key: Annotated[Path | None, typer.Option(help="File with the owner's private key (hex).")] = None,
) -> None:
    """Create a log: keys, database, and its place in the registry; on the embedded chain unless --rpc is given."""
    from anchor_service.wiring.creating import create

    given = {
        "name": name,
        "public_url": public_url,
        "database": database,
        "rpc_urls": rpc or None,
        "chain_id": chain_id,
        "chain_name": chain_name,
        "test_chain": test_chain,
        "finality": int(finality) if finality is not None and finality.isdecimal() else finality,
        "verifier_rpc_urls": verifier_rpc or None,
        "publisher_key_file": None if publisher_key is None else str(publisher_key.absolute()),
        "owner_key_file": None if owner_key is None else str(owner_key.absolute()),
    }
    settings = settings_of(data, **given)
    if log_exists(settings):
        raise Failure(f"there is a log in {data} already", REFUSED)
    write_settings(data, given)
    with progress("Creating the log"):
        create(settings)
    with looked_at(settings) as log:
        bake_own_page(log)
        out().print(f"log {log.origin}\nin {data}", markup=False)


def serve(data: Data = HOME, host: Host = None, port: Port = None, public_url: PublicUrl = None) -> None:
    """Serve a log: HTTP, sealing and anchoring, until SIGTERM or Ctrl-C."""
    from anchor_service.cli.running import listen, served, terminable, until_signal
    from anchor_service.wiring.opening import build

    settings = settings_of(data, host=host, port=port, public_url=public_url)
    log_to_stderr()
    with terminable(), listen(settings.host, settings.port) as server:
        service = build(settings)
        bake_own_page(service)
        with served(service, server, public_entries=settings.public_entries), until_signal():
            err().print(f"serving on http://{settings.host}:{server.port}", markup=False)
        err().print("stopped")


def api(data: Data = HOME, host: Host = None, port: Port = None, public_url: PublicUrl = None) -> None:
    """Serve a log over HTTP, beside other processes on PostgreSQL; a worker seals and anchors what it takes."""
    from anchor_service.cli.running import listen, served, terminable, until_signal
    from anchor_service.wiring.opening import build_front

    settings = settings_of(data, host=host, port=port, public_url=public_url)
    log_to_stderr()
    with terminable(), listen(settings.host, settings.port) as server:
        front = build_front(settings)
        bake_own_page(front)
        with served(front, server, public_entries=settings.public_entries), until_signal():
            err().print(f"serving on http://{settings.host}:{server.port}", markup=False)
        err().print("stopped")


def worker(data: Data = HOME) -> None:
    """Seal and anchor a log on PostgreSQL, or stand by until the worker that does is gone."""
    from anchor_service.cli.running import terminable, until_signal, worked
    from anchor_service.wiring.opening import build_worker

    settings = settings_of(data)
    log_to_stderr()
    with terminable():
        with worked(build_worker(settings)), until_signal():
            err().print("working")
        err().print("stopped")


def demo(
    data: Data = HOME,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    lan: Annotated[
        bool, typer.Option("--lan", help="Listen on the local network, with links for a phone on it.")
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option("--public-url", help="What links begin with; http with this port also listens on the network."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Exit when all was shown.")] = False,
) -> None:
    """Create a log on the embedded chain, send three sample orders, anchor and verify them, and keep serving."""
    from anchor_service.cli import demo as demonstration
    from anchor_service.cli.running import lan_address, leads_here, listen, terminable

    if lan and public_url is not None:
        raise Failure("--lan makes the links itself: leave --public-url out", BAD_INPUT)
    open_to_all = lan or (public_url is not None and leads_here(public_url, port))
    with listen("0.0.0.0" if open_to_all else "127.0.0.1", port) as server, terminable():  # noqa: S104 - asked for
        address = lan_address() if lan else "127.0.0.1"
        settings = settings_of(data, port=server.port, public_url=public_url or f"http://{address}:{server.port}")
        demonstration.demo(settings, server, once=once)


def upgrade(data: Data = HOME) -> None:
    """Bring a log's database to this program's schema, whole or not at all; the service must not be running."""
    from anchor_service.wiring.creating import upgrade as upgrade_log

    with progress("Upgrading the database"):
        upgrade_log(settings_of(data))
    out().print("the database has this program's schema")


def status(data: Data = HOME) -> None:
    """Show how far the log is: its head, what waits, its anchors."""
    with looked_at(settings_of(data)) as log:
        health = log.health()
        head = Table("entries", "batches", "waiting", "anchored", "final", title="Log", title_justify="left")
        head.add_row(*map(str, (health.size, health.batch, health.waiting, health.anchored_size, health.final_size)))
        anchors = Table("size", "state", "block", "transaction", title="Newest anchors", title_justify="left")
        for anchor in log.prove.anchors(limit=10).items:
            block = "" if anchor.block is None else str(anchor.block.number)
            transaction = "" if anchor.transaction is None else f"0x{anchor.transaction.hex()}"
            anchors.add_row(str(anchor.size), anchor.state, block, transaction)
    out().print(head, anchors)
    for problem in health.problems:
        out().print(f"[yellow]![/] {escape(problem)}")
