"""What of an event is shown to whom."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from itertools import compress
from json.encoder import encode_basestring
from typing import Final, NamedTuple

from anchor_service.ports import Audience, Snapshot, StoredEvent, StoreRefused
from anchor_service.ports.disclosures import salt_lines, salts_of
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.event import (
    MANDATORY,
    MAX_FIELDS,
    Disclosure,
    check_mandatory,
    read_disclosure,
)
from anchor_service.protocol.hashes import EVENT, FIELD, Hash, tagged
from anchor_service.protocol.model import PUBLIC
from anchor_service.protocol.view import View

_PACKED: Final = re.compile(rb'^"([a-z0-9_.]{1,64})",(.+)$', re.MULTILINE)
"""A disclosure without its salt a line; whether the value is canonical, it does not say."""
_PLAIN: Final = re.compile(rb'"([^"\\\x00-\x1f]{0,16000})"')
"""Text without escapes is its own canonical form."""


class Face(NamedTuple):
    """An event as a proof shows it: JSON strings of what is disclosed, JSON members of the hidden digests, by commas.

    `commitment` is over all fields.  `signed`: an actor's signature is disclosed.
    """

    disclosed: bytes
    hidden: bytes
    commitment: Hash
    signed: bool


class _Shape(NamedTuple):
    """What events that have the same fields have in common, for one audience: which are shown, and which not.

    `members` prints what the commitment is over, from all digests; `mandatory` are names and their places.
    """

    names: list[str]
    shown: list[bool]
    hidden: list[int]
    members: str
    mandatory: list[tuple[str, int]]
    signed: bool


class Shown:
    """What an audience sees of a tenant's events."""

    def __init__(self, snapshot: Snapshot, tenant: str, audience: Audience) -> None:
        self._all = audience in (Audience.COURT, Audience.FULL)
        self._names = PUBLIC | snapshot.disclosed(tenant, audience)
        # Events of one order are much alike.
        self._read: dict[bytes, JSON] = {}
        self._shapes: dict[tuple[bytes, ...], _Shape] = {}

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
        salts, packed = salts_of(event.packed, event.secret)
        found = _PACKED.findall(packed)
        if len(found) != len(salts):
            raise StoreRefused("proof_damaged", f"event {event.number}: the disclosures are not by lines")
        texts = salt_lines(salts, packed)
        names, values = zip(*found, strict=True)
        shape = self._shapes.get(names)
        if shape is None:
            shape = self._shapes[names] = self._shape(event.number, [name.decode() for name in names])
        opened = [*compress(texts, shape.shown)]
        # Salt and name are known; a plain text, and a value that was read before, need not be read.
        for text, value in zip(opened, compress(values, shape.shown), strict=True):
            if value not in self._read:
                plain = _PLAIN.fullmatch(value)
                self._read[value] = (
                    read_disclosure(text.encode("latin-1").decode())[1] if plain is None else plain[1].decode()
                )
        check_mandatory({name: self._read[values[place]] for name, place in shape.mandatory})
        digests = [sha256(FIELD + line).hexdigest() for line in "\n".join(texts).encode("latin-1").split(b"\n")]
        return Face(
            disclosed=",".join(map(encode_basestring, opened)).encode("latin-1"),
            hidden=",".join([f'"{shape.names[at]}":"{digests[at]}"' for at in shape.hidden]).encode(),
            commitment=tagged(EVENT, (shape.members % tuple(digests)).encode()),
            signed=shape.signed,
        )

    def _shape(self, number: int, names: list[str]) -> _Shape:
        if names != sorted(set(names)) or len(names) > MAX_FIELDS:
            raise StoreRefused(
                "proof_damaged", f"event {number}: the disclosures are not by lines in ascending order of names"
            )
        shown = [self._all or name in self._names for name in names]
        if not set(compress(names, shown)).issuperset(MANDATORY):
            raise StoreRefused("proof_damaged", f"event {number}: a mandatory field is missing")
        return _Shape(
            names=names,
            shown=shown,
            hidden=[at for at, is_shown in enumerate(shown) if not is_shown],
            members="{" + ",".join([f'"{name}":"%s"' for name in names]) + "}",
            mandatory=[(name, names.index(name)) for name in MANDATORY],
            signed="signature" in compress(names, shown),
        )


def fields_of(event: StoredEvent) -> list[Disclosure]:
    """Return an event's disclosures by name, as they are stored."""
    fields = []
    for raw in event.disclosures.split(b"\n"):
        _, name, value = json.loads(raw)  # our own bytes: what they are is checked where it matters, by the commitment
        fields.append(Disclosure(name, value, raw.decode()))
    return fields
