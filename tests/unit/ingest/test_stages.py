from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splanc.config import load_settings
from splanc.errors import UserError
from splanc.filters import FilterRunner
from splanc.ingest.stages import stages
from splanc.metrics import STAGES


def test_the_time_of_every_stage_is_measured_in_the_order_of_the_pipeline(tmp_path: Path) -> None:
    with capture_logs():
        names = [stage.__name__ for stage in stages(load_settings(tmp_path), FilterRunner())]
        assert [stage.__name__ for stage in stages(load_settings(tmp_path))] == names[:-1]
    assert names[-1] == "run_filters"
    assert [name for name in STAGES if name in names] == names


def test_a_dust_map_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "dust").mkdir()
    (tmp_path / "dust" / "ebv.npy").write_text("torn")
    with pytest.raises(UserError, match=r"ebv\.npy cannot be read"):
        stages(load_settings(tmp_path))
