from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from splanc.cli import app
from splanc.filters import warm
from splanc.night import night_of
from tests.integration.past.rows import full_batch, keep

NIGHTS = tuple(night_of(datetime.now(UTC) - timedelta(days=days)) for days in (40, 2, -0.5))
"""One that is too long ago, one that is over, and one that is not over for half a day, though noon may come while tests run."""


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    for number, night in enumerate(NIGHTS):
        keep(tmp_path / "rows", full_batch(20 * number, 20, night=night, width=30), 20 * number)
    os.utime(tmp_path / "rows" / str(NIGHTS[0]), (1, 1))
    return tmp_path


def run(data_dir: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["filter", *words, "--data-dir", str(data_dir)], env={"COLUMNS": "200"})


def said(result: Result, code: int = 2) -> str:
    assert result.exit_code == code, result.output
    return result.stderr


def test_a_backtest_of_texts_needs_no_server(data_dir: Path) -> None:
    result = run(data_dir, "backtest", "--where", "objects.ra > 50", "--nights", "2", "--json")
    assert result.exit_code == 0, result.output
    tests = json.loads(result.stdout)
    assert [(test["night"], test["alerts"]) for test in tests] == [(night, 20) for night in NIGHTS[1:]]
    assert all(test["rate"] == test["matches"] / 20 > 0 for test in tests)
    result = run(data_dir, "backtest", "--sql", "SELECT objects.ra FROM objects WHERE ra > 50", "--nights", str(NIGHTS[0]))
    lines = result.stdout.splitlines()
    assert "CPU, µs per 10,000" in lines[1]
    assert lines[3].split()[:2] == [str(NIGHTS[0]), "20"]


def test_misses_of_the_newest_night(data_dir: Path) -> None:
    result = run(data_dir, "misses", "--where", "objects.ra > 50 AND objects.decl IS NOT NULL")
    assert result.exit_code == 0, result.output
    assert f"night {NIGHTS[2]}: 20 alerts" in result.stdout
    assert {line.split("  ")[0].strip() for line in result.stdout.splitlines()[4:]} >= {"in objects", "objects.ra > 50", "objects.decl IS NOT NULL"}
    found = json.loads(run(data_dir, "misses", "--where", "objects.ra > 50", "--night", str(NIGHTS[1]), "--json").stdout)
    assert (found["night"], found["alerts"], len(found["conditions"])) == (NIGHTS[1], 20, 2)


def test_the_newest_alert_is_explained_or_that_of_a_visit(data_dir: Path) -> None:
    result = run(data_dir, "explain", "52", "--where", "objects.ra > -1", "--json")
    assert result.exit_code == 0, result.output
    newest = json.loads(result.stdout)
    assert newest["alert"]["diaSourceId"] == 1058
    visit = newest["alert"]["visit"]
    drawn = run(data_dir, "explain", "52", "--where", "objects.ra > -1", "--at", str(visit)).stdout
    assert f"visit {visit}" in drawn
    assert "objects.ra > -1" in drawn


def test_what_cannot_be_done_is_said(data_dir: Path) -> None:
    assert "give either the name of a filter, or its texts" in said(run(data_dir, "backtest"))
    assert "give either the name of a filter, or its texts" in said(run(data_dir, "misses", "name", "--where", "ra > 1"))
    assert "no diaObjectId" in said(run(data_dir, "explain", "bright"))
    assert "no past night has an alert with diaObjectId 5" in said(run(data_dir, "explain", "5", "--where", "ra > 1"))
    assert "give one of them" in said(run(data_dir, "explain", "52", "--where", "ra > 1", "--follow", "--at", "1"))
    assert "one number of nights" in said(run(data_dir, "backtest", "--where", "ra > 1", "--nights", "2", "--nights", "3"))
    assert "no rows of the night 20200101" in said(run(data_dir, "misses", "--where", "ra > 1", "--night", "20200101"))


def test_nights_that_are_over_are_compacted_and_old_ones_deleted(data_dir: Path) -> None:
    rows = data_dir / "rows"
    dry = run(data_dir, "compact", "--dry-run").stdout
    assert dry.startswith(f"{NIGHTS[0]}: would be deleted, ")
    assert sorted(path.name for path in rows.iterdir()) == [str(night) for night in NIGHTS]
    done = run(data_dir, "compact")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{NIGHTS[0]}: deleted, ")
    assert lines[1].startswith(f"{NIGHTS[1]}: 20 alerts, ")
    assert [len(list((rows / str(night)).glob("*.parquet"))) for night in NIGHTS[1:]] == [1, 0]
    assert not (rows / str(NIGHTS[0])).exists()
    assert run(data_dir, "compact").stdout == ""
    assert run(data_dir, "compact", str(NIGHTS[2])).stdout.startswith(f"{NIGHTS[2]}: 20 alerts, ")


def test_a_torn_file_is_named(data_dir: Path) -> None:
    (torn,) = (data_dir / "rows" / str(NIGHTS[1])).glob("*.arrow")
    torn.write_bytes(torn.read_bytes()[:-9])
    result = run(data_dir, "backtest", "--where", "objects.ra > 50", "--nights", "2")
    assert str(torn) in said(result, 0)
    assert "going on without it" in result.stderr
