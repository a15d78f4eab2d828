"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "batches",
        sa.Column("batch", NUMBER, autoincrement=False, nullable=False),
        sa.Column("first", NUMBER, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("batch", name=op.f("pk_batches")),
        sa.UniqueConstraint("size", name=op.f("uq_batches_size")),
    )
    op.create_table(
        "head",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("batch", NUMBER, nullable=False),
        sa.Column("seal", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed", NUMBER, nullable=False),
        sa.Column("last_event", NUMBER, nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_head_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_head")),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_meta")),
    )
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("created", NUMBER, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "tiles",
        sa.Column("level", NUMBER, nullable=False),
        sa.Column("idx", NUMBER, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "idx", name=op.f("pk_tiles")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("created", NUMBER, nullable=False),
        sa.Column("revoked", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_api_keys_tenant")),
        sa.PrimaryKeyConstraint("tenant", "key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_keys_hash")),
    )
    op.create_table(
        "attachments",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("media_type", sa.Text(), nullable=False),
        sa.Column("stored", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_attachments_tenant")),
        sa.PrimaryKeyConstraint("tenant", "sha256", name=op.f("pk_attachments")),
    )
    op.create_table(
        "checkpoints",
        sa.Column("size", NUMBER, autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["batches.size"], name=op.f("fk_checkpoints_size")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_checkpoints")),
    )
    op.create_table(
        "streams",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Text(), nullable=False),
        sa.Column("stream", sa.LargeBinary(length=32), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("weight", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_streams_tenant")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_streams")),
        sa.UniqueConstraint("stream", name=op.f("uq_streams_stream")),
        sa.UniqueConstraint("tenant", "number", name=op.f("uq_streams_tenant_number")),
        sa.UniqueConstraint("tenant", "order_id", name=op.f("uq_streams_tenant_order_id")),
    )
    op.create_table(
        "view_fields",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant"], ["tenants.id"], name=op.f("fk_view_fields_tenant")),
        sa.PrimaryKeyConstraint("tenant", "audience", "field", name=op.f("pk_view_fields")),
    )
    op.create_table(
        "anchors",
        sa.Column("size", NUMBER, autoincrement=False, nullable=False),
        sa.Column("previous_size", NUMBER, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("created", NUMBER, nullable=False),
        sa.Column("block_number", NUMBER, nullable=True),
        sa.Column("block_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("block_time", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["size"], ["checkpoints.size"], name=op.f("fk_anchors_size")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_anchors")),
    )
    op.create_index(op.f("ix_anchors_state_size"), "anchors", ["state", "size"], unique=False)
    op.create_table(
        "events",
        sa.Column("number", NUMBER, autoincrement=False, nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("stream", NUMBER, nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("accepted", NUMBER, nullable=False),
        sa.Column("commitment", sa.LargeBinary(length=32), nullable=False),
        sa.Column("disclosures", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "stream"], ["streams.tenant", "streams.number"], name=op.f("fk_events_tenant_stream")
        ),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_events")),
        sa.UniqueConstraint("tenant", "event_id", name=op.f("uq_events_tenant_event_id")),
    )
    op.create_index(op.f("ix_events_stream_number"), "events", ["stream", "number"], unique=False)
    op.create_table(
        "labels",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("stream", NUMBER, nullable=False),
        sa.Column("created", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "stream"], ["streams.tenant", "streams.number"], name=op.f("fk_labels_tenant_stream")
        ),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_labels")),
    )
    op.create_index(op.f("ix_labels_tenant_stream"), "labels", ["tenant", "stream"], unique=False)
    op.create_table(
        "stream_heads",
        sa.Column("stream", NUMBER, autoincrement=False, nullable=False),
        sa.Column("length", NUMBER, nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["stream"], ["streams.number"], name=op.f("fk_stream_heads_stream")),
        sa.PrimaryKeyConstraint("stream", name=op.f("pk_stream_heads")),
    )
    op.create_table(
        "anchor_transactions",
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", NUMBER, nullable=False),
        sa.Column("max_fee", NUMBER, nullable=False),
        sa.Column("priority_fee", NUMBER, nullable=False),
        sa.Column("stored", NUMBER, nullable=False),
        sa.Column("sent", NUMBER, nullable=True),
        sa.ForeignKeyConstraint(["size"], ["anchors.size"], name=op.f("fk_anchor_transactions_size")),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_anchor_transactions")),
    )
    op.create_index(op.f("ix_anchor_transactions_size"), "anchor_transactions", ["size"], unique=False)
    op.create_table(
        "entries",
        sa.Column("idx", NUMBER, autoincrement=False, nullable=False),
        sa.Column("event", NUMBER, nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.number"], name=op.f("fk_entries_event")),
        sa.PrimaryKeyConstraint("idx", name=op.f("pk_entries")),
        sa.UniqueConstraint("event", name=op.f("uq_entries_event")),
    )
    op.create_table(
        "event_secrets",
        sa.Column("event", NUMBER, autoincrement=False, nullable=False),
        sa.Column("secret", sa.LargeBinary(length=32), nullable=False),
        sa.ForeignKeyConstraint(["event"], ["events.number"], name=op.f("fk_event_secrets_event")),
        sa.PrimaryKeyConstraint("event", name=op.f("pk_event_secrets")),
    )
    op.create_table(
        "evidence",
        sa.Column("size", NUMBER, autoincrement=False, nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("tx_index", NUMBER, nullable=False),
        sa.ForeignKeyConstraint(["size"], ["anchors.size"], name=op.f("fk_evidence_size")),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_evidence")),
    )
    op.create_table(
        "receipt_groups",
        sa.Column("first", NUMBER, autoincrement=False, nullable=False),
        sa.Column("length", NUMBER, nullable=False),
        sa.Column("deadline", NUMBER, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["first"], ["events.number"], name=op.f("fk_receipt_groups_first")),
        sa.PrimaryKeyConstraint("first", name=op.f("pk_receipt_groups")),
    )
    op.create_table(
        "evidence_nodes",
        sa.Column("size", NUMBER, nullable=False),
        sa.Column("place", NUMBER, nullable=False),
        sa.Column("node", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["size"], ["evidence.size"], name=op.f("fk_evidence_nodes_size")),
        sa.PrimaryKeyConstraint("size", "place", name=op.f("pk_evidence_nodes")),
    )
