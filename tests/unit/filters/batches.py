"""Batches and filters for tests of filters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.filters import TABLES, Definition, Filter, Table
from splanc.packet import Batch, Messages

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)

ADDED = ["healpix29", "alertMjdTai", "alertDiaSourceId", "survey", "objectId", "tns_name"]
"""Columns that a batch's objects lack, since they are made when they are asked for."""


def rows_of(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """A table of a batch from rows that say some of its columns."""
    schema = pa.schema([("alert", pa.int32()), *table.columns])
    return pa.table([pa.array([row.get(field.name) for row in rows], field.type) for field in schema], schema=schema)


def batch_with(n_alert: int, **rows: Sequence[Mapping[str, Any]]) -> Batch:
    """A batch with rows in tables, named as filters name them; without any said, each alert has an object and a trigger."""
    ids = [{"alert": alert, "diaObjectId": 1000 + alert} for alert in range(n_alert)]
    named = {"objects": ids, "alert": [{"alert": alert, "diaSourceId": 10 + alert} for alert in range(n_alert)]} | rows
    tables = {TABLES[name].rows_of: rows_of(TABLES[name], some) for name, some in named.items()}
    tables["diaSource"] = tables.pop("trigger")
    tables["diaObject"] = tables["diaObject"].drop_columns(ADDED)
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    alerts = {
        "midpointMjdTai": 60_000.0 + np.arange(n_alert),
        "diaSourceId": 10 + np.arange(n_alert),
        "survey": pa.array(["lsst"] * n_alert, pa.string()),
        "objectId": pa.nulls(n_alert, pa.string()),
    }
    return Batch(messages=messages, alerts=pa.table(alerts), tables=tables, cutouts={}, rejects=[])


def a_filter(number: int, conditions: str, *, selected: str = "objects.diaObjectId", tables: str = "objects", version: int = 1, **other: Any) -> Filter:
    """A stored filter."""
    definition = Definition(name=f"filter {number}", owner="somebody", selected=selected, tables=tables, conditions=conditions)
    return Filter(id=number, version=version, definition=definition, topic=f"topic_{number}", created=BEGINNING, changed=BEGINNING, **other)
