"""The stage, and what features make of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS, UNCLASSIFIED, Classify, classes_of
from splanc.features import Features
from splanc.filters import FilterRunner
from splanc.filters.definition import Definition, Filter
from splanc.packet import Batch
from splanc.sky import Dust
from tests.support.classifiers import Oracle
from tests.support.lightcurves import Made, batch_of
from tests.unit.streams.filters import filter_of

BRIGHT = Made(sources=[(60_000.0, 9e4, "r"), (60_001.0, 1e5, "g"), (60_002.0, -5e5, "g")])


@pytest.fixture
def dust(tmp_path: Path) -> Dust:
    np.save(tmp_path / "ebv.npy", np.zeros(12, np.float32))
    return Dust(tmp_path / "ebv.npy")


def classified(oracle: Oracle, made: list[Made]) -> Batch:
    return Classify(oracle).classify(batch_of(made))


def test_each_object_has_a_row_from_its_first_alert() -> None:
    batch = classified(Oracle({1001: {"classification": "SN", "z": 0.1}}), [BRIGHT, Made(sources=[(60_001.0, 5.0, "r")])])
    table = batch.tables[CLASSIFICATIONS]
    assert table.column_names == ["alert", "diaObjectId", *CLASSIFICATION_COLUMNS.names]
    assert table.select(["alert", "diaObjectId", "classification", "z"]).to_pylist() == [
        {"alert": 0, "diaObjectId": 1000, "classification": "ORPHAN", "z": None},
        {"alert": 1, "diaObjectId": 1001, "classification": "SN", "z": 0.1},
    ]


def test_the_classifier_is_asked_where_and_when() -> None:
    asked = []

    class Records(Oracle):
        def classify_objects(self, *places: np.ndarray) -> pa.Table:
            asked.extend(np.stack(places, axis=1).tolist())
            return super().classify_objects(*places)

    classified(Records(), [BRIGHT, Made(sources=[(60_001.0, 5.0, "r")], columns={"ra": 10.0, "decl": None})])
    assert asked[0] == [1000, 150.0, 2.0, 60_000.0]
    assert asked[1][:2] == [1001, 10.0]
    assert np.isnan(asked[1][2])


def test_moving_objects_have_no_class() -> None:
    batch = batch_of([])
    assert Classify(Oracle()).classify(batch) is batch


def test_the_class_of_each_alert() -> None:
    batch = classified(Oracle({1001: {"classification": "SN"}}), [BRIGHT, BRIGHT, BRIGHT])
    without = batch.tables[CLASSIFICATIONS].filter(pa.array([False, True, True]))
    assert classes_of(replace(batch, tables={**batch.tables, CLASSIFICATIONS: without})).to_pylist() == [None, "SN", "ORPHAN"]
    assert classes_of(batch_of([BRIGHT])).to_pylist() == [None]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"classification": "SN", "best_distance": 100.0, "direct_distance": 100.0}, -16.1),
        ({"classification": "NT", "z": 0.1}, -19.3117),
        ({"classification": "SN", "z": 0.1, "best_distance": 460.3, "best_distance_flag": "spec-z"}, -19.4152),
        ({"classification": "VS", "best_distance": 100.0}, None),
        ({"classification": "ORPHAN"}, None),
        ({"classification": UNCLASSIFIED, "best_distance": 100.0}, None),
    ],
)
def test_absolute_magnitudes_follow_from_class_and_distance(dust: Dust, said: dict[str, object], expected: float | None) -> None:
    objects = Features(dust).compute_features(classified(Oracle({1001: said}), [Made(), BRIGHT])).tables["diaObject"]
    assert objects["absMag"].to_pylist() == [None, expected if expected is None else pytest.approx(expected, abs=1e-4)]
    assert objects["absMagMJD"].to_pylist() == [None, None if expected is None else 60_001.0]


@pytest.mark.parametrize(("name", "is_fitted"), [(name, name not in {"VS", "UNCLEAR"}) for name in ("SN", "NT", "ORPHAN", "VS", "UNCLEAR", UNCLASSIFIED, None)])
def test_fits_are_made_of_what_may_be_a_transient(dust: Dust, name: str | None, is_fitted: bool) -> None:
    rising = [(60_000.0 + 2 * k, 100.0 * np.exp(0.4 * k), band) for k in range(6) for band in "gri"]
    batch = batch_of([Made(sources=rising[::-1])])
    if name is not None:
        batch = Classify(Oracle({1000: {"classification": name, "best_distance": 100.0}})).classify(batch)
    objects = Features(dust).compute_features(batch).tables["diaObject"]
    assert objects["BBBRiseRate"].is_valid().to_pylist() == [is_fitted]


def a_filter(number: int, selected: str, conditions: str) -> Filter:
    named = {"name": f"f{number}", "owner": "me", "tables": "sherlock_classifications"}
    return filter_of(number, definition=Definition(**named, selected=selected, conditions=conditions))


def test_filters_join_what_was_said() -> None:
    runner = FilterRunner(
        [
            a_filter(1, "objects.diaObjectId, classification", "classification IN ('SN', 'NT')"),
            a_filter(2, "objects.diaObjectId", "sherlock_classifications.z < 0.2 AND absMag IS NULL"),
        ]
    )
    said = {1001: {"classification": "SN", "z": 0.1}, 1002: {"classification": "VS"}}
    batch = Features().compute_features(classified(Oracle(said), [BRIGHT] * 3))
    alerts = batch.alerts.append_column("diaSourceId", pa.array([7, 8, 9])).append_column("ssObjectId", pa.nulls(3, pa.int64()))
    matches = runner.run_filters(replace(batch, alerts=alerts)).tables["filter_matches"]
    assert matches.select(["alert", "filter", "record"]).to_pylist() == [
        {"alert": 1, "filter": 1, "record": '{"diaObjectId":1001,"classification":"SN"}'},
        {"alert": 1, "filter": 2, "record": '{"diaObjectId":1001}'},
    ]
