"""What is wrong with an event that only the store's state can tell: its files, its actor's signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from anchor_service.ports import File, Turn, WeighedStream
from anchor_service.ports.disclosures import unpack
from anchor_service.protocol.errors import Altered, Malformed, SealtrailError
from anchor_service.protocol.event import parse_disclosure
from anchor_service.protocol.hashes import Hash, LogId
from anchor_service.protocol.signature import verify_actor
from anchor_service.services.ingest.requests import Item


def problems_of(turn: Turn, log: LogId, items: Sequence[Item]) -> list[tuple[Item, SealtrailError]]:
    """Return what is wrong; an event may be there twice."""
    with_files = [item for item in items if "attachments" in item.looked_at]
    signed = [item for item in items if "signature" in item.looked_at]
    return [*_unknown_files(turn, with_files), *_bad_signatures(log, signed, turn.streams)]


def _unknown_files(turn: Turn, items: Sequence[Item]) -> list[tuple[Item, SealtrailError]]:
    named: dict[str, set[Hash]] = {}
    for item in items:
        named.setdefault(item.order[0], set()).update(file.sha256 for file in _files(item))
    stored = {tenant: turn.files(tenant, hashes) for tenant, hashes in named.items()}
    problems: list[tuple[Item, SealtrailError]] = []
    for item in items:
        for file in _files(item):
            if stored[item.order[0]].get(file.sha256) != file:
                detail = f"attachments: no file {file.sha256} of {file.size} bytes and {file.media_type} was put"
                problems.append((item, Malformed("attachment_unknown", detail)))
                break
    return problems


def _files(item: Item) -> list[File]:
    """Return the files that an event names; the model has checked their form."""
    listed = item.looked_at.get("attachments")
    files = []
    for named in listed if isinstance(listed, list) else []:
        match named:
            case {"sha256": str(sha256), "size": int(size), "media_type": str(media_type)}:
                files.append(File(Hash(bytes.fromhex(sha256)), size, media_type))
    return files


def _bad_signatures(
    log: LogId, items: Sequence[Item], streams: Mapping[tuple[str, str], WeighedStream]
) -> list[tuple[Item, SealtrailError]]:
    problems: list[tuple[Item, SealtrailError]] = []
    for item in items:
        try:
            _verify_actor(log, item, streams.get(item.order))
        except Altered as problem:
            problems.append((item, Malformed(problem.code, f"signature: {problem.message}")))
    return problems


def _verify_actor(log: LogId, item: Item, weighed: WeighedStream | None) -> None:
    if weighed is None:
        raise Altered("actor_signature", "the order has no stream yet that could have been signed over")
    fields = [parse_disclosure(raw.decode()) for raw in unpack(item.disclosures, item.secret).split(b"\n")]
    digests = {field.name: field.digest for field in fields}
    verify_actor(item.looked_at["signature"], digests, log, weighed.stream.id)
