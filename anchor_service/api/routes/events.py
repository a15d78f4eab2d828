"""POST /v1/events, the hot path: read, split, hand over, await, answer.  No model and no thread hop on the way."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

import msgspec
from anyio import to_thread
from fastapi import APIRouter, Request, Response

from anchor_service.api import examples
from anchor_service.api.body import NDJSON, is_array, media_type, read_body, split_lines
from anchor_service.api.errors import HttpProblem
from anchor_service.api.parts import Parts, parts_of
from anchor_service.api.wire import all_outcomes, one_outcome, tally
from anchor_service.protocol.errors import Malformed
from anchor_service.services.ingest import Outcome
from anchor_service.services.keys import Scope

MAX_EVENTS: Final = 10_000
"""Events in one request."""
_SLOW: Final = 200
_SLOW_BYTES: Final = 65_536
"""From so many events or bytes on, parsing leaves the event loop to others."""
_SMALL: Final = 8_192
"""Bytes of a single event below which it goes to ingest with others: together they are read in one go."""
_KEY: Final = re.compile(r"[\x21-\x7e]{1,180}", re.ASCII)
_ITEMS: Final = msgspec.json.Decoder(list[msgspec.Raw])

router = APIRouter(tags=["events"])


@router.post("/v1/events", openapi_extra=examples.POST_EVENTS)
async def post_events(request: Request) -> Response:
    """Report what happened: one event, an array of events, or NDJSON (a line an event).

    Each event has an `event_id`, or the request an `Idempotency-Key`, which stands for it (in an array or NDJSON for
    the i-th event, from 0, as `<key>/<i>`).  Sending the same again is harmless: the answer is the same receipt.
    One event is answered 201 (accepted), 200 (already known) or with the problem.  Several are answered 200, or 207
    where any of them was refused, with one result each, in order; one refused event does not harm the others.
    503 with `Retry-After`: send the whole request again.
    """
    parts = parts_of(request)
    access = await parts.gate.access(request, Scope.INGEST)
    kind = media_type(request)
    if kind not in NDJSON and kind not in ("application/json", ""):
        raise HttpProblem("media_type", f"expected application/json or application/x-ndjson, not {kind[:80]}")
    body = await read_body(request, parts.body_limit)
    if not body.strip(b" \t\r\n"):
        raise HttpProblem("body_empty", "there is no event in the body")
    key = _idempotency_key(request)
    if kind not in NDJSON and not is_array(body):
        if len(body) < _SMALL:
            outcome = await parts.singles.outcome(access.tenant, body, key)
        else:
            (outcome,) = await _ingest(parts, access.tenant, [body], [key])
        parts.metrics.events(tally([outcome]))
        return one_outcome(outcome)
    items = split_lines(body) if kind in NDJSON else _split_array(body)
    if not items:
        raise HttpProblem("body_empty", "there is no event in the body")
    if len(items) > MAX_EVENTS:
        raise HttpProblem("too_many_events", f"a request has at most {MAX_EVENTS} events, not {len(items)}")
    keys = [None if key is None else f"{key}/{place}" for place in range(len(items))]
    outcomes = await _ingest(parts, access.tenant, items, keys)
    counts = tally(outcomes)
    parts.metrics.events(counts)
    return all_outcomes(outcomes, counts)


async def _ingest(parts: Parts, tenant: str, items: Sequence[bytes], keys: Sequence[str | None]) -> list[Outcome]:
    submit = parts.service.ingest.submit
    if len(items) < _SLOW and sum(map(len, items)) < _SLOW_BYTES:
        stored = submit(tenant, items, keys)
    else:
        stored = await to_thread.run_sync(submit, tenant, items, keys)
    return await asyncio.wrap_future(stored)


def _split_array(body: bytes) -> list[bytes]:
    """The bytes of each item of an array.  Each is read strictly later, by itself; here only their ends matter."""
    try:
        return [bytes(item) for item in _ITEMS.decode(body)]
    except msgspec.DecodeError as error:
        raise Malformed("json_syntax", f"the body is not a JSON array: {error}") from None
    except RecursionError:
        raise Malformed("json_depth", "the body is nested too deep") from None


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise HttpProblem("idempotency_key", "Idempotency-Key: expected 1 to 180 printable ASCII characters")
    return key
