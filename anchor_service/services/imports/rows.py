"""One row becomes its events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from anchor_service.protocol.errors import Malformed
from anchor_service.services.imports.mapping import EventRule, Mapping, Scope

if TYPE_CHECKING:
    from anchor_service.services.imports.tables import Row


_print: Final = json.JSONEncoder(ensure_ascii=False).encode


class Built(NamedTuple):
    """An event made from a row: its step in the mapping, its JSON bytes, and what was not certain about its time."""

    line: int
    step: str
    raw: bytes
    note: str | None


class RowRefused(NamedTuple):
    """What a row did not become, and why; `step` None where it is the whole row."""

    line: int
    step: str | None
    code: str
    reason: str


def build_row(mapping: Mapping, row: Row, line: int) -> list[Built | RowRefused]:
    """Make the events of a row, in the mapping's order; each that cannot be made is refused by itself."""
    if len(row) != len(mapping.columns):
        return [RowRefused(line, None, "csv_width", f"{len(row)} columns, not {len(mapping.columns)}")]
    scope = Scope(row)
    try:
        order_id = mapping.order_id(scope)
    except Malformed as problem:
        return [RowRefused(line, None, problem.code, problem.message)]
    if not order_id:
        return [RowRefused(line, None, "missing_field", "order_id: empty")]
    results: list[Built | RowRefused] = []
    for rule in mapping.events:
        try:
            built = _build(mapping, rule, scope, str(order_id), line)
        except Malformed as problem:
            results.append(RowRefused(line, rule.step, problem.code, problem.message))
        else:
            if built is not None:
                results.append(built)
    return results


def _build(mapping: Mapping, rule: EventRule, scope: Scope, order_id: str, line: int) -> Built | None:
    """Make one event; None where the row has none of this kind."""
    if any(column(scope) not in words for column, words in rule.when):
        return None
    event_type = rule.type(scope)
    written = next((text for at in rule.at if (text := at(scope))), None)
    if event_type is None or written is None:
        return None
    try:
        occurred_at, note = mapping.time.read(str(written))
    except ValueError as problem:
        raise Malformed("time", f"at: {problem}") from None
    event: dict[str, Any] = {
        "event_id": (rule.event_id(scope) if rule.event_id else None) or f"{order_id}/{rule.step}",
        "order_id": order_id,
        "type": event_type,
        "occurred_at": occurred_at,
    }
    for name, make in rule.body:
        if (value := make(scope)) not in (None, {}, []):
            event[name] = value
    hidden = rule.private(scope) if rule.private else {}
    if note is not None:
        hidden = {**hidden, "time": note}
    if hidden:
        event["data"] = {**event.get("data", {}), **hidden}
    return Built(line, rule.step, _print(event).encode(), note)
