from __future__ import annotations

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from splanc.features import MOVING_COLUMNS, MOVING_TABLE, add_moving_objects
from splanc.packet import ALERT_COLUMNS, RECORDS, Batch, Messages
from splanc.sky import index_sky

NONE = np.zeros(0, np.int64)


def table(record: str, rows: list[dict[str, Any]]) -> pa.Table:
    schema = pa.schema([("alert", pa.int32()), *RECORDS[record]])
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema)


def moving(alerts: list[dict[str, Any]], sources: list[dict[str, Any]] = (), orbits: list[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    columns = [{name: alert.get(name) for name in ALERT_COLUMNS.names} for alert in alerts]
    tables = {"ssSource": table("ssSource", list(sources)), "mpc_orbits": table("mpc_orbits", list(orbits))}
    messages = Messages(values=[], topics=[], partitions=NONE.astype(np.int32), offsets=NONE, timestamps_ms=NONE)
    batch = index_sky(Batch(messages=messages, alerts=pa.Table.from_pylist(columns, ALERT_COLUMNS), tables=tables, cutouts={}, rejects=[]))
    found = add_moving_objects(batch).tables[MOVING_TABLE]
    assert found.schema == pa.schema([("alert", pa.int32()), *MOVING_COLUMNS])
    rows: list[dict[str, Any]] = found.to_pylist()
    return rows


def test_only_alerts_with_an_ss_object_id_are_of_moving_objects() -> None:
    alerts = [{"ssObjectId": 7, "ra": 1.0, "decl": 2.0}, {"diaObjectId": 3, "ra": 1.0, "decl": 2.0}, {"ssObjectId": 8, "diaObjectId": 4}]
    assert [(row["alert"], row["ssObjectId"]) for row in moving(alerts)] == [(0, 7), (2, 8)]
    assert moving([]) == []


def test_each_row_has_what_came_with_its_alert() -> None:
    alerts = [{"ssObjectId": number, "band": "r", "visit": 10 + number, "ra": 10.0 * number, "decl": -5.0, "reliability": 0.5} for number in (1, 2, 3)]
    sources = [{"alert": 2, "phaseAngle": 20.0, "designation": "K02JE6P"}, {"alert": 0, "phaseAngle": 10.0, "designation": "other"}]
    rows = moving(alerts, sources, [{"alert": 2, "designation": "2002 JP146"}])
    assert [row["phaseAngle"] for row in rows] == [10.0, None, 20.0]
    assert [row["designation"] for row in rows] == ["other", None, "2002 JP146"]
    assert [(row["visit"], row["ra"], row["decl"], row["band"], row["reliability"]) for row in rows] == [
        (11, 10.0, -5.0, "r", 0.5), (12, 20.0, -5.0, "r", 0.5), (13, 30.0, -5.0, "r", 0.5)
    ]  # fmt: skip
    assert len({row["healpix29"] for row in rows}) == 3


@pytest.mark.parametrize(
    ("flux", "error", "mag", "mag_error"),
    [
        (1000.0, 10.0, 23.9, 2.5 / math.log(10) / 100),
        (1e30, 1e28, -43.6, 2.5 / math.log(10) / 100),
        (1e-30, None, 106.4, None),
        (0.0, 1.0, None, None),
        (-50.0, 1.0, None, None),
        (None, 1.0, None, None),
        (math.inf, 1.0, None, None),
        (1e-30, 1e30, 106.4, None),
    ],
)
def test_magnitudes_are_those_of_positive_fluxes(flux: float | None, error: float | None, mag: float | None, mag_error: float | None) -> None:
    (row,) = moving([{"ssObjectId": 1, "psfFlux": flux, "psfFluxErr": error, "ra": 0.0, "decl": 90.0}])
    assert row["mag"] == (mag if mag is None else pytest.approx(mag, abs=1e-5))
    assert row["magErr"] == (mag_error if mag_error is None else pytest.approx(mag_error, rel=1e-5))
