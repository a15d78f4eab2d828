"""The events that the vectors' orders are made of."""

from __future__ import annotations

from typing import Any

Document = dict[str, Any]

PLACED: Document = {
    "type": "placed",
    "occurred_at": "2026-05-01T09:30:00+08:00",
    "actor.role": "brand",
    "actor.name": "Demo Shop",
    "items": [{"name": "Organic rice 5 kg", "quantity": "2", "unit": "bag"}],
    "buyer.name": "Wang Fang",
}
SHIPPED: Document = {
    "type": "shipped",
    "occurred_at": "2026-05-02T18:00:00+08:00",
    "actor.role": "warehouse",
    "actor.name": "Hangzhou 2",
    "location.name": "杭州",
    "carrier.reference": "SF1029384756",
}
SIGNED: Document = {
    "type": "signed",
    "occurred_at": "2026-05-03T14:05:00+08:00",
    "actor.role": "carrier",
    "actor.name": "SF Express",
    "recipient.name": "Wang Fang",
    "recipient.masked": "W*** F***",
    "device": "handheld-17",
}
PRIVATE = ("buyer.name", "recipient.name")
