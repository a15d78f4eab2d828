"""The chain of an open log, wherever it is opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from anchor_service.ports import AnchorChain, Nodes
from anchor_service.protocol.anchor import parse_address


@dataclass(frozen=True, slots=True)
class RegistryPlace:
    """Where a log's registry is: its address, and the block before which nothing is in it."""

    address: bytes
    first_block: int

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Self:
        """Read it from what a log was created with."""
        return cls(parse_address(facts["registry"], "registry"), int(facts["first_block"]))


@dataclass(frozen=True, slots=True)
class OpenChain:
    """The chain that a log is anchored on."""

    id: Callable[[], int]
    """Says which chain it is, or why it cannot be opened."""
    registry: AnchorChain
    public: Nodes | None
    """What anybody may ask, where it is the embedded chain."""
