"""A filter's tables joined for looking at: one row for each combination of rows of an alert, also where a table has none for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeGuard

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ..filters.frames import Frame, Source, sources_of, with_sources
from ..filters.tables import TABLES
from ..filters.to_polars import Context, as_polars
from ..filters.tree import NOWHERE, Column, Joined, Kind, Node, Operation, Tree, columns_of
from ..packet import Batch
from ._wide import Wanted

_ALERT, _NOW = "alert", "now"

_MADE_OF = {"healpix29": ("ra", "decl")}
"""Columns that files do not have, and what they are computed from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinedRows:
    """Rows of some alerts as a filter joins them.

    Parameters
    ----------
    rows : the columns that nodes need, named as `as_polars` names them, shape (n_row,).
    alerts : of each row its alert, ascending, shape (n_row,).
    found : whether each table has a row there, by its alias, shape (n_row,); where it has none its columns are NULL, and a filter's join drops the row.
    sources : of each alias.
    """

    rows: pl.DataFrame
    alerts: npt.NDArray[np.int64]
    found: dict[str, npt.NDArray[np.bool_]]
    sources: dict[str, Source]

    def values(self, node: Node) -> pl.Series:
        """Return the values of a node, shape (n_row,)."""
        named = with_sources(node, self.sources)
        values = self.rows.select(as_polars(named, Context(now=pl.col(_NOW))).alias("value")).to_series()
        return values if len(values) == len(self.rows) else values.new_from_index(0, len(self.rows))

    def verdicts(self, condition: Node) -> pl.Series:
        """Return whether a condition is true, false or NULL, shape (n_row,); a number is true where it is not 0."""
        values = self.values(condition)
        return values if condition.kind in {Kind.boolean, Kind.null} else values != 0


def frame_of(batch: Batch) -> Frame:
    """Return what filters saw of a batch that was read from files: `now()` is when each alert came to Kafka, a second before it was tried."""
    return Frame(len(batch), batch.tables, now=pl.Series(batch.alerts["timestamp"].cast(pa.timestamp("us", "UTC"))), alerts=batch.alerts)


def wanted_by(trees: Iterable[Tree]) -> Wanted:
    """Return the columns of a batch's tables that filters need."""
    wanted: dict[str, set[str]] = {}
    for tree in trees:
        tables = {one.alias: TABLES[one.table] for one in tree.joined}
        for table in tables.values():
            wanted.setdefault(table.rows_of, set()).update([] if table.parameter is None else [table.parameter])
        for alias, name in columns_of(*all_nodes(tree)):
            wanted[tables[alias].rows_of].update((name, *_MADE_OF.get(name, ())))
    return wanted


def all_nodes(tree: Tree) -> tuple[Node, ...]:
    """Return what a filter selects, and its conditions."""
    return (*(one.node for one in tree.selected), *tree.conjuncts())


def join(frame: Frame, joined: Iterable[Joined], nodes: Iterable[Node]) -> JoinedRows:
    """Return the rows of a filter's tables.

    Parameters
    ----------
    frame : of the alerts.
    joined : the tables.
    nodes : whose columns are needed.
    """
    sources = sources_of(joined)
    rows = pl.DataFrame({_ALERT: np.arange(len(frame), dtype=np.int64)})
    for source in sources.values():
        at = frame.rows(source)
        places = pl.DataFrame({_ALERT: at.alerts.astype(np.int64), str(source): at.rows.astype(np.int64)})
        rows = rows.join(places, on=_ALERT, how="left", maintain_order="left_right")
    alerts = rows[_ALERT].to_numpy()
    columns = {_NOW: frame.moments().gather(rows[_ALERT])}
    for alias, name in sorted(columns_of(*nodes)):
        source = sources[alias]
        # A table with one row an alert has its columns by alert, any other by row.
        columns[f"{source}.{name}"] = frame.column(source, name).gather(rows[str(source)] if source.many else rows[_ALERT])
    found = {alias: rows[str(source)].is_not_null().to_numpy() for alias, source in sources.items()}
    return JoinedRows(rows=pl.DataFrame(columns), alerts=alerts, found=found, sources=sources)


def as_written(conditions: Iterable[Node]) -> tuple[Node, ...]:
    """Return conditions of an AND with those as one that stand in one place: BETWEEN is two comparisons, and to its owner one condition."""
    together: list[Operation | Node] = []
    for node in conditions:
        last = together[-1] if together else None
        if last is not None and node.place == last.place != NOWHERE:
            parts = last.arguments if is_between(last) else (last,)
            together[-1] = Operation(name="and", arguments=(*parts, node), kind=Kind.boolean, place=node.place)
        else:
            together.append(node)
    return tuple(together)


def is_between(node: Node) -> TypeGuard[Operation]:
    """Whether a node is an AND that its owner wrote as one condition."""
    return isinstance(node, Operation) and node.name == "and" and all(argument.place == node.place for argument in node.arguments)


def named(one: Joined) -> str:
    """Return a table as users write it."""
    return one.table if one.parameter is None else f"{one.table}:{one.parameter}"


def spelt(node: Node, text: str) -> str:
    """Return a node as its owner wrote it; what nobody wrote, as a call of its operation.

    Parameters
    ----------
    text : that the node's place is in.
    """
    if node.place != NOWHERE:
        first, after = node.place
        while text[first:after].count("(") > text[first:after].count(")") and after < len(text):
            after += 1
        return " ".join(text[first:after].split())
    if isinstance(node, Operation):
        return f"{node.name}({', '.join(spelt(argument, text) for argument in node.arguments)})"
    return f"{node.source}.{node.name}" if isinstance(node, Column) else str(node.value)
