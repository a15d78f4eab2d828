"""Seal: a batch is whole or absent, the log has one history, and the signer never signs two."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Table, select, update

from anchor_service.ports import Batch, Busy, HeadMoved, LogReader, StoreRefused
from anchor_service.protocol.checkpoint import parse_checkpoint
from anchor_service.protocol.errors import Altered, SealtrailError
from anchor_service.protocol.event import parse_seal_entry
from anchor_service.protocol.hashes import Hash
from anchor_service.protocol.merkle import leaf_hash, tree_root
from anchor_service.services.fsck import fsck
from anchor_service.settings import Settings
from anchor_service.storage.events import Events
from anchor_service.storage.files import SignerFile
from anchor_service.storage.log import Log
from anchor_service.storage.tables import metadata
from tests.services.conftest import SQLITE_ONLY
from tests.services.log import Crash, OpenLog, create_log, event, open_log


def published(log: OpenLog) -> int:
    note = log.service.prove.checkpoint()
    return 0 if note is None else parse_checkpoint(note).size


def test_every_size_has_the_root_of_its_entries(log: OpenLog) -> None:
    """Batches of 0 to some 30 events, over the edge of the first tile: as a naive tree over all entries has it."""
    log.service.seal._heartbeat = 0
    sizes = [0, 1, 2, 3, 0, 7, 8, 31, 1, 0, 30, 33, 60, 90, 1, 2, 3]
    number = 0
    for count in sizes:
        if count:
            log.accept(*(event(f"e{number + part}", f"A-{part % 5}", "arrived") for part in range(count)))
        number += count
        sealed = log.service.seal.run_once()
        assert sealed is not None
        assert sealed.events == count
        entries = Log(log.database).entries(0, sealed.size)
        assert len(entries) == sealed.size
        assert tree_root([leaf_hash(entry) for entry in entries]) == sealed.root
        assert published(log) == sealed.size
        assert parse_seal_entry(entries[-1].decode()).size == sealed.size
    log.check()


def test_nothing_to_do_seals_nothing_until_the_heartbeat(log: OpenLog) -> None:
    assert log.service.seal.run_once() is None
    log.accept(event("e1"))
    assert log.service.seal.run_once() is not None
    assert log.service.seal.run_once() is None
    log.service.seal._heartbeat = 0
    sealed = log.service.seal.run_once()
    assert sealed is not None
    assert sealed.events == 0


def test_a_clock_that_was_ahead_stops_no_heartbeat(tmp_path: Path) -> None:
    settings = create_log(tmp_path / "data", heartbeat=3600)
    year = 365 * 86_400_000
    with open_log(settings) as log:
        seal, now = log.service.seal, log.service.seal._clock()
        log.accept(event("e1"))
        seal._clock = lambda: now + year
        assert seal.run_once() is not None
        for later, beats in ((0, False), (3_599_000, False), (3_600_000, True), (3_601_000, False), (7_200_000, True)):
            seal._clock = lambda later=later: now + later  # type: ignore[misc]
            assert (seal.run_once() is not None) == beats, later
        log.settle()
        log.check()
    with open_log(settings) as log:
        assert log.service.seal.run_once() is None
        now = log.service.seal._clock()
        log.service.seal._clock = lambda: now + 3_600_000
        assert log.service.seal.run_once() is not None


def test_more_than_a_batch_takes_several(tmp_path: Path) -> None:
    with open_log(create_log(tmp_path / "data", seal_events=10)) as log:
        log.accept(*(event(f"e{number}", kind="arrived") for number in range(25)))
        sealed = [log.service.seal.run_once() for _ in range(4)]
        assert [item and item.events for item in sealed] == [10, 10, 5, None]
        log.settle()
        log.check()


# Sealing writes the batch, then the checkpoint; the signer's memory in between.
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("write", [0, 1])
def test_whichever_write_fails_the_batch_is_whole_or_absent(
    settings: Settings, write: int, persisted: bool, crash: bool
) -> None:
    with open_log(settings) as log:
        log.accept(event("e1"))
        log.settle()
        log.accept(event("e2", kind="paid"), event("e3", kind="packed"))
        log.database.arm(write, persisted=persisted, crash=crash)
        with pytest.raises((Crash, HeadMoved, Busy)):
            log.service.seal.run_once()
        log.database.disarm()
        assert log.service.health().size == (5 if write or persisted else 2)
        assert published(log) == (5 if write and persisted else 2)
        if not crash:
            log.service.seal.run_once()
            assert published(log) == 5
    with open_log(settings) as log:
        log.service.seal.run_once()
        assert published(log) == 5
        log.settle()
        assert len(log.service.prove.order("acme", "A-1").events) == 3
        log.check()


def test_a_signer_that_cannot_remember_signs_nothing(log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.accept(event("e1"))

    def full(_self: SignerFile, _size: int, _root: Hash) -> None:
        raise Busy("no space")

    with monkeypatch.context() as patch:
        patch.setattr(SignerFile, "store", full)
        with pytest.raises(Busy):
            log.service.seal.run_once()
        assert published(log) == 0
    log.service.seal.run_once()
    assert published(log) == 2


@pytest.mark.parametrize("what", ["tile", "entry", "root"])
def test_a_bit_that_flips_on_the_way_to_the_disk_is_never_signed(
    log: OpenLog, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.accept(event("e1"))
    append = Log.append

    def flipped(self: Log, batch: Batch, check: Callable[[LogReader], None]) -> None:
        match what:
            case "tile":
                tiles = {at: bytes([data[0] ^ 1]) + data[1:] for at, data in batch.tiles.items()}
                written = batch._replace(tiles=tiles)
            case "entry":
                raw, number = batch.entries[0]
                written = batch._replace(entries=[(raw[:-5] + b"1" + raw[-4:], number), *batch.entries[1:]])
            case _:
                written = batch._replace(after=batch.after._replace(root=Hash(bytes(32))))
        append(self, written, check)

    with monkeypatch.context() as patch:
        patch.setattr(Log, "append", flipped)
        with pytest.raises(ValueError, match=r"differently|root"):
            log.service.seal.run_once()
        assert log.service.health().size == 0
    assert log.service.seal.run_once() is not None
    log.check()


def test_two_sealers_have_one_winner(log: OpenLog) -> None:
    log.accept(event("e1"))
    seal = log.service.seal
    head = seal._store.head()
    waiting = seal._store.waiting(0, 10)
    (mine, _), (theirs, _) = seal._prepare(head, waiting, 10**15), seal._prepare(head, waiting, 10**15 + 1)
    seal._store.append(theirs, lambda _: None)
    with pytest.raises(HeadMoved):
        seal._store.append(mine, lambda _: None)
    assert seal._store.head() == theirs.after


def test_the_signer_never_signs_two_histories(log: OpenLog) -> None:
    log.accept(event("e1"))
    log.settle()
    log.accept(event("e2", kind="paid"))
    seal = log.service.seal
    signer, tree = seal._signer, seal._store
    sealed = seal.run_once()
    assert sealed is not None
    again = signer.sign_head(sealed.size, sealed.root, tree)
    assert again == log.service.prove.checkpoint()
    for size, root in ((sealed.size, Hash(bytes(32))), (2, sealed.root), (sealed.size - 1, sealed.root)):
        with pytest.raises(StoreRefused, match="was signed"):
            signer.sign_head(size, root, tree)
    # A larger size whose tree does not hold what was signed
    SignerFile(log.service.settings.data / "signer.json").store(3, Hash(b"\x01" * 32))
    with pytest.raises(Altered, match=r"consistency|lead"):
        signer.sign_head(sealed.size, sealed.root, tree)


@SQLITE_ONLY
def test_an_old_backup_does_not_go_on(settings: Settings) -> None:
    backup = settings.data.parent / "backup.db"
    with open_log(settings) as log:
        log.accept(event("e1"))
        log.settle()
        with log.database.write() as connection:
            connection.exec_driver_sql("select 1")
        with log.database._writer.connect() as connection:
            connection.exec_driver_sql("commit")
            connection.exec_driver_sql(f"vacuum into '{backup}'")
    with open_log(settings) as log:
        log.accept(event("e2", kind="paid"))
        log.service.seal.run_once()
    database = settings.data / "sealtrail.db"
    newest = database.read_bytes()
    database.write_bytes(backup.read_bytes())
    with pytest.raises(StoreRefused, match="backup"), open_log(settings):
        pass
    # Even where the signer's memory was restored with it, the registry knows better.
    database.write_bytes(newest)
    with open_log(settings) as log:
        log.settle()
    database.write_bytes(backup.read_bytes())
    signer = settings.data / "signer.json"
    signer.write_text(json.dumps({"size": 0, "root": "00" * 32}))
    with pytest.raises(StoreRefused, match="registry"), open_log(settings):
        pass


@pytest.mark.parametrize("text", ["", "{}", '{"size": -1, "root": "' + "00" * 32 + '"}', '{"size": 1, "root": "x"}'])
def test_a_damaged_memory_refuses_to_open(settings: Settings, text: str) -> None:
    (settings.data / "signer.json").write_text(text)
    with pytest.raises(StoreRefused, match="signed"), open_log(settings):
        pass


DAMAGE = [
    ("events", "commitment"),
    ("events", "disclosures"),
    ("event_secrets", "secret"),
    ("streams", "salt"),
    ("streams", "stream"),
    ("receipt_groups", "note"),
    ("entries", "entry"),
    ("tiles", "data"),
    ("batches", "root"),
    ("head", "root"),
    ("checkpoints", "note"),
    ("map_buckets", "hash"),
    ("map_buckets", "streams"),
    ("evidence", "header"),
    ("evidence_nodes", "node"),
]


def test_fsck_names_a_stream_that_weighs_too_little(log: OpenLog) -> None:
    log.accept(event("e1"), event("e2"), event("e3", "A-2"))
    log.accept(event("e4"))
    assert fsck(log.service._reading, log.service.policy(), 0) == []
    with log.database._writer.connect() as connection:
        connection.exec_driver_sql("update streams set weight = weight - 20480 where order_id = 'A-1'")
        connection.exec_driver_sql("commit")
    (found,) = fsck(log.service._reading, log.service.policy(), 0)
    assert "weight" in found.problem


def flip_a_bit(log: OpenLog, table: Table, column: str) -> None:
    """Flip one bit in the middle of a value in the middle of a table."""
    key = list(table.primary_key)
    with log.database._writer.connect() as connection, connection.begin():
        rows = connection.execute(select(table.c[column], *key).order_by(*key)).all()
        value, *at = rows[len(rows) // 2]
        raw = bytearray(value.encode() if isinstance(value, str) else value)
        raw[len(raw) // 2] ^= 1
        damaged = raw.decode() if isinstance(value, str) else bytes(raw)
        place = [column == part for column, part in zip(key, at, strict=True)]
        assert connection.execute(update(table).where(*place).values({column: damaged})).rowcount == 1


@pytest.mark.parametrize(("table", "column"), DAMAGE)
def test_fsck_names_a_flipped_bit(log: OpenLog, table: str, column: str) -> None:
    log.accept(*(event(f"e{number}", f"A-{number}") for number in range(3)))
    log.settle()
    log.check()
    flip_a_bit(log, metadata.tables[table], column)
    assert fsck(log.service._reading, log.service.policy(), 0)
    # And what it touches is not served: no proof at all, or one that verifies.
    for number in range(3):
        try:
            proof = log.proof(f"A-{number}")
        except (SealtrailError, AssertionError, LookupError, ValueError):
            continue
        assert log.verdict(proof).state.exit_code == 0


def test_events_are_never_below_the_watermark(log: OpenLog) -> None:
    """What the sealer has passed by is never filled in later: numbers are given in order of commit."""
    for number in range(20):
        log.accept(event(f"e{number}", kind="arrived"))
        if number % 3 == 0:
            log.service.seal.run_once()
    log.settle()
    with Events(log.database).turn() as turn:
        turn.find(())
        numbers = sorted(stored.number for stored in turn.known([("acme", f"e{n}") for n in range(20)]).values())
    assert numbers == list(range(1, 21))
    log.check()
