"""Small reads that go to the driver directly: SQLAlchemy's share of one is most of what it costs."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect, Select

from anchor_service.storage.postgresql import cursor_of


class _Text(NamedTuple):
    sql: str
    names: tuple[str, ...] | None  # in the order of the marks; None where the driver takes them by name
    constants: dict[str, Any]


class Quick:
    """A query with named parameters, whose text is made once for each database."""

    def __init__(self, query: Select[*tuple[Any, ...]]) -> None:
        self._query: Final = query
        self._texts: dict[str, _Text] = {}

    def ask(self, connection: Connection, **values: object) -> Any:  # noqa: ANN401 - the driver's own cursor
        """Ask in the connection's transaction; `fetchall` of what this returns gives the rows."""
        text = self._texts.get(connection.dialect.name)
        if text is None:
            text = self._texts[connection.dialect.name] = self._compile(connection.dialect)
        given = text.constants | values
        if text.names is None:
            return cursor_of(connection).execute(text.sql.encode(), given)
        driver: Any = connection.connection.driver_connection
        return driver.execute(text.sql, [given[name] for name in text.names])

    def rows(self, connection: Connection, **values: object) -> list[tuple[Any, ...]]:
        """Return the rows as the driver gives them, in the connection's transaction."""
        rows: list[tuple[Any, ...]] = self.ask(connection, **values).fetchall()
        return rows

    def first(self, connection: Connection, **values: object) -> tuple[Any, ...] | None:
        """Return the first row of a query that finds one at most, None for none."""
        rows = self.rows(connection, **values)
        return rows[0] if rows else None

    def value(self, connection: Connection, **values: object) -> Any:  # noqa: ANN401 - a column's type is the caller's to know
        """Return the first value of the first row, None for none."""
        rows = self.rows(connection, **values)
        return rows[0][0] if rows else None

    def _compile(self, dialect: Dialect) -> _Text:
        compiled = self._query.compile(dialect=dialect)
        names = compiled.positiontup if compiled.positional else None
        return _Text(str(compiled), None if names is None else tuple(names), dict(compiled.params))
