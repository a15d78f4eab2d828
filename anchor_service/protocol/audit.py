"""What an auditor does: replays a log's entries and says where they break the rules (SPEC 18.1 to 18.4).

Needs every entry from the first on, or from where an earlier replay ended; asks nobody anything.  Time: a few hashes an
entry, and for each seal a few for each stream that its batch touched.  Memory: for each stream 72 bytes and about as
much again for the table, whatever the number of entries; the tree takes one hash for each bit of its size.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from anchor_service.protocol.errors import Altered, Malformed
from anchor_service.protocol.event import EventEntry, SealEntry, parse_event_entry, parse_seal_entry
from anchor_service.protocol.hashes import HASH_SIZE, MAP_LEAF, ZERO, Hash, Leaf, LogId, tagged
from anchor_service.protocol.merkle import leaf_hash, node_hash
from anchor_service.protocol.streammap import Subtree, Top, bucket_of, subtree

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anchor_service.protocol.checkpoint import Checkpoint

ROW: Final = HASH_SIZE + 8 + HASH_SIZE
"""Bytes of a stream: its id, count (big end first) and head, which is also what its map leaf hashes."""
LOAD: Final = 8
"""Streams a bucket on average before the table is cut finer."""
CROWD: Final = 1024
"""No bucket of hashes ever holds as many; ids chosen so that it does would cost an auditor without end."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that the entry at `index` breaks; for a checkpoint, the index of its last entry."""

    code: str
    index: int
    message: str


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay stands, beside its streams: all that the next entry is judged by.

    `peaks` are the roots of the complete subtrees of `size` entries, the largest first.  `seal` is the leaf of the last
    seal entry, `batch` its number, `sealed` its time, `ended` its size; `accepted` is the time of the last event entry.
    """

    size: int = 0
    peaks: tuple[Hash, ...] = ()
    seal: Hash = ZERO
    batch: int = 0
    sealed: int = 0
    ended: int = 0
    accepted: int = 0


class Replay:
    """Takes a log's entries in order.  One thread at a time.

    After a finding it goes on with what the log holds, so that one fault is told once and not for ever after.
    """

    def __init__(self, log: LogId, position: Position | None = None, rows: Iterable[bytes] = ()) -> None:
        """Start with an empty log, or go on where `position` and `rows` of an earlier replay ended.

        Both are believed: who keeps them has to check that they are what was kept.
        """
        at = position or Position()
        self._log = log
        self._size = at.size
        self._peaks = list(at.peaks)
        self._seal, self._batch, self._sealed, self._ended = at.seal, at.batch, at.sealed, at.ended
        self._accepted = at.accepted
        self._streams = Streams(rows)

    @property
    def size(self) -> int:
        """How many entries the log has so far."""
        return self._size

    @property
    def streams(self) -> int:
        """How many streams have entries so far."""
        return len(self._streams)

    @property
    def root(self) -> Hash:
        """The root of the entries so far, at least one (RFC 9162)."""
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root

    @property
    def position(self) -> Position:
        """Where the replay stands."""
        return Position(
            size=self._size,
            peaks=tuple(self._peaks),
            seal=self._seal,
            batch=self._batch,
            sealed=self._sealed,
            ended=self._ended,
            accepted=self._accepted,
        )

    def rows(self) -> Iterator[bytes]:
        """Yield 72 bytes for each stream, by ascending id: what the next replay goes on from."""
        return self._streams.rows()

    def add(self, entry: bytes) -> tuple[Finding, ...]:
        """Take the next entry and return the rules that it breaks, most often none.

        Altered (`stream_ids`) where the ids of streams are chosen to make auditing expensive: the replay ends there.
        """
        leaf = leaf_hash(entry)
        try:
            parsed = _parse(entry)
        except Malformed as problem:
            found = [("entry_syntax", problem.message)]
        else:
            found = [] if parsed.log == self._log else [("entry_log", "the entry is another log's")]
            if isinstance(parsed, EventEntry):
                found += self._event(parsed, leaf)
            else:
                found += self._end_batch(parsed, leaf)
        index = self._size
        self._append(leaf)
        return tuple(Finding(code, index, message) for code, message in found)

    def check(self, checkpoint: Checkpoint) -> tuple[Finding, ...]:
        """Compare with a checkpoint of this very size (SPEC 18.4); whose it is, is the caller's to have checked."""
        if checkpoint.size != self._size:
            raise ValueError(f"a checkpoint of size {checkpoint.size} for a log of {self._size} entries")
        found = []
        if checkpoint.root != self.root:
            found.append(("root", f"the checkpoint of size {self._size} has another root than these entries"))
        if self._ended != self._size:
            found.append(("unsealed", f"the checkpoint of size {self._size} does not end with a seal entry"))
        return tuple(Finding(code, self._size - 1, message) for code, message in found)

    # --- the rules of entries -----------------------------------------------------------------------------------------

    def _event(self, entry: EventEntry, leaf: Leaf) -> Iterator[tuple[str, str]]:
        count, head = self._streams.get(entry.stream)
        # SPEC 18.2: `seq` is one more than the stream has entries so far, and `prev` is the leaf of the last of them
        if (entry.seq, entry.prev) != (count + 1, head):
            yield "sequence", f"entry {entry.seq} of stream {entry.stream}, which has {count}, or not after the last"
        if entry.accepted < self._accepted:
            yield "time", f"accepted {self._accepted - entry.accepted} ms before the event entry before it"
        self._accepted = max(self._accepted, entry.accepted)
        self._streams.put(entry.stream, count + 1, leaf)

    def _end_batch(self, entry: SealEntry, leaf: Leaf) -> Iterator[tuple[str, str]]:
        if entry.batch != self._batch + 1:
            yield "batch", f"batch {entry.batch} follows batch {self._batch}"
        if entry.size != self._size + 1:
            yield "seal_size", f"a seal entry of size {entry.size} at index {self._size}"
        if entry.prev_seal != self._seal:
            yield "prev_seal", "the seal entry names another one before it"
        if entry.sealed < max(self._sealed, self._accepted):
            yield "time", f"sealed {max(self._sealed, self._accepted) - entry.sealed} ms before an entry before it"
        if entry.streams != len(self._streams):
            yield "streams", f"the seal counts {entry.streams} streams, and the log has {len(self._streams)}"
        if entry.map != self._streams.root():
            yield "map", f"the seal of batch {entry.batch} names another stream map than its entries make"
        self._batch, self._seal, self._ended = entry.batch, leaf, self._size + 1
        self._sealed = max(self._sealed, entry.sealed)

    def _append(self, leaf: Leaf) -> None:
        here: Hash = leaf
        size = self._size
        while size & 1:
            here = node_hash(self._peaks.pop(), here)
            size >>= 1
        self._peaks.append(here)
        self._size += 1


