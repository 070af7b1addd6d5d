"""The columns of `alerts` that every survey's triggers give, and what makes a trigger unusable."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..night import MJD_1900, MJD_2100
from ._survey import Columns

TRIGGER_COLUMNS = (
    *("diaSourceId", "diaObjectId", "ssObjectId", "visit", "detector", "band", "midpointMjdTai", "ra", "decl"),
    *("psfFlux", "psfFluxErr", "snr", "reliability"),
)
"""Columns of `alerts` that are the trigger's."""

Limits = tuple[float, float, str]
"""Least and most of a column's values, and what to say of others."""

PLACE_AND_TIME: Mapping[str, Limits] = {
    "ra": (0.0, 360.0, "ra is not in 0 to 360"),
    "decl": (-90.0, 90.0, "dec is not in -90 to 90"),
    "midpointMjdTai": (MJD_1900, MJD_2100, "midpointMjdTai is not between the years 1900 and 2100"),
}
"""What a trigger must have: a packet from outside is damaged, and must not make partitions of the archive. Degrees, MJD (TAI)."""


def column(table: pa.Table, name: str) -> pa.Array:
    """Return a column in one piece."""
    found = table[name]
    return found.chunk(0) if found.num_chunks == 1 else found.combine_chunks()


def _counts(table: pa.Table, n_alert: int) -> npt.NDArray[np.int64]:
    """Return how many rows of a table each alert has, shape (n_alert,)."""
    return np.bincount(column(table, "alert").to_numpy(), minlength=n_alert)


def trigger_columns(tables: Mapping[str, pa.Table], n_alert: int) -> dict[str, pa.Array]:
    """Return the trigger's columns of `alerts`, and the lengths of its history, shape (n_alert,) each."""
    sources = _counts(tables["diaSource"], n_alert)
    triggers = pa.array(np.cumsum(sources) - sources)
    columns = {name: column(tables["diaSource"], name).take(triggers) for name in TRIGGER_COLUMNS}
    columns["nPrvDiaSources"] = pa.array((sources - 1).astype(np.int32))
    columns["nPrvDiaForcedSources"] = pa.array(_counts(tables["diaForcedSource"], n_alert).astype(np.int32))
    return columns


def outside(columns: Columns, limits: Mapping[str, Limits]) -> dict[int, str]:
    """Return what to say of the alerts that are outside limits, by row; NULL is outside."""
    found: dict[int, str] = {}
    for name, (least, most, text) in limits.items():
        values = columns[name].to_numpy(zero_copy_only=False)
        inside = (values >= least) & (values <= most)
        found |= dict.fromkeys(np.flatnonzero(~inside).tolist(), text)
    return found
