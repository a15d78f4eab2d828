"""OpenAPI's words and examples.  A test sends every request example, so what is written here runs."""

from __future__ import annotations

import json
from typing import Any, Final

from anchor_service.protocol.lifecycle import TYPES

_Spec = dict[str, Any]

PLACED: Final[_Spec] = {
    "event_id": "A-1001-01",
    "order_id": "A-1001",
    "type": "placed",
    "occurred_at": "2026-05-01T09:30:00+08:00",
    "actor": {"role": "brand", "name": "Daoyuan Organic Farm"},
    "items": [{"name": "Organic rice 5 kg", "gtin": "9520001000416", "lot": "A7", "quantity": "1", "unit": "bag"}],
    "parties": {"recipient": {"name": "Wang Fang", "address": "88 Fenglin Road, Shanghai"}},
    "data": {"total": "99.00", "currency": "CNY"},
}
SHIPPED: Final[_Spec] = {
    "event_id": "A-1001-02",
    "order_id": "A-1001",
    "type": "shipped",
    "occurred_at": "2026-05-02T16:00:00+08:00",
    "actor": {"role": "carrier", "name": "Shunda Express", "reference": "SD8820417733"},
    "location": {"name": "Wuchang", "country": "CN"},
}
SIGNED: Final[_Spec] = {
    "event_id": "A-1001-03",
    "order_id": "A-1001",
    "type": "signed",
    "occurred_at": "2026-05-03T14:05:00+08:00",
    "actor": {"role": "carrier", "name": "Shunda Express"},
    "parties": {"recipient": {"name": "Wang Fang"}},
    "device": "handheld-17",
}


def _ndjson(*events: _Spec) -> str:
    return "".join(json.dumps(event) + "\n" for event in events)


