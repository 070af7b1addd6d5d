"""Stored filters on past nights: `splanc filter backtest NAME` and the like, against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from typer.testing import CliRunner

from splanc.cli import app
from tests.unit.past.rows import full_batch, keep
from tests.unit.streams.batches import NIGHT

Command = Callable[..., Any]


@pytest.fixture
def filter_(archive_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs a command, and returns what it prints as JSON."""
    for name, value in {"SPLANC_ARCHIVE__DSN": archive_dsn, "SPLANC_DATA_DIR": str(tmp_path), "LOGNAME": "maria"}.items():
        monkeypatch.setenv(name, value)
    configured = structlog.get_config()

    def run(*words: str) -> Any:
        result = CliRunner().invoke(app, ["filter", *words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    yield run
    structlog.configure(**configured)


def test_a_stored_filter_is_tried_explained_and_its_misses_counted(filter_: Command, tmp_path: Path) -> None:
    keep(tmp_path / "rows", full_batch(0, 30))
    where = "objects.ra BETWEEN 10 AND 90 AND objects.ra > 1000"
    filter_("create", "Nothing", "--select", "objects.diaObjectId", "--where", where)
    (test,) = filter_("backtest", "nothing")
    assert (test["night"], test["alerts"], test["matches"], test["rate"]) == (NIGHT, 30, 0, 0.0)
    misses = filter_("misses", "nothing", "--night", str(NIGHT))
    assert [one["condition"] for one in misses["conditions"]] == ["objects.ra > 1000", "objects.ra BETWEEN 10 AND 90", "in objects"]
    assert misses["conditions"][0]["failed"] == 30
    assert 0 < misses["conditions"][0]["alone"] < 15
    explanation = filter_("explain", "nothing", "54")
    assert not explanation["matched"]
    assert explanation["alert"]["diaObjectId"] == 54
    assert [condition["text"] for condition in explanation["conditions"]] == ["objects.ra BETWEEN 10 AND 90", "objects.ra > 1000"]
