"""Tenants, keys, view policies, labels, names of attachments: the port `TenantStore`."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Row, delete, insert, select, update

from anchor_service.ports import Audience, File, KeyRow, LabelRow, Tenant
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.storage.database import Database, upsert
from anchor_service.storage.events import read_files
from anchor_service.storage.tables import api_keys, attachments, labels, streams, tenants, view_fields

_LABELS = select(labels.c.token, labels.c.tenant, streams.c.order_id, streams.c.stream).join(
    streams, (streams.c.tenant == labels.c.tenant) & (streams.c.number == labels.c.stream)
)


class Tenants:
    """The port `TenantStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_tenant(self, tenant: Tenant, created: int) -> None:
        """Add a tenant."""
        with self._database.write() as connection:
            connection.execute(insert(tenants), {"id": tenant.id, "name": tenant.name, "created": created})

    def tenants(self) -> tuple[Tenant, ...]:
        """Return all tenants by id."""
        with self._database.read() as connection:
            rows = connection.execute(select(tenants.c.id, tenants.c.name).order_by(tenants.c.id))
            return tuple(Tenant(row.id, row.name) for row in rows)

    def add_key(self, key: KeyRow, key_hash: Hash) -> None:
        """Add a key."""
        with self._database.write() as connection:
            connection.execute(
                insert(api_keys),
                {
                    "tenant": key.tenant,
                    "key_id": key.key_id,
                    "hash": key_hash,
                    "scopes": " ".join(key.scopes),
                    "created": key.created,
                    "revoked": key.revoked,
                },
            )

    def key(self, key_hash: Hash) -> KeyRow | None:
        """Return the key with this hash, revoked or not."""
        with self._database.read() as connection:
            row = connection.execute(select(api_keys).where(api_keys.c.hash == key_hash)).first()
            return None if row is None else _key(row)

    def keys(self, tenant: str) -> tuple[KeyRow, ...]:
        """Return a tenant's keys, the oldest first."""
        query = select(api_keys).where(api_keys.c.tenant == tenant).order_by(api_keys.c.created, api_keys.c.key_id)
        with self._database.read() as connection:
            return tuple(map(_key, connection.execute(query)))

    def revoke_key(self, tenant: str, key_id: str, revoked: int) -> bool:
        """Revoke a key; False where the tenant has none of this id.  A second time changes nothing."""
        mine = (api_keys.c.tenant == tenant) & (api_keys.c.key_id == key_id)
        with self._database.write() as connection:
            connection.execute(update(api_keys).where(mine, api_keys.c.revoked.is_(None)).values(revoked=revoked))
            return connection.execute(select(api_keys.c.key_id).where(mine)).first() is not None

    def disclose(self, tenant: str, audience: Audience, fields: Collection[str]) -> None:
        """Set the fields that the tenant shows to an audience beside the public ones."""
        row = {"tenant": tenant, "audience": audience.value}
        with self._database.write() as connection:
            connection.execute(
                delete(view_fields).where(view_fields.c.tenant == tenant, view_fields.c.audience == audience.value)
            )
            if fields:
                connection.execute(insert(view_fields), [{**row, "field": field} for field in sorted(set(fields))])

    def add_label(self, token: str, tenant: str, order_id: str, created: int) -> LabelRow | None:
        """Add a label; None where the tenant has no such order."""
        with self._database.write() as connection:
            order = select(streams.c.number).where(streams.c.tenant == tenant, streams.c.order_id == order_id)
            stream = connection.execute(order).scalar()
            if stream is None:
                return None
            connection.execute(insert(labels), {"token": token, "tenant": tenant, "stream": stream, "created": created})
            row = connection.execute(_LABELS.where(labels.c.token == token)).one()
            return LabelRow(row.token, row.tenant, row.order_id, StreamId(row.stream))

    def label(self, token: str) -> LabelRow | None:
        """Return a label."""
        with self._database.read() as connection:
            row = connection.execute(_LABELS.where(labels.c.token == token)).first()
            return None if row is None else LabelRow(row.token, row.tenant, row.order_id, StreamId(row.stream))

    def add_file(self, tenant: str, file: File, stored: int) -> None:
        """Note a file that is durable in the directory; the same again is quiet."""
        row = {
            "tenant": tenant,
            "sha256": file.sha256,
            "size": file.size,
            "media_type": file.media_type,
            "stored": stored,
        }
        with self._database.write() as connection:
            upsert(connection, attachments, [row])

    def files(self, tenant: str, hashes: Collection[Hash]) -> dict[Hash, File]:
        """Return those attachments of the tenant that are stored."""
        with self._database.read() as connection:
            return read_files(connection, tenant, hashes)


def _key(row: Row[*tuple[Any, ...]]) -> KeyRow:
    return KeyRow(row.key_id, row.tenant, tuple(row.scopes.split()), row.created, row.revoked)
