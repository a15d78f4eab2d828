"""The sample orders that Sealtrail ships: its own, each from placed to signed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Final

import orjson

NAMES: Final = ("rice", "bag", "medicine")


@dataclass(frozen=True, slots=True)
class Sample:
    """An order: `body` is the JSON array of its events as it is sent, `signature` the PNG that its last event names."""

    name: str
    order_id: str
    title: str
    events: int
    body: bytes
    signature: bytes

    @property
    def signature_hash(self) -> str:
        """The signature image's SHA-256."""
        return hashlib.sha256(self.signature).hexdigest()


def read_samples() -> tuple[Sample, ...]:
    """Read all of them."""
    return tuple(map(_read, NAMES))


def _read(name: str) -> Sample:
    place = resources.files("anchor_service") / "samples"
    body = (place / f"{name}.json").read_bytes()
    events = orjson.loads(body)
    return Sample(
        name=name,
        order_id=events[0]["order_id"],
        title=events[0]["items"][0]["name"],
        events=len(events),
        body=body,
        signature=(place / f"{name}-signature.png").read_bytes(),
    )
