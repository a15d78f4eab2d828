"""The log: entries, tiles, heads, checkpoints: the port `LogStore`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Delete, Row, bindparam, delete, insert, select, update

from anchor_service.ports import (
    AnchorState,
    Batch,
    Bucket,
    Busy,
    Head,
    HeadMoved,
    LogReader,
    MapShape,
    NotFound,
    Waiting,
)
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.protocol.streammap import Subtree
from anchor_service.storage.database import Database, chunks, insert_rows, millions, newest_of_buckets, upsert
from anchor_service.storage.packing import pack, unpack
from anchor_service.storage.quick import Quick
from anchor_service.storage.tables import (
    anchors,
    batches,
    checkpoints,
    entries,
    events,
    head,
    map_buckets,
    streams,
    tiles,
)


class Log:
    """The port `LogStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def head(self) -> Head:
        """Return the newest committed state."""
        with self._database.read() as connection:
            return read_head(connection)

    def waiting(self, after: int, limit: int) -> list[Waiting]:
        """Return the events with a number above `after` in order, at most `limit`."""
        with self._database.read() as connection:
            return [
                Waiting(number, StreamId(stream), Hash(commitment), accepted)
                for number, stream, commitment, accepted in _WAITING.rows(connection, after=after, most=limit)
            ]

    def map_shape(self, batch: int) -> MapShape:
        """Return the shape of the stream map as of a batch."""
        with self._database.read() as connection:
            return read_shape(connection, batch)

    def buckets(self, depth: int, batch: int, numbers: Iterable[int]) -> dict[int, Bucket]:
        """Return those of the buckets of the map as of this batch that hold anything."""
        with self._database.read() as connection:
            return read_buckets(connection, depth, batch, numbers)

    def written(self, batch: int) -> dict[tuple[int, int], Bucket]:
        """Return the buckets that a batch has written, by depth and number."""
        with self._database.read() as connection:
            return read_written(connection, batch)

    def halved(self, depth: int, batch: int) -> int:
        """Return how many of the first buckets of this depth have their halves stored, as of a batch."""
        with self._database.read() as connection:
            return read_halved(connection, depth, batch)

    def subtrees(self, depth: int, after: int, batch: int) -> Iterator[tuple[int, int, bytes]]:
        """Return (bucket, holds, hash) of all buckets of the map as of `batch` that changed after batch `after`."""
        with self._database.read() as connection:
            yield from read_subtrees(connection, depth, after, batch)

    def append(self, batch: Batch, check: Callable[[LogReader], None]) -> None:
        """Append a batch in one transaction; the head moves by a compare-and-swap."""
        before, after = batch.before, batch.after
        try:
            with self._database.write_fenced() as connection:
                moved = connection.execute(
                    update(head)
                    .where(head.c.size == before.size, head.c.root == before.root, head.c.batch == before.batch)
                    .values(after._asdict())
                )
                if moved.rowcount != 1:
                    raise HeadMoved("head_moved", f"the head is not at size {before.size} any more")
                insert_rows(
                    connection,
                    entries,
                    [
                        (index, event, pack(entry))
                        for index, (entry, event) in enumerate(batch.entries, start=before.size)
                    ],
                )
                upsert(
                    connection,
                    tiles,
                    [{"level": level, "idx": index, "data": data} for (level, index), data in batch.tiles.items()],
                )
                if batch.buckets:
                    insert_rows(
                        connection,
                        map_buckets,
                        [
                            (depth, number, after.batch, holds, digest, records)
                            for (depth, number), ((holds, digest), records) in batch.buckets.items()
                        ],
                    )
                connection.execute(
                    insert(batches),
                    {
                        "batch": after.batch,
                        "first": before.size,
                        "size": after.size,
                        "root": after.root,
                        "sealed": after.sealed,
                        "depth": batch.shape.depth,
                        "streams": batch.shape.streams,
                    },
                )
                check(ConnectionReader(connection))
        except Busy as problem:
            raise HeadMoved("head_unknown", f"whether the batch was stored is unknown: {problem.message}") from problem

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        with self._database.read() as connection:
            return read_tile(connection, level, index)

    def entries(self, first: int, last: int) -> list[bytes]:
        """Return the entries at indexes `first` to `last` - 1."""
        with self._database.read() as connection:
            return read_entries(connection, first, last)

    def checkpoint(self) -> tuple[int, str] | None:
        """Return size and note of the newest published checkpoint."""
        with self._database.read() as connection:
            return read_checkpoint(connection)

    def publish(self, size: int, note: str) -> None:
        """Publish a checkpoint; the same again is quiet."""
        with self._database.write_fenced() as connection:
            upsert(connection, checkpoints, [{"size": size, "note": note}])

    def final_batch(self) -> int:
        """Return the batch of the newest FINAL anchor, 0 for none."""
        with self._database.read() as connection:
            return connection.execute(_FINAL).scalar() or 0

    def prune_map(self, after: int, most: int) -> tuple[int, bool]:
        """Delete rows of buckets that no map as of the newest FINAL anchor or later needs, in short transactions."""
        row_key = select(map_buckets.c.depth, map_buckets.c.bucket, map_buckets.c.batch)
        with self._database.read() as connection:
            newest = connection.execute(_FINAL).first()
            if newest is None:
                return after, False
            shallower = connection.execute(
                row_key.where(map_buckets.c.depth < newest.depth, map_buckets.c.batch < newest.batch).limit(most)
            ).all()
            looked = connection.execute(
                row_key.where(map_buckets.c.batch > after, map_buckets.c.batch <= newest.batch)
                .order_by(map_buckets.c.batch)
                .limit(most)
            ).all()
        self._delete(_ROW, shallower)
        self._delete(_OLDER_ROWS, looked)
        if shallower:
            return after, True
        if len(looked) < most:
            return newest.batch, False
        # The last batch was perhaps not looked at to its end, and is the next time; one with more rows than that, now.
        if looked[0].batch < looked[-1].batch:
            return looked[-1].batch - 1, True
        return self._prune_behind(looked[-1].batch), True

    def _prune_behind(self, batch: int) -> int:
        """Delete all that the rows of a batch have overtaken, and return the batch."""
        rows = select(map_buckets.c.depth, map_buckets.c.bucket, map_buckets.c.batch)
        with self._database.read() as connection:
            found = connection.execute(rows.where(map_buckets.c.batch == batch)).all()
        self._delete(_OLDER_ROWS, found)
        return batch

    def _delete(self, statement: Delete, rows: Sequence[Row[*tuple[Any, ...]]]) -> None:
        for part in chunks(rows):
            with self._database.write_fenced() as connection:
                connection.execute(
                    statement, [{"of_depth": depth, "number": number, "as_of": batch} for depth, number, batch in part]
                )


class ConnectionReader:
    """The port `LogReader`, inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        return read_tile(self._connection, level, index)

    def entries(self, first: int, last: int) -> list[bytes]:
        """Return the entries at indexes `first` to `last` - 1."""
        return read_entries(self._connection, first, last)

    def head(self) -> Head:
        """Return the log's newest state, published or not."""
        return read_head(self._connection)

    def map_shape(self, batch: int) -> MapShape:
        """Return the shape of the stream map as of a batch."""
        return read_shape(self._connection, batch)

    def buckets(self, depth: int, batch: int, numbers: Iterable[int]) -> dict[int, Bucket]:
        """Return those of the buckets of the map as of this batch that hold anything."""
        return read_buckets(self._connection, depth, batch, numbers)

    def written(self, batch: int) -> dict[tuple[int, int], Bucket]:
        """Return the buckets that a batch has written, by depth and number."""
        return read_written(self._connection, batch)

    def subtrees(self, depth: int, after: int, batch: int) -> Iterator[tuple[int, int, bytes]]:
        """Return (bucket, holds, hash) of all buckets of the map as of `batch` that changed after batch `after`."""
        return read_subtrees(self._connection, depth, after, batch)


def read_head(connection: Connection) -> Head:
    """Read the one row of `head`."""
    row = connection.execute(select(head)).one()
    return Head(row.size, Hash(row.root), row.batch, Hash(row.seal), row.sealed, row.last_event)


def read_tile(connection: Connection, level: int, index: int) -> bytes:
    """Read a tile; empty where there is none."""
    return _TILE.value(connection, level=level, place=index) or b""


_TILE: Final = Quick(select(tiles.c.data).where(tiles.c.level == bindparam("level"), tiles.c.idx == bindparam("place")))


def read_entries(connection: Connection, first: int, last: int) -> list[bytes]:
    """Read the entries at indexes `first` to `last` - 1."""
    return [unpack(entry) for (entry,) in _ENTRIES.rows(connection, first=first, last=last)]


_WAITING: Final = Quick(
    select(events.c.number, streams.c.stream, events.c.commitment, events.c.accepted)
    .join(streams, streams.c.number == events.c.stream)
    .where(events.c.number > bindparam("after"))
    .order_by(events.c.number)
    .limit(bindparam("most"))
)
_ENTRIES: Final = Quick(
    select(entries.c.entry)
    .where(entries.c.idx >= bindparam("first"), entries.c.idx < bindparam("last"))
    .order_by(entries.c.idx)
)


def read_shape(connection: Connection, batch: int) -> MapShape:
    """Read the shape of the stream map as of a batch."""
    if not batch:
        return MapShape(0, 0)
    row = connection.execute(select(batches.c.depth, batches.c.streams).where(batches.c.batch == batch)).first()
    if row is None:
        raise NotFound("batch_unknown", f"there is no batch {batch}")
    return MapShape(row.depth, row.streams)


_FINAL: Final = (
    select(batches.c.batch, batches.c.depth)
    .join(anchors, anchors.c.size == batches.c.size)
    .where(anchors.c.state == AnchorState.FINAL)
    .order_by(anchors.c.size.desc())
    .limit(1)
)
_ROW: Final = delete(map_buckets).where(
    map_buckets.c.depth == bindparam("of_depth"),
    map_buckets.c.bucket == bindparam("number"),
    map_buckets.c.batch == bindparam("as_of"),
)
_OLDER_ROWS: Final = delete(map_buckets).where(
    map_buckets.c.depth == bindparam("of_depth"),
    map_buckets.c.bucket == bindparam("number"),
    map_buckets.c.batch < bindparam("as_of"),
)


def read_buckets(connection: Connection, depth: int, batch: int, numbers: Iterable[int]) -> dict[int, Bucket]:
    """Read those of the buckets of the map as of a batch that hold anything."""
    rows = newest_of_buckets(connection, depth, batch, sorted(numbers))
    return {number: Bucket(Subtree(holds, Hash(digest)), records) for number, holds, digest, records in rows}


def read_written(connection: Connection, batch: int) -> dict[tuple[int, int], Bucket]:
    """Read the buckets that a batch has written, by depth and number."""
    columns = map_buckets.c
    query = select(columns.depth, columns.bucket, columns.holds, columns.hash, columns.streams)
    rows = connection.execute(query.where(columns.batch == batch)).all()
    return {
        (depth, number): Bucket(Subtree(holds, Hash(digest)), records) for depth, number, holds, digest, records in rows
    }


def read_halved(connection: Connection, depth: int, batch: int) -> int:
    """Read up to which bucket of this depth the halves are stored, as of a batch.

    They are stored in ascending order, and again wherever one changes: what has no row beyond the last row is empty,
    and has nothing to be halved.
    """
    query = select(map_buckets.c.bucket).where(map_buckets.c.depth == depth + 1, map_buckets.c.batch <= batch)
    last = connection.execute(query.order_by(map_buckets.c.bucket.desc()).limit(1)).scalar()
    return 0 if last is None else last // 2 + 1


def read_subtrees(connection: Connection, depth: int, after: int, batch: int) -> Iterator[tuple[int, int, bytes]]:
    """Read the subtrees of all buckets of the map as of `batch` that changed after batch `after`, by batches."""
    # In the order in which they were written: one way through the table, not one look-up for each bucket.
    query = (
        select(map_buckets.c.bucket, map_buckets.c.holds, map_buckets.c.hash)
        .where(map_buckets.c.depth + 0 == depth, map_buckets.c.batch > after, map_buckets.c.batch <= batch)
        .order_by(map_buckets.c.batch)
    )
    return millions(connection, query)


def read_checkpoint(connection: Connection, size: int | None = None) -> tuple[int, str] | None:
    """Read the published checkpoint of this size, or the newest."""
    query = select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
    row = connection.execute(query if size is None else query.where(checkpoints.c.size == size)).first()
    return None if row is None else (row.size, row.note)
