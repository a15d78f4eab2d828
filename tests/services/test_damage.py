"""A proof is given whole and sound or not at all, whatever bit of what it is made from has flipped."""

from __future__ import annotations

from contextlib import suppress

import pytest

from anchor_service.ports import Audience, StoreRefused, split_records
from anchor_service.ports.buckets import RECORD_SIZE
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.verdict import State
from anchor_service.services.prove.proofs import Proofs
from tests.services.log import TENANT, OpenLog, event

USED = [
    ("events", "disclosures"),
    ("events", "accepted"),
    ("event_secrets", "secret"),
    ("streams", "stream"),
    ("streams", "salt"),
    ("entries", "entry"),
    ("tiles", "data"),
    ("map_buckets", "streams"),
    ("map_buckets", "hash"),
    ("map_buckets", "holds"),
    ("checkpoints", "note"),
    ("evidence", "header"),
    ("evidence", "tx_index"),
    ("evidence_nodes", "node"),
    ("anchors", "block_hash"),
    ("anchors", "block_number"),
]


def damaged(value: object) -> object:
    """Return a value with one bit flipped in its middle; of the map's records, which are many, in each."""
    if isinstance(value, bytes) and len(value) > RECORD_SIZE and len(value) % RECORD_SIZE == 0:
        return b"".join(bytes(damaged(record)) for record in split_records(value))  # type: ignore[call-overload] # bytes
    if isinstance(value, int):
        return value ^ 1
    raw = bytearray(value.encode() if isinstance(value, str) else bytes(value))  # type: ignore[call-overload] # a column
    raw[len(raw) // 2] ^= 1
    return raw.decode() if isinstance(value, str) else bytes(raw)


def damage(log: OpenLog, table: str, column: str) -> None:
    """Flip a bit in every row's column."""
    mark = "%s" if log.database.shared else "?"
    with log.database.write() as connection:
        if not log.database.shared:
            connection.exec_driver_sql("pragma defer_foreign_keys = on")
        for (value,) in connection.exec_driver_sql(f"select distinct {column} from {table}").all():
            connection.exec_driver_sql(
                f"update {table} set {column} = {mark} where {column} = {mark}", (damaged(value), value)
            )


@pytest.mark.parametrize(("table", "column"), USED)
@pytest.mark.parametrize("warm", [False, True])
def test_no_damaged_proof_is_given(log: OpenLog, table: str, column: str, warm: bool) -> None:
    prove = log.service.prove
    log.accept(*(event(f"e{number}", f"A-{number % 5}", "arrived", note="over there") for number in range(40)))
    log.settle()
    log.accept(event("later", "A-1", "delivered"))
    log.settle()
    nobody = StreamId(bytes(32))
    absent = prove.absence(nobody)
    before = {audience: log.proof("A-1", audience) for audience in Audience}
    if not warm:
        prove.proofs = Proofs(prove.proofs._store, log=prove.proofs._log, policy=prove.proofs._policy)
    damage(log, table, column)
    for audience in Audience:
        try:
            given = prove.proof(TENANT, "A-1", audience)
        except StoreRefused:
            continue
        # What was kept from before the damage is still sound.
        assert warm
        assert given == before[audience]
        assert log.verdict(before[audience]).state is State.TEST_DATA
    with suppress(StoreRefused):
        assert prove.absence(nobody) == absent


def test_what_is_kept_in_memory_is_not_believed(log: OpenLog) -> None:
    """A bit that flips in memory is refused once, and gone then; one in an anchor is read again at once."""
    proofs = log.service.prove.proofs
    log.accept(*(event(f"e{number}", f"A-{number % 5}", "arrived") for number in range(40)))
    log.settle()
    sound = log.proof("A-1")
    tile = proofs._paths._tiles[0, 0]
    proofs._paths._tiles[0, 0] = tile._replace(nodes=bytes(byte ^ 1 for byte in tile.nodes))
    with pytest.raises(StoreRefused, match="another root"):
        log.proof("A-1")
    assert log.proof("A-1") == sound
    (size,) = proofs._anchors._kept
    kept = proofs._anchors._kept[size]
    proofs._anchors._kept[size] = kept._replace(printed=kept.printed.replace(b"seal", b"sea1", 1))
    assert log.proof("A-1") == sound
    proofs._anchors._kept[size] = kept._replace(root=kept.seal.map)
    with pytest.raises(StoreRefused):
        log.proof("A-1")
    assert log.proof("A-1") == sound
    assert len(parse_proof(sound).events) == 8
