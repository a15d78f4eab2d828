"""What is kept outside the database: attachments, the signer's memory, and the lock on the data directory."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from anchor_service.ports import Busy, StoreRefused
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import Hash, parse_hash

_ENDING: Final = 1.0
"""Seconds that a process which was started by one that was killed may take to see it and to end."""


class DirectoryLock:
    """An exclusive lock on the data directory; the system lets go of it when the process ends, however it ends."""

    def __init__(self, directory: Path) -> None:
        self.file = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        end = time.monotonic() + _ENDING
        while True:
            try:
                fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    os.close(self.file)
                    raise StoreRefused("locked", f"{directory} is in use by another process") from None
                time.sleep(_ENDING / 50)
            else:
                return

    def close(self) -> None:
        """Let go."""
        os.close(self.file)


def replace_file(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Put a whole file in place, durably: readers see the old one or the new one."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        Path(name).rename(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SignerFile:
    """The port `SignerMemory`: `{"root": hex, "size": n}` in a file beside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> tuple[int, Hash]:
        """Return the last (size, root); StoreRefused where it is missing or damaged."""
        try:
            document = json.loads(self._path.read_bytes())
            size, root = document["size"], parse_hash(document["root"], "root")
        except (OSError, ValueError, KeyError, TypeError, Malformed) as problem:
            raise StoreRefused(
                "signer_memory", f"{self._path}: what the log key last signed cannot be read: {problem}"
            ) from problem
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise StoreRefused("signer_memory", f"{self._path}: the size that was last signed is not a number")
        return size, root

    def store(self, size: int, root: Hash) -> None:
        """Replace it; durable when this returns."""
        try:
            replace_file(self._path, json.dumps({"root": root.hex(), "size": size}).encode() + b"\n")
        except OSError as problem:
            raise Busy(f"{self._path} cannot be written: {problem.strerror}") from problem


class AttachmentFiles:
    """The port `FileDirectory`: one directory a tenant, named by a hash since ids may hold any character."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def write(self, tenant: str, parts: Iterable[bytes]) -> Hash:
        """Store a file under its SHA-256; whole, durable and in place when this returns."""
        digest = sha256()
        with _disk():
            place = self._place(tenant)
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, name = tempfile.mkstemp(prefix=".new.", dir=place)
        try:
            try:
                for part in parts:
                    digest.update(part)
                    with _disk():
                        _write_all(descriptor, part)
                with _disk():
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            with _disk():
                Path(name).rename(place / digest.hexdigest())
                sync_directory(place)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        return Hash(digest.digest())

    def read(self, tenant: str, file: Hash) -> bytes | None:
        """Return a file's bytes; None where it is not there."""
        try:
            return (self._place(tenant) / file.hex()).read_bytes()
        except FileNotFoundError:
            return None

    def _place(self, tenant: str) -> Path:
        return self._directory / sha256(tenant.encode()).hexdigest()[:32]


@contextmanager
def _disk() -> Iterator[None]:
    try:
        yield
    except OSError as problem:
        raise Busy(f"the attachment cannot be written: {problem.strerror}") from problem


def _write_all(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
