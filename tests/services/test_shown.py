"""An event as a proof shows it, against the protocol's own way to it; what is no event by the SPEC is not shown."""

from __future__ import annotations

from json.encoder import encode_basestring
from typing import cast

import pytest

from anchor_service.ports import Audience, Snapshot, StoredEvent, StoreRefused, Stream
from anchor_service.ports.disclosures import pack
from anchor_service.protocol.canonical import JSON
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import MAX_FIELDS, disclose
from anchor_service.protocol.hashes import ZERO, Hash, StreamId
from anchor_service.services.prove.shown import Shown

STREAM = Stream(StreamId(bytes(32)), ZERO, "acme", "A-1")
MANDATORY: dict[str, JSON] = {"actor.role": "brand", "occurred_at": "2026-05-03T14:05:00+08:00", "type": "placed"}
EVENTS: list[dict[str, JSON]] = [
    MANDATORY,
    MANDATORY | {"recipient.name": "Wang Fang", "location.name": '五常 "west"\\east', "items": [{"gtin": "1"}]},
    MANDATORY | {"type": "arrived", "recipient.name": "Li", "data": {"é": 1.5, "a": None}},
    MANDATORY | {"note": "tab\tand\nline", "signature": {"alg": "x"}},
    MANDATORY,
]


class View:
    """What of a snapshot says which fields an audience sees."""

    def disclosed(self, tenant: str, audience: Audience) -> frozenset[str]:
        assert tenant == "acme"
        return frozenset({"note"} if audience is Audience.CARRIER else ())


def shown(audience: Audience = Audience.CONSUMER) -> Shown:
    return Shown(cast("Snapshot", View()), "acme", audience)


def stored(lines: list[bytes]) -> StoredEvent:
    return StoredEvent(1, STREAM, "e1", bytes(32), Hash(bytes(32)), b"\n".join(lines), 1)


def both_ways(lines: list[bytes]) -> list[StoredEvent]:
    """Stored whole, and without the salts."""
    return [stored(lines), stored([pack(line) for line in lines])]


def lines(fields: dict[str, JSON]) -> list[bytes]:
    return [raw for _, raw in disclose(bytes(32), fields)]


@pytest.mark.parametrize("audience", Audience)
def test_a_face_is_the_view_as_printed(audience: Audience) -> None:
    kept = shown(audience)
    for fields in EVENTS:
        whole, packed = both_ways(lines(fields))
        face, view = kept.face(whole), kept.view(whole)
        assert face.disclosed.decode() == ",".join([encode_basestring(text) for text in view.disclosed])
        hidden = [f'"{name}":"{digest.hex()}"' for name, digest in sorted(view.hidden.items())]
        assert face.hidden.decode() == ",".join(hidden)
        assert face.commitment == view.commitment
        assert face.signed == ("signature" in view.fields)
        assert (kept.face(packed), kept.view(packed)) == (face, view)


ROLE, TIME, TYPE = lines(MANDATORY)
SALT = b"0" * 32


@pytest.mark.parametrize(
    "found",
    [
        [],
        [TIME, ROLE, TYPE],
        [ROLE, ROLE, TIME, TYPE],
        [ROLE, TYPE],
        [ROLE, b"", TIME, TYPE],
        [ROLE, TIME, TYPE, b""],
        [ROLE, TIME, TYPE.replace(b'["', b'["x', 1)],
        [ROLE, TIME, TYPE + b" "],
        [ROLE, TIME, TYPE.replace(b"placed", b"misplaced")],
        [ROLE.replace(b"brand", b"Brand"), TIME, TYPE],
        [ROLE, TIME.replace(b"2026", b"26"), TYPE],
        [ROLE, TIME, TYPE.replace(b"placed", b"pl\\u0061ced")],
        [ROLE, TIME, b'["%b","source.channel",[1, 2]]' % SALT, TYPE],
        [ROLE, TIME, b'["%b","source.channel","\x01"]' % SALT, TYPE],
        [ROLE, TIME, b'["%b","source.channel","\xff"]' % SALT, TYPE],
        [ROLE, TIME, b'["%b","source.channel",1,2]' % SALT, TYPE],
        [b'["%b","a%02d",1]' % (SALT, number) for number in range(MAX_FIELDS)] + [ROLE, TIME, TYPE],
    ],
)
def test_what_is_no_event_is_not_shown(found: list[bytes]) -> None:
    for event in both_ways(found):
        kept = shown(Audience.FULL)
        with pytest.raises((StoreRefused, Malformed, ValueError)):
            kept.face(event)
        kept.face(stored([ROLE, TIME, TYPE]))
        with pytest.raises((StoreRefused, Malformed, ValueError)):
            kept.face(event)
