"""Seal: gives accepted events their places in their streams and in the log, and signs the checkpoint."""

from __future__ import annotations

from dataclasses import dataclass

from anchor_service.protocol.hashes import Hash


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch that was sealed and its checkpoint published."""

    batch: int
    size: int
    root: Hash
    events: int


class Seal:
    """The only writer of the log."""

    def run_once(self) -> Sealed | None:
        """Publish what a crash left unpublished, then seal at most one batch; None where nothing was to do."""
        raise NotImplementedError
