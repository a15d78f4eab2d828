"""The event model: from what a brand sends to the fields that are committed (SPEC 4.6).

    {"event_id", "order_id", "type", "occurred_at", "actor": {…}, "parties": {"recipient": {…}}, …}
        → {"type": …, "occurred_at": …, "actor.role": …, "recipient.name": …, …}

Everything is refused that the model does not name: a brand's free data goes into `data`.  Messages start with the
path of the member they speak of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, parse_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import check_mandatory, parse_name, parse_time
from anchor_service.protocol.hashes import parse_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_EVENT: Final = 2**20
"""Bytes of one event as it is sent; what fits into its fields is far less."""
MAX_TEXT: Final = 500
MAX_NOTE: Final = 5_000
MAX_ITEMS: Final = 200
MOST_LATITUDE: Final = 90
MOST_LONGITUDE: Final = 180
MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp", "application/pdf")
ATTACHMENT_ROLES: Final = ("signature", "photo", "document")

# The fields that a consumer sees unless the tenant's view policy says otherwise; every other one is private.
PUBLIC: Final = frozenset(
    {
        *("type", "occurred_at", "actor.role", "actor.name", "actor.reference"),
        *("location.name", "location.country", "location.code"),
        *("items", "recipient.masked", "attachments", "sensor", "device", "source.channel", "erased", "signature"),
        *(f"{party}.{part}" for party in ("seller", "sender", "carrier") for part in ("name", "reference")),
    }
)

_TEXT: Final = re.compile(rf"[^\x00-\x1f\x7f-\x9f]{{1,{MAX_TEXT}}}")
_CONTROL_IN_NOTE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?", re.ASCII)
COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
GTIN: Final = re.compile(r"[0-9]{8}|[0-9]{12,14}", re.ASCII)
_CJK: Final = re.compile(r"[\u3400-\u9fff\uac00-\ud7af\u3040-\u30ff]")


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as accepted by the model: `fields` by SPEC 4.6; `secret` where the sender brings its own (SPEC 4.4)."""

    event_id: str | None
    order_id: str
    fields: dict[str, JSON]
    secret: bytes | None


def parse_event(raw: bytes) -> Draft:
    """Read one event strictly; Malformed says what and where."""
    # Before anything is read: a strict reader takes a second, and 30 times the memory, for each megabyte.
    if len(raw) > MAX_EVENT:
        raise Malformed("event_size", f"an event has at most {MAX_EVENT} bytes")
    return draft_event(parse_json(raw))


def draft_event(value: JSON) -> Draft:
    """Take one event that was read strictly (SPEC 2.3); Malformed says what and where."""
    if not isinstance(value, dict):
        raise Malformed("event_shape", "an event is an object")
    fields: dict[str, JSON] = {}
    event_id: str | None = None
    order_id: str | None = None
    secret: bytes | None = None
    for name, member in value.items():
        if name == "event_id":
            event_id = parse_name(member, "event_id")
        elif name == "order_id":
            order_id = parse_name(member, "order_id")
        elif name == "secret":
            secret = parse_hash(member, "secret")
        elif reader := _MEMBERS.get(name):
            reader(name, member, fields)
        else:
            raise Malformed(
                "unknown_field", f"{name[:80]}: not a member of the event model; free data goes into `data`"
            )
    if order_id is None:
        raise Malformed("missing_field", "order_id: missing")
    for name in ("type", "occurred_at", "actor.role"):
        if name not in fields:
            raise Malformed("missing_field", f"{name}: missing")
    if secret is None and "signature" in fields:
        raise Malformed("missing_field", "secret: an event with a signature brings the secret its salts come from")
    _check_signed(fields)
    if "recipient.name" in fields and "recipient.masked" not in fields:
        fields["recipient.masked"] = mask(str(fields["recipient.name"]))
    return Draft(event_id, order_id, fields, secret)


def _check_signed(fields: Mapping[str, JSON]) -> None:
    """Check that "signed" names a recipient, and a signature file or the device that took it."""
    if fields["type"] != "signed":
        return
    if not {"recipient.name", "recipient.reference", "recipient.masked"} & fields.keys():
        raise Malformed("missing_field", "parties.recipient: an event `signed` names its recipient")
    files = fields.get("attachments")
    roles = [file["role"] for file in (files if isinstance(files, list) else []) if isinstance(file, dict)]
    if "signature" not in roles and "device" not in fields:
        raise Malformed("missing_field", "attachments: an event `signed` has a signature file, or names its `device`")


