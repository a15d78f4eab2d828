"""Fields, disclosures, commitments, streams and entries (SPEC 4, 5, 6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256, shake_256
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.canonical import JSON, SAFE_INTEGER, parse_canonical, print_json
from anchor_service.protocol.errors import Malformed
from anchor_service.protocol.hashes import EVENT, FIELD, HASH_SIZE, STREAM, Hash, Leaf, LogId, StreamId, made, tagged
from anchor_service.protocol.lifecycle import TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MANDATORY: Final = ("actor.role", "occurred_at", "type")
MAX_FIELDS: Final = 64
MAX_DISCLOSURE: Final = 65_536
MAX_NAME: Final = 200
SALT_SIZE: Final = 16
FIELD_NAME: Final = re.compile(r"[a-z0-9_.]{1,64}", re.ASCII)
ROLE: Final = re.compile(r"[a-z_]{1,64}", re.ASCII)

_SALT: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
# Text without escapes is its own canonical form.
_TEXT: Final = r'\["[0-9a-f]{32}","([a-z0-9_.]{1,64})","([^"\\\x00-\x1f\ud800-\udfff]{0,16000})"\]'
_PLAIN: Final = re.compile(_TEXT, re.ASCII)
_PLAIN_OR_NOT: Final = re.compile(rf"^(?:{_TEXT}|.*)$", re.ASCII | re.MULTILINE)
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\dT(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)", re.ASCII
)
_NAME_TEXT: Final = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_NAME}}}")
_NUMBER: Final = "(0|[1-9][0-9]{0,15})"
_HASH: Final = "([0-9a-f]{64})"
_EVENT_ENTRY: Final = re.compile(
    rf'\{{"accepted":{_NUMBER},"commitment":"{_HASH}","kind":"event","log":"{_HASH}","prev":"{_HASH}",'
    rf'"seq":{_NUMBER},"stream":"{_HASH}","v":1\}}',
    re.ASCII,
)
_PRINTED_EVENT_ENTRY: Final = re.compile(_EVENT_ENTRY.pattern.replace('"', r'\\"'), re.ASCII)
_SEAL_ENTRY: Final = re.compile(
    rf'\{{"batch":{_NUMBER},"kind":"seal","log":"{_HASH}","map":"{_HASH}",'
    rf'"not_before":(?:null|\{{"hash":"{_HASH}","number":{_NUMBER}\}}),'
    rf'"prev_seal":"{_HASH}","sealed":{_NUMBER},"size":{_NUMBER},"streams":{_NUMBER},"v":1\}}',
    re.ASCII,
)


# --- fields ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Disclosure:
    """One field, opened (SPEC 4.2): `text` is the exact canonical text of `[salt, name, value]`."""

    name: str
    value: JSON
    text: str

    @cached_property
    def digest(self) -> Hash:
        """The field's digest."""
        return tagged(FIELD, self.text.encode())


def parse_disclosure(text: str) -> Disclosure:
    """Read a disclosure that is in canonical form; Malformed otherwise."""
    name, value = read_disclosure(text)
    return Disclosure(name, value, text)


def read_disclosure(text: str) -> tuple[str, JSON]:
    """Return name and value of a disclosure that is in canonical form; Malformed otherwise."""
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        return plain[1], plain[2]
    raw = text.encode()
    if len(raw) > MAX_DISCLOSURE:
        raise Malformed("disclosure", f"a disclosure has more than {MAX_DISCLOSURE} bytes")
    match parse_canonical(raw):
        case [str(salt), str(name), value] if _SALT.fullmatch(salt) and FIELD_NAME.fullmatch(name):
            return name, value
    raise Malformed("disclosure", "a disclosure is not [salt, name, value]")


def read_disclosures(texts: Sequence[str]) -> list[tuple[str, JSON]]:
    """Return the same of each of these, in their order."""
    found = _PLAIN_OR_NOT.findall("\n".join(texts))
    if len(found) != len(texts):  # a line break in one of them
        found = [("", "")] * len(texts)
    return [pair if pair[0] else read_disclosure(text) for pair, text in zip(found, texts, strict=True)]


