"""Orders as their own tenant sees them: events, proofs, bundles, labels."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import unquote

from fastapi import APIRouter, Path, Query, Request, Response

from anchor_service.api import examples
from anchor_service.api.parts import Log, Reader, Writer
from anchor_service.api.wire import (
    NEVER_STORED,
    content,
    label_members,
    not_yet,
    order_line_members,
    order_members,
    page_members,
    reply,
)
from anchor_service.ports import Audience
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import parse_name
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.services.bundle import assemble_bundle
from anchor_service.services.prove import NotYet

router = APIRouter(tags=["orders"])

MAX_PAGE: Final = 500
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most items in the answer.")]
Cursor = Annotated[str | None, Query(max_length=500, description="`next` of the page before.")]
OrderId = Annotated[str, Path(description="The order's id, percent-encoded.", openapi_examples=examples.ORDER_ID)]
View = Annotated[Audience, Query(description="Whom the proof is for: which fields it discloses.")]
Receipts = Annotated[bool, Query(description="Whether each event comes with the receipt that was given for it.")]


def order_id_of(part: str) -> str:
    """An order's id out of a path, where it stands percent-encoded."""
    try:
        return parse_name(unquote(part, errors="strict"), "order_id")
    except UnicodeDecodeError:
        raise Malformed("json_utf8", "order_id: not UTF-8 when percent-decoded") from None


@router.get("/v1/orders", openapi_extra=examples.LIST)
def list_orders(log: Log, access: Reader, cursor: Cursor = None, limit: Limit = 50) -> Response:
    """List this tenant's orders, the newest first."""
    return reply(page_members(log.prove.orders(access.tenant, cursor, limit), order_line_members))


@router.get("/v1/orders/{order_id}", openapi_extra=examples.ORDER)
def get_order(
    log: Log,
    access: Reader,
    order_id: OrderId,
    *,
    receipts: Receipts = False,
    cursor: Cursor = None,
    limit: Limit = MAX_PAGE,
) -> Response:
    """Return an order with its events, the oldest first, each with its state: accepted, sealed, anchored or final."""
    order = log.prove.order(access.tenant, order_id_of(order_id), cursor, limit, receipts=receipts)
    return reply(order_members(order))


@router.get("/v1/orders/{order_id}/proof", openapi_extra=examples.PROOF)
def get_proof(request: Request, log: Log, access: Reader, order_id: OrderId, view: View = Audience.FULL) -> Response:
    """Return the order's proof (SPEC 14), the exact bytes to keep; 202 while nothing of it is under a final anchor."""
    return proof_answer(request, log.prove.proof(access.tenant, order_id_of(order_id), view))


@router.get("/v1/orders/{order_id}/bundle", openapi_extra=examples.BUNDLE)
def get_bundle(log: Log, access: Reader, order_id: OrderId, view: View = Audience.COURT) -> Response:
    """Return the order's bundle (SPEC 16): proof, policy, files and how to check them; 202 while there is no proof."""
    found = assemble_bundle(
        log.prove, log.attachments, log.policy(), tenant=access.tenant, order_id=order_id_of(order_id), audience=view
    )
    if isinstance(found, NotYet):
        return not_yet(found)
    headers = {"Content-Disposition": 'attachment; filename="bundle.zip"', "Cache-Control": NEVER_STORED}
    return Response(found, 200, headers, "application/zip")


@router.post("/v1/orders/{order_id}/labels", status_code=201, openapi_extra=examples.LABEL)
def post_label(log: Log, access: Writer, order_id: OrderId) -> Response:
    """Make a label for an order: a link for a QR code.  Whoever holds the link sees what a consumer may see."""
    label = log.labels.create(access.tenant, order_id_of(order_id))
    return reply(label_members(label, log.settings.link_base), 201)


def proof_answer(request: Request, proof: bytes | NotYet) -> Response:
    """A proof's bytes, or 202 while there is none."""
    if isinstance(proof, NotYet):
        return not_yet(proof)
    return content(request, proof, "application/json", leaf_hash(proof).hex())
