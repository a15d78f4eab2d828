"""Tenants and their API keys: shown once, stored hashed, scoped."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from anchor_service.ports import AlreadyThere, Audience, KeyRow, NotFound, Tenant, TenantStore
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import parse_name
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.model import FIELDS

PREFIX: Final = "sealtrail_"
_KEY_BYTES: Final = 32
_ID_LENGTH: Final = 12


class Scope(StrEnum):
    """What a key may do for its tenant; `audit` reads the whole log's entries, and nothing of any tenant's own."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Access:
    """What a key that was shown to us opens."""

    key_id: str
    tenant: str
    scopes: frozenset[Scope]


@dataclass(frozen=True, slots=True)
class KeyLine:
    """A key in a list; times in ms UTC."""

    key_id: str
    scopes: frozenset[Scope]
    created: int
    revoked: int | None


class Keys:
    """Tenants and API keys.  A key is 256 random bits, so its plain SHA-256 is what is stored.

    `clock` gives ms UTC, `draw` that many random bytes.
    """

    def __init__(self, store: TenantStore, *, clock: Callable[[], int], draw: Callable[[int], bytes]) -> None:
        self._store = store
        self._clock = clock
        self._draw = draw

    def create_tenant(self, tenant: str, name: str) -> None:
        """Create a tenant (SPEC 2.6 for id and name); AlreadyThere (`tenant_exists`)."""
        row = Tenant(parse_name(tenant, "tenant"), parse_name(name, "name"))
        try:
            self._store.add_tenant(row, self._clock())
        except AlreadyThere as problem:
            raise AlreadyThere("tenant_exists", f"there is a tenant {tenant!r} already") from problem

    def need(self, tenant: str) -> None:
        """Raise NotFound (`tenant_unknown`) where there is no such tenant."""
        if all(known.id != tenant for known in self._store.tenants()):
            raise NotFound("tenant_unknown", f"there is no tenant {tenant!r}")

    def tenants(self) -> tuple[Tenant, ...]:
        """Return all tenants."""
        return self._store.tenants()

    def create(self, tenant: str, scopes: Collection[Scope]) -> str:
        """Create a key and return it, `sealtrail_…`: the only time it is seen.  NotFound (`tenant_unknown`)."""
        if not scopes:
            raise Malformed("scopes", "a key has at least one scope")
        plaintext = PREFIX + base64.urlsafe_b64encode(self._draw(_KEY_BYTES)).rstrip(b"=").decode()
        digest = _digest(plaintext)
        row = KeyRow(digest.hex()[:_ID_LENGTH], tenant, tuple(sorted(scopes)), self._clock(), None)
        try:
            self._store.add_key(row, digest)
        except NotFound as problem:
            raise NotFound("tenant_unknown", f"there is no tenant {tenant!r}") from problem
        return plaintext

    def check(self, plaintext: str) -> Access | None:
        """Return what a key opens; None for a revoked key or any other text."""
        # Looked up by its hash, so that no time tells how much of a guess was right.
        row = self._store.key(_digest(plaintext))
        if row is None or row.revoked is not None:
            return None
        return Access(row.key_id, row.tenant, frozenset(map(Scope, row.scopes)))

    def list(self, tenant: str) -> tuple[KeyLine, ...]:
        """Return the tenant's keys; NotFound (`tenant_unknown`)."""
        self.need(tenant)
        return tuple(
            KeyLine(row.key_id, frozenset(map(Scope, row.scopes)), row.created, row.revoked)
            for row in self._store.keys(tenant)
        )

    def revoke(self, tenant: str, key_id: str) -> None:
        """End a key; NotFound (`key_unknown`)."""
        if not self._store.revoke_key(tenant, key_id, self._clock()):
            raise NotFound("key_unknown", f"there is no key {key_id!r} of {tenant!r}")

    def disclose(self, tenant: str, audience: Audience, fields: Collection[str]) -> None:
        """Set which private fields an audience sees beside the public ones (the tenant's view policy).

        Malformed (`field_name`); NotFound (`tenant_unknown`).
        """
        for field in fields:
            if field not in FIELDS:
                raise Malformed("field_name", f"{field[:80]!r} is no field of the event model")
        self.need(tenant)
        self._store.disclose(tenant, audience, fields)


def _digest(plaintext: str) -> Hash:
    return Hash(sha256(plaintext.encode(errors="surrogatepass")).digest())
