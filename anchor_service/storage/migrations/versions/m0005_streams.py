"""Streams are not indexed by their ids: nobody looks for one by it, and a random place for each costs most of storing.

An id is the hash of a salt, a tenant and an order; there is one row of a tenant's order, and fsck hashes them again.
"""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the index; SQLite can do so only by copying the table, while rows may point to what is not there."""
    with op.batch_alter_table("streams") as streams:
        streams.drop_constraint(op.f("uq_streams_stream"), type_="unique")
    if op.get_bind().dialect.name == "sqlite":
        wrong = op.get_bind().exec_driver_sql("pragma foreign_key_check").first()
        if wrong is not None:
            raise RuntimeError(f"a row of {wrong[0]} points to a row of {wrong[2]} that is not there")
