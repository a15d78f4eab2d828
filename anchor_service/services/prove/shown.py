"""What of an event is shown to whom."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from json.encoder import encode_basestring
from typing import Final, NamedTuple

from anchor_service.ports import Audience, Snapshot, StoredEvent, StoreRefused
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.event import (
    MANDATORY,
    MAX_FIELDS,
    SALT_SIZE,
    Disclosure,
    check_mandatory,
    read_disclosure,
)
from anchor_service.protocol.hashes import EVENT, FIELD, Hash, tagged
from anchor_service.protocol.model import PUBLIC
from anchor_service.protocol.view import View

_DISCLOSURES: Final = re.compile(
    rf'^\["[0-9a-f]{{{2 * SALT_SIZE}}}","([a-z0-9_.]{{1,64}})",(.+)\]$', re.ASCII | re.MULTILINE
)
"""A disclosure a line; whether the value is canonical, it does not say."""
_MANDATORY: Final = frozenset(MANDATORY)


class Face(NamedTuple):
    """An event as a proof shows it: JSON strings of what is disclosed, JSON members of the hidden digests.

    `commitment` is over all fields.  `signed`: an actor's signature is disclosed.
    """

    disclosed: list[str]
    hidden: list[str]
    commitment: Hash
    signed: bool


class Shown:
    """What an audience sees of a tenant's events."""

    def __init__(self, snapshot: Snapshot, tenant: str, audience: Audience) -> None:
        self._all = audience in (Audience.COURT, Audience.FULL)
        self._names = PUBLIC | snapshot.disclosed(tenant, audience)
        self._read: dict[str, JSON] = {}  # events of one order say much alike

    def view(self, event: StoredEvent) -> View:
        """Return the event with the fields that are shown disclosed and the others as digests."""
        disclosed, fields, hidden = [], {}, {}
        for field in fields_of(event):
            if self._all or field.name in self._names:
                disclosed.append(field.text)
                fields[field.name] = field.value
            else:
                hidden[field.name] = field.digest
        return View(tuple(disclosed), fields, hidden)

    def face(self, event: StoredEvent) -> Face:
        """Return the event as a proof shows it, by the grammar of SPEC 14.2; StoreRefused, Malformed."""
        raw, text = event.disclosures, event.disclosures.decode()
        found = _DISCLOSURES.findall(text)
        lines = text.split("\n")
        names = [name for name, _ in found]
        if len(found) != len(lines) or names != sorted(set(names)) or len(names) > MAX_FIELDS:
            raise StoreRefused(
                "proof_damaged", f"event {event.number}: the disclosures are not by lines in ascending order of names"
            )
        digests = [
            f'"{name}":"{sha256(FIELD + line).hexdigest()}"' for name, line in zip(names, raw.split(b"\n"), strict=True)
        ]
        shown = frozenset(names) if self._all else self._names
        opened = [line for name, line in zip(names, lines, strict=True) if name in shown]
        self._read_new([value for name, value in found if name in shown], opened)
        values = dict(found)
        if not shown.issuperset(MANDATORY) or not values.keys() >= _MANDATORY:
            raise StoreRefused("proof_damaged", f"event {event.number}: a mandatory field is missing")
        check_mandatory({name: self._read[values[name]] for name in MANDATORY})
        return Face(
            disclosed=[encode_basestring(line) for line in opened],
            hidden=[digest for name, digest in zip(names, digests, strict=True) if name not in shown],
            commitment=tagged(EVENT, f"{{{','.join(digests)}}}".encode()),
            signed="signature" in values and "signature" in shown,
        )

    def _read_new(self, values: list[str], disclosures: list[str]) -> None:
        """Read disclosures by their grammar, but for those whose value was read before: salt and name are known."""
        for value, disclosure in zip(values, disclosures, strict=True):
            if value not in self._read:
                self._read[value] = read_disclosure(disclosure)[1]


def fields_of(event: StoredEvent) -> list[Disclosure]:
    """Return an event's disclosures by name, as they are stored."""
    fields = []
    for raw in event.disclosures.split(b"\n"):
        _, name, value = json.loads(raw)  # our own bytes: what they are is checked where it matters, by the commitment
        fields.append(Disclosure(name, value, raw.decode()))
    return fields
