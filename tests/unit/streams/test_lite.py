from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.streams import LITE_COLUMNS, lite_records

from .batches import NIGHT, VISIT, batch_of

STRINGS = ("diaSourceIdStr", "diaObjectIdStr", "ssObjectIdStr")

ids = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1))


def refuse(constant: str) -> Any:
    raise AssertionError(f"{constant} is not JSON")


def read(record: bytes) -> dict[str, Any]:
    return json.loads(record, parse_constant=refuse)


def test_a_record_is_one_line_of_json_with_the_stated_fields() -> None:
    alert = {
        "survey": "ztf",
        "diaSourceId": 170028531222839297,
        "diaObjectId": 170028531222839298,
        "objectId": "ZTF18abcdefg",
        "ra": 53.17,
        "decl": -27.5,
        "midpointMjdTai": 61041.123456789,
        "band": "r",
        "psfFlux": np.float32(1234.5),
        "psfFluxErr": 12.25,
        "snr": 100.5,
        "reliability": 0.75,
        "detector": 94,
        "nPrvDiaSources": 3,
        "nPrvDiaForcedSources": 0,
    }
    records, keys = lite_records(batch_of([alert]))
    expected = alert | {"ssObjectId": None, "visit": VISIT, "night": NIGHT, "classification": None}
    expected |= {"diaSourceIdStr": "170028531222839297", "diaObjectIdStr": "170028531222839298", "ssObjectIdStr": None}
    (record,) = records
    assert read(record) == expected
    assert tuple(read(record)) == (*LITE_COLUMNS, "classification", *STRINGS)
    assert b"\n" not in record
    assert keys == [b"170028531222839298"]


def test_the_class_of_the_object_is_said() -> None:
    batch = batch_of([{"diaObjectId": 7}, {"ssObjectId": 8}, {"diaObjectId": 9}])
    classes = pa.table({"alert": pa.array([0, 2], pa.int32()), "classification": ["SN", "VS"]})
    records, _ = lite_records(replace(batch, tables={"sherlock_classifications": classes}))
    assert [read(record)["classification"] for record in records] == ["SN", None, "VS"]


@settings(max_examples=30)
@given(alerts=st.lists(st.fixed_dictionaries({"diaSourceId": ids.filter(lambda i: i is not None), "diaObjectId": ids, "ssObjectId": ids}), max_size=5))
def test_ids_are_exact_and_the_first_that_is_known_is_the_key(alerts: list[dict[str, int | None]]) -> None:
    records, keys = lite_records(batch_of(alerts))
    assert [{name: read(record)[name] for name in alert} for record, alert in zip(records, alerts, strict=True)] == alerts
    for record, alert, key in zip(records, alerts, keys, strict=True):
        assert [read(record)[f"{name}Str"] for name in alert] == [None if number is None else str(number) for number in alert.values()]
        first = next(alert[name] for name in ("diaObjectId", "ssObjectId", "diaSourceId") if alert[name] is not None)
        assert key == str(first).encode()


@settings(max_examples=30)
@given(values=st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=1, max_size=20))
def test_numbers_come_back_as_they_were_and_unknown_and_infinite_ones_are_null(values: list[float | None]) -> None:
    records, _ = lite_records(batch_of([{"psfFlux": value, "ra": value} for value in values]))
    expected = [None if value is None or not np.isfinite(value) else value for value in values]
    assert [read(record)["ra"] for record in records] == expected
    fluxes = [read(record)["psfFlux"] for record in records]
    assert [None if flux is None else float(np.float32(flux)) for flux in fluxes] == expected


@pytest.mark.parametrize("band", ['"', "\\", "a\nb", "\u2028", "ñ漢🜨", "\x00\x1f", ""])
def test_no_text_breaks_a_record(band: str) -> None:
    records, keys = lite_records(batch_of([{"band": band}, {"band": "g"}]))
    assert [read(record)["band"] for record in records] == [band, "g"]
    assert len(keys) == 2


def test_rejected_packets_and_an_empty_batch_have_no_records() -> None:
    assert lite_records(batch_of([])) == ([], [])
    assert lite_records(batch_of([None, None])) == ([], [])
    records, keys = lite_records(batch_of([None, {"diaSourceId": 5}, None]))
    assert [read(record)["diaSourceId"] for record in records] == [5]
    assert keys == [b"5"]
