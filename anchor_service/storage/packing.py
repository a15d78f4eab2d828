"""Disclosures as they are stored (ports.disclosures)."""

from __future__ import annotations

from anchor_service.ports.disclosures import pack, unpack

__all__ = ["pack", "unpack"]
