"""What of an event is shown to whom."""

from __future__ import annotations

import json

from anchor_service.ports import Audience, Snapshot, StoredEvent
from anchor_service.protocol.event import Disclosure
from anchor_service.protocol.model import PUBLIC
from anchor_service.protocol.proof import View


class Shown:
    """What an audience sees of a tenant's events."""

    def __init__(self, snapshot: Snapshot, tenant: str, audience: Audience) -> None:
        self._all = audience in (Audience.COURT, Audience.FULL)
        self._names = PUBLIC | snapshot.disclosed(tenant, audience)

    def view(self, event: StoredEvent) -> View:
        """Return the event with the fields that are shown disclosed and the others as digests."""
        disclosed, hidden = [], {}
        for field in fields_of(event):
            if self._all or field.name in self._names:
                disclosed.append(field)
            else:
                hidden[field.name] = field.digest
        return View(tuple(disclosed), hidden)


def fields_of(event: StoredEvent) -> list[Disclosure]:
    """Return an event's disclosures by name, as they are stored."""
    fields = []
    for raw in event.disclosures.split(b"\n"):
        _, name, value = json.loads(raw)  # our own bytes: what they are is checked where it matters, by the commitment
        fields.append(Disclosure(name, value, raw.decode()))
    return fields
