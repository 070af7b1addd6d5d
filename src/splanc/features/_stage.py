"""The stage: a batch with what its objects' light curves say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..packet import Batch, Messages, as_floats, floats_of
from ..sky import Dust
from ._families import CONTEXT_FAMILIES, FAMILIES
from ._lightcurves import Objects, objects_of
from .variability import VARIABILITY_COLUMNS
from .variability import compute as compute_variability

VARIABILITY = "objects_variability"
"""Name of the table of a batch, and of the archive, that the variability set is in."""


class Features:
    """Computes the features of a batch's objects.

    Parameters
    ----------
    dust : the map of reddening; None: what needs it is NULL.
    """

    def __init__(self, dust: Dust | None = None) -> None:
        self._dust = dust

    def compute_features(self, batch: Batch) -> Batch:
        """Return the batch with `FEATURE_COLUMNS` in its `diaObject`, and with a table `objects_variability` that has a row for each row of that."""
        if not batch.tables["diaObject"].num_rows:
            return batch
        objects = objects_of(batch, self._reddening(batch.tables["diaObject"]))
        added = {"diaObject": with_features(objects), VARIABILITY: variability_of(objects)}
        return replace(batch, tables={**batch.tables, **added})

    def _reddening(self, table: pa.Table) -> npt.NDArray[np.float64] | None:
        return None if self._dust is None else self._dust.ebv_mag(floats_of(table["ra"]), floats_of(table["decl"]))


def with_features(objects: Objects) -> pa.Table:
    """Return the objects' table with all features; those that it has already are replaced."""
    return pa.table(dict(zip(objects.table.column_names, objects.table.columns, strict=True)) | _computed(objects, FAMILIES))


def context_features(objects: Objects) -> pa.Table:
    """Return `CONTEXT_FEATURES` of objects: what changes when they are classified again."""
    return pa.table(_computed(objects, CONTEXT_FAMILIES))


def _computed(objects: Objects, families: Iterable[ModuleType]) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    with np.errstate(all="ignore"):  # what cannot be computed becomes NaN, and that NULL
        for family in families:
            computed = family.compute(objects)
            columns |= {field.name: as_column(computed[field.name], field.type) for field in family.COLUMNS}
    return columns


def variability_of(objects: Objects) -> pa.Table:
    """Return the variability set: `alert` and `diaObjectId` as in the objects' table, and `VARIABILITY_COLUMNS`."""
    with np.errstate(all="ignore"):  # what is too large for its column becomes infinite, and that NULL
        computed = compute_variability(objects)
        columns = {field.name: as_column(computed[field.name], field.type) for field in VARIABILITY_COLUMNS}
    return pa.table({"alert": objects.table["alert"], "diaObjectId": objects.table["diaObjectId"]} | columns)


def as_column(values: npt.NDArray[Any], kind: pa.DataType) -> pa.Array:
    """Return computed values as a column: what is not finite, or too large for the column, is NULL."""
    return as_floats(values, kind) if pa.types.is_floating(kind) else pa.array(values, kind)


def warm() -> None:
    """Load the compiled code, or compile it (seconds, once a machine), so that the first batch is not late."""
    sources = {"alert": pa.array([0], pa.int32()), "diaSourceId": [1], "diaForcedSourceId": [1], "midpointMjdTai": [60_000.0], "band": ["r"]}
    fluxes = {name: pa.array([1.0], pa.float32()) for name in ("psfFlux", "psfFluxErr", "reliability")}
    objects = {"alert": pa.array([0], pa.int32()), "diaObjectId": [1]} | {name: [0.0] for name in ("ra", "decl", "firstDiaSourceMjdTai", "lastDiaSourceMjdTai")}
    table = pa.table(sources | fluxes)
    tables = {"diaObject": pa.table(objects), "diaSource": table, "diaForcedSource": table}
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    Features().compute_features(Batch(messages=messages, alerts=pa.table({"midpointMjdTai": [60_000.0]}), tables=tables, cutouts={}, rejects=[]))
