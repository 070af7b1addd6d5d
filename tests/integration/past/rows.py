"""Batches with rows in every table that filters may name, and their files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.filters.tables import TABLES
from splanc.packet import RECORDS, Batch, Partition
from splanc.past import write_rows
from tests.unit.streams.batches import NIGHT, VISIT, batch_of

PLACE = Partition("alerts", 0)


_PARAMETERS = frozenset(table.parameter for table in TABLES.values() if table.parameter is not None)
"""Columns of which each value should be found often."""


def no_damage(damage: Exception) -> None:
    raise AssertionError(damage)


def full_batch(first: int = 0, count: int = 6, *, seed: int = 1, night: int = NIGHT, width: int = 1000) -> Batch:
    """A batch whose odd alerts have objects, whose every third has a solar-system object, and where alerts have 0 to 3 hits of watchlists.

    Each table has the first `width` of its columns.
    """
    rng = np.random.default_rng((seed, first))
    entries = [_entry(first + row, night) for row in range(count)]
    batch = batch_of(entries, first_offset=first)
    single = sorted({table.rows_of for table in TABLES.values() if table.parameter is None} - {"trigger"})
    several = sorted({table.rows_of for table in TABLES.values() if table.parameter is not None})
    owners = dict.fromkeys(single, np.flatnonzero(np.arange(first, first + count) % 2))
    owners |= {name: np.repeat(np.arange(count), rng.integers(0, 4, count)) for name in several}
    columns = {table.rows_of: table.columns for table in TABLES.values()}
    tables = {name: _table(list(columns[name])[:width], owner, rng) for name, owner in owners.items()}
    tables["diaSource"] = _table(list(RECORDS["diaSource"])[:width], np.repeat(np.arange(count), rng.integers(1, 4, count)), rng)
    return replace(batch, tables=tables)


def _entry(offset: int, night: int) -> dict[str, Any]:
    moving = offset % 3 == 0
    return {
        "diaObjectId": None if moving else 50 + offset % 7,
        "ssObjectId": 900 + offset if moving else None,
        "night": night,
        "visit": VISIT + offset // 4,
        "midpointMjdTai": 61_000.0 + offset / 1000,
        "survey": "lsst",
    }


def _table(schema: Sequence[pa.Field], alert: np.ndarray[Any, Any], rng: np.random.Generator) -> pa.Table:
    columns = {field.name: _column(field.type, len(alert), rng, most=4 if field.name in _PARAMETERS else 100) for field in schema if field.name != "alert"}
    return pa.table({"alert": pa.array(alert, pa.int32())} | columns)


def _column(kind: pa.DataType, n: int, rng: np.random.Generator, *, most: int) -> pa.Array:
    missing = rng.random(n) < 0.2
    numbers = rng.integers(0, most, n)
    if isinstance(kind, pa.JsonType):
        return pa.ExtensionArray.from_storage(kind, pa.array([f'{{"p": {number}}}' for number in numbers], kind.storage_type))
    if pa.types.is_string(kind):
        return pa.array([f"text {number}" for number in numbers], mask=missing)
    return pa.array(numbers, pa.int64(), mask=missing).cast(kind)


def keep(folder: Path, batch: Batch, first: int = 0, *, by: Partition = PLACE) -> int:
    """Write a batch's rows."""
    return write_rows(folder, batch.alerts, batch.tables, {by: (first, first + len(batch))})


def rows_in(batches: Sequence[Batch]) -> dict[str, list[dict[str, Any]]]:
    """All rows of batches by table, with the diaSourceId of their alert instead of its number, sorted."""
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in batches:
        ids = batch.alerts["diaSourceId"].to_pylist()
        found.setdefault("alerts", []).extend(batch.alerts.to_pylist())
        for name, table in batch.tables.items():
            found.setdefault(name, []).extend({**row, "alert": ids[row["alert"]]} for row in table.to_pylist())
    return {name: sorted(rows, key=repr) for name, rows in found.items() if rows}


def seen_by_filters(batch: Batch) -> Batch:
    """A batch with its triggers instead of its sources."""
    sources = batch.tables["diaSource"]
    firsts = np.flatnonzero(np.diff(sources["alert"].to_numpy(), prepend=-1))
    return replace(batch, tables={name: table for name, table in batch.tables.items() if name != "diaSource"} | {"trigger": sources.take(firsts)})
