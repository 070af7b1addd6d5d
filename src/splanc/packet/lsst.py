"""LSST: how its packets, schema versions 7.4 to 11.1 and later, map onto the common record.

Names that changed with the meaning and the unit unchanged are mapped; others stay as extra columns under their own name.
Not mapped are `ssSource`'s residuals and velocities of 9.0, whose units changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..night import night_of_visit
from ._survey import Survey

TRIGGER_COLUMNS = (
    *("diaSourceId", "diaObjectId", "ssObjectId", "visit", "detector", "band", "midpointMjdTai", "ra", "decl"),
    *("psfFlux", "psfFluxErr", "snr", "reliability"),
)
"""Columns of `alerts` that are the trigger's."""

_NIGHTS = (19_000_101, 21_001_231)
_MJD_TAI = (15_020.0, 88_069.0)
"""Years 1900 to 2100: a packet from outside them is damaged, and must not make partitions of the archive. Times in days."""


_ZERO = pa.scalar(0, pa.int64())
_NONE = pa.scalar(None, pa.int64())


def schema_id(major: int, minor: int) -> int:
    """Return the id that Rubin gives a version of its schema."""
    return 100 * major + minor


def _column(table: pa.Table, name: str) -> pa.Array:
    """Return a column in one piece."""
    column = table[name]
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _counts(table: pa.Table, n_alert: int) -> npt.NDArray[np.int64]:
    """Return how many rows of a table each alert has, shape (n_alert,)."""
    return np.bincount(_column(table, "alert").to_numpy(), minlength=n_alert)


def _none_if_zero(ids: pa.Array) -> pa.Array:
    """Return ids with NULL for 0, which some versions write for *none*."""
    return pc.if_else(pc.equal(ids, _ZERO), _NONE, ids)


def _ss_object_ids(trigger: pa.Array, ss_source: pa.Table) -> pa.Array:
    """Return the trigger's ssObjectId, or where it has none that of the packet's ssSource."""
    ids = np.zeros(len(trigger), np.int64)
    ids[_column(ss_source, "alert").to_numpy()] = pc.fill_null(_column(ss_source, "ssObjectId"), _ZERO).to_numpy()
    return pc.coalesce(_none_if_zero(trigger), _none_if_zero(pa.array(ids)))


def alert_columns(tables: Mapping[str, pa.Table], n_alert: int) -> dict[str, pa.Array]:
    """Return the trigger's columns of `alerts`, its night and the lengths of its history, shape (n_alert,) each."""
    sources = _counts(tables["diaSource"], n_alert)
    triggers = pa.array(np.cumsum(sources) - sources)
    columns = {name: _column(tables["diaSource"], name).take(triggers) for name in TRIGGER_COLUMNS}
    columns["diaObjectId"] = _none_if_zero(columns["diaObjectId"])
    columns["ssObjectId"] = _ss_object_ids(columns["ssObjectId"], tables["ssSource"])
    columns["night"] = pa.array(night_of_visit(columns["visit"].to_numpy(zero_copy_only=False)))
    columns["nPrvDiaSources"] = pa.array((sources - 1).astype(np.int32))
    columns["nPrvDiaForcedSources"] = pa.array(_counts(tables["diaForcedSource"], n_alert).astype(np.int32))
    return columns


def complaints(columns: Mapping[str, pa.Array]) -> dict[int, str]:
    """Return what makes triggers unusable, by row of `alerts`: no place on the sky, or no time."""
    limits = {
        "ra": (0.0, 360.0, "ra is not in 0 to 360"),
        "decl": (-90.0, 90.0, "dec is not in -90 to 90"),
        "midpointMjdTai": (*_MJD_TAI, "midpointMjdTai is not between the years 1900 and 2100"),
        "night": (*_NIGHTS, "visit is not of a night between the years 1900 and 2100"),
    }
    found: dict[int, str] = {}
    for name, (least, most, text) in limits.items():
        values = columns[name].to_numpy(zero_copy_only=False)
        inside = (values >= least) & (values <= most)
        found |= dict.fromkeys(np.flatnonzero(~inside).tolist(), text)
    return found


LSST = Survey(
    name="lsst",
    trigger="diaSource",
    tables=MappingProxyType(
        {
            "diaSource": "diaSource",
            "prvDiaSources": "diaSource",
            "prvDiaForcedSources": "diaForcedSource",
            "diaObject": "diaObject",
            "ssSource": "ssSource",
            "ssObject": "ssObject",
            "mpc_orbits": "mpc_orbits",
            "MPCORB": "mpc_orbits",
        }
    ),
    columns=MappingProxyType(
        {
            "diaSource": {"is_negative": "isNegative"},
            "ssSource": {
                "eclipticLambda": "eclLambda",
                "eclipticBeta": "eclBeta",
                "galacticL": "galLon",
                "galacticB": "galLat",
                "heliocentricDist": "helioRange",
                "topocentricDist": "topoRange",
                "predictedVMagnitude": "ephVmag",
                "heliocentricX": "helio_x",
                "heliocentricY": "helio_y",
                "heliocentricZ": "helio_z",
                "topocentricX": "topo_x",
                "topocentricY": "topo_y",
                "topocentricZ": "topo_z",
            },
            "mpc_orbits": {
                "mpcDesignation": "designation",
                "mpcH": "h",
                "epoch": "epoch_mjd",
                "M": "mean_anomaly",
                "peri": "argperi",
                "incl": "i",
                "t_p": "peri_time",
            },
        }
    ),
    alert_columns=alert_columns,
    complaints=complaints,
)
"""What splanc knows of LSST."""
