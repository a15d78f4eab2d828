"""What verification says: checks with their results, the state that follows, and what was given to it (SPEC 15)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from anchor_service.protocol import lifecycle
from anchor_service.protocol.evidence import BlockHeader
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.proof import Proof
from anchor_service.protocol.story import Step

if TYPE_CHECKING:
    from collections.abc import Mapping

NOT_PROVEN: Final = ("truth", "object", "history")


class Result(StrEnum):
    """What a check found."""

    VALID = "VALID"
    INVALID = "INVALID"
    UNKNOWN = "UNKNOWN"
    SKIPPED = "SKIPPED"


class State(StrEnum):
    """What a verdict says in one word (SPEC 15.15)."""

    VERIFIED = "verified"
    VERIFIED_PENDING = "verified_pending"
    WITHDRAWN = "withdrawn"
    TEST_DATA = "test_data"
    ALTERED = "altered"
    MALFORMED = "malformed"
    COULD_NOT_CHECK = "could_not_check"
    UNKNOWN_CODE = "unknown_code"

    @property
    def exit_code(self) -> int:
        """The exit code of a verifier (SPEC 15.17)."""
        return _EXIT_CODES.get(self, 0)


_EXIT_CODES: Final = {State.ALTERED: 1, State.MALFORMED: 2, State.COULD_NOT_CHECK: 3, State.UNKNOWN_CODE: 4}


@dataclass(frozen=True, slots=True)
class Check:
    """One numbered check: `code` is None where it is VALID; `detail` is a sentence for people."""

    name: str
    result: Result
    code: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What one RPC node said.  `error` set: it did not answer.  `blocks`: its hash at each number asked for."""

    url: str
    operator: bool
    error: str | None = None
    chain_id: int | None = None
    final: int | None = None
    blocks: Mapping[int, Hash | None] = field(default_factory=dict)
    head: tuple[int, Hash] | None = None


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the verifier's user adds to the policy: all optional.  `now` in ms UTC."""

    stream: StreamId | None = None
    nodes: tuple[NodeAnswer, ...] = ()
    attachments: Mapping[str, str] | None = None
    now: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks in order, the state that follows, and the story; `as_of` is the newest anchor's block."""

    state: State
    checks: tuple[Check, ...]
    proof: Proof | None = None
    tenant_name: str | None = None
    lifecycle: str = lifecycle.START
    steps: tuple[Step, ...] = ()
    as_of: BlockHeader | None = None

    def check(self, name: str) -> Check:
        """Return the check of this name."""
        return next(check for check in self.checks if check.name == name)
