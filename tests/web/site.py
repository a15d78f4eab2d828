"""What stands behind a label in the page's tests: a small HTTP server that answers as it is told."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOST = "sealtrail.test"  # mapped to 127.0.0.1 in the browser alone: a name that is not localhost, over plain HTTP
TOKEN = "AbCdEfGhIjKlMnOpQrSt-_"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response; `cut` sends only so many bytes of the body that the headers promise, then hangs up."""

    status: int
    body: bytes
    media_type: str = "application/json"
    cut: int | None = None


Route = Callable[[bytes], Answer]


@dataclass(slots=True)
class Site:
    """Serves the page in `page` at /v/{token}, and `routes` (path to what answers a request's body) beside it."""

    page: Path
    url: str = ""
    routes: dict[str, Route] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def label(self, stream: str, token: str = TOKEN) -> str:
        """Return the link that a label's code holds."""
        return f"{self.url}/v/{token}#{stream}"

    def say(self, path: str, answer: Answer) -> None:
        """Answer every request for this path so."""
        self.routes[path] = lambda _body: answer

    def proof(self, answer: Answer) -> None:
        """Answer so when the page asks for the proof."""
        self.say(f"/v1/labels/{TOKEN}/proof", answer)

    def absence(self, answer: Answer) -> None:
        """Answer so when the page asks whether a stream was ever in the log."""
        self.say("/v/absence", answer)

    def attachment(self, sha256: str, answer: Answer) -> None:
        """Answer so when the page asks for this file."""
        self.say(f"/v1/labels/{TOKEN}/attachments/{sha256}", answer)

    def answer(self, path: str, body: bytes) -> Answer:
        """Answer a request: the page's own files, then the routes."""
        self.asked.append(path)
        if path.startswith("/v/assets/"):
            file = self.page / path.removeprefix("/v/")
            return Answer(200, file.read_bytes(), mimetypes.guess_type(file.name)[0] or "application/octet-stream")
        if path.startswith("/v/") and path not in self.routes:
            return Answer(200, (self.page / "index.html").read_bytes(), "text/html; charset=utf-8")
        route = self.routes.get(path)
        return Answer(404, b"{}") if route is None else route(body)


@contextmanager
def serve(page: Path) -> Iterator[Site]:
    """Serve a page on a free port until the block ends."""
    site = Site(page)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            self._respond(b"")

        def do_POST(self) -> None:
            self._respond(self.rfile.read(int(self.headers["content-length"])))

        def _respond(self, body: bytes) -> None:
            answer = site.answer(self.path.partition("?")[0], body)
            self.send_response(answer.status)
            self.send_header("content-type", answer.media_type)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Stay quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Stay quiet: a browser hangs up when a test is over."""

    with Server(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://{HOST}:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
