"""What a load adds to the ledger: its alerts counted by topic, night and visit, its rejected packets by topic and night."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .footers import KINDS

REJECTS = pa.schema(
    [("topic", pa.string()), ("partition", pa.int32()), ("offset", pa.int64()), ("timestamp", pa.timestamp("ms", "UTC")), ("night", pa.int32())]
)
"""Packets that cannot be read: their place in the log, Kafka's timestamp, and the night by that timestamp."""

_COUNTS = ("received", "archived", "rejected", "repeated", "cutouts")


def ledger_rows(alerts: pa.Table, fresh: npt.NDArray[np.bool_], index: pa.Table | None, rejects: pa.Table | None) -> list[Mapping[str, Any]]:
    """Return the rows, without node.

    Parameters
    ----------
    alerts : the load's alerts.
    fresh : which of them were archived now rather than repeated, shape (n_alert,).
    index : their cutouts.
    rejects : of schema `REJECTS`.
    """
    counted = _counted(alerts, fresh, _n_cutouts(index, fresh))
    if rejects is not None and rejects.num_rows:
        counted = pa.concat_tables([counted, _rejected(rejects)])
    groups = counted.group_by(["topic", "night", "visit"], use_threads=False)
    sums = groups.aggregate([*[(name, "sum") for name in _COUNTS], ("timestamp", "min"), ("timestamp", "max")])
    names = {"timestamp_min": "first_arrival", "timestamp_max": "last_arrival"} | {f"{name}_sum": name for name in _COUNTS}
    return sums.rename_columns([names.get(name, name) for name in sums.column_names]).to_pylist()


def _n_cutouts(index: pa.Table | None, fresh: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Return the number of cutouts of each alert that are kept, shape (n_alert,)."""
    total = np.zeros(len(fresh), np.int32)
    if index is not None:
        for kind in KINDS:
            total += fresh & index[f"{kind}Length"].is_valid().to_numpy()
    return total


def _counted(alerts: pa.Table, fresh: npt.NDArray[np.bool_], cutouts: npt.NDArray[np.int32]) -> pa.Table:
    counts = [np.ones(len(fresh), np.int32), fresh.astype(np.int32), np.zeros(len(fresh), np.int32), (~fresh).astype(np.int32), cutouts]
    return _table(alerts, alerts["visit"], counts)


def _rejected(rejects: pa.Table) -> pa.Table:
    ones, zeros = np.ones(rejects.num_rows, np.int32), np.zeros(rejects.num_rows, np.int32)
    return _table(rejects, pa.chunked_array([pa.nulls(rejects.num_rows, pa.int64())]), [ones, zeros, ones, zeros, zeros])


def _table(places: pa.Table, visit: pa.ChunkedArray, counts: list[npt.NDArray[np.int32]]) -> pa.Table:
    timestamp = pc.cast(places["timestamp"], pa.timestamp("ms", "UTC"))
    night = pc.fill_null(pc.cast(places["night"], pa.int32()), 0)
    columns = {"topic": places["topic"], "night": night, "visit": pc.cast(visit, pa.int64()), "timestamp": timestamp}
    return pa.table(columns | dict(zip(_COUNTS, counts, strict=True)))
