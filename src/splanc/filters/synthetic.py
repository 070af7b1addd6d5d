"""Made rows for all tables: what a filter's cost is measured on when nothing real is at hand, and what tests and benchmarks run on."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from .frames import Frame
from .tables import TABLES, Table
from .tree import Joined

_SEED = 20251231

_NULLS = 0.1
"""Share of values that are NULL, ids and positions excepted."""

_HITS = 0.1
"""Share of the alerts that tables with a parameter have rows for: the same alerts in all, so that joins of several find some."""

_WORDS = {
    "band": "ugrizy",
    "classification": ("SN", "NT", "AGN", "CV", "BS", "VS", "ORPHAN", "UNCLEAR"),
    "latestPairColourBands": ("g-r", "r-i", "i-z"),
    "penultimatePairColourBands": ("g-r", "r-i", "i-z"),
    "survey": ("lsst",),
    "classdict": ('{"score": 0.7, "kind": {"name": "Ia"}}',),
}
"""Values of columns of text; others have names with numbers."""

_IDS = frozenset({"diaObjectId", "diaSourceId", "ssObjectId", "ra", "decl", "lastDiaSourceMjdTai", "firstDiaSourceMjdTai", "nDiaSources"})
"""Columns that are never NULL."""


def synthetic_frame(n_alert: int, joined: Iterable[Joined] = (), seed: int = _SEED) -> Frame:
    """Return a frame with rows in all tables, and in those with a parameter for the parameters of a filter's joins.

    Numbers are normal with a spread of 1, counts are Poisson's with a mean of 20, fluxes are log-normal around 1,100 nJy.
    """
    rng = np.random.default_rng(seed)
    alerts = np.arange(n_alert, dtype=np.int32)
    tables = {one.rows_of: made_table(one, alerts, rng) for one in TABLES.values() if one.parameter is None}
    hit = np.sort(rng.choice(alerts, int(_HITS * n_alert), replace=False))
    for one in joined:
        table = TABLES[one.table]
        if table.parameter is None:
            continue
        made = made_table(table, hit, rng)
        place, kind = made.schema.get_field_index(table.parameter), made.schema.field(table.parameter).type
        made = made.set_column(place, table.parameter, pa.array([one.parameter] * len(hit), kind))
        tables[table.rows_of] = _merged(tables.get(table.rows_of), made)
    return Frame(n_alert, tables)


def made_table(table: Table, alerts: npt.NDArray[np.int32], rng: np.random.Generator) -> pa.Table:
    """Return a table with a row for each of these alerts."""
    schema = pa.schema([("alert", pa.int32()), *table.columns])
    return pa.table([pa.array(alerts), *(_column(field, len(alerts), rng) for field in table.columns)], schema=schema)


def _merged(first: pa.Table | None, second: pa.Table) -> pa.Table:
    return second if first is None else pa.concat_tables([first, second]).sort_by("alert")


def _column(field: pa.Field, n: int, rng: np.random.Generator) -> pa.Array:
    mask = None if field.name in _IDS else rng.random(n) < _NULLS
    if pa.types.is_floating(field.type):
        return pa.array(_floats(field.name, n, rng).astype(field.type.to_pandas_dtype()), mask=mask)
    if pa.types.is_int64(field.type):
        return pa.array(rng.integers(1 << 57, 1 << 58, n), mask=mask)
    if pa.types.is_int32(field.type):
        return pa.array(rng.poisson(20, n).astype(np.int32), mask=mask)
    if pa.types.is_boolean(field.type):
        return pa.array(rng.random(n) < 0.5, mask=mask)
    if pa.types.is_timestamp(field.type):
        return pa.array(1_790_000_000_000_000 + rng.integers(0, 86_400_000_000, n), mask=mask).cast(field.type)
    words = np.array(list(_WORDS.get(field.name, [f"{field.name} {number}" for number in range(50)])), object)
    return pa.array(words[rng.integers(0, len(words), n)], field.type, mask=mask)


def _floats(name: str, n: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    if name in {"ra", "raDeg"}:
        return rng.uniform(0, 360, n)
    if name in {"decl", "decDeg"}:
        return rng.uniform(-80, 10, n)
    if "mjd" in name.lower():
        return 61_250 - rng.exponential(3, n)
    return rng.lognormal(7, 1.5, n) if "Flux" in name else rng.normal(0, 1, n)
