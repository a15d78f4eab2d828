"""The page behind the QR code: static files, the same for every label.  The verdict is made in the browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request, Response

from anchor_service.api.parts import Log
from anchor_service.api.wire import IMMUTABLE, REVALIDATED, content

_ASSET: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,120}\.(css|js|svg|png|woff2)", re.ASCII)
_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "png": "image/png",
    "svg": "image/svg+xml",
    "woff2": "font/woff2",
}
_NOT_BUILT: Final = (
    "The page of this link has not been built on this server.\n"
    "Its operator runs: sealtrail page\n\n"
    "本服务器尚未生成此链接的页面。\n"
)
# The page's own policy is in its bytes, baked with the nodes it may ask; this is what a document cannot say of itself.
_FRAMES: Final = {"Content-Security-Policy": "frame-ancestors 'none'"}

router = APIRouter(include_in_schema=False)


@router.get("/v/assets/{name}")
def get_asset(request: Request, log: Log, name: str) -> Response:
    """A file of the page; its content's hash is in its name."""
    match = _ASSET.fullmatch(name)
    body = None if match is None else _read(log.settings.data / "page" / "assets" / name)
    if match is None or body is None:
        return Response("There is no such file.\n", 404, media_type="text/plain; charset=utf-8")
    return content(request, body, _TYPES[match[1]], name, IMMUTABLE)


@router.get("/v/{token}")
def get_page(log: Log, token: str) -> Response:
    """The page.  It is not asked here whether the label exists: the page finds out, and says so."""
    del token
    body = _read(log.settings.data / "page" / "index.html")
    if body is None:
        return Response(_NOT_BUILT, 404, media_type="text/plain; charset=utf-8")
    return Response(body, 200, {"Cache-Control": REVALIDATED} | _FRAMES, "text/html; charset=utf-8")


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