def _parse(entry: bytes) -> EventEntry | SealEntry:
    text = entry.decode("ascii", "replace")  # what is not ASCII meets no template
    return parse_seal_entry(text) if '"kind":"seal"' in text else parse_event_entry(text)


class Streams:
    """How many entries each stream has and which is the last, and the map's root over them (SPEC 10).

    One row of 72 bytes a stream, in buckets by the first bits of the id; above them a `Top`.  The buckets are cut finer
    as streams come in, so that a bucket holds 2 to 8 on average.
    """

    def __init__(self, rows: Iterable[bytes] = ()) -> None:
        """Take rows of 72 bytes by ascending id; ValueError where they are not."""
        self._depth = 0
        self._count = 0
        self._buckets: dict[int, bytearray] = {}
        self._top: Top | None = None
        self._touched: set[int] = set()
        before = b""
        for row in rows:
            if len(row) != ROW or row[:HASH_SIZE] <= before:
                raise ValueError("rows of streams are 72 bytes each, by ascending id")
            before = row[:HASH_SIZE]
            self.put(before, int.from_bytes(row[HASH_SIZE : HASH_SIZE + 8]), row[HASH_SIZE + 8 :])

    def __len__(self) -> int:
        return self._count

    def get(self, stream: bytes) -> tuple[int, Hash]:
        """Return a stream's count and head; 0 and zeros where it has no entries."""
        rows = self._buckets.get(bucket_of(stream, self._depth), b"")
        at = _place(rows, stream)
        if rows[at : at + HASH_SIZE] != stream:
            return 0, ZERO
        row = rows[at : at + ROW]
        return int.from_bytes(row[HASH_SIZE : HASH_SIZE + 8]), Hash(bytes(row[HASH_SIZE + 8 :]))

    def put(self, stream: bytes, count: int, head: bytes) -> None:
        """Set a stream's count and head.  Altered (`stream_ids`) where a bucket is fuller than hashes make one."""
        bucket = bucket_of(stream, self._depth)
        rows = self._buckets.setdefault(bucket, bytearray())
        at = _place(rows, stream)
        known = rows[at : at + HASH_SIZE] == stream
        rows[at : at + ROW if known else at] = stream + count.to_bytes(8) + head
        self._touched.add(bucket)
        if known:
            return
        self._count += 1
        if self._count > LOAD << self._depth:
            self._cut()
        elif len(rows) > CROWD * ROW:
            raise Altered("stream_ids", f"more than {CROWD} stream ids share their first {self._depth} bits")

    def _cut(self) -> None:
        """Cut each bucket into four."""
        self._depth += 2
        old, self._buckets = self._buckets, {}
        for bucket in list(old):
            rows = old.pop(bucket)
            for at in range(0, len(rows), ROW):
                row = rows[at : at + ROW]
                self._buckets.setdefault(bucket_of(bytes(row), self._depth), bytearray()).extend(row)
        self._top = None

    def root(self) -> Hash:
        """Return the map's root; re-hashes what was put since the last time."""
        if self._top is None:
            self._top = Top.of(self._depth, ((bucket, *self._hashed(bucket)) for bucket in self._buckets))
        else:
            self._top.apply(self._top.prepare({bucket: self._hashed(bucket) for bucket in self._touched}))
        self._touched.clear()
        return self._top.root

    def _hashed(self, bucket: int) -> Subtree:
        rows = self._buckets[bucket]
        leaves = []
        for at in range(0, len(rows), ROW):
            row = bytes(rows[at : at + ROW])
            leaves.append((row[:HASH_SIZE], tagged(MAP_LEAF, row)))
        return subtree(leaves, self._depth)

    def rows(self) -> Iterator[bytes]:
        """Yield the rows by ascending id."""
        return chain.from_iterable(
            (bytes(rows[at : at + ROW]) for at in range(0, len(rows), ROW)) for _, rows in sorted(self._buckets.items())
        )


def _place(rows: bytes | bytearray, stream: bytes) -> int:
    """Return where a stream's row is, or would go, in rows by ascending id."""
    at = 0
    while at < len(rows) and rows[at : at + HASH_SIZE] < stream:
        at += ROW
    return at