def derive_salts(secret: bytes, count: int) -> list[bytes]:
    """Derive the salts of `count` fields in name order from a 32-byte event secret (SPEC 4.4)."""
    return [bytes.fromhex(salt) for salt in print_salts(secret, count)]


def print_salts(secret: bytes, count: int) -> list[str]:
    """Derive the same salts, as hexadecimal digits."""
    return join_salts(secret, count).hex(" ", SALT_SIZE).split()


def join_salts(secret: bytes, count: int) -> bytes:
    """Derive the same salts, one after the other."""
    if len(secret) != HASH_SIZE:
        raise ValueError("an event secret has 32 bytes")
    return shake_256(b"sealtrail/v1/salts\0" + secret).digest(SALT_SIZE * count)


def disclose(secret: bytes, fields: Mapping[str, JSON]) -> list[tuple[str, bytes]]:
    """Return (name, disclosure bytes) of every field in name order (SPEC 4.2, 4.4).

    Field names and the mandatory fields are the caller's to have checked; Malformed where a disclosure is too long
    or a value has no canonical form.
    """
    names = sorted(fields)
    texts = [
        f'["{salt}","{name}",{encode_basestring(value) if type(value) is str else print_json(value).decode()}]'
        for salt, name in zip(print_salts(secret, len(names)), names, strict=True)
        for value in (fields[name],)
    ]
    # In one step for all: ingest does this for every event.  Canonical JSON holds no newline.
    raws = "\n".join(texts).encode().split(b"\n")
    for name, raw in zip(names, raws, strict=True):
        if len(raw) > MAX_DISCLOSURE:
            raise Malformed("field_size", f"{name}: more than {MAX_DISCLOSURE} bytes")
    return list(zip(names, raws, strict=True))


def commitment(digests: Mapping[str, Hash]) -> Hash:
    """Hash the map from field names to digests (SPEC 4.3).  Names are by 4.1, so no name needs escaping."""
    return _commitment([f'"{name}":"{digests[name].hex()}"' for name in sorted(digests)])


def commit(disclosures: Iterable[tuple[str, bytes]]) -> Hash:
    """Return the commitment over all disclosures of an event, given as (name, bytes) in name order.

    The same as `commitment` over the disclosures' digests, without a value for each: ingest does this for every event.
    """
    return _commitment([f'"{name}":"{sha256(FIELD + raw).hexdigest()}"' for name, raw in disclosures])


def _commitment(members: list[str]) -> Hash:
    return tagged(EVENT, ("{" + ",".join(members) + "}").encode())


def parse_time(text: JSON) -> datetime:
    """Read an RFC 3339 time by SPEC 2.5 (digits beyond microseconds are dropped); Malformed otherwise."""
    if isinstance(text, str) and _TIME.fullmatch(text):
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            pass
    raise Malformed("occurred_at", "expected a time with an offset, such as 2026-05-03T14:05:00+08:00")


def check_mandatory(fields: Mapping[str, JSON]) -> None:
    """Check the grammar of those of the three mandatory fields that are there (SPEC 4.5)."""
    if "type" in fields and fields["type"] not in TYPES:
        raise Malformed("type", f"expected one of {', '.join(TYPES)}")
    if "occurred_at" in fields:
        parse_time(fields["occurred_at"])
    if "actor.role" in fields:
        role = fields["actor.role"]
        if not isinstance(role, str) or not ROLE.fullmatch(role):
            raise Malformed("actor.role", "expected 1 to 64 of a to z and _")


# --- streams --------------------------------------------------------------------------------------------------------


def parse_name(value: JSON, where: str) -> str:
    """Read a tenant, order or event id (SPEC 2.6)."""
    if isinstance(value, str) and _NAME_TEXT.fullmatch(value):
        return value
    raise Malformed("name_syntax", f"{where}: expected 1 to 200 characters, none of them a control")


def stream_id(salt: bytes, tenant: str, order_id: str) -> StreamId:
    """Return the salted hash that names the stream of an order (SPEC 5.1); salt of 32 bytes."""
    if len(salt) != HASH_SIZE:
        raise ValueError("a stream's salt has 32 bytes")
    return StreamId(tagged(STREAM, salt + print_json([tenant, order_id])))


