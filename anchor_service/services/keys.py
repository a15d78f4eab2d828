"""Tenants and their API keys: shown once, stored hashed, scoped."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from anchor_service.ports import Audience, Tenant


class Scope(StrEnum):
    """What a key may do for its tenant."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


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
    """Tenants and API keys.  A key is 256 random bits, so its plain SHA-256 is what is stored."""

    def create_tenant(self, tenant: str, name: str) -> None:
        """Create a tenant (SPEC 2.6 for the id); AlreadyThere (`tenant_exists`)."""
        raise NotImplementedError

    def tenants(self) -> tuple[Tenant, ...]:
        """Return all tenants."""
        raise NotImplementedError

    def create(self, tenant: str, scopes: Collection[Scope]) -> str:
        """Create a key and return it, `sealtrail_…`: the only time it is seen.  NotFound (`tenant_unknown`)."""
        raise NotImplementedError

    def check(self, plaintext: str) -> Access | None:
        """Return what a key opens; None for a revoked key or any other text."""
        raise NotImplementedError

    def list(self, tenant: str) -> tuple[KeyLine, ...]:
        """Return the tenant's keys."""
        raise NotImplementedError

    def revoke(self, tenant: str, key_id: str) -> None:
        """End a key; NotFound (`key_unknown`)."""
        raise NotImplementedError

    def disclose(self, tenant: str, audience: Audience, fields: Collection[str]) -> None:
        """Set which private fields an audience sees beside the public ones (the tenant's view policy)."""
        raise NotImplementedError
