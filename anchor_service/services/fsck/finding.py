"""What does not agree, and the checks that find it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ParamSpec

from anchor_service.protocol.errors import SealtrailError

P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be: `where` names the row."""

    where: str
    problem: str


def guarded(where: str, check: Callable[P, Iterator[Finding]], *args: P.args, **kwargs: P.kwargs) -> Iterator[Finding]:
    """Run a check that damage may make raise."""
    try:
        yield from check(*args, **kwargs)
    except (SealtrailError, LookupError, ValueError) as problem:
        yield Finding(where, f"{type(problem).__name__}: {problem}")
