"""An alert as JSON, as records of filters carry it: its light curve, or all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ..crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS
from ..packet import RECORDS, Batch

SOURCE_COLUMNS = ("psfFlux", "psfFluxErr", "midpointMjdTai", "band", "reliability")
"""What a light curve says of each diaSource: nJy, MJD (TAI), 0 to 1."""

FORCED_COLUMNS = ("psfFlux", "psfFluxErr", "midpointMjdTai", "band")
"""What it says of each diaForcedSource."""

_LISTS = {"diaSourcesList": "diaSource", "diaForcedSourcesList": "diaForcedSource"}
"""Key of each list and the batch's table that it is made from."""

Rows = npt.NDArray[np.int32]


def lightcurve_json(batch: Batch, alerts: Rows) -> pl.DataFrame:
    """Return the light curves of some alerts, columns `alert` and `json`; newest first, unknown values null.

    Parameters
    ----------
    alerts : rows of `alerts`, ascending, shape (n,).
    """
    frame = pl.DataFrame({"alert": alerts})
    for key, columns in zip(_LISTS, (SOURCE_COLUMNS, FORCED_COLUMNS), strict=True):
        frame = frame.join(_lists(batch, key, alerts, columns), on="alert", how="left", maintain_order="left")
    return _as_json(alerts, frame.select(pl.col(list(_LISTS)).fill_null([])))


def full_json(batch: Batch, alerts: Rows) -> pl.DataFrame:
    """Return whole alerts, columns `alert` and `json`: the diaObject, all lists, newest first, the reddening `ebv`, and what catalogues say.

    Parameters
    ----------
    alerts : rows of `alerts`, ascending, shape (n,).
    """
    frame = pl.DataFrame({"alert": alerts}).join(_objects(batch, alerts), on="alert", how="left", maintain_order="left")
    for key, table in _LISTS.items():
        frame = frame.join(_lists(batch, key, alerts, RECORDS[table].names), on="alert", how="left", maintain_order="left")
    frame = frame.join(_classes(batch, alerts), on="alert", how="left", maintain_order="left")
    nothing = pl.lit([], dtype=pl.List(pl.Float64)).alias("diaNondetectionLimitsList")
    annotations = pl.struct(pl.col("sherlock").fill_null([])).alias("annotations")
    return _as_json(alerts, frame.select("diaObject", pl.col(list(_LISTS)).fill_null([]), nothing, "ebv", annotations))


def _lists(batch: Batch, key: str, alerts: Rows, columns: Sequence[str]) -> pl.DataFrame:
    """Return columns `alert` and `key`, the list of an alert's sources; alerts without any are left out."""
    sources = _rows_of(batch.tables[_LISTS[key]].select(["alert", *columns]), alerts)
    ordered = sources.sort("alert", "midpointMjdTai", descending=[False, True], nulls_last=True, maintain_order=True)
    return ordered.group_by("alert", maintain_order=True).agg(pl.struct(columns).alias(key))


def _objects(batch: Batch, alerts: Rows) -> pl.DataFrame:
    """Return columns `alert`, `diaObject` and `ebv`, one row for each alert that has an object."""
    table = batch.tables["diaObject"]
    if "ebv" not in table.column_names:
        table = table.append_column("ebv", pa.nulls(table.num_rows, pa.float32()))
    names = RECORDS["diaObject"].names
    found = _rows_of(table.select(["alert", *names, "ebv"]), alerts)
    return found.select("alert", pl.struct(names).alias("diaObject"), "ebv")


def _classes(batch: Batch, alerts: Rows) -> pl.DataFrame:
    """Return columns `alert` and `sherlock`, a list of what catalogues say of an alert's object, one row; alerts without it are left out."""
    names = CLASSIFICATION_COLUMNS.names
    empty = pa.schema([("alert", pa.int32()), *CLASSIFICATION_COLUMNS]).empty_table()
    found = _rows_of(batch.tables.get(CLASSIFICATIONS, empty).select(["alert", *names]), alerts)
    return found.select("alert", pl.concat_list(pl.struct(names)).alias("sherlock"))


def _rows_of(table: pa.Table, alerts: Rows) -> pl.DataFrame:
    """Return the rows of some alerts."""
    wanted = np.zeros(int(alerts[-1]) + 1 if len(alerts) else 0, np.bool_)
    wanted[alerts] = True
    owners = table["alert"].to_numpy()
    inside = owners < len(wanted)
    mask = np.zeros(len(owners), np.bool_)
    mask[inside] = wanted[owners[inside]]
    frame: Any = pl.from_arrow(table.filter(pa.array(mask)))
    return frame


def _as_json(alerts: Rows, frame: pl.DataFrame) -> pl.DataFrame:
    lines = frame.write_ndjson().split("\n")[: len(alerts)]
    return pl.DataFrame({"alert": alerts, "json": lines}, schema={"alert": pl.Int32, "json": pl.String})
