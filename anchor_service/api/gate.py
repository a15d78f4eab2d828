"""Who is asking: API keys, looked up at most every few seconds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

from anyio import to_thread
from starlette.requests import Request

from anchor_service.api.errors import HttpProblem
from anchor_service.services.keys import Access, Scope

LIFETIME: Final = 5.0
"""Seconds for which an answer is kept, so also the longest that a revoked key still works."""
_LONGEST_KEY: Final = 200
_MOST: Final = 10_000


class Gate:
    """Checks keys with `check`; `clock` is monotonic, in seconds.  Keys are remembered by their hash alone."""

    def __init__(self, check: Callable[[str], Access | None], clock: Callable[[], float]) -> None:
        self._check = check
        self._clock = clock
        self._known: dict[bytes, tuple[float, Access]] = {}

    async def access(self, request: Request, *scopes: Scope) -> Access:
        """What the request's key opens; HttpProblem `api_key` (401), or `scope` (403) where it has none of these.

        A key with the scope admin has all scopes of its tenant.  `audit` is about the log, which is nobody's alone.
        """
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        key = key.strip()
        if kind.lower() != "bearer" or not 0 < len(key) <= _LONGEST_KEY:
            raise _refused("send an API key: Authorization: Bearer <key>")
        name = hashlib.sha256(key.encode()).digest()
        kept = self._known.get(name)
        if kept is not None and self._clock() < kept[0]:
            access = kept[1]
        else:
            found = await to_thread.run_sync(self._check, key)
            if found is None:
                self._known.pop(name, None)
                raise _refused("this API key is not known, or was revoked")
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[name] = (self._clock() + LIFETIME, found)
            access = found
        enough = {*scopes, Scope.ADMIN} if scopes != (Scope.AUDIT,) else set(scopes)
        if access.scopes.isdisjoint(enough):
            raise HttpProblem("scope", f"this API key lacks the scope {' or '.join(scopes)}")
        return access


def _refused(why: str) -> HttpProblem:
    return HttpProblem("api_key", why, {"WWW-Authenticate": "Bearer"})
