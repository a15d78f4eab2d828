"""Who seals and anchors, under a lease; what PostgreSQL should know of the tables."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

# Ids compare by their bytes, in every locale: faster, and an index outlives the system's next locale.
BYTEWISE = {
    "tenants": ["id"],
    "api_keys": ["tenant", "key_id"],
    "view_fields": ["tenant", "audience", "field"],
    "attachments": ["tenant"],
    "streams": ["tenant", "order_id"],
    "labels": ["token", "tenant"],
    "events": ["tenant", "event_id"],
}
# Rows that are rewritten again and again find room on their own page, and no index changes.
ROOMY = {"head": 10, "lease": 10, "tiles": 50, "streams": 80}
# Hashes and salted values do not compress.
PLAIN = {"events": ["disclosures"], "entries": ["entry"], "tiles": ["data"], "evidence_nodes": ["node"]}
# These only grow: they need their statistics and their old pages frozen, and little else.
APPENDED = ["events", "event_secrets", "receipt_groups", "entries", "batches", "checkpoints"]


def upgrade() -> None:
    """Create the lease."""
    op.create_table(
        "lease",
        sa.Column("id", NUMBER, autoincrement=False, nullable=False),
        sa.Column("token", NUMBER, nullable=False),
        sa.Column("holder", sa.Text(), nullable=False),
        sa.Column("until", NUMBER, nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_lease_one")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lease")),
        sa.UniqueConstraint("token", name=op.f("uq_lease_token")),
    )
    op.execute("insert into lease values (1, 0, '', 0, '')")
    if op.get_bind().dialect.name != "postgresql":
        return
    for table, columns in BYTEWISE.items():
        changes = ", ".join(f'alter column {column} type text collate "C"' for column in columns)
        op.execute(f"alter table {table} {changes}")
    for table, percent in ROOMY.items():
        op.execute(f"alter table {table} set (fillfactor = {percent})")
    for table, columns in PLAIN.items():
        for column in columns:
            op.execute(f"alter table {table} alter column {column} set storage external")
    for table in APPENDED:
        op.execute(
            f"alter table {table} set (autovacuum_vacuum_insert_scale_factor = 0.05, "
            "autovacuum_analyze_scale_factor = 0.02)"
        )
