"""The stream map on the road: crashes, growth, two sealers, damage, and proofs as of the newest final anchor."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from anchor_service.ports import (
    AlreadyThere,
    Batch,
    BucketRow,
    Busy,
    HeadMoved,
    LogReader,
    NotFound,
    OpenBucket,
    StoreRefused,
)
from anchor_service.protocol.absence import parse_absence
from anchor_service.protocol.event import BlockId, parse_event_entry, parse_seal_entry
from anchor_service.protocol.evidence import read_header
from anchor_service.protocol.hashes import StreamId
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.proof import parse_proof
from anchor_service.protocol.streammap import MapLeaf, bucket_of, subtree
from anchor_service.protocol.verdict import Result, State
from anchor_service.protocol.verify import verify_absence
from anchor_service.services.fsck import fsck
from anchor_service.services.seal import Seal
from anchor_service.services.seal.kept import KeptMap, MapAfter, load_map
from anchor_service.services.seal.sealing import _check_written
from anchor_service.settings import Settings
from anchor_service.storage.log import Log
from tests.services.log import TENANT, Crash, OpenLog, event, open_log


def naive(log: OpenLog, size: int) -> tuple[int, bytes]:
    """The number of streams and the root of the map that a seal at `size` - 1 commits, from the entries alone."""
    leaves: dict[bytes, MapLeaf] = {}
    for raw in Log(log.database).entries(0, size - 1):
        if b'"kind":"event"' in raw:
            entry = parse_event_entry(raw.decode())
            leaves[entry.stream] = MapLeaf(entry.stream, entry.seq, leaf_hash(raw))
    return len(leaves), subtree([(stream, leaves[stream].hash) for stream in sorted(leaves)], 0).hash


def check_seals(log: OpenLog) -> None:
    """Every seal commits the map of the entries before it."""
    for batch in log.service.prove.batches(None, 500).items:
        seal = parse_seal_entry(batch.seal_entry)
        assert (seal.streams, seal.map) == naive(log, seal.size)


def orders(first: int, last: int, kind: str = "placed", turn: int = 0) -> list[dict[str, Any]]:
    return [event(f"{kind}{turn}-{number}", f"M-{number}", kind) for number in range(first, last)]


def in_memory(log: OpenLog) -> tuple[int, bytes, int]:
    kept = kept_map(log)
    assert kept.root == kept.top.root
    return kept.head.size, kept.root, kept.shape.streams


def grow(seal: Seal, crowded: int, slice_: int | None) -> None:
    """Let a map grow early: in one go, or in slices of so many buckets at least."""
    seal._crowded = crowded
    if slice_ is not None:
        seal._large, seal._slice = 1, slice_


@pytest.mark.parametrize("slice_", [None, 1, 3])
@pytest.mark.parametrize("crowded", [1, 3])
def test_the_map_grows_and_every_seal_commits_it(log: OpenLog, crowded: int, slice_: int | None) -> None:
    seal = log.service.seal
    grow(seal, crowded, slice_)
    depths = set()
    for turn in range(12):
        log.accept(*orders(turn * 5, turn * 5 + 5), *orders(0, turn, "arrived", turn))
        assert seal.run_once() is not None
        depths.add(log.service.seal._map_of(Log(log.database).head()).shape.depth)
        if turn % 4 == 3:
            log.settle()
            for number in (0, turn * 5):
                assert log.verdict(log.proof(f"M-{number}")).state is State.TEST_DATA
            assert fsck(log.service._reading, log.service.policy(), 0) == []
        else:
            # Proofs are as of a final anchor that the map, and perhaps its depth, has left behind.
            for number in range(0, turn // 4 * 20, 7):
                proof = log.proof(f"M-{number}")
                assert log.verdict(proof).state is State.TEST_DATA
                assert parse_proof(proof).anchors[-1].checkpoint.size == log.service.health().final_size
    assert len(depths) > 2
    check_seals(log)
    log.check()


def test_the_last_anchor_of_a_proof_is_the_newest(log: OpenLog) -> None:
    log.accept(event("e1"))
    log.settle()
    log.accept(event("e2", "A-2"))
    log.settle()
    proof = parse_proof(log.proof("A-1"))
    assert [anchor.checkpoint.size for anchor in proof.anchors] == [2, 4]
    assert [item.anchor for item in proof.events] == [0]
    assert len(parse_proof(log.proof("A-2")).anchors) == 1


@pytest.mark.parametrize("slice_", [None, 2])
def test_what_is_superseded_is_deleted(log: OpenLog, slice_: int | None) -> None:
    grow(log.service.seal, 2, slice_)
    for turn in range(10):
        log.accept(*orders(0, 12, "arrived", turn))
        log.settle()
    with log.service._reading.snapshot() as snapshot:
        rows = list(snapshot.bucket_rows(0))
        depth = snapshot.map_shape(10).depth
    assert len(rows) == len({row.number for row in rows}) <= 2**depth
    assert {row.depth for row in rows} == {depth}
    log.check()


def rows_of_the_map(log: OpenLog) -> int:
    with log.service._reading.snapshot() as snapshot:
        return sum(1 for _ in snapshot.bucket_rows(0))


def test_after_a_start_pruning_goes_on_and_leaves_nothing_for_good(settings: Settings) -> None:
    """What a crash left to be pruned goes when its bucket changes next; nothing is gone over again meanwhile."""
    with open_log(settings) as log:
        for turn in range(3):
            log.accept(*orders(0, 2, "arrived", turn))
            assert log.service.seal.run_once() is not None
            while log.service.anchor.run_once():
                pass
        left = rows_of_the_map(log)
    with open_log(settings) as log:
        assert log.service.seal.prune() is False
        assert rows_of_the_map(log) == left > 2
        log.accept(*orders(0, 2, "arrived", 3))
        log.settle()
        assert rows_of_the_map(log) <= 2
        log.check()


@pytest.mark.parametrize("grows", ["not", "at once", "in slices"])
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("persisted", [False, True])
@pytest.mark.parametrize("write", [0, 1])
def test_memory_is_never_ahead_of_the_database(
    settings: Settings, write: int, persisted: bool, crash: bool, grows: str
) -> None:
    with open_log(settings) as log:
        grow(log.service.seal, 100 if grows == "not" else 2, 1 if grows == "in slices" else None)
        log.accept(*orders(0, 3))
        log.settle()
        size, root, streams = in_memory(log)
        log.accept(*orders(2, 20, "paid"))
        log.database.arm(write, persisted=persisted, crash=crash)
        with pytest.raises((Crash, HeadMoved, Busy)):
            log.service.seal.run_once()
        log.database.disarm()
        if write == 0:
            assert in_memory(log) == (size, root, streams)  # whether it was stored or not
        else:
            assert in_memory(log)[2] == 20
        # The same process goes on, as a loop does after a failure.
        log.accept(*orders(19, 22, "arrived"))
        log.settle()
        assert in_memory(log)[2] == 22
        check_seals(log)
        log.check()
    with open_log(settings) as log:
        log.accept(*orders(0, 3, "arrived"))
        log.settle()
        check_seals(log)
        log.check()


def test_a_batch_that_is_rolled_back_leaves_memory_as_it_was(log: OpenLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check before the commit sees a bit that flipped in a bucket's row between hash and store."""
    log.service.seal._crowded = 2
    log.accept(*orders(0, 5))
    log.settle()
    before = in_memory(log)
    log.accept(*orders(3, 9, "paid"))
    for damage in ("streams", "hash", "holds", "shape"):

        def damaged(batch: Batch, changed: MapAfter, reader: LogReader, damage: str = damage) -> None:
            connection = reader._connection  # type: ignore[attr-defined]
            if damage == "shape":
                connection.exec_driver_sql("update batches set streams = streams + 1 where batch = 2")
            elif damage == "holds":
                connection.exec_driver_sql("update map_buckets set holds = 3 - holds where batch = 2")
            else:
                other = "hash" if damage == "hash" else "streams"
                connection.exec_driver_sql(f"update map_buckets set {other} = (select root from head) where batch = 2")
            _check_written(batch, changed, reader)

        with monkeypatch.context() as patch:
            patch.setattr("anchor_service.services.seal.sealing._check_written", damaged)
            with pytest.raises(ValueError, match="map"):
                log.service.seal.run_once()
        assert in_memory(log) == before
    log.settle()
    check_seals(log)
    log.check()


