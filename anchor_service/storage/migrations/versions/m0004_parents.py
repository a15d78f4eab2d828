"""PostgreSQL looks for the parents of all rows of a statement in one go, not for those of each row by itself."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# child, the columns that name its parent; the parent, its key
PARENTS = (
    ("streams", ("tenant",), "tenants", ("id",)),
    ("events", ("tenant", "stream"), "streams", ("tenant", "number")),
    ("event_secrets", ("event",), "events", ("number",)),
    ("entries", ("event",), "events", ("number",)),
)
# One step down an index for each row, whatever the server thinks of a table that has just been made.
PLAN = "set search_path from current set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off"


def upgrade() -> None:
    """Put triggers in the place of the foreign keys of the tables that grow with every event."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for child, names, parent, keys in PARENTS:
        op.drop_constraint(op.f(f"fk_{child}_{'_'.join(names)}"), child, type_="foreignkey")

        def same(one: str, of_one: tuple[str, ...], other: str, of_other: tuple[str, ...]) -> str:
            return " and ".join(f"{one}.{a} = {other}.{b}" for a, b in zip(of_one, of_other, strict=True))

        complete = " and ".join(f"line.{name} is not null" for name in names)
        alone = f"{complete} and not exists (select from {parent} parent where {same('parent', keys, 'line', names)})"
        missing = f"a row of {child} without its row of {parent}"
        refuse(f"{child}_inserted", f"select from added line where {alone}", missing)
        refuse(f"{child}_updated", f"select from (select new.*) line where {alone}", missing)
        refuse(
            f"{child}_orphaned",
            f"select from {child} child where {same('child', names, 'old', keys)}",
            f"a row of {parent} that rows of {child} need",
        )
        op.execute(
            f"create trigger {child}_inserted after insert on {child} referencing new table as added "
            f"for each statement execute function {child}_inserted()"
        )
        op.execute(
            f"create trigger {child}_updated after update of {', '.join(names)} on {child} "
            f"for each row execute function {child}_updated()"
        )
        op.execute(
            f"create trigger {child}_orphaned after delete or update of {', '.join(keys)} on {parent} "
            f"for each row execute function {child}_orphaned()"
        )


def refuse(name: str, query: str, reason: str) -> None:
    """Create a trigger's function that refuses what a query finds, as a foreign key does."""
    op.execute(
        f"create function {name}() returns trigger language plpgsql {PLAN} as $$ begin if exists ({query}) then "
        f"raise foreign_key_violation using message = '{reason}'; end if; return null; end $$"
    )
