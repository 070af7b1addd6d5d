"""What filters see: the tables of `TABLES` as columns that are aligned with alerts.

A `Frame` is made from a batch (`Frame.of`), or from tables that were stored: `Frame(n_alert, tables)` with each table under the name
that it has in a batch (`Table.rows_of`; the triggers are `trigger`), its first column `alert` and the others as `TABLES` declares
them. `Frame.table` gives exactly such tables, so what it returns can be stored and read again, and a filter finds the same in it.

A column is made when it is first asked for. Of tables with one row an alert it has a value for each alert, NULL where the table has no
row for it; of tables with several rows an alert (`Table.many`) it has a value for each row of the table. Which alerts and which rows a
filter's join finds is what `Frame.rows` says. A table or a column that is not there is empty; what is not finite is NULL.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from typing_extensions import override

from ..packet import Batch
from ..sky import cells_of
from .tables import TABLES, Table
from .tree import Column, Joined, Node, Operation

Integers: TypeAlias = npt.NDArray[np.int32]

_OF_ALERT = {"alertMjdTai": "midpointMjdTai", "alertDiaSourceId": "diaSourceId", "survey": "survey", "objectId": "objectId"}
"""What rows have from the alert that they came with, and its name there; the archive gives its rows the same."""


class Source(NamedTuple):
    """A table as filters join it, whatever they call it: what two filters both join is one source.

    Parameters
    ----------
    table : its name in `TABLES`.
    parameter : what its parameter column must equal; None for a table without one.
    number : tells apart what one filter joins twice.
    """

    table: str
    parameter: int | str | None = None
    number: int = 0

    @override
    def __str__(self) -> str:
        named = self.table if self.parameter is None else f"{self.table}:{self.parameter}"
        return f"{named}#{self.number}" if self.number else named

    @property
    def many(self) -> bool:
        """Whether an alert may have several rows in it."""
        return TABLES[self.table].many


class Rows(NamedTuple):
    """The rows that a join finds: of each its alert, ascending, and its row in the table; shape (n_row,) each."""

    alerts: Integers
    rows: Integers


@dataclass(frozen=True, slots=True)
class _Stored:
    """A table with the alert of each row, and the rows of it that count; None: all."""

    table: pa.Table
    alerts: Integers
    taken: Integers | None = None


class Frame:
    """The rows that filters see, of some alerts.

    Parameters
    ----------
    n_alert : number of alerts.
    tables : by the names in `Table.rows_of`; the first column of each is `alert`, ascending.
    now : what `now()` is: a moment (UTC), or one for each alert if they were not tried together; None: the present.
    alerts : the batch's `alerts`, for what the tables do not say themselves; None if they do.
    """

    def __init__(self, n_alert: int, tables: Mapping[str, pa.Table], *, now: datetime | pl.Series | None = None, alerts: pa.Table | None = None) -> None:
        self._n_alert = n_alert
        self.now: datetime | pl.Series = datetime.now(UTC) if now is None else now
        self._alerts = alerts
        self._stored = {name: _Stored(table, _owners(table)) for name, table in tables.items() if table.num_rows}
        self._rows: dict[Source, Rows] = {}
        self._by_parameter: dict[str, Mapping[Any, Integers]] = {}
        self._columns: dict[tuple[Source, str], pl.Series] = {}

    @classmethod
    def of(cls, batch: Batch) -> Frame:
        """Return what filters see of a batch."""
        wanted = {table.rows_of for table in TABLES.values()} & set(batch.tables)
        frame = cls(len(batch), {name: batch.tables[name] for name in wanted}, alerts=batch.alerts)
        sources = batch.tables["diaSource"]
        owners = _owners(sources)
        first = np.flatnonzero(np.diff(owners, prepend=-1)).astype(np.int32)
        frame._stored["trigger"] = _Stored(sources, owners[first], first)
        return frame

    def __len__(self) -> int:
        return self._n_alert

    def rows(self, source: Source) -> Rows:
        """Return the rows that a join with the source finds."""
        if source not in self._rows:
            self._rows[source] = self._find_rows(source)
        return self._rows[source]

    def column(self, source: Source, name: str) -> pl.Series:
        """Return a column: a value for each alert, or for each row of a table with several rows an alert."""
        key = (source, name)
        if key not in self._columns:
            table = TABLES[source.table]
            values = self._values(table, name)
            self._columns[key] = values if table.many else self._aligned(values, self.rows(source))
        return self._columns[key]

    def moments(self) -> pl.Series:
        """Return what `now()` is for each alert."""
        if isinstance(self.now, pl.Series):
            return self.now
        return pl.Series([self.now], dtype=pl.Datetime("us", "UTC")).new_from_index(0, self._n_alert)

    def table(self, name: str) -> pa.Table:
        """Return a table of `TABLES` as filters see it: `alert`, and its declared columns; with all parameters."""
        table = TABLES[name]
        stored = self._stored.get(table.rows_of)
        schema = pa.schema([("alert", pa.int32()), *table.columns])
        if stored is None:
            return schema.empty_table()
        columns = [self._arrow(table, field.name) for field in table.columns]
        return pa.table([pa.array(stored.alerts), *columns], schema=schema)

    def _find_rows(self, source: Source) -> Rows:
        table = TABLES[source.table]
        stored = self._stored.get(table.rows_of)
        if stored is None:
            return Rows(np.zeros(0, np.int32), np.zeros(0, np.int32))
        rows = np.arange(len(stored.alerts), dtype=np.int32)
        if table.parameter is not None:
            rows = self._rows_by(table, table.parameter).get(source.parameter, rows[:0])
        if not table.many and len(rows) > 1:
            # Should an alert have two rows all the same, the later one is the newer.
            rows = rows[np.append(np.diff(stored.alerts[rows]) != 0, True)]
        return Rows(stored.alerts[rows], rows)

    def _rows_by(self, table: Table, parameter: str) -> Mapping[Any, Integers]:
        """Return the rows of a table by what its parameter column says; texts in lower case."""
        if table.rows_of not in self._by_parameter:
            values = self._values(table, parameter)
            values = values.str.to_lowercase() if values.dtype == pl.String else values
            groups = pl.DataFrame([values.alias("value"), pl.Series("row", np.arange(len(values), dtype=np.int32))]).group_by("value").agg("row")
            self._by_parameter[table.rows_of] = {value: rows.to_numpy() for value, rows in zip(groups["value"].to_list(), groups["row"], strict=True)}
        return self._by_parameter[table.rows_of]

    def _aligned(self, values: pl.Series, rows: Rows) -> pl.Series:
        if len(rows.alerts) == len(values) == self._n_alert:
            return values
        places = np.full(self._n_alert, -1, np.int32)
        places[rows.alerts] = rows.rows
        if not len(values):
            return pl.Series(values.name, [None], values.dtype).new_from_index(0, self._n_alert)
        return values.gather(pl.Series(places).replace(-1, None))

    def _values(self, table: Table, name: str) -> pl.Series:
        column = self._arrow(table, name)
        values = pl.Series(name, column.cast(pa.string()) if column.type == pa.json_() else column)
        if values.dtype.is_float() and not values.is_finite().all():
            return values.set(~values.is_finite(), None)
        return values

    def _arrow(self, table: Table, name: str) -> pa.ChunkedArray | pa.Array:
        """Return a column of a table as it is stored, or from the alert that each row came with."""
        kind = table.columns.field(name).type
        stored = self._stored.get(table.rows_of)
        if stored is None:
            return pa.nulls(0, kind)
        if name in stored.table.column_names:
            column = stored.table[name]
            column = column if column.type == kind else column.cast(kind)
            return column if stored.taken is None else column.take(pa.array(stored.taken))
        if name == "healpix29":
            return cells_of(*(self._values(table, axis).fill_null(-np.inf).to_numpy() for axis in ("ra", "decl")))
        if self._alerts is not None and name in _OF_ALERT:
            return self._alerts[_OF_ALERT[name]].take(pa.array(stored.alerts)).cast(kind)
        return pa.nulls(len(stored.alerts), kind)


def sources_of(joined: Iterable[Joined]) -> dict[str, Source]:
    """Return the source of each alias of a filter."""
    sources: dict[str, Source] = {}
    for one in joined:
        parameter = one.parameter.lower() if isinstance(one.parameter, str) else one.parameter
        alike = sum(source[:2] == (one.table, parameter) for source in sources.values())
        sources[one.alias] = Source(one.table, parameter, alike)
    return sources


def with_sources(node: Node, sources: Mapping[str, Source]) -> Node:
    """Return a node whose columns name their sources, in place of what the filter calls them: so nodes of several filters are equal."""
    if isinstance(node, Column):
        return Column(source=str(sources[node.source]), name=node.name, kind=node.kind)
    if isinstance(node, Operation):
        return Operation(name=node.name, arguments=tuple(with_sources(argument, sources) for argument in node.arguments), kind=node.kind)
    return node


def _owners(table: pa.Table) -> Integers:
    owners: Integers = table["alert"].to_numpy().astype(np.int32, copy=False)
    return owners