# --- entries --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventEntry:
    """What the log holds of an event (SPEC 6.1); `accepted` in ms UTC, `seq` from 1."""

    log: LogId
    stream: StreamId
    seq: int
    prev: Hash
    commitment: Hash
    accepted: int


@dataclass(frozen=True, slots=True)
class BlockId:
    """A block by number and hash, which no node needs to be believed for."""

    number: int
    hash: Hash


@dataclass(frozen=True, slots=True)
class SealEntry:
    """The last entry of a batch (SPEC 6.3); `sealed` in ms UTC, `batch` from 1, `size` its own index + 1.

    `map` is the root of the stream map of all entries before, `streams` the number of streams in it (SPEC 10).
    """

    log: LogId
    batch: int
    size: int
    streams: int
    map: Hash
    prev_seal: Hash
    sealed: int
    not_before: BlockId | None


def print_event_entry(entry: EventEntry) -> bytes:
    """Print the exact bytes of an event entry (SPEC 6.1)."""
    return (
        f'{{"accepted":{entry.accepted},"commitment":"{entry.commitment.hex()}","kind":"event","log":"{entry.log.hex()}",'
        f'"prev":"{entry.prev.hex()}","seq":{entry.seq},"stream":"{entry.stream.hex()}","v":1}}'
    ).encode()


def parse_event_entry(text: str) -> EventEntry:
    """Read what print_event_entry prints, and nothing else."""
    return _event_entry(_EVENT_ENTRY.fullmatch(text))


def parse_printed_event_entry(text: str) -> EventEntry:
    """Read the same as it stands in a JSON string: each quote after a backslash."""
    return _event_entry(_PRINTED_EVENT_ENTRY.fullmatch(text))


def _event_entry(match: re.Match[str] | None) -> EventEntry:
    if match is None:
        raise Malformed("event_entry", "not an event entry by its template")
    accepted, commits, log, prev, seq, stream = match.groups()
    hashes = bytes.fromhex(commits + log + prev + stream)
    return EventEntry(
        log=made(LogId, hashes[32:64]),
        stream=made(StreamId, hashes[96:]),
        seq=_whole(seq),
        prev=made(Hash, hashes[64:96]),
        commitment=made(Hash, hashes[:32]),
        accepted=_whole(accepted),
    )


def print_seal_entry(entry: SealEntry) -> bytes:
    """Print the exact bytes of a seal entry (SPEC 6.3)."""
    block = entry.not_before
    not_before = "null" if block is None else f'{{"hash":"{block.hash.hex()}","number":{block.number}}}'
    return (
        f'{{"batch":{entry.batch},"kind":"seal","log":"{entry.log.hex()}","map":"{entry.map.hex()}",'
        f'"not_before":{not_before},"prev_seal":"{entry.prev_seal.hex()}","sealed":{entry.sealed},"size":{entry.size},'
        f'"streams":{entry.streams},"v":1}}'
    ).encode()


def parse_seal_entry(text: str) -> SealEntry:
    """Read what print_seal_entry prints, and nothing else."""
    match = _SEAL_ENTRY.fullmatch(text)
    if match is None:
        raise Malformed("seal_entry", "not a seal entry by its template")
    batch, log, root, block, number, prev_seal, sealed, size, streams = match.groups()
    hashes = bytes.fromhex(log + root + prev_seal)
    return SealEntry(
        log=made(LogId, hashes[:32]),
        batch=_whole(batch),
        size=_whole(size),
        streams=_whole(streams),
        map=made(Hash, hashes[32:64]),
        prev_seal=made(Hash, hashes[64:]),
        sealed=_whole(sealed),
        not_before=None if block is None else BlockId(_whole(number), Hash.of(block)),
    )


def _whole(digits: str) -> int:
    value = int(digits)
    if value > SAFE_INTEGER:
        raise Malformed("number", f"a number of 2^53 or more is refused: {digits}")
    return value


def follows(entries: Sequence[tuple[EventEntry, Leaf]]) -> bool:
    """Say whether these are a stream's entries from the first on, without a gap (SPEC 6.2)."""
    prev: Hash = Hash(bytes(HASH_SIZE))
    for place, (entry, leaf) in enumerate(entries, start=1):
        if entry.seq != place or entry.prev != prev:
            return False
        prev = leaf
    return True
