"""Rows of all tables of a batch, side by side: one wide row an alert, as the files of past nights have them.

A column is called `<table>:<column>`. A column named as the table says how many rows the alert has in it: a table that is filtered
by a parameter (annotations, hits of watchlists) may have several, and its columns are lists; any other has one or none, and its
columns are plain. A table in which no alert has a row has no columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..filters.tables import TABLES
from ..packet import Batch, Messages

Wanted: TypeAlias = Mapping[str, Collection[str]]
"""Columns by the batch's table; `alerts` is one of them."""

ALERTS = "alerts"
"""What the alerts' own columns are called after."""

_SOURCES, _TRIGGER = "diaSource", "trigger"
"""The sources of a batch, and what the first one of each alert is called after; the rest, its history, is not kept."""

_KEPT = frozenset(table.rows_of for table in TABLES.values()) - {_TRIGGER}
"""Tables of a batch that filters may name."""

_LISTED = frozenset(table.rows_of for table in TABLES.values() if table.parameter is not None)
"""Those in which an alert may have several rows."""

_ALWAYS = frozenset(f"{ALERTS}:{name}" for name in ("diaSourceId", "diaObjectId", "ssObjectId", "midpointMjdTai", "timestamp", "visit", "survey", "objectId"))
"""Columns that are read whatever is wanted: which alert it is, whose, when."""

_NO_MESSAGES = Messages(values=[], topics=[], partitions=np.zeros(0, np.int32), offsets=np.zeros(0, np.int64), timestamps_ms=np.zeros(0, np.int64))


def widen(alerts: pa.Table, tables: Mapping[str, pa.Table]) -> pa.RecordBatch:
    """Return one wide row for each alert, of which there must be some, with what filters may name and nothing else."""
    columns = _named(ALERTS, _whole(alerts))
    sources = tables.get(_SOURCES)
    if sources is not None and sources.num_rows:
        triggers = _whole(sources).take(pa.array(_firsts(sources["alert"].to_numpy())))
        columns |= _plain(_TRIGGER, triggers, alerts.num_rows)
    for name in sorted(_KEPT & tables.keys()):
        if tables[name].num_rows:
            columns |= (_lists if name in _LISTED else _plain)(name, _whole(tables[name]), alerts.num_rows)
    return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))


def narrow(wide: pa.Table) -> Batch:
    """Return wide rows as a batch: of what they were made from, the part that they have.

    Its tables are named as filters' tables name them (`Table.rows_of`), the triggers too; it has no messages, cutouts and rejects.
    """
    alerts, tables = {}, {}
    counted: dict[str, dict[str, pa.ChunkedArray]] = {}
    for name, column in zip(wide.column_names, wide.columns, strict=True):
        table, _, of_table = name.partition(":")
        if table == ALERTS:
            alerts[of_table] = column
        elif of_table:
            counted[table][of_table] = column
        else:
            counted[table] = {"alert": column}
    for name, columns in counted.items():
        narrowed = _rows_of(columns.pop("alert"), columns)
        if narrowed.num_rows:
            tables[name] = narrowed
    return Batch(messages=_NO_MESSAGES, alerts=pa.table(alerts), tables=tables, cutouts={}, rejects=[])


def columns_in(names: Collection[str], wanted: Wanted | None) -> list[str]:
    """Return which of a file's columns are to be read, in their order.

    Parameters
    ----------
    names : the columns of the file.
    wanted : None: all.
    """
    if wanted is None:
        return list(names)
    columns = {table: {*of_table, ""} for table, of_table in wanted.items()}
    split = {name: name.partition(":") for name in names}
    return [name for name, (table, _, column) in split.items() if name in _ALWAYS or column in columns.get(table, ())]


def _firsts(alert: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
    """Return the first row of each alert; `alert` ascends."""
    return np.flatnonzero(np.diff(alert, prepend=-1))


def _plain(name: str, rows: pa.RecordBatch, n_alerts: int) -> dict[str, pa.Array]:
    """Return the columns of a table in which no alert has more than one row, NULL for an alert that has none."""
    alert = rows["alert"].to_numpy()
    count = np.bincount(alert, minlength=n_alerts).astype(np.int32)
    if len(alert) < n_alerts:
        row = np.zeros(n_alerts, np.int32)
        row[alert] = np.arange(len(alert))
        rows = rows.take(pa.array(row, mask=count == 0))
    return {name: pa.array(count)} | _named(name, rows)


def _lists(name: str, rows: pa.RecordBatch, n_alerts: int) -> dict[str, pa.Array]:
    """Return the columns of a table as lists, empty for an alert that has no row."""
    count = np.bincount(rows["alert"].to_numpy(), minlength=n_alerts).astype(np.int32)
    ends = pa.array(np.append(0, np.cumsum(count)).astype(np.int32))
    return {name: pa.array(count)} | {column: pa.ListArray.from_arrays(ends, values) for column, values in _named(name, rows).items()}


def _named(name: str, rows: pa.RecordBatch) -> dict[str, pa.Array]:
    """Return columns by the names that they have in files, without the number of the alert."""
    columns = dict(zip(_names(name, tuple(rows.schema.names)), rows.columns, strict=True))
    columns.pop(f"{name}:alert", None)
    return columns


@cache
def _names(name: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name}:{column}" for column in columns)


def _whole(table: pa.Table) -> pa.RecordBatch:
    """Return a table that has rows in one piece, of which Arrow gives the columns at once."""
    (rows,) = table.combine_chunks().to_batches()
    return rows


def _rows_of(count: pa.ChunkedArray, columns: Mapping[str, pa.ChunkedArray]) -> pa.Table:
    """Return the rows of a table with the alert of each."""
    counts = pc.fill_null(count, 0).to_numpy()
    alert = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    there = None if len(alert) == len(counts) and (counts == 1).all() else pa.array(counts > 0)
    plain = {name: pc.list_flatten(column) if pa.types.is_list(column.type) else _where(column, there) for name, column in columns.items()}
    return pa.table({"alert": pa.array(alert)} | plain)


def _where(column: pa.ChunkedArray, there: pa.Array | None) -> pa.ChunkedArray:
    return column if there is None else column.filter(there)