_PROBLEM: Final[_Spec] = {
    "description": "An RFC 9457 problem; `code` is stable, `field` and `item` say where.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_KEYED: Final[_Spec] = {"security": [{"key": []}]}


def _answers(ok: dict[str, str], media_type: str = "application/json", *problems: int) -> _Spec:
    good = {status: {"description": about, "content": {media_type: {}}} for status, about in ok.items()}
    return {"responses": good | {str(status): _PROBLEM for status in problems}}


def _keyed(spec: _Spec) -> _Spec:
    return _KEYED | spec


SCHEMAS: Final[_Spec] = {
    "Problem": {
        "type": "object",
        "required": ["type", "title", "status", "detail", "code"],
        "properties": {
            "type": {"type": "string"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "code": {"type": "string"},
            "field": {"type": "string", "description": "Path of the member that is wrong."},
            "item": {"type": "integer", "description": "Place of the event in the request, from 0."},
        },
    },
    "Event": {
        "type": "object",
        "description": "What happened to an order. Other members are refused; free data goes into `data`.",
        "required": ["order_id", "type", "occurred_at", "actor"],
        "additionalProperties": False,
        "properties": {
            "event_id": {"type": "string", "minLength": 1, "maxLength": 200},
            "order_id": {"type": "string", "minLength": 1, "maxLength": 200},
            "type": {"enum": list(TYPES)},
            "occurred_at": {"type": "string", "format": "date-time"},
            "actor": {
                "type": "object",
                "required": ["role"],
                "properties": {
                    "role": {"type": "string", "pattern": "^[a-z_]{1,64}$"},
                    "name": {"type": "string"},
                    "reference": {"type": "string"},
                },
            },
            "location": {"type": "object", "description": "name, country, code, address, point"},
            "items": {"type": "array", "description": "of name, gtin, serial, lot, quantity, unit"},
            "parties": {
                "type": "object",
                "description": "buyer, recipient, seller, sender, carrier: name, phone, email, address, reference",
            },
            "attachments": {"type": "array", "description": "of sha256, size, media_type, role, name"},
            "sensor": {"type": "array", "description": "of kind, value, unit, time"},
            "device": {"type": "string"},
            "note": {"type": "string"},
            "source": {"type": "object", "description": "channel, reference"},
            "data": {"type": "object"},
            "signature": {"type": "object"},
            "secret": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        },
    },
}
SECURITY: Final[_Spec] = {"key": {"type": "http", "scheme": "bearer", "description": "An API key of a tenant."}}
TAGS: Final = [
    {"name": "events", "description": "Reporting what happened."},
    {"name": "attachments", "description": "Files that events name."},
    {"name": "orders", "description": "Orders, proofs, bundles, labels, for their tenant."},
    {"name": "labels", "description": "What a label's link opens, for anybody who holds it."},
    {"name": "log", "description": "The log, its checkpoints, its anchors."},
    {"name": "operations", "description": "For those who keep it running."},
]

_EVENT_SCHEMA: Final = {"$ref": "#/components/schemas/Event"}
POST_EVENTS: Final = _keyed(
    {
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "Stands for a missing event_id.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 180},
            }
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"oneOf": [_EVENT_SCHEMA, {"type": "array", "items": _EVENT_SCHEMA}]},
                    "examples": {
                        "one": {"summary": "One event", "value": PLACED},
                        "several": {"summary": "An array", "value": [SHIPPED, SIGNED]},
                    },
                },
                "application/x-ndjson": {
                    "schema": {"type": "string"},
                    "examples": {"lines": {"summary": "A line an event", "value": _ndjson(PLACED, SHIPPED, SIGNED)}},
                },
            },
        },
    }
    | _answers(
        {
            "200": "One event that was known already, or several of which none was refused.",
            "201": "One event, accepted, with its receipt.",
            "207": "Several events, some of them refused: one result each, in order.",
        },
        "application/json",
        *(400, 401, 403, 409, 413, 415, 422, 503),
    )
)
# The smallest PNG there is: one grey point.
_PNG: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010800000000"
    "3a7e9b550000000a49444154789c6368000000820081"
    "77cd72b60000000049454e44ae426082"
)
PUT_ATTACHMENT: Final = _keyed(
    {
        "requestBody": {
            "required": True,
            "content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}, "application/pdf": {}},
        }
    }
    | _answers(
        {"200": "Stored: its sha256, size and media_type, as an event names them."},
        "application/json",
        *(400, 401, 403, 413, 415, 503),
    )
)
ORDER_ID: Final[Any] = {"order": {"value": "A-1001"}}
LIST: Final = _keyed(
    _answers({"200": "items, and next: the cursor of the next page or null."}, "application/json", 401, 403, 422)
)
ORDER: Final = _keyed(
    _answers(
        {"200": "The order, a page of its events, and next: the cursor of the next page or null."},
        "application/json",
        401,
        403,
        404,
        422,
    )
)
_PROOFS: Final = {
    "200": "The proof.",
    "202": "state pending: accepted and sealed_by, in ms UTC.",
    "304": "You have it.",
}
PROOF: Final = _keyed(_answers(_PROOFS, "application/json", 401, 403, 404, 422))
BUNDLE: Final = _keyed(
    _answers(
        {"200": "The bundle, a zip.", "202": "state pending: nothing to bundle yet."},
        "application/zip",
        401,
        403,
        404,
        422,
    )
)
LABEL: Final = _keyed(
    _answers({"201": "token, stream, link, and where its code is drawn."}, "application/json", 401, 403, 404, 422)
)
LABEL_PROOF: Final = _answers(_PROOFS, "application/json", 404)
FILE: Final = _answers({"200": "The file.", "304": "You have it."}, "*/*", 404, 422)
OWN_FILE: Final = _keyed(FILE | {"responses": FILE["responses"] | {"401": _PROBLEM, "403": _PROBLEM}})
IMAGE: Final = _answers({"200": "The code."}, "image/*", 404)
BATCH: Final = _keyed(_answers({"200": "The batch."}, "application/json", 401, 403, 404, 422))
ANCHOR: Final = _keyed(_answers({"200": "The anchor."}, "application/json", 401, 403, 404, 422))
EVIDENCE: Final = _keyed(
    _answers({"200": "Checkpoint and chain evidence.", "304": "You have it."}, "application/json", 401, 403, 404, 422)
)
ENTRIES: Final = _keyed(
    _answers({"200": "Entries, lengths before.", "304": "You have it."}, "application/octet-stream", 401, 403, 404)
)
CHECKPOINT: Final = _answers({"200": "A signed note.", "304": "You have it."}, "text/plain", 404)
TILE: Final = _answers({"200": "Hashes of 32 bytes.", "304": "You have it."}, "application/octet-stream", 404)
ABSENCE: Final = _answers({"200": "An absence proof, for `sealtrail verify`."}, "application/json", 404, 409, 422)
RPC: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "examples": {
                    "one": {"value": {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}},
                    "batch": {
                        "value": [
                            {"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []},
                            {"jsonrpc": "2.0", "id": 2, "method": "eth_getBlockByNumber", "params": ["latest", False]},
                        ]
                    },
                }
            }
        },
    }
} | _answers({"200": "JSON-RPC answers."}, "application/json", 404, 413)
HEALTH: Final = _answers({"200": "Alive."})
READY: Final = _answers({"200": "Ready.", "503": "Not ready: `problems` says why."})
METRICS: Final = _answers({"200": "Counters."}, "text/plain")
