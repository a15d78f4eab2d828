"""The stream map: format version 1.  There is no way from a log of version 0, whose seals commit no map."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Keep the buckets of the map in place of the heads of streams."""
    op.drop_table("stream_heads")
    for name in ("depth", "streams"):
        op.add_column("batches", sa.Column(name, NUMBER, nullable=False, server_default="0"))
    op.create_table(
        "map_buckets",
        sa.Column("depth", NUMBER, nullable=False),
        sa.Column("bucket", NUMBER, nullable=False),
        sa.Column("batch", NUMBER, nullable=False),
        sa.Column("holds", NUMBER, nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("streams", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("depth", "bucket", "batch", name=op.f("pk_map_buckets")),
    )
    op.create_index(op.f("ix_map_buckets_batch"), "map_buckets", ["batch"], unique=False)
