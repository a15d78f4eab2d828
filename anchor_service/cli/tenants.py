"""Tenants and their API keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from anchor_service.cli.console import err, out
from anchor_service.cli.opening import bake_own_page, looked_at
from anchor_service.cli.options import HOME, Data, Tenant, settings_of
from anchor_service.ports import Audience
from anchor_service.services.keys import Scope

tenant = typer.Typer(help="Tenants: the brands whose orders this log holds.", no_args_is_help=True)
key = typer.Typer(help="API keys of tenants.", no_args_is_help=True)


@tenant.command("add")
def tenant_add(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT", help="Its id, for ever part of its orders' proofs.")],
    name: Annotated[str, typer.Option(help="The name to show; the id if not given.")] = "",
    data: Data = HOME,
) -> None:
    """Add a tenant."""
    with looked_at(settings_of(data)) as log:
        log.keys.create_tenant(tenant_id, name or tenant_id)
        bake_own_page(log)  # its policy names the tenants
    out().print(f"tenant {escape(tenant_id)} added")


@tenant.command("list")
def tenant_list(data: Data = HOME) -> None:
    """List tenants."""
    table = Table("tenant", "name")
    with looked_at(settings_of(data)) as log:
        for line in log.keys.tenants():
            table.add_row(escape(line.id), escape(line.name))
    out().print(table)


@tenant.command("disclose")
def tenant_disclose(
    tenant_id: Annotated[str, typer.Argument(metavar="TENANT", help="Its id.")],
    audience: Annotated[Audience, typer.Option(help="Who shall see them.")],
    field: Annotated[
        list[str] | None,
        typer.Option(help="A private field, such as recipient.name; repeatable. None: public ones only."),
    ] = None,
    data: Data = HOME,
) -> None:
    """Set which private fields an audience sees beside the public ones, in proofs made from now on."""
    with looked_at(settings_of(data)) as log:
        log.keys.disclose(tenant_id, audience, field or [])
    shown = ", ".join(sorted(set(field or []))) or "nothing"
    out().print(f"{audience} sees beside the public fields of {tenant_id}: {shown}", markup=False)


@key.command("add")
def key_add(
    tenant: Tenant,
    scope: Annotated[
        list[Scope] | None, typer.Option(help="What the key may do; ingest and read if not given.")
    ] = None,
    data: Data = HOME,
) -> None:
    """Add an API key and print it: the only time that it is shown."""
    with looked_at(settings_of(data)) as log:
        plaintext = log.keys.create(tenant, scope or [Scope.INGEST, Scope.READ])
    err().print("Keep it now: only its hash is stored.")
    print(plaintext)


@key.command("list")
def key_list(tenant: Tenant, data: Data = HOME) -> None:
    """List a tenant's keys, without the keys themselves."""
    table = Table("key", "scopes", "created", "revoked")
    with looked_at(settings_of(data)) as log:
        for line in log.keys.list(tenant):
            table.add_row(line.key_id, " ".join(sorted(line.scopes)), _time(line.created), _time(line.revoked))
    out().print(table)


@key.command("revoke")
def key_revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="Its id, as `key list` shows it.")],
    tenant: Tenant,
    data: Data = HOME,
) -> None:
    """End a key.  A running service takes it for a few seconds more."""
    with looked_at(settings_of(data)) as log:
        log.keys.revoke(tenant, key_id)
    out().print(f"key {escape(key_id)} revoked")


def _time(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"
