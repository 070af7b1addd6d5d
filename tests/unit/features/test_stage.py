from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from splanc.cli import app
from splanc.config import load_settings
from splanc.features import FEATURE_COLUMNS, Features, warm
from splanc.features._bazin import _fit_all
from splanc.ingest.stages import stages
from splanc.packet import Batch
from splanc.sky import Dust
from tests.support.lightcurves import Made, batch_of
from tests.unit.sky.test_dust import healpix_map

PAIR = [(60_000.0, 100.0, "g"), (60_000.01, 120.0, "r")]


def objects_after(features: Features, made: list[Made]) -> pa.Table:
    return features.compute_features(batch_of(made)).tables["diaObject"]


@pytest.fixture
def dust(tmp_path: Path) -> Dust:
    np.save(tmp_path / "ebv.npy", np.full(12, 0.25, np.float32))
    return Dust(tmp_path / "ebv.npy")


def test_objects_get_all_features_with_their_types(dust: Dust) -> None:
    table = objects_after(Features(dust), [Made(sources=PAIR)])
    assert [table.schema.field(name).type for name in FEATURE_COLUMNS.names] == FEATURE_COLUMNS.types
    assert table["latestPairColourBands"].to_pylist() == ["g-r"]
    assert table["ebv"].to_pylist() == [0.25]
    assert table["latestPairColourTemp"].null_count == 0


def test_without_a_map_what_needs_it_is_null() -> None:
    table = objects_after(Features(), [Made(sources=PAIR)])
    nulls = {name for name in FEATURE_COLUMNS.names if table[name].null_count}
    assert {"ebv", "latestPairColourMag", "latestPairColourTemp", "absMag", "BBBRiseRate"} <= nulls
    assert table["latestPairMJD"].to_pylist() == [60_000.01]


def test_with_a_map_a_node_compiles_nothing_more_than_it_has_warmed(dust: Dust) -> None:
    warm()
    objects_after(Features(dust), [Made(sources=PAIR)])
    assert len(_fit_all.signatures) == 1


def test_what_cannot_be_computed_is_null(dust: Dust) -> None:
    table = objects_after(Features(dust), [Made(sources=[(60_000.0, 1e30, "r")] * 2, columns={"ra": None, "decl": None}), Made()])
    assert [table[name].to_pylist()[0] for name in ("htm16", "glat", "ebv", "jump1")] == [None, None, None, 0.0]
    assert [table[name].to_pylist()[1] for name in ("latest_psfFlux", "medianR", "nPosDiaSources")] == [None, None, 0]


def test_a_batch_without_objects_passes() -> None:
    batch: Batch = batch_of([])
    assert Features().compute_features(batch) is batch


def test_the_operator_installs_a_map_and_nodes_use_it(tmp_path: Path) -> None:
    healpix_map(tmp_path / "map.fits", "NESTED", "C", order=2)
    with capture_logs() as logs:
        stages(load_settings(tmp_path))
    assert "no dust map" in [entry["event"] for entry in logs]
    result = CliRunner().invoke(app, ["dust", "install", str(tmp_path / "map.fits"), "--order", "4", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    with capture_logs() as logs:
        _, compute_features, *_ = stages(load_settings(tmp_path))
        batch = compute_features(batch_of([Made(sources=PAIR)]))
    assert "no dust map" not in [entry["event"] for entry in logs]
    assert batch.tables["diaObject"]["ebv"].null_count == 0


def test_a_missing_map_is_named(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["dust", "install", str(tmp_path / "nothing"), "--data-dir", str(tmp_path)])
    assert result.exit_code == 2
    assert "no file or folder" in result.stderr
