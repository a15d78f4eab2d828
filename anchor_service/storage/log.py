"""The log: entries, tiles, heads, checkpoints: the port `LogStore`."""

from __future__ import annotations

from collections.abc import Callable, Collection

from sqlalchemy import Connection, insert, select, update

from anchor_service.ports import Batch, Busy, Head, HeadMoved, LogReader, StreamHead, Waiting
from anchor_service.protocol.hashes import Hash, StreamId
from anchor_service.storage.database import Database, chunks, insert_rows, upsert
from anchor_service.storage.tables import batches, checkpoints, entries, events, head, stream_heads, streams, tiles


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
        query = (
            select(events.c.number, events.c.stream, streams.c.stream, events.c.commitment, events.c.accepted)
            .join(streams, streams.c.number == events.c.stream)
            .where(events.c.number > after)
            .order_by(events.c.number)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [
                Waiting(number, stream, StreamId(stream_id), Hash(commitment), accepted)
                for number, stream, stream_id, commitment, accepted in connection.execute(query)
            ]

    def stream_heads(self, numbers: Collection[int]) -> dict[int, StreamHead]:
        """Return the heads of those streams that have entries."""
        found = {}
        with self._database.read() as connection:
            for part in chunks(numbers):
                for row in connection.execute(select(stream_heads).where(stream_heads.c.stream.in_(part))):
                    found[row.stream] = StreamHead(row.length, Hash(row.leaf))
        return found

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
                    [(index, event, entry) for index, (entry, event) in enumerate(batch.entries, start=before.size)],
                )
                upsert(
                    connection,
                    tiles,
                    [{"level": level, "idx": index, "data": data} for (level, index), data in batch.tiles.items()],
                )
                if batch.streams:
                    upsert(
                        connection,
                        stream_heads,
                        [
                            {"stream": stream, "length": length, "leaf": leaf}
                            for stream, (length, leaf) in batch.streams.items()
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


def read_head(connection: Connection) -> Head:
    """Read the one row of `head`."""
    row = connection.execute(select(head)).one()
    return Head(row.size, Hash(row.root), row.batch, Hash(row.seal), row.sealed, row.last_event)


def read_tile(connection: Connection, level: int, index: int) -> bytes:
    """Read a tile; empty where there is none."""
    query = select(tiles.c.data).where(tiles.c.level == level, tiles.c.idx == index)
    return connection.execute(query).scalar() or b""


def read_entries(connection: Connection, first: int, last: int) -> list[bytes]:
    """Read the entries at indexes `first` to `last` - 1."""
    query = select(entries.c.entry).where(entries.c.idx >= first, entries.c.idx < last).order_by(entries.c.idx)
    return list(connection.execute(query).scalars())


def read_checkpoint(connection: Connection, size: int | None = None) -> tuple[int, str] | None:
    """Read the published checkpoint of this size, or the newest."""
    query = select(checkpoints.c.size, checkpoints.c.note).order_by(checkpoints.c.size.desc()).limit(1)
    row = connection.execute(query if size is None else query.where(checkpoints.c.size == size)).first()
    return None if row is None else (row.size, row.note)
