"""A log as its server gives it to an auditor.  Nothing of it is believed here; every answer is bounded."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote

from anchor_service.protocol.canonical import JSON, parse_json
from anchor_service.protocol.errors import Malformed, Unproven
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.note import MAX_NOTE
from anchor_service.protocol.shape import items, members, text
from anchor_service.protocol.tiles import HEIGHT, WIDTH, bundle_path, parse_entries, tile_path
from anchor_service.verifier.rpc import opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

TIMEOUT: Final = 20.0
"""Seconds without a byte after which a server counts as silent."""
LONGEST: Final = 120.0
"""Seconds that one answer may take in all."""
MAX_JSON: Final = 16 * 2**20
_MAX_BUNDLE: Final = WIDTH * (2 + 65_535)
_PAGE: Final = 500
_CHUNK: Final = 65_536


@dataclass(frozen=True, slots=True)
class Server:
    """A log's server at `url` (without a slash at its end); `key` opens what is for auditors.

    Whatever keeps it from answering is Unproven: `unreachable`, `refused` (the key), `not_served`, `answer`.  The key
    is sent to this server alone: redirects are not followed.
    """

    url: str
    key: str | None = None
    timeout: float = TIMEOUT
    clock: Callable[[], float] = time.monotonic

    def get(self, path: str, most: int) -> bytes:
        """Return what stands at a path, at most `most` bytes."""
        headers = {"User-Agent": "sealtrail-audit"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        try:
            request = urllib.request.Request(f"{self.url}/{path}", headers=headers)  # noqa: S310 - as in rpc.py
            with opener().open(request, timeout=self.timeout) as response:
                return self._body(response, path, most)
        except urllib.error.HTTPError as problem:
            problem.close()
            if problem.code in {401, 403}:
                raise Unproven("refused", f"/{path}: the server refuses the key ({problem.code})") from None
            raise Unproven("not_served", f"/{path}: the server answers {problem.code}") from None
        except (OSError, http.client.HTTPException, ValueError) as problem:
            raise Unproven("unreachable", f"/{path}: {type(problem).__name__}: {problem}"[:300]) from None

    def _body(self, response: http.client.HTTPResponse, path: str, most: int) -> bytes:
        end, body = self.clock() + LONGEST, b""
        while chunk := response.read1(_CHUNK):
            body += chunk
            if len(body) > most or self.clock() > end:
                raise Unproven("answer", f"/{path}: more than {most} bytes, or more than {LONGEST:.0f} s")
        if response.length:
            raise Unproven("unreachable", f"/{path}: the answer was cut short")
        return body

    def checkpoint(self) -> str:
        """Return the note at /checkpoint."""
        return _read("checkpoint", lambda: self.get("checkpoint", MAX_NOTE).decode())

    def entries(self, index: int, width: int) -> list[bytes]:
        """Return the entries of a bundle."""
        path = bundle_path(index, width)
        return _read(path, lambda: parse_entries(self.get(path, _MAX_BUNDLE), width))

    def document(self, path: str) -> JSON:
        """Return a JSON document."""
        return _read(path, lambda: parse_json(self.get(path, MAX_JSON)))

    def listed(self, path: str) -> Iterator[dict[str, JSON]]:
        """Yield the items of a list, page by page, the newest first; ends where a page leads back."""
        cursor: str | None = ""
        seen = set[str | None]((None,))
        while cursor not in seen:
            seen.add(cursor)
            place = f"{path}?limit={_PAGE}" + (f"&cursor={quote(cursor, safe='')}" if cursor else "")
            listed, cursor = _read(place, partial(_page, place, self.document(place)))
            yield from listed


def _read(path: str, parse: Callable[[], T]) -> T:
    """Parse an answer; what is no such answer says nothing of the log."""
    try:
        return parse()
    except Malformed as problem:
        raise Unproven("answer", f"/{path}: {problem.message}") from None
    except UnicodeDecodeError:
        raise Unproven("answer", f"/{path}: not UTF-8") from None


def _page(place: str, document: JSON) -> tuple[list[dict[str, JSON]], str | None]:
    page = members(document, ("items", "next"), place)
    listed = [item for item in items(page["items"], _PAGE, place) if isinstance(item, dict)]
    return listed, None if page["next"] is None else text(page["next"], place)


@dataclass(frozen=True, slots=True)
class ServedTiles:
    """The tiles of the log of `size` entries, fetched one by one."""

    server: Server
    size: int

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile, as many as a log of this size has there."""
        width = min(WIDTH, (self.size >> HEIGHT * level) - index * WIDTH)
        if width <= 0:
            return b""
        path = tile_path(level, index, width)
        data = self.server.get(path, width * HASH_SIZE)
        if len(data) != width * HASH_SIZE:
            raise Unproven("answer", f"/{path}: not {width} hashes")
        return data
