"""The tables.  Times are ms UTC; `idx` and `size` count entries of the log; blobs are raw bytes, never hexadecimal.

What hangs on a tenant is tied to it by composite keys, so that no row can point into another tenant's data.  An event
is in the log if its number is not above `head.last_event`: sealing adds rows to `entries` and changes none of `events`.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

BY_STATEMENT: Final = {"by_statement": True}
"""On PostgreSQL a trigger looks for the parents of all rows of a statement (migration 0004), not a foreign key."""

# A 64-bit number; SQLite wants its row ids spelled "integer".
Number: Final = BigInteger().with_variant(Integer(), "sqlite")

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# What this database is of, pinned when it was created: log, origin, chain id, registry, first block.
meta: Final = Table(
    "meta",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

# --- tenants ----------------------------------------------------------------------------------------------------------

tenants: Final = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("created", Number, nullable=False),
)

api_keys: Final = Table(
    "api_keys",
    metadata,
    Column("tenant", Text, ForeignKey("tenants.id"), nullable=False),
    Column("key_id", Text, nullable=False),
    Column("hash", LargeBinary(32), nullable=False, unique=True),
    Column("scopes", Text, nullable=False),
    Column("created", Number, nullable=False),
    Column("revoked", Number),
    PrimaryKeyConstraint("tenant", "key_id"),
)

view_fields: Final = Table(
    "view_fields",
    metadata,
    Column("tenant", Text, ForeignKey("tenants.id"), nullable=False),
    Column("audience", Text, nullable=False),
    Column("field", Text, nullable=False),
    PrimaryKeyConstraint("tenant", "audience", "field"),
)

attachments: Final = Table(
    "attachments",
    metadata,
    Column("tenant", Text, ForeignKey("tenants.id"), nullable=False),
    Column("sha256", LargeBinary(32), nullable=False),
    Column("size", Number, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("stored", Number, nullable=False),
    PrimaryKeyConstraint("tenant", "sha256"),
)

# --- events -----------------------------------------------------------------------------------------------------------

# `stream` is the id, of which nothing is found: an index of random values costs more than all else of a new stream.
# `weight` is the most bytes that the stream's events have in a proof.
streams: Final = Table(
    "streams",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("tenant", Text, ForeignKey("tenants.id", info=BY_STATEMENT), nullable=False),
    Column("order_id", Text, nullable=False),
    Column("stream", LargeBinary(32), nullable=False),
    Column("salt", LargeBinary(32), nullable=False),
    Column("weight", Number, nullable=False),
    UniqueConstraint("tenant", "order_id"),
    UniqueConstraint("tenant", "number"),
)

labels: Final = Table(
    "labels",
    metadata,
    Column("token", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("stream", Number, nullable=False),
    Column("created", Number, nullable=False),
    ForeignKeyConstraint(["tenant", "stream"], ["streams.tenant", "streams.number"]),
    Index(None, "tenant", "stream"),
)

# `number` is the order of acceptance.  `disclosures` go without their salts (ports.disclosures).
events: Final = Table(
    "events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("tenant", Text, nullable=False),
    Column("stream", Number, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("accepted", Number, nullable=False),
    Column("commitment", LargeBinary(32), nullable=False),
    Column("disclosures", LargeBinary, nullable=False),
    UniqueConstraint("tenant", "event_id"),
    ForeignKeyConstraint(["tenant", "stream"], ["streams.tenant", "streams.number"], info=BY_STATEMENT),
    Index(None, "stream", "number"),
)

# Apart from the events, so that they can be kept, and erased, apart.
event_secrets: Final = Table(
    "event_secrets",
    metadata,
    Column("event", Number, ForeignKey("events.number", info=BY_STATEMENT), primary_key=True, autoincrement=False),
    Column("secret", LargeBinary(32), nullable=False),
)

# The receipts of the events from `first` on, `length` of them.
receipt_groups: Final = Table(
    "receipt_groups",
    metadata,
    Column("first", Number, ForeignKey("events.number"), primary_key=True, autoincrement=False),
    Column("length", Number, nullable=False),
    Column("deadline", Number, nullable=False),
    Column("note", Text, nullable=False),
)

# --- the log ----------------------------------------------------------------------------------------------------------

# `event` is null for a seal entry.  `entry` is packed (storage.packing).
entries: Final = Table(
    "entries",
    metadata,
    Column("idx", Number, primary_key=True, autoincrement=False),
    Column("event", Number, ForeignKey("events.number", info=BY_STATEMENT), unique=True),
    Column("entry", LargeBinary, nullable=False),
)

tiles: Final = Table(
    "tiles",
    metadata,
    Column("level", Number, nullable=False),
    Column("idx", Number, nullable=False),
    Column("data", LargeBinary, nullable=False),
    PrimaryKeyConstraint("level", "idx"),
)

# `depth` and `streams` are those of the stream map as of the batch.
batches: Final = Table(
    "batches",
    metadata,
    Column("batch", Number, primary_key=True, autoincrement=False),
    Column("first", Number, nullable=False),
    Column("size", Number, nullable=False, unique=True),
    Column("root", LargeBinary(32), nullable=False),
    Column("sealed", Number, nullable=False),
    Column("depth", Number, nullable=False, server_default="0"),
    Column("streams", Number, nullable=False, server_default="0"),
)

# A bucket of the stream map as of the batches from `batch` on, until the next row of the same depth and bucket: rows
# are added and deleted, never changed.  `streams` are its records (ports.buckets); `holds` and `hash` are its subtree.
map_buckets: Final = Table(
    "map_buckets",
    metadata,
    Column("depth", Number, nullable=False),
    Column("bucket", Number, nullable=False),
    Column("batch", Number, nullable=False, index=True),
    Column("holds", Number, nullable=False),
    Column("hash", LargeBinary(32), nullable=False),
    Column("streams", LargeBinary, nullable=False),
    PrimaryKeyConstraint("depth", "bucket", "batch"),
)

# One row: the state that the next batch is built on.
head: Final = Table(
    "head",
    metadata,
    Column("id", Number, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    Column("size", Number, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    Column("batch", Number, nullable=False),
    Column("seal", LargeBinary(32), nullable=False),
    Column("sealed", Number, nullable=False),
    Column("last_event", Number, nullable=False),
)

# One row: who seals and anchors where several processes might.  `token` grows with every holder; it is unique so that
# a row lock on it stops a new holder and not a renewal.  `until` in ms of the database's clock, `said` is what the
# holder last said of itself.
lease: Final = Table(
    "lease",
    metadata,
    Column("id", Number, CheckConstraint("id = 1", name="one"), primary_key=True, autoincrement=False),
    Column("token", Number, nullable=False, unique=True),
    Column("holder", Text, nullable=False),
    Column("until", Number, nullable=False),
    Column("said", Text, nullable=False),
)

checkpoints: Final = Table(
    "checkpoints",
    metadata,
    Column("size", Number, ForeignKey("batches.size"), primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

# --- anchors ----------------------------------------------------------------------------------------------------------

anchors: Final = Table(
    "anchors",
    metadata,
    Column("size", Number, ForeignKey("checkpoints.size"), primary_key=True, autoincrement=False),
    Column("previous_size", Number, nullable=False),
    Column("state", Text, nullable=False),
    Column("created", Number, nullable=False),
    Column("block_number", Number),
    Column("block_hash", LargeBinary(32)),
    Column("block_time", Number),
    Index(None, "state", "size"),
)

# Stored before they are sent.
anchor_transactions: Final = Table(
    "anchor_transactions",
    metadata,
    Column("hash", LargeBinary(32), primary_key=True),
    Column("size", Number, ForeignKey("anchors.size"), nullable=False, index=True),
    Column("raw", LargeBinary, nullable=False),
    Column("nonce", Number, nullable=False),
    Column("max_fee", Number, nullable=False),
    Column("priority_fee", Number, nullable=False),
    Column("stored", Number, nullable=False),
    Column("sent", Number),
)

evidence: Final = Table(
    "evidence",
    metadata,
    Column("size", Number, ForeignKey("anchors.size"), primary_key=True, autoincrement=False),
    Column("header", LargeBinary, nullable=False),
    Column("tx_index", Number, nullable=False),
)

evidence_nodes: Final = Table(
    "evidence_nodes",
    metadata,
    Column("size", Number, ForeignKey("evidence.size"), nullable=False),
    Column("place", Number, nullable=False),
    Column("node", LargeBinary, nullable=False),
    PrimaryKeyConstraint("size", "place"),
)
