from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from splanc import head
from splanc.cli import _night, app
from splanc.errors import UpstreamError
from splanc.head import Ledger, VisitLedger

VISIT = 2026010100001
ARRIVALS = {"first_arrival": datetime(2026, 1, 2, 5, 30, tzinfo=UTC), "last_arrival": datetime(2026, 1, 2, 5, 31, tzinfo=UTC)}
SOUND = VisitLedger(visit=VISIT, received=1234, archived=1200, published=1234, repeated=34, stored=1200, cutouts=3600, **ARRIVALS)
UNREADABLE = VisitLedger(visit=None, received=5, rejected=5, dead_letters=5)

NODE = {
    "node": "n1",
    "state": "running",
    "partitions": {"a/0": [1, 1], "a/1": [2, 2]},
    "rates": {"published": 1234.4, "archived": 0.0},
    "waiting_batches": 3,
    "waiting_bytes": 42_000_000,
    "newest_ms": {"publish": None, "archive": 0},
}


@pytest.fixture(autouse=True)
def _no_services(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_services", "running_services"):
        monkeypatch.setattr(head, name, lambda settings, _say: settings)


def words(show: Callable[[Console], None]) -> list[list[str]]:
    """The words of each line that is printed."""
    paper = io.StringIO()
    show(Console(width=200, file=paper))
    return [line.split() for line in paper.getvalue().splitlines() if line.strip()]


def printed(table: Table) -> list[list[str]]:
    return words(lambda console: console.print(table))


def shown(result: Ledger) -> list[list[str]]:
    return words(lambda console: _night.print_ledger(result, console))


def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ledger: Ledger, *options: str) -> Any:
    monkeypatch.setattr(head, "read_ledger", lambda _settings, night: ledger if night == ledger.night else None)
    return CliRunner().invoke(app, ["ledger", str(ledger.night), "--data-dir", str(tmp_path), *options])


def test_a_ledger_is_a_table_with_totals() -> None:
    lines = shown(Ledger(night=20260101, visits=[SOUND, UNREADABLE]))
    assert [str(VISIT), "1,234", "1,200", "1,234", "0", "34", "3,600", "05:30", "to", "05:31"] in lines
    assert ["unreadable", "5", "0", "0", "5", "0", "0"] in lines
    assert ["total", "1,239", "1,200", "1,234", "5", "34", "3,600"] in lines
    assert lines[-1][:3] == ["it", "adds", "up:"]


def test_a_ledger_that_does_not_add_up_says_where() -> None:
    lines = [" ".join(line) for line in shown(Ledger(night=20260101, visits=[VisitLedger(visit=VISIT, received=1), UNREADABLE]))]
    assert f"does not add up: visit {VISIT}: received is 1, but archived + rejected + repeated is 0" in lines
    assert not any(line.startswith("it adds up") for line in lines)


@pytest.mark.parametrize(("visit", "code"), [(SOUND, 0), (VisitLedger(visit=VISIT, received=1), 1)])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_the_exit_code_says_whether_it_adds_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, visit: VisitLedger, code: int, options: list[str]) -> None:
    ledger = Ledger(night=20260101, visits=[visit])
    result = run(monkeypatch, tmp_path, ledger, *options)
    assert result.exit_code == code
    if options:
        assert json.loads(result.stdout) == ledger.report()


def test_a_service_that_fails_is_one_line_and_exit_code_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(_settings: object, _night: int) -> None:
        raise UpstreamError("the archive does not answer")

    monkeypatch.setattr(head, "read_ledger", fail)
    result = CliRunner().invoke(app, ["ledger", "20260101", "--data-dir", str(tmp_path)])
    assert (result.exit_code, result.stdout, result.stderr) == (3, "", "splanc: the archive does not answer\n")


def test_a_data_directory_that_cannot_be_made_is_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["ledger", "20260101", "--data-dir", str(tmp_path / "file" / "data")])
    assert result.exit_code == 2
    assert "cannot make the data directory" in result.stderr
    assert "--data-dir" in result.stderr


def test_status_shows_nodes_partitions_and_lags(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [
        {"partition": "a/0", "node": "n1", "end": 5000, "published": 4000, "archived": 3000, "lag_publish": 1000, "lag_archive": 2000},
        {"partition": "a/1", "node": None, "end": 5, "published": 5, "archived": None, "lag_publish": 0, "lag_archive": None},
    ]
    uploads = {"packs": 1200, "bytes": 42_000_000}
    report = {"nodes": [NODE], "partitions": rows, "lag": {"publish": 1000, "archive": None}, "uploads": uploads, "unclassified": 1234}
    report["archive_error"] = "PostgreSQL is [away]"
    monkeypatch.setattr(head, "read_status", lambda _settings: report)
    result = CliRunner().invoke(app, ["status", "--json", "--data-dir", str(tmp_path)])
    assert (result.exit_code, json.loads(result.stdout)) == (0, report)
    result = CliRunner().invoke(app, ["status", "--data-dir", str(tmp_path)])
    assert result.exit_code == 0
    waits = "uploads waiting: 1,200 packs, 42 MB\nunclassified: 1,234 objects (splanc classify backfill)\n"
    assert f"lag: 1,000 messages to publish, ? to archive\n{waits}archive: PostgreSQL is [away]\n" in result.stdout
    assert ["a/0", "n1", "5,000", "4,000", "3,000", "1,000", "2,000"] in printed(_night._partitions_table(report))
    assert ["a/1", "nobody", "5", "5", "?", "0", "?"] in printed(_night._partitions_table(report))


def test_a_node_is_a_row() -> None:
    (row,) = [line for line in printed(_night._nodes_table({"nodes": [NODE]})) if line[0] == "n1"]
    assert row[:7] == ["n1", "running", "2", "1,234", "0", "3", "42"]
    assert row[-2:] == ["s", "ago"]
    assert float(row[7].replace(",", "")) == pytest.approx(time.time(), abs=60)
