"""An event as a proof shows it to one audience (SPEC 14.3)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import (
    FIELD_NAME,
    MAX_FIELDS,
    commit,
    commitment,
    read_disclosure,
    read_disclosures,
)
from anchor_service.protocol.hashes import FIELD, Hash, parse_hash, tagged
from anchor_service.protocol.shape import items, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class View:
    """An event for one audience: its disclosures, the values in them by field name, and the digests of the others.

    `disclosed` are the exact texts (SPEC 4.2), and `fields` are in their order.
    """

    disclosed: tuple[str, ...]
    fields: Mapping[str, JSON]
    hidden: Mapping[str, Hash]

    @cached_property
    def raws(self) -> list[bytes]:
        """The disclosures' bytes."""
        return [text.encode() for text in self.disclosed]

    @cached_property
    def digests(self) -> dict[str, Hash]:
        """The digest of every field, disclosed or hidden."""
        return {name: tagged(FIELD, raw) for name, raw in self._disclosures()} | dict(self.hidden)

    @cached_property
    def commitment(self) -> Hash:
        """The commitment over all fields (SPEC 4.3)."""
        if self.hidden:
            return commitment(self.digests)
        return commit(self._disclosures())

    def _disclosures(self) -> Iterable[tuple[str, bytes]]:
        return zip(self.fields, self.raws, strict=True)


def parse_view(value: dict[str, JSON], where: str) -> View:
    """Read the members `disclosed` and `hidden` of an event in a proof (SPEC 14.3)."""
    disclosed, pairs = _disclosures(value["disclosed"], f"{where}.disclosed")
    names = [name for name, _ in pairs]
    if names != sorted(set(names)):
        raise Malformed("disclosed_order", f"{where}.disclosed: not in ascending order of names")
    hidden_value = value["hidden"]
    if not isinstance(hidden_value, dict):
        raise Malformed("shape", f"{where}.hidden: expected an object")
    hidden = {}
    for name, digest in hidden_value.items():
        if not FIELD_NAME.fullmatch(name):
            raise Malformed("field_name", f"{where}.hidden: {name[:80]!r} is not a field name")
        hidden[name] = parse_hash(digest, f"{where}.hidden")
    if not hidden.keys().isdisjoint(names):
        raise Malformed("field_twice", f"{where}: a field is both disclosed and hidden")
    if len(names) + len(hidden) > MAX_FIELDS:
        raise Malformed("field_count", f"{where}: more than {MAX_FIELDS} fields")
    return View(disclosed, dict(pairs), hidden)


def _disclosures(value: JSON, where: str) -> tuple[tuple[str, ...], list[tuple[str, JSON]]]:
    listed = items(value, MAX_FIELDS, where, 1)
    texts = tuple([item for item in listed if isinstance(item, str)])
    if len(texts) == len(listed):
        return texts, read_disclosures(texts)
    return texts, [read_disclosure(text(item, where)) for item in listed]  # which says what is wrong first


def print_view(view: View) -> dict[str, JSON]:
    """Return the same members."""
    return {
        "disclosed": [*view.disclosed],
        "hidden": {name: digest.hex() for name, digest in view.hidden.items()},
    }