def half_grown(log: OpenLog, streams: int = 40) -> int:
    """Make a map of which some buckets are halved and some are not; return how many are."""
    seal = log.service.seal
    grow(seal, 4, None)
    log.accept(*orders(0, streams))
    log.settle()
    grow(seal, 1, 2)
    for number in range(3):  # six buckets: some of them hold streams
        log.accept(event(f"begin {number}", "M-0", "paid"))
        log.settle()
    halves = kept_map(log).halves
    assert halves is not None
    assert 0 < halves.done < 1 << kept_map(log).shape.depth
    return halves.done


def kept_map(log: OpenLog) -> KeptMap:
    """The map in memory, or as the sealer would load it."""
    seal = log.service.seal
    return seal._map or load_map(seal._store.head(), seal._store)


def go_on(log: OpenLog) -> None:
    """Change every stream until the map has grown, and once more."""
    depth, batches = kept_map(log).shape.depth, iter(range(100))
    while kept_map(log).shape.depth == depth:
        log.accept(event(f"more {next(batches)}", "M-1", "arrived"))
        log.settle()
    log.accept(*orders(0, 40, "arrived", 2))
    log.settle()


def bucket_rows(log: OpenLog, depth: int) -> list[BucketRow]:
    with log.service._reading.snapshot() as snapshot:
        return [row for row in snapshot.bucket_rows(0) if row.depth == depth]


