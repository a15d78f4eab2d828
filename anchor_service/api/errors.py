"""The edge's table of errors: what a caller did wrong becomes an RFC 9457 problem, our own bugs become a plain 500."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson
from starlette.requests import Request
from starlette.responses import Response

from anchor_service.ports import AlreadyThere, Busy, ChainUnavailable, NotFound
from anchor_service.protocol.errors import Malformed, SealtrailError

MEDIA_TYPE: Final = "application/problem+json"
_TYPE: Final = "urn:sealtrail:problem:"
_FIELD: Final = re.compile(r"([a-z_]+(?:\.[a-z0-9_]+|\[\d+\])*): ", re.ASCII)

# By code; what is not here goes by its class.
STATUS: Final[dict[str, int]] = {
    "api_key": 401,
    "scope": 403,
    "not_found": 404,
    "checkpoint_unknown": 404,
    "tile_unknown": 404,
    "not_embedded": 404,
    "method": 405,
    "event_conflict": 409,
    "body_size": 413,
    "event_size": 413,
    "attachment_size": 413,
    "too_many_events": 413,
    "media_type": 415,
    "attachment_media_type": 415,
    "body_broken": 400,
    "body_empty": 400,
    "idempotency_key": 400,
}


class HttpProblem(SealtrailError):
    """A problem that only the edge knows: no key, no such route, a body too large.  Same codes table as all others."""

    def __init__(self, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        if code not in STATUS:
            raise ValueError(f"{code} has no status")
        super().__init__(code, message)
        self.headers = headers or {}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as RFC 9457 has it; `item` counts from 0 within a request of several events."""

    status: int
    code: str
    detail: str
    field: str | None = None
    item: int | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)

    def members(self) -> dict[str, object]:
        """The problem's JSON members."""
        document: dict[str, object] = {
            "type": _TYPE + self.code,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
        }
        if self.field is not None:
            document["field"] = self.field
        if self.item is not None:
            document["item"] = self.item
        return document

    def response(self) -> Response:
        """The problem as an answer."""
        return Response(orjson.dumps(self.members()), self.status, self.headers, MEDIA_TYPE)


def status_of(error: SealtrailError) -> int | None:
    """The HTTP status of a domain error; None for one that no caller should see: our own bug."""
    known = STATUS.get(error.code)
    if known is not None:
        return known
    match error:
        case Malformed():
            return 400 if error.code.startswith("json_") else 422
        case NotFound():
            return 404
        case AlreadyThere():
            return 409
        case Busy() | ChainUnavailable():
            return 503
    return None


def problem_of(error: SealtrailError, item: int | None = None) -> Problem | None:
    """A domain error as a problem; None for our own bug.  A message that starts with a field's path names the field."""
    status = status_of(error)
    if status is None:
        return None
    named = _FIELD.match(error.message)
    headers = dict(error.headers) if isinstance(error, HttpProblem) else {}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(error.retry_after if isinstance(error, Busy) else 1)
    return Problem(status, error.code, printable(error.message), named[1] if named else None, item, headers)


def printable(text: str) -> str:
    """A stranger's text as one safe line: no controls, no lone surrogates, at most 500 characters."""
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text[:500])


async def on_domain_error(_: Request, error: Exception) -> Response:
    """Answer a domain error that a route raised; one without a status goes on as our own bug."""
    assert isinstance(error, SealtrailError)
    problem = problem_of(error)
    if problem is None:
        raise error
    return problem.response()