def mask(name: str) -> str:
    """Return a person's name as a consumer may see it: 王芳 → 王*, Maria da Silva → M*** d*** S***."""
    name = name.strip() or "*"
    if not name.isascii() and _CJK.search(name):
        return name[0] + "*" * min(max(len(name) - 1, 1), 3)
    return " ".join([f"{word[0]}***" for word in name.split(None, 5)[:5]])


# --- values ---------------------------------------------------------------------------------------------------------


def _text(value: JSON, where: str) -> str:
    if not isinstance(value, str) or not _TEXT.fullmatch(value):
        raise Malformed("text", f"{where}: expected 1 to {MAX_TEXT} characters, none of them a control")
    return value


def _decimal(value: JSON, where: str) -> str:
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise Malformed("decimal", f'{where}: expected a decimal number as a string, such as "12.50"')
    return value


def _degrees(most: int) -> Callable[[JSON, str], str]:
    def read(value: JSON, where: str) -> str:
        text = _decimal(value, where)
        if not is_within(text, most):
            raise Malformed("decimal", f"{where}: expected degrees, -{most} to {most}")
        return text

    return read


def is_within(decimal: str, most: int) -> bool:
    """Say whether a decimal number is at most so far from 0."""
    return abs(Decimal(decimal)) <= most


def _country(value: JSON, where: str) -> str:
    if not isinstance(value, str) or not COUNTRY.fullmatch(value):
        raise Malformed("country", f"{where}: expected two capital letters (ISO 3166-1)")
    return value


def _gtin(value: JSON, where: str) -> str:
    """Read a GTIN-8, -12, -13 or -14 with its check digit (GS1 General Specifications 7.9)."""
    if not isinstance(value, str) or not GTIN.fullmatch(value):
        raise Malformed("gtin", f"{where}: expected 8, 12, 13 or 14 digits")
    if not has_check_digit(value):
        raise Malformed("gtin", f"{where}: the check digit is wrong")
    return value


def has_check_digit(gtin: str) -> bool:
    """Say whether the last of these digits is the check digit of the others."""
    return (sum(map(int, gtin[::-2])) + 3 * sum(map(int, gtin[-2::-2]))) % 10 == 0


def _time(value: JSON, where: str) -> str:
    try:
        parse_time(value)
    except Malformed as problem:
        raise Malformed("time", f"{where}: {problem.message}") from None
    return str(value)


def _one_of(choices: tuple[str, ...]) -> Callable[[JSON, str], str]:
    def read(value: JSON, where: str) -> str:
        if value not in choices or not isinstance(value, str):
            raise Malformed("choice", f"{where}: expected one of {', '.join(choices)}")
        return value

    return read


