from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splanc.config import load_settings
from splanc.errors import UserError
from splanc.filters import FilterRunner
from splanc.ingest.stages import stages
from splanc.metrics import STAGES
from tests.support.classifiers import Oracle


def test_the_time_of_every_stage_is_measured_in_the_order_of_the_pipeline(tmp_path: Path) -> None:
    with capture_logs():
        names = [stage.__name__ for stage in stages(load_settings(tmp_path), FilterRunner(), Oracle())]
        assert [stage.__name__ for stage in stages(load_settings(tmp_path), classifier=Oracle())] == names[:-1]
    assert names[-1] == "run_filters"
    assert [name for name in STAGES if name in names] == names
    assert names.index("classify") < names.index("compute_features")


def test_without_catalogues_nothing_is_classified_and_that_is_said_once(tmp_path: Path) -> None:
    with capture_logs() as logs:
        pipeline = stages(load_settings(tmp_path))
    assert [entry["event"] for entry in logs] == ["no catalogues", "no dust map"]
    assert (logs[0]["path"], logs[0]["do"]) == (str(tmp_path / "catalogues"), "splanc catalogue install demo")
    assert [stage.__name__ for stage in pipeline] == ["index_sky", "compute_features", "add_moving_objects"]


def test_a_dust_map_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "dust").mkdir()
    (tmp_path / "dust" / "ebv.npy").write_text("torn")
    with pytest.raises(UserError, match=r"ebv\.npy cannot be read"):
        stages(load_settings(tmp_path))
