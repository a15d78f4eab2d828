"""Reading request bodies: with a limit, and split into events."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request

from anchor_service.api.errors import HttpProblem

NDJSON: Final = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})


def media_type(request: Request) -> str:
    """The body's media type in lower case, without parameters; empty where none was sent."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit: int) -> bytes:
    """Read the whole body, at most `limit` bytes; HttpProblem `body_size` as soon as it is known to be longer.

    What is not read then is not waited for: the connection closes.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise HttpProblem("body_broken", "Content-Length is not a number")
    if len(announced) > 18 or int(announced) > limit:
        raise _too_large(limit)
    parts: list[bytes] = []
    size = 0
    more = True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise HttpProblem("body_broken", "the connection closed before the body was whole")
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _too_large(limit: int) -> HttpProblem:
    return HttpProblem("body_size", f"a body has at most {limit} bytes", {"Connection": "close"})


def split_lines(body: bytes) -> list[bytes]:
    """The lines of NDJSON that are not blank; a carriage return at the end of a line is white space."""
    return [line for line in body.split(b"\n") if line.strip(b" \t\r")]


def is_array(body: bytes) -> bool:
    """Whether a JSON text is an array, by its first character that is not white space."""
    return body.lstrip(b" \t\r\n")[:1] == b"["