def _size(value: JSON, where: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise Malformed("size", f"{where}: expected a number of bytes")
    return value


def _digest(value: JSON, where: str) -> str:
    return parse_hash(value, where).hex()


Readers = dict[str, "Callable[[JSON, str], JSON]"]

_ITEM: Final[Readers] = {
    "name": _text,
    "gtin": _gtin,
    "serial": _text,
    "lot": _text,
    "quantity": _decimal,
    "unit": _text,
}
_ATTACHMENT: Final[Readers] = {
    "sha256": _digest,
    "size": _size,
    "media_type": _one_of(MEDIA_TYPES),
    "role": _one_of(ATTACHMENT_ROLES),
    "name": _text,
}
_READING: Final[Readers] = {"kind": _text, "value": _decimal, "unit": _text, "time": _time}
_POINT: Final[Readers] = {"latitude": _degrees(MOST_LATITUDE), "longitude": _degrees(MOST_LONGITUDE)}
_CONTACT: Final = ("name", "phone", "email", "address", "reference")


def _object(value: JSON, readers: Readers, needed: tuple[str, ...], where: str) -> dict[str, JSON]:
    """Read an object by its members; a reader's message starts with its member's name, and gets the path before it."""
    if not isinstance(value, dict):
        raise Malformed("shape", f"{where}: expected an object")
    read = {}
    for name, member in value.items():
        reader = readers.get(name)
        if reader is None:
            raise Malformed("unknown_field", f"{where}.{name[:80]}: not a member of the event model")
        try:
            read[name] = reader(member, name)
        except Malformed as problem:
            raise Malformed(problem.code, f"{where}.{problem.message}") from None
    for name in needed:
        if name not in read:
            raise Malformed("missing_field", f"{where}.{name}: missing")
    return read


# --- members: each reader takes (name, value, fields) and adds what it reads to the fields ---------------------------


def _plain(read: Callable[[JSON, str], JSON]) -> Callable[[str, JSON, dict[str, JSON]], None]:
    def member(name: str, value: JSON, fields: dict[str, JSON]) -> None:
        fields[name] = read(value, name)

    return member


def _spread(prefix: str, readers: Readers) -> Callable[[str, JSON, dict[str, JSON]], None]:
    """Read an object whose members become the fields `prefix.member`."""
    fields_of = {part: f"{prefix}.{part}" for part in readers}

    def member(name: str, value: JSON, fields: dict[str, JSON]) -> None:
        for part, read in _object(value, readers, (), name).items():
            fields[fields_of[part]] = read

    return member


def _listed(readers: Readers, needed: tuple[str, ...]) -> Callable[[str, JSON, dict[str, JSON]], None]:
    def member(name: str, value: JSON, fields: dict[str, JSON]) -> None:
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_ITEMS:
            raise Malformed("shape", f"{name}: expected an array of 1 to {MAX_ITEMS} objects")
        fields[name] = [_object(item, readers, needed, f"{name}[{place}]") for place, item in enumerate(value)]

    return member


def _mandatory(name: str, value: JSON, fields: dict[str, JSON]) -> None:
    try:
        check_mandatory({name: value})
    except Malformed as problem:
        raise Malformed(problem.code, f"{name}: {problem.message}") from None
    fields[name] = value


def _actor(name: str, value: JSON, fields: dict[str, JSON]) -> None:
    actor = _object(value, {"role": _any, "name": _text, "reference": _text}, ("role",), name)
    _mandatory("actor.role", actor.pop("role"), fields)
    for part, read in actor.items():
        fields[f"actor.{part}"] = read


def _any(value: JSON, _where: str) -> JSON:
    return value


_PARTIES: Final = {
    party: _spread(party, dict.fromkeys((*_CONTACT, "masked") if party == "recipient" else _CONTACT, _text))
    for party in ("buyer", "recipient", "seller", "sender", "carrier")
}


def _parties(name: str, value: JSON, fields: dict[str, JSON]) -> None:
    for party, contact in _object(value, dict.fromkeys(_PARTIES, _any), (), name).items():
        _PARTIES[party](f"{name}.{party}", contact, fields)


def _note(name: str, value: JSON, fields: dict[str, JSON]) -> None:
    if not isinstance(value, str) or not 1 <= len(value) <= MAX_NOTE or _CONTROL_IN_NOTE.search(value):
        raise Malformed("text", f"{name}: expected 1 to {MAX_NOTE} characters, no controls but tab and newline")
    fields[name] = value


def _free(name: str, value: JSON, fields: dict[str, JSON]) -> None:
    if not isinstance(value, dict):
        raise Malformed("shape", f"{name}: expected an object")
    fields[name] = value


FIELDS: Final = PUBLIC | {
    *("location.address", "location.point", "note", "source.reference", "data"),
    *(f"{party}.{part}" for party in _PARTIES for part in _CONTACT),
}
"""The fields that an event can have (SPEC 4.6)."""

_MEMBERS: Final[dict[str, Callable[[str, JSON, dict[str, JSON]], None]]] = {
    "type": _mandatory,
    "occurred_at": _mandatory,
    "actor": _actor,
    "location": _spread(
        "location",
        {
            "name": _text,
            "country": _country,
            "code": _text,
            "address": _text,
            "point": lambda value, where: _object(value, _POINT, ("latitude", "longitude"), where),
        },
    ),
    "items": _listed(_ITEM, ("name",)),
    "parties": _parties,
    "attachments": _listed(_ATTACHMENT, ("sha256", "size", "media_type", "role")),
    "sensor": _listed(_READING, ("kind", "value")),
    "device": _plain(_text),
    "note": _note,
    "source": _spread("source", {"channel": _text, "reference": _text}),
    "data": _free,
    "signature": _free,
}
