from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from splanc import head
from splanc.cli import _filter_stats, app
from splanc.head import FilterNight

NIGHT = 20260101
BUSY = {"evaluated": 2000, "matched": 1500, "published": 1200, "withheld": {"quota": 300, "topic": 0, "size": 0}, "size_bytes": 2_500_000, "cpu_us": 4_000}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[FilterNight]:
    """What the ledger topic is made to say."""
    nights = [FilterNight(filter=1, night=NIGHT, **BUSY), FilterNight(filter=2, night=NIGHT, evaluated=2000)]  # type: ignore[arg-type]
    monkeypatch.setattr(head, "start_services", lambda settings, _say: settings)
    monkeypatch.setattr(head, "filter_names", lambda _settings, name=None: {1: "bright"} if name else {1: "bright", 3: "other"})
    monkeypatch.setattr(head, "read_filter_stats", lambda _settings, night=None: [one for one in nights if night in (None, one.night)])
    return nights


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["filter", "stats", *arguments, "--data-dir", str(folder)])
    return done.exit_code, done.stdout


def test_the_table_says_what_was_withheld_and_why(found: list[FilterNight]) -> None:
    paper = io.StringIO()
    _filter_stats.print_stats(found, {1: "bright"}, Console(width=200, file=paper))
    lines = [line.split() for line in paper.getvalue().splitlines()]
    assert ["20260101", "bright", "2,000", "1,500", "1,200", "300", "2.5", "4", "quota:", "300"] in lines
    assert ["20260101", "no.", "2", "2,000", "0", "0", "0", "0.0", "0"] in lines
    assert lines[-1][:3] == ["it", "adds", "up:"]


@pytest.mark.usefixtures("found")
def test_json_has_a_line_for_each_filter_and_night(tmp_path: Path) -> None:
    code, out = run(tmp_path, "--json", "--night", str(NIGHT))
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [(line["name"], line["filter"], line["withheld"]) for line in lines] == [("bright", 1, 300), (None, 2, 0)]
    assert run(tmp_path, "--json", "--night", str(NIGHT + 1)) == (0, "")
    assert [json.loads(line)["filter"] for line in run(tmp_path, "Bright", "--json")[1].splitlines()] == [1]


def test_what_does_not_add_up_is_exit_code_1(found: list[FilterNight], tmp_path: Path) -> None:
    found[0].published += 1
    code, out = run(tmp_path)
    assert code == 1
    assert "does not add up: filter 1: matched is 1,500, but published + withheld + silent is 1,501" in " ".join(out.split())
