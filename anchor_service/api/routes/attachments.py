"""Files that events name: signature images, photos, documents; stored under their SHA-256."""

from __future__ import annotations

from anyio import to_thread
from fastapi import APIRouter, Request, Response

from anchor_service.api import examples
from anchor_service.api.body import media_type, read_body
from anchor_service.api.errors import HttpProblem
from anchor_service.api.parts import Log, Reader, parts_of
from anchor_service.api.wire import IMMUTABLE, content, reply
from anchor_service.ports import File
from anchor_service.protocol.hashes import parse_hash
from anchor_service.services.keys import Scope

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "application/pdf": "pdf"}

router = APIRouter(tags=["attachments"])


@router.put("/v1/attachments", openapi_extra=examples.PUT_ATTACHMENT)
async def put_attachment(request: Request) -> Response:
    """Store a file (PNG, JPEG, WebP or PDF) before the event that names it is sent; the same file again is harmless."""
    parts = parts_of(request)
    access = await parts.gate.access(request, Scope.INGEST)
    kind = media_type(request)
    body = await read_body(request, parts.service.settings.attachment_bytes)
    if not body:
        raise HttpProblem("body_empty", "there is no file in the body")
    file: File = await to_thread.run_sync(parts.service.attachments.put, access.tenant, [body], kind)
    return reply({"sha256": file.sha256.hex(), "size": file.size, "media_type": file.media_type})


@router.get("/v1/attachments/{sha256}", openapi_extra=examples.OWN_FILE)
def get_attachment(request: Request, log: Log, access: Reader, sha256: str) -> Response:
    """Return a file of this tenant."""
    file, body = log.attachments.open(access.tenant, parse_hash(sha256, "sha256"))
    return file_answer(request, file, body, IMMUTABLE.replace("public", "private"))


def file_answer(request: Request, file: File, body: bytes, cache: str) -> Response:
    """A stored file, to be kept and not to be run."""
    answer = content(request, body, file.media_type, file.sha256.hex(), cache)
    answer.headers["Content-Disposition"] = f'inline; filename="{file.sha256.hex()}.{_ENDINGS[file.media_type]}"'
    answer.headers["Content-Security-Policy"] = "default-src 'none'; sandbox; frame-ancestors 'none'"
    return answer
