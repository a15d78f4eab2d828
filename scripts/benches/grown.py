"""Large logs for benches, written into the tables directly, with the protocol's own functions.

One batch holds all of it, and the newest orders come in through the service.  Secrets and salts follow from numbers, so
that several processes can make the rows.  `python -m scripts.benches.grown FOLDER` keeps one.
"""

from __future__ import annotations

import argparse
import gc
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, insert, update

from anchor_service.ports import make_bucket, print_record, split_records
from anchor_service.ports.disclosures import pack
from anchor_service.protocol import tiles
from anchor_service.protocol.event import (
    EventEntry,
    SealEntry,
    commit,
    disclose,
    print_event_entry,
    print_seal_entry,
    stream_id,
)
from anchor_service.protocol.hashes import ZERO, Hash, LogId, parse_hash
from anchor_service.protocol.merkle import leaf_hash
from anchor_service.protocol.note import VerifierKey
from anchor_service.protocol.receipt import CommitGroup, ReceiptLeaf, print_receipt_leaf, receipts_origin
from anchor_service.protocol.streammap import MapLeaf, Top, bucket_of
from anchor_service.protocol.weight import ANCHOR, weight
from anchor_service.services.seal import CROWDED
from anchor_service.settings import Settings
from anchor_service.storage import tables
from anchor_service.storage.database import Database, insert_rows
from anchor_service.storage.postgresql import PostgresPlace
from anchor_service.storage.sqlite import SqlitePlace
from anchor_service.wiring.opening import build
from anchor_service.wiring.places import DATABASE, KEYS
from scripts.benches import world

if TYPE_CHECKING:
    from anchor_service.wiring.serving import Service

T = TypeVar("T")
R = TypeVar("R")

ACCEPTED: Final = 1_770_000_000_000
PROMISE: Final = 86_400_000
NEWEST: Final = 1_000
"""Orders of twelve events that come in through the service at the end."""
STEPS: Final = 12
_CHUNK: Final = 8_192
_GROUP: Final = 256
_PARTS: Final = 256
"""Streams are put in order by the first byte of their ids first."""
_TYPES: Final = ("placed", *("departed",) * 62, "delivered")


