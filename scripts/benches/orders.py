"""Realistic events for benches: about 600 bytes each, ids in ascending order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

STEPS = (
    *("placed", "paid", "packed", "shipped", "departed", "arrived", "customs", "departed"),
    *("arrived", "out_for_delivery", "delivery_failed", "delivered"),
)


def events(run: str, steps: int = 4) -> Iterator[bytes]:
    """Yield the JSON of one event after another, without end, `steps` to an order (at most 12).

    `run` keeps the ids of two runs apart.
    """
    number = 0
    while True:
        order, step = divmod(number, steps)
        yield json.dumps(
            {
                "event_id": f"{run}-{number:012d}",
                "order_id": f"{run}-{order:011d}",
                "type": STEPS[step],
                "occurred_at": f"2026-05-{order % 28 + 1:02d}T{order % 24:02d}:{number % 60:02d}:00+08:00",
                "actor": {"role": "brand", "name": "Golden Harvest 金穗", "reference": f"wh-{order % 9}"},
                "location": {"name": "Wuchang 五常", "country": "CN", "code": "CNWCH"},
                "items": [
                    {"name": "Organic rice 5 kg", "gtin": "06901234567892", "lot": f"L{order % 500}", "quantity": "2"}
                ],
                "parties": {
                    "recipient": {"name": "Wang Fang", "phone": "+8613800000000", "address": "Shanghai, Nanjing Lu 1"}
                },
                "source": {"channel": "tmall", "reference": f"T{order:012d}"},
            },
            ensure_ascii=False,
        ).encode()
        number += 1


def batches(run: str, size: int) -> Iterator[bytes]:
    """Yield request bodies of `size` events each (a JSON array, or one event where size is 1)."""
    stream = events(run)
    while True:
        if size == 1:
            yield next(stream)
        else:
            yield b"[" + b",".join(next(stream) for _ in range(size)) + b"]"
