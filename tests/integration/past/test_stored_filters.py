"""Stored filters on past nights: `splanc filter backtest NAME` and the like, against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from splanc.cli import app
from tests.integration.past.rows import full_batch, keep
from tests.unit.streams.batches import NIGHT

Command = Callable[..., Any]


@pytest.fixture
def filter_(archive_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command, checks its exit code, and returns what it prints."""
    for name, value in {"SPLANC_ARCHIVE__DSN": archive_dsn, "SPLANC_DATA_DIR": str(tmp_path), "LOGNAME": "maria"}.items():
        monkeypatch.setenv(name, value)

    def run(*words: str, code: int = 0) -> Any:
        result = CliRunner().invoke(app, ["filter", *words])
        assert result.exit_code == code, result.output
        return json.loads(result.stdout) if "--json" in words else result.output

    return run


def test_a_stored_filter_is_tried_explained_and_its_misses_counted(filter_: Command, tmp_path: Path) -> None:
    keep(tmp_path / "rows", full_batch(0, 30))
    where = "objects.ra BETWEEN 10 AND 90 AND objects.ra > 1000"
    filter_("create", "Nothing", "--select", "objects.diaObjectId", "--where", where, "--json")
    (test,) = filter_("backtest", "nothing", "--json")
    assert (test["night"], test["alerts"], test["matches"], test["rate"]) == (NIGHT, 30, 0, 0.0)
    misses = filter_("misses", "nothing", "--night", str(NIGHT), "--json")
    assert [one["condition"] for one in misses["conditions"]] == ["objects.ra > 1000", "objects.ra BETWEEN 10 AND 90", "in objects"]
    assert misses["conditions"][0]["failed"] == 30
    assert 0 < misses["conditions"][0]["alone"] < 15
    explanation = filter_("explain", "nothing", "54", "--json")
    assert not explanation["matched"]
    assert explanation["alert"]["diaObjectId"] == 54
    assert [condition["text"] for condition in explanation["conditions"]] == ["objects.ra BETWEEN 10 AND 90", "objects.ra > 1000"]


def test_a_filter_that_would_pass_much_is_asked_about_whenever_it_begins_to_run(filter_: Command, tmp_path: Path) -> None:
    keep(tmp_path / "rows", full_batch(0, 30))
    much, few = ("--where", "objects.ra IS NOT NULL OR objects.ra IS NULL"), ("--where", "objects.ra > 1000")
    assert "50.0 % of all alerts; narrow it, or say --yes" in filter_("create", "Much", "--select", "objects.diaObjectId", *much, code=2)
    filter_("create", "Much", "--select", "objects.diaObjectId", *few)
    filter_("edit", "much", *much, code=2)
    filter_("edit", "much", "--description", "with other words")
    filter_("edit", "much", *much, "--yes")
    filter_("pause", "much")
    filter_("resume", "much", code=2)
    assert "runs again" in filter_("resume", "much", "--yes")
