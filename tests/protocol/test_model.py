"""The event model: what a brand sends becomes fields, and nothing else passes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.event import FIELD_NAME, MANDATORY, MAX_FIELDS
from anchor_service.protocol.model import (
    FIELDS,
    MAX_EVENT,
    MAX_ITEMS,
    MAX_NOTE,
    MAX_TEXT,
    PUBLIC,
    draft_event,
    mask,
    parse_event,
)
from tests.protocol.test_canonical import VALUES

SPEC = (Path(__file__).resolve().parents[2] / "anchor_service" / "protocol" / "SPEC.md").read_text("utf-8")

EVENT: dict[str, Any] = {
    "order_id": "A-1001",
    "type": "placed",
    "occurred_at": "2026-05-03T14:05:00+08:00",
    "actor": {"role": "brand"},
}
SIGNED: dict[str, Any] = EVENT | {"type": "signed", "parties": {"recipient": {"name": "王芳"}}, "device": "handheld-17"}
PHOTO: dict[str, Any] = {"sha256": "ab" * 32, "size": 1, "media_type": "image/png", "role": "photo"}
FULL: dict[str, Any] = EVENT | {
    "event_id": "e-1",
    "actor": {"role": "brand", "name": "Demo Shop", "reference": "D-1"},
    "location": {
        "name": "杭州",
        "country": "CN",
        "code": "CNHGH",
        "address": "Road 1",
        "point": {"latitude": "30.25", "longitude": "-120.1"},
    },
    "items": [{"name": "Rice", "gtin": "4006381333931", "serial": "S", "lot": "L", "quantity": "2.50", "unit": "bag"}],
    "parties": {
        party: {"name": "N", "phone": "1", "email": "a@b", "address": "A", "reference": "R"}
        for party in ("buyer", "recipient", "seller", "sender", "carrier")
    },
    "attachments": [
        {"sha256": "ab" * 32, "size": 5, "media_type": "image/png", "role": "signature", "name": "s.png"},
    ],
    "sensor": [{"kind": "temperature", "value": "-4.5", "unit": "C", "time": "2026-05-03T14:05:00Z"}],
    "device": "handheld",
    "note": "line\nline\ttab",
    "source": {"channel": "shop", "reference": "raw-1"},
    "data": {"anything": [1, {"deep": None}]},
    "signature": {"alg": "ed25519", "fields": ["occurred_at", "type"], "key": "ab" * 32, "sig": "cd" * 64},
    "secret": "ef" * 32,
}


def test_the_specs_own_example() -> None:
    example = re.search(r"```json\n(.*?)```", SPEC, re.DOTALL)
    listed = re.search(r"1\. The event becomes \*fields\*: (.*?) \(section 4\)", SPEC)
    assert example is not None
    assert listed is not None
    draft = parse_event(example[1].encode())
    assert (draft.event_id, draft.order_id, draft.secret) == ("e-3", "A-1001", None)
    assert set(draft.fields) == set(re.findall(r"`(.*?)`", listed[1]))


def test_every_member_becomes_its_field() -> None:
    draft = draft_event(FULL)
    assert draft.event_id == "e-1"
    assert draft.secret == b"\xef" * 32
    fields = draft.fields
    assert fields["location.point"] == {"latitude": "30.25", "longitude": "-120.1"}
    assert fields["recipient.masked"] == "N***"
    assert fields["buyer.phone"] == "1"
    assert fields["data"] == {"anything": [1, {"deep": None}]}
    assert all(FIELD_NAME.fullmatch(name) for name in fields)
    assert len(fields) <= MAX_FIELDS


def test_the_fields_are_those_of_the_spec() -> None:
    """SPEC 4.6's table: every field of the model is in it, and is private where it says so."""
    rows = re.findall(r"^\| (`.*?) \| .* \| (never|no|yes) \|$", SPEC, re.MULTILINE)
    private: dict[str, bool] = {}
    for names, word in rows:
        parties = re.findall(r"`(\w+)\.\*`", names)
        parts = re.findall(r"`(\w+)`", names.split("with")[1]) if parties else []
        found = [f"{party}.{part}" for party in parties for part in parts] or re.findall(r"`([\w.]+)`", names)
        private |= dict.fromkeys(found, word == "yes")
    fields = set(draft_event(FULL).fields) | {"erased"}
    assert fields == private.keys() == FIELDS
    assert {name for name, hidden in private.items() if not hidden} == PUBLIC
    assert set(MANDATORY) <= PUBLIC