@dataclass(frozen=True)
class _Plan:
    """What all processes know: `orders` streams, `steps` events each but for the last, `events` in all."""

    log: LogId
    receipts: str
    seed: bytes
    events: int
    orders: int

    @property
    def steps(self) -> int:
        return -(-self.events // self.orders)


class _Rows(NamedTuple):
    """What some orders in a row put into the tables; records of the stream map by their streams' first byte."""

    streams: list[tuple[object, ...]]
    events: list[tuple[object, ...]]
    secrets: list[tuple[object, ...]]
    groups: list[tuple[object, ...]]
    entries: list[tuple[object, ...]]
    leaves: list[bytes]
    records: dict[int, bytes]


def order_of(number: int) -> str:
    """Name an order of a grown log, from 1 on."""
    return f"grown-{number:010d}"


def _rows(plan: _Plan, orders: range) -> _Rows:
    rows = _Rows([], [], [], [], [], [], {})
    promised: list[str] = []
    first = (orders.start - 1) * plan.steps + 1
    number = first
    for order in orders:
        salt = Hash(sha256(b"salt %d" % order).digest())
        stream = stream_id(salt, world.TENANT, order_of(order))
        heavy, prev = ANCHOR, ZERO
        count = min(plan.steps, plan.events + 1 - number)
        for seq in range(1, count + 1):
            secret = sha256(b"secret %d" % number).digest()
            fields = {"actor.role": "brand", "occurred_at": "2026-02-01T10:00:00+08:00", "type": _TYPES[seq % 64 - 1]}
            named = disclose(secret, dict(fields))
            disclosures = b"\n".join([raw for _, raw in named])
            commitment, event_id = commit(named), f"g-{number:012d}"
            entry = print_event_entry(EventEntry(plan.log, stream, seq, prev, commitment, ACCEPTED))
            prev = leaf_hash(entry)
            heavy += weight(disclosures)
            rows.events.append((number, world.TENANT, order, event_id, ACCEPTED, bytes(commitment), pack(disclosures)))
            rows.secrets.append((number, secret))
            rows.entries.append((number - 1, number, entry))
            rows.leaves.append(bytes(prev))
            leaf = ReceiptLeaf(plan.log, stream, event_id, commitment, ACCEPTED, ACCEPTED + PROMISE)
            promised.append(print_receipt_leaf(leaf))
            number += 1
        rows.streams.append((order, world.TENANT, order_of(order), bytes(stream), bytes(salt), heavy))
        record = print_record(MapLeaf(stream, count, prev))
        rows.records[stream[0]] = rows.records.get(stream[0], b"") + record
    secret_key = Ed25519PrivateKey.from_private_bytes(plan.seed)
    key = VerifierKey(plan.receipts, secret_key.public_key().public_bytes_raw())
    for at in range(0, len(promised), _GROUP):
        group = CommitGroup(promised[at : at + _GROUP])
        note = group.sign(key, secret_key.sign)
        rows.groups.append((first + at, len(group.leaves), ACCEPTED + PROMISE, note))
    return rows


def _buckets(depth: int, records: bytes) -> list[tuple[object, ...]]:
    """Return the rows of the buckets that hold these records, of whole buckets each."""
    # Ids of one bucket are neighbours in their order.
    grouped = groupby(sorted(split_records(records)), lambda record: bucket_of(record, depth))
    rows: list[tuple[object, ...]] = []
    for number, held in grouped:
        (holds, digest), joined = make_bucket(held, depth)
        rows.append((depth, number, 1, holds, bytes(digest), joined))  # plain bytes travel cheaply
    return rows


class _Kept:
    """The last tile of each level."""

    def __init__(self) -> None:
        self.held: dict[tuple[int, int], bytes] = {}

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        return self.held.get((level, index), b"")

    def append(self, size: int, leaves: list[bytes]) -> list[tuple[object, ...]]:
        """Append leaves, and return the rows of the tiles that are full by that."""
        self.held |= tiles.append(size, leaves, self)
        full = [at for at, data in self.held.items() if len(data) == tiles.FULL]
        return [(*at, self.held.pop(at)) for at in full]

    def rest(self) -> list[tuple[object, ...]]:
        """Return the rows of the tiles that are not full."""
        return [(*at, data) for at, data in self.held.items()]


def grow(settings: Settings, *, entries: int, streams: int) -> None:
    """Fill a log that was created, has the benches' tenant and is empty; its checkpoint is not signed yet.

    `entries` are of events, as many in each stream; the seal entry comes on top.
    """
    database = Database(settings.database or settings.data / DATABASE)
    facts = database.facts
    database.close()
    seed = parse_hash((settings.data / KEYS / "receipt.key").read_text().strip(), "receipt.key")
    plan = _Plan(LogId(parse_hash(facts["log"], "log")), receipts_origin(facts["origin"]), seed, entries, streams)
    if not 0 < plan.events - (streams - 1) * plan.steps <= plan.steps:
        raise ValueError(f"{plan.events} events do not come out even over {streams} streams")
    gc.disable()  # millions of tuples come and go, none of them in a circle
    try:
        with _loading(settings) as connection:
            _fill(connection, plan)
    finally:
        gc.enable()


@contextmanager
def _loading(settings: Settings) -> Iterator[Connection]:
    """Write in one transaction that need not be durable before its end."""
    if settings.database:
        engine = PostgresPlace(settings.database).engine(write=True)
        with engine.connect() as connection, connection.begin():
            yield connection
            connection.exec_driver_sql("analyze")
    else:
        engine = SqlitePlace(settings.data / DATABASE).engine(write=True)
        with engine.connect() as connection:
            driver = connection.connection.driver_connection
            if driver is None:
                raise AssertionError("a connection without a driver")
            tuned = ("foreign_keys = off", "journal_mode = off", "synchronous = off", "cache_size = -2000000")
            for pragma in tuned:
                driver.execute(f"pragma {pragma}")
            with connection.begin():
                yield connection
            for pragma in ("synchronous = full", "journal_mode = wal"):
                driver.execute(f"pragma {pragma}")
    engine.dispose()


def _fill(connection: Connection, plan: _Plan) -> None:
    per_chunk = max(1, _CHUNK // plan.steps)
    chunks = (range(at, min(at + per_chunk, plan.orders + 1)) for at in range(1, plan.orders + 1, per_chunk))
    parts = [bytearray() for _ in range(_PARTS)]
    kept, size = _Kept(), 0
    for rows in _apart(partial(_rows, plan), chunks):
        insert_rows(connection, tables.streams, rows.streams)
        insert_rows(connection, tables.events, rows.events)
        insert_rows(connection, tables.event_secrets, rows.secrets)
        insert_rows(connection, tables.receipt_groups, rows.groups)
        insert_rows(connection, tables.entries, rows.entries)
        insert_rows(connection, tables.tiles, kept.append(size, rows.leaves))
        size += len(rows.leaves)
        for part, records in rows.records.items():
            parts[part] += records
    depth = 0
    while plan.orders > CROWDED << depth:
        depth += 1
    top = Top.of(depth, _fill_map(connection, depth, parts))
    seal = SealEntry(plan.log, 1, size + 1, plan.orders, top.root, ZERO, ACCEPTED, None)
    entry = print_seal_entry(seal)
    insert_rows(connection, tables.entries, [(size, None, entry)])
    insert_rows(connection, tables.tiles, kept.append(size, [leaf_hash(entry)]) + kept.rest())
    root = tiles.root(size + 1, _Stored(connection))
    connection.execute(
        insert(tables.batches),
        {
            "batch": 1,
            "first": 0,
            "size": size + 1,
            "root": root,
            "sealed": ACCEPTED,
            "depth": depth,
            "streams": plan.orders,
        },
    )
    connection.execute(
        update(tables.head).values(
            size=size + 1, root=root, batch=1, seal=leaf_hash(entry), sealed=ACCEPTED, last_event=plan.events
        )
    )


def _fill_map(connection: Connection, depth: int, parts: list[bytearray]) -> Iterator[tuple[int, int, bytes]]:
    whole = 1 if depth < _PARTS.bit_length() - 1 else _PARTS  # parts that hold whole buckets
    joined = (b"".join(parts[at : at + _PARTS // whole]) for at in range(0, _PARTS, _PARTS // whole))
    for rows in _apart(partial(_buckets, depth), joined):
        insert_rows(connection, tables.map_buckets, rows)
        for _, number, _, holds, digest, _ in rows:
            yield number, holds, digest  # type: ignore[misc] # columns of a row of this table


class _Stored:
    """The tiles, inside the transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tile(self, level: int, index: int) -> bytes:
        """Return the hashes of a tile."""
        at = tables.tiles.c.level == level, tables.tiles.c.idx == index
        return self._connection.execute(tables.tiles.select().where(*at)).one().data  # type: ignore[no-any-return]


def _apart(work: Callable[[T], R], given: Iterable[T]) -> Iterator[R]:
    """Do the work in other processes, in order, never far ahead of who takes the results."""
    with get_context("spawn").Pool(os.cpu_count(), gc.disable) as pool:
        running = []
        for one in given:
            running.append(pool.apply_async(work, (one,)))
            if len(running) > 6:
                yield running.pop(0).get()
        for waiting in running:
            yield waiting.get()


# --- whole logs -------------------------------------------------------------------------------------------------------


def make(folder: Path, *, entries: int, streams: int) -> None:
    """Create a log in this directory and let it grow; the newest orders come in through the service, all is anchored.

    The newest are called `newest-00000000000` and so on, `NEWEST` of them, of twelve events each.
    """
    settings = Settings(data=folder)
    with world.opened_in(folder):
        pass  # created, with its tenant
    grow(settings, entries=entries, streams=streams)
    service = build(settings)
    try:
        _bring_newest(service)
    finally:
        service.stop()


def _bring_newest(service: Service) -> None:
    service.start()
    world.fill(service, NEWEST * STEPS, "newest", STEPS)
    if not service.settle(600):
        raise RuntimeError("not all is anchored")


@contextmanager
def grown(*, entries: int, streams: int) -> Iterator[Path]:
    """Make a log (`make`) in a directory of its own; a copy where one is kept in SEALTRAIL_BENCH_LOGS, made once."""
    place = os.environ.get("SEALTRAIL_BENCH_LOGS")
    with tempfile.TemporaryDirectory(dir=place, prefix="bench-") as name:
        folder = Path(name) / "log"
        if place is None:
            make(folder, entries=entries, streams=streams)
        else:
            kept = Path(place) / f"{entries}-{streams}"
            if not kept.exists():
                make(folder, entries=entries, streams=streams)
                folder.rename(kept)
            subprocess.run(["cp", "-a", "--reflink=auto", str(kept), str(folder)], check=True)
        yield folder


def main() -> None:
    """Read the command line and make a log."""
    parser = argparse.ArgumentParser(prog="python -m scripts.benches.grown", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--streams", type=int, default=10_000_000)
    chosen = parser.parse_args()
    try:
        make(chosen.folder, entries=chosen.entries, streams=chosen.streams)
    except BaseException:
        shutil.rmtree(chosen.folder, ignore_errors=True)
        raise


if __name__ == "__main__":
    main()
