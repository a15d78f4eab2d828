"""Attachments: files by their SHA-256, each tenant's apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from anchor_service.ports import File
from anchor_service.protocol.hashes import Hash

MEDIA_TYPES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "application/pdf"})


class Attachments:
    """Stores and reads files; a file is durable before its row is."""

    def put(self, tenant: str, data: Iterable[bytes], media_type: str) -> File:
        """Store a file given in parts; the same file again is quiet.

        Malformed: `attachment_size` (empty, or over the limit: nothing is kept), `attachment_media_type` (not one of
        MEDIA_TYPES, or the bytes do not begin as such a file does).  Busy where the disk is full.
        """
        raise NotImplementedError

    def open(self, tenant: str, sha256: Hash) -> tuple[File, bytes]:
        """Return a file and its bytes, hashed again; NotFound (`attachment_unknown`)."""
        raise NotImplementedError
