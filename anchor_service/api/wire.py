"""What answers look like: plain values of the services as JSON members.  SPEC's own documents keep SPEC's names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from json.encoder import encode_basestring as quote
from typing import Final, TypeVar

import orjson
from starlette.requests import Request
from starlette.responses import Response

from anchor_service.api.errors import problem_of
from anchor_service.ports import Block
from anchor_service.protocol.hashes import HASH_SIZE
from anchor_service.protocol.proof import print_receipt
from anchor_service.services.ingest import Accepted, Outcome
from anchor_service.services.label import Label, label_link
from anchor_service.services.prove import AnchorView, BatchView, EventView, NotYet, OrderLine, OrderView, Page

T = TypeVar("T")

NEVER_STORED: Final = "no-store"
REVALIDATED: Final = "no-cache"
IMMUTABLE: Final = "public, max-age=31536000, immutable"
KEPT_PRIVATELY: Final = "private, max-age=31536000, immutable"


def reply(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer that no cache keeps."""
    return Response(
        orjson.dumps(document), status, {"Cache-Control": NEVER_STORED} | (headers or {}), "application/json"
    )


def content(request: Request, body: bytes, media_type: str, tag: str, cache: str = REVALIDATED) -> Response:
    """Bytes with an entity tag; 304 where the caller has these already."""
    headers = {"ETag": f'"{tag}"', "Cache-Control": cache}
    wanted = request.headers.get("if-none-match", "")
    if f'"{tag}"' in wanted or wanted.strip() == "*":
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, media_type)


# --- events ---------------------------------------------------------------------------------------------------------


def outcome_members(outcome: Outcome) -> dict[str, object]:
    """One event's outcome: accepted or known with its receipt (SPEC 13.3), or refused with a problem.

    A refusal that is not the sender's doing is raised: it is our own bug.
    """
    if isinstance(outcome, Accepted):
        return {
            "status": _status(outcome),
            "event_id": outcome.event_id,
            "order_id": outcome.order_id,
            "stream": outcome.stream.hex(),
            "receipt": print_receipt(outcome.receipt),
        }
    problem = problem_of(outcome.problem, outcome.place)
    if problem is None:
        raise outcome.problem
    return {"status": "refused", "event_id": outcome.event_id, "problem": problem.members()}


def one_outcome(outcome: Outcome) -> Response:
    """The answer to a single event: 201 accepted, 200 known, else the problem itself."""
    if isinstance(outcome, Accepted):
        return Response(
            orjson.dumps(outcome_members(outcome)), 200 if outcome.known else 201, media_type="application/json"
        )
    problem = problem_of(outcome.problem)
    if problem is None:
        raise outcome.problem
    return problem.response()


def tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """How many events were accepted, known, refused."""
    counts = {"accepted": 0, "known": 0, "refused": 0}
    for outcome in outcomes:
        counts[_status(outcome)] += 1
    return counts


def all_outcomes(outcomes: Sequence[Outcome], counts: dict[str, int]) -> Response:
    """The answer to several events: 207 where any was refused, else 200."""
    notes: dict[str, bytes] = {}
    results = [_print_outcome(outcome, notes) for outcome in outcomes]
    # A large text is written to new memory, which costs as much as printing it: one join, and no copy.
    results[0] = orjson.dumps(counts)[:-1] + b',"results":[' + results[0]
    results[-1] += b"]}"
    return Response(b",".join(results), 207 if counts["refused"] else 200, media_type="application/json")


