"""A mapping: which columns of which tables make which events (docs/import.md describes it by example)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml

from anchor_service.protocol.errors import Malformed
from anchor_service.services.imports.tables import Dialect, Joined, Row, read_header
from anchor_service.services.imports.times import TimeRule

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_ABSENT: Final[tuple[object, ...]] = (None, {}, [])
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")
_TOP: Final = {"version", "order_id", "time", "encoding", "delimiter", "joins", "events"}
_EVENT: Final = {
    *("when", "type", "at", "event_id", "private"),
    *("actor", "location", "items", "parties", "sensor", "device", "note", "source", "data"),
}


@dataclass(slots=True)
class Scope:
    """The row at hand and the joined rows beside it, as templates see them while one event is built."""

    row: Row
    chosen: dict[str, Row] = field(default_factory=dict)


Value = "Callable[[Scope], Any]"


@dataclass(slots=True)
class Table:
    """A table's columns and the tables joined to it."""

    columns: dict[str, int]
    joins: dict[str, tuple[Joined, Table]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EventRule:
    """One kind of event that a row may make."""

    step: str
    when: tuple[tuple[Callable[[Scope], Any], frozenset[str]], ...]
    type: Callable[[Scope], Any]
    at: tuple[Callable[[Scope], Any], ...]
    event_id: Callable[[Scope], Any] | None
    body: tuple[tuple[str, Callable[[Scope], Any]], ...]
    private: Callable[[Scope], Any] | None


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping, checked against the headers of its tables; sibling tables are loaded."""

    digest: str
    dialect: Dialect
    columns: dict[str, int]
    time: TimeRule
    order_id: Callable[[Scope], Any]
    events: tuple[EventRule, ...]


class _Loader(yaml.SafeLoader):
    """YAML without surprises: no duplicate keys, and dates stay text."""


def _unique(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    if len(set(keys)) != len(keys):
        raise Malformed("mapping", f"line {node.start_mark.line + 1}: a key stands twice")
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique)
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_mapping(raw: bytes, table: Path) -> Mapping:
    """Read a mapping for the CSV file `table`; sibling files are looked for beside it.

    Malformed `mapping` says which member is wrong and what would be right.
    """
    try:
        document = yaml.load(raw, _Loader)  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as problem:
        raise Malformed("mapping", f"not YAML: {' '.join(str(problem).split())[:200]}") from None
    top = _members(document, _TOP, "the mapping")
    if top.get("version") != 1:
        raise Malformed("mapping", "version: expected 1")
    dialect = _dialect(top)
    main = Table({name: at for at, name in enumerate(read_header(table, dialect))})
    _join(main, top.get("joins", {}), table.parent, dialect, "joins")
    compiler = _Compiler(main)
    if "order_id" not in top or "events" not in top:
        raise Malformed("mapping", "order_id and events are needed")
    events = _members(top["events"], None, "events")
    return Mapping(
        digest=sha256(raw).hexdigest(),
        dialect=dialect,
        columns=main.columns,
        time=_time_rule(top.get("time", {})),
        order_id=compiler.value(top["order_id"], "order_id"),
        events=tuple(_event_rule(compiler, str(step), rule) for step, rule in events.items()),
    )


def _members(value: object, names: set[str] | None, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed("mapping", f"{where}: expected members (name: value)")
    for name in value:
        if names is not None and name not in names:
            raise Malformed("mapping", f"{where}: {name!r} is not one of {', '.join(sorted(names))}")
    return value


def _dialect(top: dict[str, Any]) -> Dialect:
    dialect = Dialect(str(top.get("encoding", "utf-8-sig")), str(top.get("delimiter", ",")))
    try:
        newline = "\n".encode(dialect.encoding.removesuffix("-sig"))
    except LookupError:
        newline = b""
    if newline != b"\n":
        raise Malformed("mapping", f"encoding: {dialect.encoding!r} is not one such as utf-8 or gb18030")
    if len(dialect.delimiter) != 1:
        raise Malformed("mapping", "delimiter: expected one character")
    return dialect


def _time_rule(value: object) -> TimeRule:
    rule = _members(value, {"format", "zone", "ambiguous"}, "time")
    ambiguous = rule.get("ambiguous", "earlier")
    if ambiguous not in ("earlier", "later", "refuse"):
        raise Malformed("mapping", "time.ambiguous: expected earlier, later or refuse")
    try:
        return TimeRule(rule.get("format"), ZoneInfo(str(rule.get("zone", "UTC"))), ambiguous)
    except (ZoneInfoNotFoundError, ValueError):
        raise Malformed("mapping", f"time.zone: {rule.get('zone')!r} is not a zone such as Asia/Shanghai") from None


def _join(table: Table, joins: object, folder: Path, dialect: Dialect, where: str) -> None:
    for name, rule in _members(joins, None, where).items():
        here = f"{where}.{name}"
        join = _members(rule, {"file", "match", "joins"}, here)
        if "file" not in join or "match" not in join:
            raise Malformed("mapping", f"{here}: file and match are needed")
        path = folder / str(join["file"])
        columns = {column: at for at, column in enumerate(read_header(path, dialect))}
        match = join["match"]
        theirs, ours = next(iter(match.items())) if isinstance(match, dict) and len(match) == 1 else (match, match)
        if theirs not in columns or ours not in table.columns:
            raise Malformed("mapping", f"{here}.match: {theirs!r} and {ours!r} must be columns of the two tables")
        joined = Joined(columns, table.columns[ours])
        joined.load(path, dialect, columns[theirs])
        inner = Table(columns)
        _join(inner, join.get("joins", {}), folder, dialect, f"{here}.joins")
        table.joins[str(name)] = (joined, inner)


def _event_rule(compiler: _Compiler, step: str, value: object) -> EventRule:
    where = f"events.{step}"
    rule = _members(value, _EVENT, where)
    if "at" not in rule or "actor" not in rule:
        raise Malformed("mapping", f"{where}: at and actor are needed")
    at = rule["at"] if isinstance(rule["at"], list) else [rule["at"]]
    conditions = []
    for column, words in _members(rule.get("when", {}), None, f"{where}.when").items():
        listed = words if isinstance(words, list) else [words]
        conditions.append((compiler.value(f"{{{column}}}", f"{where}.when"), frozenset(map(str, listed))))
    body = [name for name in rule if name not in ("when", "type", "at", "event_id", "private")]
    return EventRule(
        step=step,
        when=tuple(conditions),
        type=compiler.value(rule.get("type", step), f"{where}.type"),
        at=tuple(compiler.value(item, f"{where}.at") for item in at),
        event_id=compiler.value(rule["event_id"], f"{where}.event_id") if "event_id" in rule else None,
        body=tuple((name, compiler.value(rule[name], f"{where}.{name}")) for name in body),
        private=compiler.value(rule["private"], f"{where}.private") if "private" in rule else None,
    )


class _Compiler:
    """Turns what a mapping says of a value into a function of the row; columns are looked up once, here."""

    def __init__(self, main: Table) -> None:
        self._main = main

    def value(self, said: object, where: str) -> Callable[[Scope], Any]:
        """Compile a text with placeholders, a constant, an array, an object, or one of the forms of an object below."""
        if isinstance(said, str):
            return self._text(said, where)
        if isinstance(said, dict):
            forms = {"each": self._each, "first": self._first, "words": self._words}
            return next((form for name, form in forms.items() if name in said), self._object)(said, where)
        if isinstance(said, list):
            parts = [self.value(part, f"{where}[{at}]") for at, part in enumerate(said)]
            return lambda scope: [part for make in parts if (part := make(scope)) not in _ABSENT]
        if isinstance(said, float):
            raise Malformed("mapping", f"{where}: write numbers with a fraction as text, such as '0.5'")
        return lambda _scope: said

    def _object(self, said: dict[str, Any], where: str) -> Callable[[Scope], Any]:
        members = [(str(name), self.value(part, f"{where}.{name}")) for name, part in said.items()]
        return lambda scope: {name: part for name, make in members if (part := make(scope)) not in _ABSENT}

    def _text(self, said: str, where: str) -> Callable[[Scope], Any]:
        """A text; it is absent (None) where one of its columns is empty."""
        pieces = _PLACEHOLDER.split(said)
        if len(pieces) == 1:
            return lambda _scope: said
        columns = [self._column(path.strip(), where) for path in pieces[1::2]]
        if pieces[0] == pieces[2] == "" and len(columns) == 1:
            only = columns[0]
            return lambda scope: only(scope) or None
        fixed = pieces[::2]

        def fill(scope: Scope) -> str | None:
            cells = [column(scope) for column in columns]
            if "" in cells:
                return None
            return fixed[0] + "".join([cell + after for cell, after in zip(cells, fixed[1:], strict=True)])

        return fill

    def _column(self, path: str, where: str) -> Callable[[Scope], str]:
        if path in self._main.columns:
            place = self._main.columns[path]
            return lambda scope: scope.row[place].strip()
        *names, column = path.split(".")
        table = self._main
        steps = []
        for depth, name in enumerate(names, start=1):
            if name not in table.joins:
                raise Malformed("mapping", f"{where}: {{{path}}} names no join {name!r}")
            joined, table = table.joins[name]
            steps.append((".".join(names[:depth]), joined))
        if not steps or column not in table.columns:
            raise Malformed("mapping", f"{where}: there is no column {path!r}")
        place = table.columns[column]

        def look(scope: Scope) -> str:
            row = scope.row
            for name, joined in steps:
                chosen = scope.chosen.get(name)
                if chosen is None:
                    found = joined.rows.get(row[joined.ours])
                    if not found:
                        return ""
                    chosen = found[0]
                row = chosen
            return row[place].strip()

        return look

    def _each(self, said: dict[str, Any], where: str) -> Callable[[Scope], Any]:
        """One object for every joined row."""
        name = str(said["each"])
        if name not in self._main.joins:
            raise Malformed("mapping", f"{where}.each: there is no join {name!r}")
        joined, _ = self._main.joins[name]
        make = self.value({key: part for key, part in said.items() if key != "each"}, where)

        def build(scope: Scope) -> list[Any]:
            rows = joined.rows.get(scope.row[joined.ours], ())
            return [part for row in rows if (part := make(Scope(scope.row, {name: row})))]

        return build

    def _first(self, said: dict[str, Any], where: str) -> Callable[[Scope], Any]:
        """The first of several values that is there."""
        choices = _members(said, {"first"}, where)["first"]
        if not isinstance(choices, list):
            raise Malformed("mapping", f"{where}.first: expected an array of values")
        makers = [self.value(choice, f"{where}.first[{at}]") for at, choice in enumerate(choices)]
        return lambda scope: next((value for make in makers if (value := make(scope)) not in _ABSENT), None)

    def _words(self, said: dict[str, Any], where: str) -> Callable[[Scope], Any]:
        """A column's words translated; a word that is not listed is refused, unless `else` says what it becomes."""
        rule = _members(said, {"from", "words", "else"}, where)
        source = self.value(rule.get("from", ""), f"{where}.from")
        words = {str(word): meaning for word, meaning in _members(rule["words"], None, f"{where}.words").items()}
        has_else, otherwise = "else" in rule, rule.get("else")

        def translate(scope: Scope) -> Any:  # noqa: ANN401 - what the mapping says
            word = source(scope)
            if word is None or word in words:
                return None if word is None else words[word]
            if has_else:
                return otherwise
            raise Malformed("unknown_word", f"{where}: {word!r} is not in its words")

        return translate
