"""An order's lifecycle as one literal table (SPEC 4.8): state × event type → state.

A type that is not in a state's row is unexpected there: it is recorded and flagged, never refused, and the order
goes to the state in `ALWAYS` if the type has one, else stays where it was.  The EPCIS 2.0 / CBV 2.0 step that each
type maps to is in `CBV`.
"""

from __future__ import annotations

from typing import Final

START: Final = "new"

# What happened, whatever the state was before.  None: the event changes no state.
ALWAYS: Final[dict[str, str | None]] = {
    "placed": "placed",
    "confirmed": "confirmed",
    "paid": "paid",
    "allocated": "preparing",
    "picked": "preparing",
    "packed": "packed",
    "shipped": "in_transit",
    "arrived": "in_transit",
    "departed": "in_transit",
    "customs": "in_transit",
    "out_for_delivery": "delivering",
    "delivery_failed": "failed",
    "delivered": "delivered",
    "signed": "signed",
    "cancelled": "cancelled",
    "returned": "returned",
    "refunded": "refunded",
    "damaged": None,
    "excursion": None,
    "recalled": "recalled",
    "corrected": None,
    "disputed": "disputed",
    "resolved": "resolved",
    "erased": None,
    "transferred": None,
}

TYPES: Final = tuple(ALWAYS)

# The types that change no state may come at any time after the first; so may these three.
ANY_TIME: Final = frozenset({"recalled", "disputed"} | {name for name, state in ALWAYS.items() if state is None})

# state → the types expected next, beside ANY_TIME
EXPECTED: Final[dict[str, frozenset[str]]] = {
    "new": frozenset({"placed"}),
    "placed": frozenset({"confirmed", "paid", "allocated", "picked", "packed", "cancelled"}),
    "confirmed": frozenset({"paid", "allocated", "picked", "packed", "shipped", "cancelled"}),
    "paid": frozenset({"confirmed", "allocated", "picked", "packed", "shipped", "cancelled", "refunded"}),
    "preparing": frozenset({"paid", "allocated", "picked", "packed", "shipped", "cancelled"}),
    "packed": frozenset({"paid", "shipped", "cancelled"}),
    "in_transit": frozenset(
        {"arrived", "departed", "customs", "out_for_delivery", "delivered", "signed", "delivery_failed", "returned"}
    ),
    "delivering": frozenset({"delivered", "signed", "delivery_failed", "arrived"}),
    "failed": frozenset({"arrived", "departed", "out_for_delivery", "returned", "delivered", "signed"}),
    "delivered": frozenset({"signed", "returned"}),
    "signed": frozenset({"returned", "refunded"}),
    "cancelled": frozenset({"refunded"}),
    "returned": frozenset({"refunded"}),
    "refunded": frozenset({"returned"}),
    "recalled": frozenset({"returned", "refunded", "resolved"}),
    "disputed": frozenset({"resolved", "returned", "refunded"}),
    "resolved": frozenset({"returned", "refunded", "shipped", "delivered", "signed"}),
}

WITHDRAWN: Final = frozenset({"recalled", "disputed", "cancelled"})

CBV: Final[dict[str, str | None]] = {
    "placed": None,
    "confirmed": None,
    "paid": None,
    "allocated": "reserving",
    "picked": "picking",
    "packed": "packing",
    "shipped": "shipping",
    "arrived": "arriving",
    "departed": "departing",
    "customs": "inspecting",
    "out_for_delivery": "transporting",
    "delivery_failed": "transporting",
    "delivered": "receiving",
    "signed": "accepting",
    "cancelled": "void_shipping",
    "returned": "receiving",
    "refunded": None,
    "damaged": "inspecting",
    "excursion": "sensor_reporting",
    "recalled": "holding",
    "corrected": None,
    "disputed": "holding",
    "resolved": None,
    "erased": None,
    "transferred": "accepting",
}


def advance(state: str, event_type: str) -> tuple[str, bool]:
    """Return the state after an event of this type, and whether the table expected it there.

    KeyError for a state or type that the table does not have: callers check grammar first.
    """
    expected = event_type in EXPECTED[state] or (event_type in ANY_TIME and state != START)
    return ALWAYS[event_type] or state, expected
