"""The stream map's rows, on every store there is: SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from anchor_service.ports import Block, Bucket, MapShape, NotFound
from anchor_service.protocol.evidence import ChainEvidence
from anchor_service.protocol.hashes import ZERO
from anchor_service.storage.anchors import Anchors
from anchor_service.storage.database import Database
from anchor_service.storage.log import Log
from anchor_service.storage.reading import Reading
from tests.storage.rows import batch, bucket


def mapped(database: Database, depth: int, numbers: Iterable[int], *, final: bool = False) -> dict[int, Bucket]:
    """Seal an empty batch that writes these buckets; final: it gets a final anchor."""
    buckets = {number: bucket(2, depth) for number in numbers}
    rows = {(depth, number): made for number, made in buckets.items()}
    made = batch(database, (b"seal", None), shape=MapShape(depth, 2 << depth), buckets=rows)
    Log(database).append(made, lambda _: None)
    if final:
        size = made.after.size
        Log(database).publish(size, "note")
        Anchors(database).add_anchor(size, 0, 10)
        Anchors(database).finish(size, Block(1, ZERO, 9), ChainEvidence(b"header", 0, (b"node",)))
    return buckets


def rows(database: Database) -> list[tuple[int, int, int]]:
    """(depth, bucket, batch) of all rows."""
    with Reading(database).snapshot() as snapshot:
        return [(row.depth, row.number, row.batch) for row in snapshot.bucket_rows(0)]


def prune(database: Database, most: int) -> int:
    """Prune to the end; returns in how many goes."""
    after, goes = 0, 0
    while True:
        after, more = Log(database).prune_map(after, most)
        goes += 1
        if not more:
            return goes


def test_a_map_is_read_as_of_any_batch(database: Database) -> None:
    log = Log(database)
    assert log.map_shape(0) == MapShape(0, 0)
    with pytest.raises(NotFound):
        log.map_shape(1)
    made = [mapped(database, 2, numbers) for numbers in ((0, 1, 3), (1,), (), (0, 1))]
    expected: dict[int, Bucket] = {}
    for number, written in enumerate(made, start=1):
        expected |= written
        assert log.buckets(2, number, range(4)) == expected
        assert log.buckets(2, number, [2, 1]) == {1: expected[1]}
        assert log.buckets(1, number, range(2)) == {}
        found = {place: (holds, digest) for place, holds, digest in log.subtrees(2, 0, number)}
        assert found == {place: kept.subtree for place, kept in expected.items()}
        for after in range(number):
            changed = set().union(*made[after:number])
            with Reading(database).snapshot() as snapshot:
                assert {place for place, _, _ in snapshot.subtrees(2, after, number)} == changed
    with Reading(database).snapshot() as snapshot:
        assert [(row.batch, row.number) for row in snapshot.bucket_rows(1, 3)] == [(2, 1)]
        assert snapshot.buckets(2, 4, [0])[0] == made[3][0]
        assert snapshot.map_shape(4) == MapShape(2, 8)


@pytest.mark.parametrize("most", [1, 2, 3, 100])
def test_what_no_proof_needs_is_pruned(database: Database, most: int) -> None:
    mapped(database, 2, (0, 1, 3))
    mapped(database, 2, (1, 3))
    before = rows(database)
    assert prune(database, most) == 1
    assert rows(database) == before  # there is no final anchor
    mapped(database, 2, (1,), final=True)
    mapped(database, 2, (0, 1))
    mapped(database, 2, (0,))
    assert prune(database, most) >= (1 if most > 5 else 2)
    kept = [(2, 0, 1), (2, 3, 2), (2, 1, 3), (2, 0, 4), (2, 1, 4), (2, 0, 5)]
    assert rows(database) == kept
    # A deeper map: the rows of the old one stay until a final anchor has passed it.
    mapped(database, 3, range(8))
    prune(database, most)
    assert rows(database)[:6] == kept
    mapped(database, 3, (5,))
    mapped(database, 3, (6,), final=True)
    prune(database, most)
    assert rows(database) == [(3, number, 6) for number in (0, 1, 2, 3, 4, 7)] + [(3, 5, 7), (3, 6, 8)]
    log = Log(database)
    assert len(log.buckets(3, 8, range(8))) == 8


def test_halves_are_known_as_of_any_batch(database: Database) -> None:
    """Beside buckets of depth 2 those of depth 3 are stored, in ascending order."""
    log = Log(database)
    mapped(database, 2, range(4))
    assert log.halved(2, 1) == 0
    written = []
    for numbers in ((0, 2), (1, 5), (2,)):
        halves = {(3, number): bucket(1, 3) for number in numbers}
        made = batch(database, (b"seal", None), shape=MapShape(2, 8), buckets={(2, 1): bucket(2, 2), **halves})
        log.append(made, lambda _: None)
        written.append(made.buckets)
    assert [log.written(number) for number in (2, 3, 4)] == written
    assert [log.halved(2, number) for number in range(5)] == [0, 0, 2, 3, 3]
    assert [log.halved(3, number) for number in range(5)] == [0] * 5
    assert [found[:1] for found in log.subtrees(3, 0, 3)] == [(0,), (2,), (1,), (5,)]
    assert set(log.buckets(2, 4, range(4))) == {0, 1, 2, 3}
