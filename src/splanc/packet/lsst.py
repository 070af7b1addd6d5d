"""LSST: how its packets, schema versions 7.4 to 11.1 and later, map onto the common record.

Names that changed with the meaning and the unit unchanged are mapped; others stay as extra columns under their own name.
Not mapped are `ssSource`'s residuals and velocities of 9.0, whose units changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..night import night_of_visit
from ._survey import Columns, Survey
from ._triggers import PLACE_AND_TIME, column, outside, trigger_columns

_LIMITS = {**PLACE_AND_TIME, "night": (19_000_101, 21_001_231, "visit is not of a night between the years 1900 and 2100")}

_ZERO = pa.scalar(0, pa.int64())
_NONE = pa.scalar(None, pa.int64())


def _none_if_zero(ids: pa.Array) -> pa.Array:
    """Return ids with NULL for 0, which some versions write for *none*."""
    return pc.if_else(pc.equal(ids, _ZERO), _NONE, ids)


def _ss_object_ids(trigger: pa.Array, ss_source: pa.Table) -> pa.Array:
    """Return the trigger's ssObjectId, or where it has none that of the packet's ssSource."""
    ids = np.zeros(len(trigger), np.int64)
    ids[column(ss_source, "alert").to_numpy()] = pc.fill_null(column(ss_source, "ssObjectId"), _ZERO).to_numpy()
    return pc.coalesce(_none_if_zero(trigger), _none_if_zero(pa.array(ids)))


def record(tables: Mapping[str, Columns], _fields: Columns) -> Mapping[str, Columns]:
    """Return the tables as they are: the common record is LSST's."""
    return tables


def alert_columns(tables: Mapping[str, pa.Table], n_alert: int) -> dict[str, pa.Array]:
    """Return the trigger's columns of `alerts`, its night and the lengths of its history, shape (n_alert,) each."""
    columns = trigger_columns(tables, n_alert)
    columns["diaObjectId"] = _none_if_zero(columns["diaObjectId"])
    columns["ssObjectId"] = _ss_object_ids(columns["ssObjectId"], tables["ssSource"])
    columns["night"] = pa.array(night_of_visit(columns["visit"].to_numpy(zero_copy_only=False)))
    return columns


def complaints(columns: Columns) -> dict[int, str]:
    """Return what makes triggers unusable, by row of `alerts`: no place on the sky, or no time."""
    return outside(columns, _LIMITS)


LSST = Survey(
    name="lsst",
    trigger="diaSource",
    first_id=0,
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
    used=MappingProxyType({}),
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
    required=MappingProxyType({}),
    record=record,
    alert_columns=alert_columns,
    complaints=complaints,
)
"""What splanc knows of LSST."""
