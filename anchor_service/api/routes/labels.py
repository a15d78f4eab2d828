"""What a label's link opens, for anybody who holds it: the consumer's view and no more."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from anchor_service.api import examples
from anchor_service.api.parts import Log
from anchor_service.api.routes.attachments import file_answer
from anchor_service.api.routes.orders import proof_answer
from anchor_service.api.wire import NEVER_STORED, content
from anchor_service.ports import Audience, NotFound
from anchor_service.protocol.hashes import parse_hash
from anchor_service.services.label import Label, label_link, png, svg
from anchor_service.wiring.serving import Front

router = APIRouter(prefix="/v1/labels/{token}", tags=["labels"])


def _label(log: Front, token: str) -> Label:
    label = log.labels.resolve(token)
    if label is None:
        raise NotFound("label_unknown", "there is no such label")
    return label


@router.get("/proof", openapi_extra=examples.LABEL_PROOF)
def get_label_proof(request: Request, log: Log, token: str) -> Response:
    """Return the consumer's proof of the labelled order; 202 while nothing of it is under a final anchor."""
    label = _label(log, token)
    return proof_answer(request, log.prove.proof(label.tenant, label.order_id, Audience.CONSUMER))


@router.get("/attachments/{sha256}", openapi_extra=examples.FILE)
def get_label_attachment(request: Request, log: Log, token: str, sha256: str) -> Response:
    """Return a file that an event of the labelled order names where a consumer sees it."""
    label = _label(log, token)
    name = parse_hash(sha256, "sha256")
    if name not in log.prove.files(label.tenant, label.order_id, Audience.CONSUMER):
        raise NotFound("attachment_unknown", "the labelled order names no such file")
    file, body = log.attachments.open(label.tenant, name)
    return file_answer(request, file, body, NEVER_STORED)


@router.get("/qr.svg", openapi_extra=examples.IMAGE)
def get_label_svg(request: Request, log: Log, token: str) -> Response:
    """Return the label's QR code as SVG, with its quiet zone."""
    link = label_link(log.settings.link_base, _label(log, token))
    return content(request, svg(link), "image/svg+xml", f"{token}.svg", NEVER_STORED)


@router.get("/qr.png", openapi_extra=examples.IMAGE)
def get_label_png(request: Request, log: Log, token: str) -> Response:
    """Return the label's QR code as PNG, with its quiet zone."""
    link = label_link(log.settings.link_base, _label(log, token))
    return content(request, png(link), "image/png", f"{token}.png", NEVER_STORED)
