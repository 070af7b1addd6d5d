"""Objects with light curves, made from plain rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.features import Objects, objects_of
from splanc.packet import RECORDS, Batch, Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """An object: rows of (mjd_tai, flux_njy, band[, error_njy[, reliability]]), in any order, and columns of its diaObject."""

    sources: Sequence[tuple[Any, ...]] = ()
    forced: Sequence[tuple[Any, ...]] = ()
    columns: Mapping[str, Any] = field(default_factory=lambda: {"ra": 150.0, "decl": 2.0})


def batch_of(made: Sequence[Made]) -> Batch:
    """Return a batch with one alert for each object; the trigger is its first source."""
    triggers = [float("nan") if not one.sources or one.sources[0][0] is None else one.sources[0][0] for one in made]
    tables = {
        "diaSource": _sources("diaSource", [one.sources for one in made]),
        "diaForcedSource": _sources("diaForcedSource", [one.forced for one in made]),
        "diaObject": _table("diaObject", [{"alert": i, "diaObjectId": 1000 + i, **one.columns} for i, one in enumerate(made)]),
    }
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    return Batch(messages=messages, alerts=pa.table({"midpointMjdTai": pa.array(triggers, pa.float64())}), tables=tables, cutouts={}, rejects=[])


def made_objects(made: Sequence[Made], *, ebv_mag: float = float("nan"), **context: Sequence[Any]) -> Objects:
    """Return objects as features get them; `context` gives columns of theirs."""
    objects = objects_of(batch_of(made), np.full(len(made), ebv_mag))
    columns = {name: np.array(values, object if name == "classification" else np.float64) for name, values in context.items()}
    return replace(objects, context=replace(objects.context, **columns))


def _sources(record: str, rows_of_objects: Sequence[Sequence[tuple[Any, ...]]]) -> pa.Table:
    rows = []
    for alert, sources in enumerate(rows_of_objects):
        for number, source in enumerate(sources):
            full = (*source, *(1.0, 0.9)[len(source) - 3 :])
            values = dict(zip(("midpointMjdTai", "psfFlux", "band", "psfFluxErr", "reliability"), full, strict=True))
            rows.append({"alert": alert, f"{record}Id": 10_000 * (alert + 1) + number, **values})
    return _table(record, rows)


def _table(record: str, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    schema = pa.schema([("alert", pa.int32()), *RECORDS[record]])
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