def _print_outcome(outcome: Outcome, notes: dict[str, bytes]) -> bytes:
    """Print `outcome_members` without an object for each member; `notes` are those that were printed before."""
    if not isinstance(outcome, Accepted):
        return orjson.dumps(outcome_members(outcome))
    receipt = outcome.receipt
    note = notes.get(receipt.note)
    if note is None:  # by itself: it has a dash beyond ASCII, by which the whole text would be twice as wide
        note = notes[receipt.note] = b',"note":' + quote(receipt.note).encode() + b',"path":'
    steps = '["' + b"".join(receipt.path).hex(",", HASH_SIZE).replace(",", '","') + '"]' if receipt.path else "[]"
    begin = (
        f'{{"status":"{_status(outcome)}","event_id":{quote(outcome.event_id)},'
        f'"order_id":{quote(outcome.order_id)},"stream":"{outcome.stream.hex()}",'
        f'"receipt":{{"index":{receipt.index},"leaf":{quote(receipt.leaf)}'
    )
    return begin.encode() + note + (steps + "}}").encode()


def _status(outcome: Outcome) -> str:
    if isinstance(outcome, Accepted):
        return "known" if outcome.known else "accepted"
    return "refused"


# --- orders and the log ---------------------------------------------------------------------------------------------


def page_members(page: Page[T], members: Callable[[T], dict[str, object]]) -> dict[str, object]:
    """A page of a list; `next` is the cursor of the page after, null at the end."""
    return {"items": [members(item) for item in page.items], "next": page.next}


def order_line_members(line: OrderLine) -> dict[str, object]:
    """An order in a list."""
    return {
        "order_id": line.order_id,
        "stream": line.stream.hex(),
        "events": line.events,
        "accepted": line.accepted,
    }


def order_members(order: OrderView) -> dict[str, object]:
    """An order with a page of its events, for its own tenant; `next` is the cursor of the page after, or null."""
    return {
        "order_id": order.order_id,
        "stream": order.stream.hex(),
        "lifecycle": order.lifecycle,
        "events": [_event_members(event) for event in order.events],
        "next": order.next,
    }


def _event_members(event: EventView) -> dict[str, object]:
    return {
        "event_id": event.event_id,
        "state": event.state,
        "fields": dict(event.fields),
        "flags": event.flags,
        "commitment": event.commitment.hex(),
        "accepted": event.accepted,
        "seq": event.seq,
        "index": event.index,
        "batch": event.batch,
        "anchor": event.anchor,
        "receipt": None if event.receipt is None else print_receipt(event.receipt),
    }


def batch_members(batch: BatchView) -> dict[str, object]:
    """A batch."""
    return {
        "batch": batch.batch,
        "first": batch.first,
        "size": batch.size,
        "events": batch.events,
        "root": batch.root.hex(),
        "sealed": batch.sealed,
        "seal_entry": batch.seal_entry,
        "checkpoint": batch.checkpoint,
        "anchor": batch.anchor,
    }


def anchor_members(anchor: AnchorView) -> dict[str, object]:
    """An anchor; hashes of the chain with 0x, as explorers show them."""
    return {
        "size": anchor.size,
        "previous_size": anchor.previous_size,
        "root": anchor.root.hex(),
        "state": anchor.state,
        "transaction": None if anchor.transaction is None else f"0x{anchor.transaction.hex()}",
        "block": None if anchor.block is None else _block_members(anchor.block),
    }


def _block_members(block: Block) -> dict[str, object]:
    return {"number": block.number, "hash": f"0x{block.hash.hex()}", "timestamp": block.timestamp}


def not_yet(state: NotYet) -> Response:
    """202: nothing of the order is under a final anchor yet.  Never a proof (SPEC 14.2 wants one event at least)."""
    return reply(
        {"state": "pending", "accepted": state.accepted, "sealed_by": state.sealed_by}, 202, {"Retry-After": "2"}
    )


def label_members(label: Label, public_url: str) -> dict[str, object]:
    """A label, the link that its code holds, and where the code is drawn."""
    place = f"{public_url.rstrip('/')}/v1/labels/{label.token}"
    return {
        "token": label.token,
        "order_id": label.order_id,
        "stream": label.stream.hex(),
        "link": label_link(public_url, label),
        "qr_svg": f"{place}/qr.svg",
        "qr_png": f"{place}/qr.png",
    }
