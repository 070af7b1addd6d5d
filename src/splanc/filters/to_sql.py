"""A tree as one SELECT of PostgreSQL or DuckDB."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, TypeAlias

from . import _sql_forms as forms
from ._calendar import EPOCH
from ._sql_moments import moment
from .operations import OPERATIONS, taken, widened
from .patterns import folded
from .reach import Reach
from .rules import GIVEN, Rule
from .tables import TABLES, joining
from .tree import Column, Joined, Kind, Node, Operation, Tree, Value
from .weighing import is_careful, reach_of

Dialect: TypeAlias = Literal["postgresql", "duckdb"]

_TYPES = {
    Kind.boolean: "boolean",
    Kind.integer: "bigint",
    Kind.number: forms.DOUBLE,
    Kind.text: "text",
    Kind.json: "text",
    Kind.moment: "timestamptz",
    Kind.null: "text",
}

_STORED = {"alert": "diaSources", "annotator": "annotations", "watchlist": "watchlist_hits", "area": "area_hits", "skymap": "mma_area_hits"}
"""Tables of the archive that have another name than filters give them."""


def as_sql(tree: Tree, dialect: Dialect, now: datetime, *, most_rows: int | None = None) -> str:
    """Return a SELECT of what a filter selects, for rows that its conditions are true of.

    Parameters
    ----------
    now : what now() and mjdnow() give; it must have a time zone.
    most_rows : a limit beside the filter's own; None for none.
    """
    printer = _Printer(dialect, now)
    selected = ", ".join(f"{_selected(printer, item.node)} AS {_name(item.name)}" for item in tree.selected)
    base, *others = tree.joined
    tables = f"{_table(base)}{''.join(f' JOIN {_table(joined)} ON {_joins(joined, base)}' for joined in others)}"
    where = f" WHERE ({printer.printed(tree.conditions)})" if tree.conditions is not None else ""
    order = ", ".join(f"{printer.printed(node)} {'DESC NULLS LAST' if down else 'ASC NULLS FIRST'}" for node, down in tree.order)
    limits = [limit for limit in (tree.limit, most_rows) if limit is not None]
    parts = ("SELECT", selected, "FROM", tables)
    limit = f"{f' LIMIT {min(limits)}' if limits else ''}{f' OFFSET {tree.offset}' if tree.offset else ''}"
    return f"{' '.join(parts)}{where}{f' ORDER BY {order}' if order else ''}{limit}"


def condition_as_sql(node: Node, dialect: Dialect, now: datetime) -> str:
    """Return one node as SQL over the tables' aliases."""
    return _Printer(dialect, now).printed(node)


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _stored(name: str) -> str:
    """Return the name of a table or column as the archive has it, in small letters."""
    return _name(name.lower())


def _column(node: Column) -> str:
    return f"{_name(node.source)}.{_stored(node.name)}"


def _table(joined: Joined) -> str:
    return f"{_stored(_STORED.get(joined.table, joined.table))} AS {_name(joined.alias)}"


def _joins(joined: Joined, base: Joined) -> str:
    here, there = joining(joined.table, base.table)
    on = [f"{_name(joined.alias)}.{_stored(here)} = {_name(base.alias)}.{_stored(there)}"]
    parameter = TABLES[joined.table].parameter
    if parameter and joined.parameter is not None:
        value = forms.quoted(joined.parameter) if isinstance(joined.parameter, str) else forms.integer(joined.parameter)
        on.append(f"{_name(joined.alias)}.{_stored(parameter)} = {value}")
    return " AND ".join(on)


def _selected(printer: _Printer, node: Node) -> str:
    return _column(node) if isinstance(node, Column) else printer.printed(node)


class _Printer:
    """Prints nodes for an engine at a moment."""

    def __init__(self, dialect: Dialect, now: datetime) -> None:
        self.is_duckdb = dialect == "duckdb"
        since = now - EPOCH
        self.now = (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds

    def printed(self, node: Node) -> str:
        """Return a node as SQL, in brackets or otherwise whole."""
        return self._printed(node)[0]

    def _printed(self, node: Node) -> tuple[str, Reach]:
        if isinstance(node, Column):
            column = _column(node)
            widened = f"CAST({column} AS {_TYPES[node.kind]})" if node.kind in (Kind.integer, Kind.number) else column
            return widened, reach_of(node)
        if isinstance(node, Value):
            return _value(node), reach_of(node)
        rule = OPERATIONS[node.name]
        if rule.clock:
            return rule.sql(self.now), reach_of(node)
        arguments, reaches = self._arguments(node, rule)
        own = rule.duckdb if self.is_duckdb and rule.duckdb else rule.sql
        form = rule.careful[1] if rule.careful and is_careful(rule, reaches) else own
        printed = form(*arguments)
        return f"({printed})" if printed.startswith("CASE ") else printed, reach_of(node, reaches)

    def _arguments(self, node: Operation, rule: Rule) -> tuple[list[Any], tuple[Reach, ...]]:
        takes = taken(rule, len(node.arguments))
        arguments: list[Any] = []
        reaches = []
        for argument, take, is_widened in zip(node.arguments, takes, widened(node.arguments, takes), strict=True):
            text, reach = self._printed(argument)
            reaches.append(reach)
            if take in GIVEN and isinstance(argument, Value):
                arguments.append(folded(argument.value) if rule.folds and isinstance(argument.value, str) else argument.value)
            elif is_widened:
                arguments.append(_value(replace(argument, kind=Kind.number)) if isinstance(argument, Value) else f"CAST({text} AS {forms.DOUBLE})")
            elif rule.folds and argument.kind is Kind.text:
                arguments.append(self._folded(argument, text))
            else:
                arguments.append(text)
        return arguments, tuple(reaches)

    def _folded(self, argument: Node, text: str) -> str:
        if isinstance(argument, Value) and isinstance(argument.value, str):
            return _value(replace(argument, value=folded(argument.value)))
        return forms.fold_duckdb(text) if self.is_duckdb else forms.fold(text)


def _value(node: Value) -> str:
    value = node.value
    if value is None:
        return f"CAST(NULL AS {_TYPES[node.kind]})"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return f"CAST({forms.quoted(value)} AS text)"
    if node.kind is Kind.moment:
        return moment(int(value))
    return forms.integer(int(value)) if node.kind is Kind.integer else forms.double(float(value))
