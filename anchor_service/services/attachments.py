"""Attachments: files by their SHA-256, each tenant's apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from anchor_service.ports import File, FileDirectory, NotFound, StoreRefused, TenantStore
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.model import MEDIA_TYPES

_BEGINNINGS: Final = {
    "image/png": (b"\x89PNG\r\n\x1a\n", b""),
    "image/jpeg": (b"\xff\xd8\xff", b""),
    "image/webp": (b"RIFF", b"WEBP"),
    "application/pdf": (b"%PDF-", b""),
}
"""How a file of each type begins, and what stands from its ninth byte on."""
_LONGEST_BEGINNING: Final = 12


class Attachments:
    """Stores and reads files; a file is durable before its row is.  `clock` gives ms UTC, `most_bytes` is the limit."""

    def __init__(
        self, store: TenantStore, directory: FileDirectory, *, clock: Callable[[], int], most_bytes: int
    ) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock
        self._most_bytes = most_bytes

    def put(self, tenant: str, data: Iterable[bytes], media_type: str) -> File:
        """Store a file given in parts; the same file again is quiet.

        Malformed: `attachment_size` (empty, or over the limit: nothing is kept), `attachment_media_type` (not one of
        the model's MEDIA_TYPES, or the bytes do not begin as such a file does).  Busy where the disk is full;
        NotFound for an unknown tenant.
        """
        if media_type not in MEDIA_TYPES:
            raise Malformed("attachment_media_type", f"media type: expected one of {', '.join(MEDIA_TYPES)}")
        if all(known.id != tenant for known in self._store.tenants()):
            raise NotFound("tenant_unknown", f"there is no tenant {tenant!r}")
        parts = _Checked(data, media_type, self._most_bytes)
        digest = self._directory.write(tenant, parts)
        # If we crash here, a file lies there that nobody knows of, and the next put finds it.
        file = File(digest, parts.size, media_type)
        known = self._store.files(tenant, [digest]).get(digest)
        if known is not None:
            return known
        self._store.add_file(tenant, file, self._clock())
        return file

    def open(self, tenant: str, sha256: Hash) -> tuple[File, bytes]:
        """Return a file and its bytes, hashed again; NotFound (`attachment_unknown`), StoreRefused where damaged."""
        file = self._store.files(tenant, [sha256]).get(sha256)
        data = None if file is None else self._directory.read(tenant, sha256)
        if file is None or data is None:
            raise NotFound("attachment_unknown", f"there is no file {sha256}")
        if hashlib.sha256(data).digest() != sha256:
            raise StoreRefused("attachment_damaged", f"the file {sha256} is not what it was")
        return file, data


class _Checked:
    """The parts of a file, checked while they pass."""

    def __init__(self, parts: Iterable[bytes], media_type: str, most_bytes: int) -> None:
        self._parts = parts
        self._media_type = media_type
        self._most_bytes = most_bytes
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        beginning = b""
        for part in self._parts:
            self.size += len(part)
            if self.size > self._most_bytes:
                raise Malformed("attachment_size", f"a file has at most {self._most_bytes} bytes")
            if len(beginning) < _LONGEST_BEGINNING:
                beginning += part[: _LONGEST_BEGINNING - len(beginning)]
                if len(beginning) == _LONGEST_BEGINNING:
                    self._check(beginning)
            yield part
        if not self.size:
            raise Malformed("attachment_size", "the file is empty")
        if len(beginning) < _LONGEST_BEGINNING:
            self._check(beginning)

    def _check(self, beginning: bytes) -> None:
        first, ninth = _BEGINNINGS[self._media_type]
        if not beginning.startswith(first) or not beginning[8:].startswith(ninth):
            raise Malformed("attachment_media_type", f"the bytes do not begin as {self._media_type} does")