def test_a_map_that_is_half_grown_goes_on_after_a_start(settings: Settings) -> None:
    with open_log(settings) as log:
        done = half_grown(log)
        before = kept_map(log)
        assert before.halves is not None
    with open_log(settings) as log:
        after = load_map(log.service.seal._store.head(), log.service.seal._store)
        assert after.halves is not None
        assert after.halves.done <= done  # the last ones may have been empty
        last = 2 * after.halves.done
        assert [after.halves.below.subtree(before.shape.depth + 1, number) for number in range(last)] == [
            before.halves.below.subtree(before.shape.depth + 1, number) for number in range(last)
        ]
        log.service.seal._map = after
        grow(log.service.seal, 1, 2)
        go_on(log)
        assert kept_map(log).root == naive(log, log.service.health().size)[1]
        check_seals(log)
        log.check()


def both_halves(log: OpenLog, depth: int) -> list[int]:
    """The buckets of which both halves hold streams, among those that are halved."""
    halves = {row.number for row in bucket_rows(log, depth + 1)}
    return [number // 2 for number in sorted(halves) if number % 2 == 0 and number + 1 in halves]


def halve_some(log: OpenLog) -> None:
    """Let a map that grows halve some more buckets."""
    log.accept(event(f"halve {log.service.health().size}", "M-0", "paid"))
    log.settle()


def test_a_large_map_grows_in_slices(log: OpenLog) -> None:
    """A batch halves the next few buckets, and writes besides what changes: a bucket, and one half of it."""
    half_grown(log)
    depth = kept_map(log).shape.depth
    of_bucket = {bucket_of(log.service.prove.order(TENANT, f"M-{k}").stream, depth): f"M-{k}" for k in range(40)}
    while not (whole := both_halves(log, depth)):
        halve_some(log)
    done = kept_map(log).halves.done  # type: ignore[union-attr] # it grows yet
    for number in range(3):
        log.accept(event(f"one {number}", of_bucket[whole[0]], "arrived"))
        sealed = log.service.seal.run_once()
        assert sealed is not None
        with log.service._reading.snapshot() as snapshot:
            rows = [row.depth for row in snapshot.bucket_rows(sealed.batch - 1)]
        assert rows.count(depth) == 1
        assert 1 <= rows.count(depth + 1) <= 2 * 2 + 1
        halves = kept_map(log).halves
        assert halves is not None
        assert halves.done == done + 2 * (number + 1)
        assert fsck(log.service._reading, log.service.policy(), 0) == []  # also before a final anchor prunes anything


def damage_row(log: OpenLog, depth: int, number: int) -> None:
    mark = "%s" if log.database.shared else "?"
    row = [row for row in bucket_rows(log, depth) if row.number == number][-1]
    records = bytearray(row.bucket.records)
    records[-1] ^= 1
    with log.database.write() as connection:
        connection.exec_driver_sql(
            f"update map_buckets set streams = {mark} where depth = {depth} and bucket = {number}", (bytes(records),)
        )


def test_halves_that_are_not_those_of_their_bucket_are_not_stored(
    log: OpenLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_grown(log)
    original = OpenBucket.halves
    log.accept(*orders(0, 40, "arrived"))
    before = in_memory(log)
    with monkeypatch.context() as patch:
        patch.setattr(OpenBucket, "halves", lambda bucket: original(bucket)[::-1])
        with pytest.raises(ValueError, match="do not lead to the map"):
            log.service.seal.run_once()
    assert in_memory(log) == before
    go_on(log)
    check_seals(log)
    log.check()


def test_a_damaged_bucket_is_not_halved(log: OpenLog) -> None:
    done, depth = half_grown(log), kept_map(log).shape.depth
    damage_row(log, depth, next(row.number for row in bucket_rows(log, depth) if row.number >= done))
    with pytest.raises(StoreRefused, match="map"):
        go_on(log)


@pytest.mark.parametrize("started", [False, True])
def test_a_damaged_half_gets_into_no_seal(log: OpenLog, started: bool) -> None:
    half_grown(log)
    depth = kept_map(log).shape.depth
    mended = bucket_of(log.service.prove.order(TENANT, "M-1").stream, depth + 1)  # go_on writes it from its bucket
    row = next(row for row in bucket_rows(log, depth + 1) if row.number != mended)
    damage_row(log, depth + 1, row.number)
    found = fsck(log.service._reading, log.service.policy(), 0)
    assert {finding.where for finding in found} == {f"map bucket {row.number} of depth {depth + 1}, batch {row.batch}"}
    if started:
        log.service.seal._map = None
        log.service.seal.check()  # it reads hashes alone
    with pytest.raises(StoreRefused, match="map"):
        go_on(log)


def test_fsck_misses_a_half(log: OpenLog) -> None:
    half_grown(log)
    depth = kept_map(log).shape.depth
    row = bucket_rows(log, depth + 1)[0]
    with log.database.write() as connection:
        connection.exec_driver_sql(f"delete from map_buckets where depth = {depth + 1} and bucket = {row.number}")
    found = fsck(log.service._reading, log.service.policy(), 0)
    assert [finding.where.rpartition(",")[0] for finding in found] == [f"map bucket {row.number} of depth {depth + 1}"]
    assert "is not there" in found[0].problem
    log.service.seal._map = None
    with pytest.raises(StoreRefused, match="map"):
        log.service.seal.check()


def test_a_bit_that_flips_in_the_memory_of_a_half_gets_into_no_seal(log: OpenLog) -> None:
    half_grown(log)
    halves = kept_map(log).halves
    assert halves is not None
    at = (1 << halves.below.depth) * 32
    for place in range(2 * halves.done):
        halves.below._hashes[at + 32 * place] ^= 1
    with pytest.raises((StoreRefused, ValueError), match="map"):  # before it is written, or where it is read back
        go_on(log)
    log.settle()  # loaded anew, it is right again
    check_seals(log)
    log.check()


def test_an_empty_half_that_flips_beside_one_that_changes_is_loaded_anew(log: OpenLog) -> None:
    """The read-back finds it, not what comes before; sealing would stand still with what is in memory."""
    half_grown(log, 400)  # of 256 halves some hold two streams or more, and the one beside them none
    depth = kept_map(log).shape.depth + 1
    orders_of: dict[int, list[str]] = {}
    for order in (f"M-{k}" for k in range(400)):
        orders_of.setdefault(bucket_of(log.service.prove.order(TENANT, order).stream, depth), []).append(order)
    # Beside a stream that is alone, what an empty half hashes to is not used.
    half = min(half for half, orders in orders_of.items() if len(orders) > 1 and half ^ 1 not in orders_of)
    while (halves := kept_map(log).halves) and half >= 2 * halves.done:
        halve_some(log)
    assert halves is not None
    halves.below._hashes[((1 << depth) + (half ^ 1)) * 32] ^= 1
    log.accept(event("beside it", orders_of[half][0], "arrived"))
    with pytest.raises(ValueError, match="do not lead to the map"):
        log.service.seal.run_once()
    log.settle()
    check_seals(log)
    log.check()


def flip_top(seal: Seal) -> None:
    """A bit flips in memory, beside the way from any bucket to the root."""
    assert seal._map is not None
    for place in range(2, 4):
        seal._map.top._hashes[place * 32] ^= 1


def test_a_bit_that_flips_in_memory_gets_into_no_seal(log: OpenLog) -> None:
    log.service.seal._crowded = 1
    log.accept(*orders(0, 30))
    log.settle()
    flip_top(log.service.seal)
    log.accept(event("one more", "M-1", "paid"))
    with pytest.raises(StoreRefused, match="map"):
        log.service.seal.run_once()
    log.settle()  # loaded anew, it is right again
    check_seals(log)
    log.check()


@pytest.mark.parametrize("slice_", [None, 1])
def test_two_sealers_make_one_map(log: OpenLog, slice_: int | None) -> None:
    """Who comes late loads the map of the other, also where that has grown and been pruned."""
    ours = log.service.seal
    other = Seal(
        ours._store,
        ours._signer,
        log=ours._log,
        clock=ours._clock,
        newest_final=ours._newest_final,
        most_events=100,
        heartbeat=10**9,
    )
    for sealer in (ours, other):
        grow(sealer, 2, slice_)
    for turn in range(6):
        log.accept(*(event(f"{turn}-{number}", f"M-{number}", "arrived") for number in range(turn * 4 + 6)))
        sealer = (ours, other)[turn % 2]
        assert sealer.run_once() is not None
    head = ours._store.head()
    log.accept(event("late", "M-1", "arrived"))
    waiting = ours._store.waiting(head.last_event, 10)
    ours._map_of(head)
    (mine, changed), before = ours._prepare(head, waiting, 10**15), in_memory(log)
    assert other.run_once() is not None
    with pytest.raises(HeadMoved):
        ours._store.append(mine, lambda reader: _check_written(mine, changed, reader))
    assert in_memory(log) == before
    # What only the old head needs may be gone: that is no damage.
    log.settle()
    ours._map = None
    with pytest.raises(HeadMoved):
        ours._map_of(head)
    check_seals(log)
    log.check()


@pytest.mark.parametrize("column", ["depth", "bucket", "batch", "holds", "hash", "streams"])
def test_fsck_names_the_row_of_a_damaged_bucket(log: OpenLog, column: str) -> None:
    log.service.seal._crowded = 2
    log.accept(*orders(0, 9))
    log.settle()
    log.accept(*orders(3, 6, "paid"))
    log.service.seal.run_once()
    assert fsck(log.service._reading, log.service.policy(), 0) == []
    with log.service._reading.snapshot() as snapshot:
        row = next(iter(snapshot.bucket_rows(1)))
    others = {"depth": row.depth ^ 1, "bucket": row.number ^ 16, "batch": 7, "holds": row.bucket.subtree.holds ^ 1}
    number: object = others.get(column)
    if column in {"hash", "streams"}:
        raw = bytearray(row.bucket.subtree.hash if column == "hash" else row.bucket.records)
        raw[len(raw) // 2] ^= 1
        number = bytes(raw)
    mark = "%s" if log.database.shared else "?"
    with log.database.write() as connection:
        connection.exec_driver_sql(
            f"update map_buckets set {column} = {mark}"
            f" where depth = {row.depth} and bucket = {row.number} and batch = 2",
            (number,),
        )
    found = fsck(log.service._reading, log.service.policy(), 0)
    named = {
        "depth": f"map bucket {row.number} of depth {row.depth ^ 1}, batch 2",
        "bucket": f"map bucket {row.number ^ 16} of depth {row.depth}, batch 2",
        "batch": f"map bucket {row.number} of depth {row.depth}, batch 7",
    }.get(column, f"map bucket {row.number} of depth {row.depth}, batch 2")
    assert named in {finding.where for finding in found}
    log.service.seal._map = None
    log.accept(*orders(0, 9, "arrived"))
    # The sealer goes no further on it.
    with pytest.raises(StoreRefused, match="map"):
        log.service.seal.run_once()


@pytest.mark.parametrize("column", ["depth", "streams"])
def test_fsck_names_a_batch_with_another_map(log: OpenLog, column: str) -> None:
    log.accept(*orders(0, 9))
    log.settle()
    with log.database.write() as connection:
        connection.exec_driver_sql(f"update batches set {column} = {column} + 1 where batch = 1")
    found = fsck(log.service._reading, log.service.policy(), 0)
    assert any("batch 1" in finding.where for finding in found)


@pytest.mark.parametrize("final", [False, True])
def test_fsck_misses_a_bucket(log: OpenLog, final: bool) -> None:
    log.accept(*orders(0, 9))
    log.settle()
    if not final:
        log.accept(*orders(0, 1, "paid"))
        log.service.seal.run_once()
    with log.database.write() as connection:
        connection.exec_driver_sql(f"delete from map_buckets where batch = {1 if final else 2}")
    found = fsck(log.service._reading, log.service.policy(), 0)
    assert any("is not there" in finding.problem for finding in found)


def test_a_seal_that_commits_another_map_is_named(log: OpenLog) -> None:
    log.accept(*orders(0, 3))
    seal = log.service.seal
    head = seal._store.head()
    waiting = seal._store.waiting(0, 10)
    batch, changed = seal._prepare(head, waiting, 10**15)
    entry = batch.entries[-1][0]
    wrong = entry.replace(changed.root.hex().encode(), b"11" * 32)
    batch = batch._replace(entries=[*batch.entries[:-1], (wrong, None)])
    with pytest.raises(ValueError, match=r"hashed|map"):
        seal._store.append(batch, lambda reader: _check_written(batch, changed, reader))
    seal._store.append(batch, lambda _: None)
    found = fsck(log.service._reading, log.service.policy(), 0)
    assert any("commits another stream map" in finding.problem for finding in found)
    with pytest.raises(StoreRefused, match="map"):
        seal.check()


def test_a_newer_anchor_is_waited_for_and_an_older_is_asked_again(log: OpenLog) -> None:
    """A snapshot from before a newer anchor, used after another thread has moved on: it is opened anew."""
    prove = log.service.prove
    log.accept(*orders(0, 3))
    log.settle()
    stream = prove.order("acme", "M-0").stream
    with log.service._reading.snapshot() as old:
        seal = prove.anchored(old.final_size()).seal
        log.accept(*orders(0, 3, "paid"))
        log.settle()
        assert len(parse_proof(log.proof("M-0")).events) == 2
        assert prove.proofs.map.path(old, seal, stream) is None
    calls = iter([None])
    original = prove.proofs._proof
    prove.proofs._proof = lambda *given: next(calls, original(*given))  # type: ignore[method-assign]
    assert log.verdict(log.proof("M-0")).state is State.TEST_DATA


def test_a_proof_on_a_damaged_map_is_not_given(log: OpenLog) -> None:
    log.accept(*orders(0, 3))
    log.settle()
    with log.database.write() as connection:
        connection.exec_driver_sql("update map_buckets set hash = (select root from head)")
    with pytest.raises(StoreRefused, match="map"):
        log.proof("M-0")
    with log.database.write() as connection:
        connection.exec_driver_sql("update map_buckets set bucket = 99")
    with pytest.raises(StoreRefused, match="map"):
        log.proof("M-0")


def test_what_is_not_in_the_log_is_shown_not_to_be(log: OpenLog) -> None:
    prove, nobody = log.service.prove, StreamId(bytes(32))
    with pytest.raises(NotFound) as none:
        prove.absence(nobody)
    assert none.value.code == "anchor_none"
    log.service.seal._heartbeat = 0
    assert log.service.seal.run_once() is not None
    log.service.seal._heartbeat = 10**15
    log.settle()
    assert parse_absence(prove.absence(nobody)).map_path == ()  # the map is empty
    log.service.seal._crowded = 1
    log.accept(*orders(0, 200))  # enough that both kinds of end are there, whatever the ids are
    log.settle()
    ends = set()
    for number in range(200):
        stream = StreamId(sha256(number.to_bytes(2)).digest())
        raw = prove.absence(stream)
        absence = parse_absence(raw)
        ends.add(absence.leaf is None)
        policy = log.service.policy()
        header = read_header(absence.anchor.evidence.header)
        verdict = verify_absence(raw, policy.trusting([BlockId(header.number, header.hash)]), stream)
        assert verdict.state is State.TEST_DATA
        assert verdict.check("absent").result is Result.VALID
    assert ends == {False, True}
    known = prove.order("acme", "M-3").stream
    with pytest.raises(AlreadyThere) as refused:
        prove.absence(known)
    assert refused.value.code == "stream_known"
    # What is accepted and not under a final anchor was not in the log then.
    log.accept(event("later", "M-999"))
    assert parse_absence(prove.absence(prove.order("acme", "M-999").stream)).anchor.checkpoint.size == 202
    original = prove.proofs._absence
    calls = iter([None])
    prove.proofs._absence = lambda stream: next(calls, original(stream))  # type: ignore[method-assign]
    assert parse_absence(prove.absence(nobody)).anchor.checkpoint.size == 202
