"""Fsck: recomputes what is stored from its own bytes, and names every row that does not agree."""

from anchor_service.services.fsck.finding import Finding
from anchor_service.services.fsck.fsck import fsck

__all__ = ["Finding", "fsck"]
