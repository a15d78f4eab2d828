"""The log itself: batches and anchors for tenants and auditors, entries for auditors, the rest for everybody."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Final

from anyio import to_thread
from fastapi import APIRouter, Path, Request, Response

from anchor_service.api import examples
from anchor_service.api.body import read_body
from anchor_service.api.errors import HttpProblem
from anchor_service.api.parts import Auditor, Log, Watcher, parts_of
from anchor_service.api.routes.orders import Cursor, Limit
from anchor_service.api.rpc import MAX_BODY, answer, embedded
from anchor_service.api.wire import (
    IMMUTABLE,
    KEPT_PRIVATELY,
    NEVER_STORED,
    anchor_members,
    batch_members,
    content,
    page_members,
    reply,
)
from anchor_service.protocol.canonical import SAFE_INTEGER, print_json
from anchor_service.protocol.hashes import StreamId, parse_hash
from anchor_service.protocol.proof import print_anchor
from anchor_service.protocol.tiles import WIDTH, bundle_path, print_entries

_LEVEL: Final = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]", re.ASCII)
_TILE: Final = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
Number = Annotated[int, Path(ge=1, le=SAFE_INTEGER)]

router = APIRouter(tags=["log"])


@router.get("/v1/batches", openapi_extra=examples.LIST)
def list_batches(log: Log, _: Watcher, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """List batches, the newest first."""
    return reply(page_members(log.prove.batches(cursor, limit), batch_members))


@router.get("/v1/batches/{batch}", openapi_extra=examples.BATCH)
def get_batch(log: Log, _: Watcher, batch: Number) -> Response:
    """Return a batch: its place in the log, its seal entry, its checkpoint."""
    return reply(batch_members(log.prove.batch(batch)))


@router.get("/v1/anchors", openapi_extra=examples.LIST)
def list_anchors(log: Log, _: Watcher, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """List anchors, the newest first."""
    return reply(page_members(log.prove.anchors(cursor, limit), anchor_members))


@router.get("/v1/anchors/{size}", openapi_extra=examples.ANCHOR)
def get_anchor(log: Log, _: Watcher, size: Number) -> Response:
    """Return an anchor: what was recorded, by which transaction, in which block."""
    return reply(anchor_members(log.prove.anchor(size)))


@router.get("/v1/anchors/{size}/evidence", openapi_extra=examples.EVIDENCE)
def get_evidence(request: Request, log: Log, _: Watcher, size: Number) -> Response:
    """Return what shows a final anchor: its checkpoint, and the block's header and receipt (SPEC 12, 14.1)."""
    body = print_json(print_anchor(log.prove.anchored(size)))
    return content(request, body, "application/json", hashlib.sha256(body).hexdigest())


@router.get("/checkpoint", openapi_extra=examples.CHECKPOINT)
def get_checkpoint(request: Request, log: Log) -> Response:
    """Return the newest published checkpoint (C2SP tlog-checkpoint)."""
    checkpoint = log.prove.checkpoint()
    if checkpoint is None:
        raise HttpProblem("checkpoint_unknown", "no checkpoint has been published yet")
    body = checkpoint.encode()
    return content(request, body, "text/plain; charset=utf-8", hashlib.sha256(body).hexdigest())


@router.get("/tile/entries/{path:path}", openapi_extra=examples.ENTRIES)
def get_entries(request: Request, log: Log, _: Auditor, path: str) -> Response:
    """Return an entry bundle (C2SP tlog-tiles), the entries under a tile of level 0; for keys with the scope audit."""
    place = _place(path)
    entries = None if place is None else log.prove.entries(*place)
    if entries is None:
        raise _no_tile()
    bundle = print_entries(entries)
    return content(request, bundle, "application/octet-stream", hashlib.sha256(bundle).hexdigest(), KEPT_PRIVATELY)


@router.get("/tile/{path:path}", openapi_extra=examples.TILE)
def get_tile(request: Request, log: Log, path: str) -> Response:
    """Return a tile (C2SP tlog-tiles), never beyond the published checkpoint."""
    level, _, rest = path.partition("/")
    place = _place(rest) if _LEVEL.fullmatch(level) else None
    hashes = None if place is None else log.prove.tile(int(level), *place)
    if hashes is None:
        raise _no_tile()
    # A tile of a given width never changes.
    return content(request, hashes, "application/octet-stream", hashlib.sha256(hashes).hexdigest(), IMMUTABLE)


# Beside the page, which asks for it by a link relative to its own; the page's route is added after this one.
@router.get("/v/absence", openapi_extra=examples.ABSENCE)
def get_absence(log: Log, stream: str) -> Response:
    """Return the proof that the log held nothing of a stream, as of the newest final anchor (SPEC 14.6)."""
    proof = log.prove.absence(StreamId(parse_hash(stream, "stream")))
    return Response(proof, 200, {"Cache-Control": NEVER_STORED}, "application/json")


def _place(path: str) -> tuple[int, int] | None:
    """Read index and width; None for anything but the one path that they have."""
    match = _TILE.fullmatch(path)
    if match is None:
        return None
    width = WIDTH if match[2] is None else int(match[2])
    index = int(match[1].replace("x", "").replace("/", ""))
    return (index, width) if bundle_path(index, width) == f"tile/entries/{path}" else None


def _no_tile() -> HttpProblem:
    return HttpProblem("tile_unknown", "the published checkpoint covers no such tile")


@router.post("/rpc", openapi_extra=examples.RPC)
async def post_rpc(request: Request) -> Response:
    """Ask the embedded chain (JSON-RPC 2.0, read-only: what a verifier needs).  404 on any other chain."""
    nodes = embedded(parts_of(request).service.nodes)
    body = await read_body(request, MAX_BODY)
    answered = await to_thread.run_sync(answer, nodes, body)
    return Response(answered, 200, {"Cache-Control": NEVER_STORED}, "application/json")
