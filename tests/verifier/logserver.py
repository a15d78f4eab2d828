"""A log on a socket of its own: what an auditor asks of a service, from a world whose entries a test may choose."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anchor_service.protocol.tiles import WIDTH, append, print_entries
from scripts.vectors.world import World

KEY = "an auditor's key"


class LogServer:
    """Serves what `show` was given; `answers` replaces the answer of a path: (status, body)."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: list[str] = []
        self.page = 2

    def show(self, world: World, size: int | None = None) -> None:
        """Show this log from now on, as it was at a size."""
        self.world = world
        self.size = len(world.entries) if size is None else size
        self.seals = [at + 1 for at, entry in enumerate(world.entries[: self.size]) if b'"kind":"seal"' in entry]
        self.tiles: dict[tuple[int, int], bytes] = append(0, world.leaves[: self.size], _NoTiles())

    def answer(self, target: str, key: str) -> tuple[int, bytes]:
        url = urlsplit(target)
        path = url.path.lstrip("/")
        self.asked.append(path)
        if path in self.answers:
            return self.answers[path]
        kind, _, rest = path.partition("/")
        if path == "checkpoint":
            return 200, self.world.checkpoint(self.size).encode()
        if kind == "tile" and not rest.startswith("entries/"):
            level, _, place = rest.partition("/")
            index, width = _place(place)
            tile = self.tiles.get((int(level), index), b"")
            return (200, tile[: width * 32]) if len(tile) >= width * 32 else (404, b"")
        if key != KEY:
            return (403 if key else 401), b"{}"
        if kind == "tile":
            index, width = _place(rest.removeprefix("entries/"))
            entries = self.world.entries[index * WIDTH : index * WIDTH + width]
            return (200, print_entries(entries)) if index * WIDTH + width <= self.size else (404, b"")
        return self.listed(path, parse_qs(url.query))

    def listed(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        anchors = {anchor.size: anchor for anchor in self.world.anchors if anchor.size <= self.size}
        if path == "v1/batches":
            items: list[dict[str, Any]] = [
                {"size": size, "checkpoint": self.world.checkpoint(size)} for size in reversed(self.seals)
            ]
        elif path == "v1/anchors":
            items = [{"size": size, "state": "FINAL"} for size in sorted(anchors, reverse=True)]
        elif path.startswith("v1/anchors/") and int(path.split("/")[2]) in anchors:
            return 200, json.dumps(self.world.anchor_document(anchors[int(path.split("/")[2])])).encode()
        else:
            return 404, b"{}"
        first = int(query.get("cursor", ["0"])[0])
        last = first + self.page
        page = {"items": items[first:last], "next": str(last) if last < len(items) else None}
        return 200, json.dumps(page).encode()


class _NoTiles:
    def tile(self, level: int, index: int) -> bytes:
        del level, index
        return b""


def _place(path: str) -> tuple[int, int]:
    place, _, width = path.partition(".p/")
    return int(place.replace("x", "").replace("/", "")), int(width or WIDTH)


@contextmanager
def serving(world: World, size: int | None = None) -> Iterator[LogServer]:
    """Serve until the block ends."""
    log = LogServer()
    log.show(world, size)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            status, body = log.answer(self.path, key)
            self.send_response(status)
            if status == 302:
                self.send_header("Location", body.decode())
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        log.url = f"http://127.0.0.1:{server.server_port}"
        yield log
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