@pytest.mark.parametrize(
    ("change", "path"),
    [
        *[({name: None}, name) for name in FULL],
        ({"order_id": ""}, "order_id"),
        ({"order_id": 5}, "order_id"),
        ({"event_id": "a\n"}, "event_id"),
        ({"type": "teleported"}, "type"),
        ({"type": ["placed"]}, "type"),
        ({"occurred_at": "2026-05-03"}, "occurred_at"),
        ({"actor": {}}, "actor.role"),
        ({"actor": {"role": "Brand"}}, "actor.role"),
        ({"actor": {"role": "brand", "phone": "1"}}, "actor.phone"),
        ({"actor": {"role": "brand", "name": ""}}, "actor.name"),
        ({"actor": "brand"}, "actor"),
        ({"actor.role": "brand"}, "actor.role"),
        ({"tenant": "other"}, "tenant"),
        ({"state": "anchored"}, "state"),
        ({"erased": ["note"]}, "erased"),
        ({"recipient.masked": "x"}, "recipient.masked"),
        ({"location": {"country": "cn"}}, "location.country"),
        ({"location": {"point": {"latitude": "1"}}}, "location.point.longitude"),
        ({"location": {"point": {"latitude": 1.5, "longitude": "1"}}}, "location.point.latitude"),
        ({"location": {"point": {"latitude": "90.1", "longitude": "1"}}}, "location.point.latitude"),
        ({"location": {"point": {"latitude": "-90", "longitude": "-180.01"}}}, "location.point.longitude"),
        ({"location": {"name": "a\u0085"}}, "location.name"),
        ({"items": []}, "items"),
        ({"items": [{}]}, "items[0].name"),
        ({"items": [{"name": "a"}] * (MAX_ITEMS + 1)}, "items"),
        ({"items": [{"name": "a"}, {"name": "x" * (MAX_TEXT + 1)}]}, "items[1].name"),
        ({"items": [{"name": "a", "quantity": 2}]}, "items[0].quantity"),
        ({"items": [{"name": "a", "quantity": "1e3"}]}, "items[0].quantity"),
        ({"items": [{"name": "a", "quantity": "01"}]}, "items[0].quantity"),
        ({"items": [{"name": "a", "gtin": "4006381333932"}]}, "items[0].gtin"),
        ({"items": [{"name": "a", "gtin": "123"}]}, "items[0].gtin"),
        ({"items": [{"name": "a", "price": "1"}]}, "items[0].price"),
        ({"items": ["rice"]}, "items[0]"),
        ({"parties": {"courier": {"name": "x"}}}, "parties.courier"),
        ({"parties": {"buyer": "x"}}, "parties.buyer"),
        ({"parties": {"buyer": {"masked": "x"}}}, "parties.buyer.masked"),
        ({"attachments": [PHOTO | {"sha256": "AB" * 32}]}, "attachments[0].sha256"),
        ({"attachments": [PHOTO | {"size": 0}]}, "attachments[0].size"),
        ({"attachments": [PHOTO | {"size": True}]}, "attachments[0].size"),
        ({"attachments": [PHOTO | {"media_type": "text/html"}]}, "attachments[0].media_type"),
        ({"attachments": [PHOTO | {"role": "selfie"}]}, "attachments[0].role"),
        ({"attachments": [{"sha256": "ab" * 32}]}, "attachments[0].size"),
        ({"sensor": [{"kind": "t", "value": 4.5}]}, "sensor[0].value"),
        ({"sensor": [{"kind": "t", "value": "4", "time": "noon"}]}, "sensor[0].time"),
        ({"note": "x" * (MAX_NOTE + 1)}, "note"),
        ({"note": "a\x07"}, "note"),
        ({"note": ["a"]}, "note"),
        ({"data": []}, "data"),
        ({"data": "x"}, "data"),
        ({"signature": "x"}, "signature"),
        ({"secret": "ab" * 31}, "secret"),
        ({"secret": "AB" * 32}, "secret"),
        ({"__proto__": {}}, "__proto__"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)  # fmt: skip
def test_what_the_model_does_not_know_is_refused_by_its_path(change: dict[str, Any], path: str) -> None:
    with pytest.raises(Malformed) as problem:
        draft_event(FULL | change)
    assert problem.value.message.startswith(f"{path}:") or problem.value.message.startswith(f"{path} ")


@pytest.mark.parametrize("missing", ["order_id", "type", "occurred_at", "actor"])
def test_what_every_event_has(missing: str) -> None:
    with pytest.raises(Malformed, match="missing") as problem:
        draft_event({name: value for name, value in EVENT.items() if name != missing})
    assert problem.value.code == "missing_field"


@pytest.mark.parametrize("value", [None, [], "x", 1, True])
def test_an_event_is_an_object(value: Any) -> None:
    with pytest.raises(Malformed) as problem:
        draft_event(value)
    assert problem.value.code == "event_shape"


def test_a_signature_needs_the_secret() -> None:
    with pytest.raises(Malformed, match="secret"):
        draft_event({name: value for name, value in FULL.items() if name != "secret"})


def test_signed_needs_a_recipient_and_a_signature_or_device() -> None:
    assert draft_event(SIGNED).fields["recipient.masked"] == "王*"
    without_device = {name: value for name, value in SIGNED.items() if name != "device"}
    draft_event(without_device | {"attachments": [PHOTO, PHOTO | {"role": "signature"}]})
    for wrong, path in [
        (SIGNED | {"parties": {"recipient": {"phone": "1"}}}, "parties.recipient"),
        ({name: value for name, value in SIGNED.items() if name != "parties"}, "parties.recipient"),
        (without_device, "attachments"),
        (without_device | {"attachments": [PHOTO]}, "attachments"),
    ]:
        with pytest.raises(Malformed) as problem:
            draft_event(wrong)
        assert problem.value.message.startswith(path)


def test_a_given_mask_is_kept() -> None:
    party = {"recipient": {"name": "Wang Fang", "masked": "Ms W."}}
    assert draft_event(SIGNED | {"parties": party}).fields["recipient.masked"] == "Ms W."


@pytest.mark.parametrize(
    ("name", "masked"),
    [
        ("王芳", "王*"),
        ("欧阳修文", "欧***"),
        ("王", "王*"),
        ("Wang Fang", "W*** F***"),
        ("Maria da Silva", "M*** d*** S***"),
        ("a b c d e f g", "a*** b*** c*** d*** e***"),
        ("  ", "****"),
        ("Łukasz", "Ł***"),
    ],
)
def test_masks(name: str, masked: str) -> None:
    assert mask(name) == masked


def test_hostile_bodies() -> None:
    for raw in (b"", b"[", b'{"order_id":1,"order_id":1}', b"[NaN]", b'{"data":1e999}', b'"\\ud800"', b"[" * 10_000):
        with pytest.raises(Malformed):
            parse_event(raw)


@given(VALUES)
def test_any_json_is_an_event_or_malformed(value: Any) -> None:
    wrong: list[Any] = [value, EVENT | {"data": {"x": value}}, *(FULL | {name: value} for name in FULL)]
    for event in wrong:
        try:
            draft = parse_event(json.dumps(event).encode())
        except Malformed:
            continue
        assert set(MANDATORY) <= draft.fields.keys()


def test_an_event_has_a_largest_size() -> None:
    raw = json.dumps(EVENT).encode()
    assert parse_event(raw.ljust(MAX_EVENT)) == parse_event(raw)
    with pytest.raises(Malformed) as problem:
        parse_event(raw.ljust(MAX_EVENT + 1))
    assert problem.value.code == "event_size"
