from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from splanc import archive, head
from splanc.archive import Answer
from splanc.cli import app
from splanc.config import Settings
from splanc.errors import UserError

MOMENT = datetime(2026, 1, 2, 5, 30, tzinfo=UTC)
BIG = 2**63 - 1
ANSWER = Answer(
    columns=("diaSourceId", "n", "share", "band", "psfFlux", "archivedAt"),
    rows=[(BIG, Decimal(27), Decimal("0.5"), "r", 1.5, MOMENT), (-BIG, Decimal(10) ** 20, None, 'a "quoted", b', None, None)],
    complete=True,
)


@pytest.fixture(autouse=True)
def _no_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    def ready(settings: Settings, _say: object, **_options: object) -> Settings:
        return settings.model_copy(update={"archive": settings.archive.model_copy(update={"dsn": SecretStr("postgresql://nowhere")})})

    monkeypatch.setattr(head, "start_services", ready)


def asked(monkeypatch: pytest.MonkeyPatch, folder: Path, answer: Answer | Exception, *options: str) -> Any:
    def query(dsn: str, sql: str, *, seconds: float, rows: int) -> Answer:
        assert (dsn, sql, seconds, rows) == ("postgresql://nowhere", "SELECT 1", 30.0, 100_000)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(archive, "query", query)
    return CliRunner().invoke(app, ["query", "SELECT 1", "--data-dir", str(folder), *options])


def test_json_is_a_list_of_rows_with_exact_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, ANSWER, "--format", "json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == [
        {"diaSourceId": BIG, "n": 27, "share": 0.5, "band": "r", "psfFlux": 1.5, "archivedAt": "2026-01-02T05:30:00+00:00"},
        {"diaSourceId": -BIG, "n": 10**20, "share": None, "band": 'a "quoted", b', "psfFlux": None, "archivedAt": None},
    ]


def test_csv_has_a_header_and_empty_cells_for_null(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, ANSWER, "--format", "csv")
    header, first, second = csv.reader(io.StringIO(result.stdout))
    assert tuple(header) == ANSWER.columns
    assert first == [str(BIG), "27", "0.5", "r", "1.5", "2026-01-02 05:30:00+00:00"]
    assert second == [str(-BIG), str(10**20), "", 'a "quoted", b', "", ""]


def test_the_table_shows_all_of_every_value(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, ANSWER)
    words = result.stdout.split()
    assert {*ANSWER.columns, str(BIG), "27", "0.5", "1.5", str(-BIG)} <= set(words)
    assert "None" not in words


@pytest.mark.parametrize(("format_", "text"), [("json", "[]\n"), ("csv", "a,b\n")])
def test_no_rows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, format_: str, text: str) -> None:
    result = asked(monkeypatch, tmp_path, Answer(columns=("a", "b"), rows=[], complete=True), "--format", format_)
    assert (result.exit_code, result.stdout.replace("\r\n", "\n")) == (0, text)


def test_an_answer_that_is_cut_short_says_so_beside_the_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, Answer(columns=("a",), rows=[(1,)], complete=False), "--format", "json")
    assert json.loads(result.stdout) == [{"a": 1}]
    assert result.stderr == "splanc: only the first 100,000 rows; narrow the query, or raise archive.query_rows\n"
    assert result.exit_code == 0


def test_a_query_that_is_refused_is_exit_code_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, UserError("one statement at a time"))
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", "splanc: one statement at a time\n")


def test_the_table_is_as_wide_as_it_must_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    columns = tuple(f"column{number}" for number in range(30))
    row = tuple(range(BIG - 30, BIG))
    result = asked(monkeypatch, tmp_path, Answer(columns=columns, rows=[row], complete=True))
    assert {*columns, *map(str, row)} <= set(result.stdout.split())


def test_text_that_looks_like_markup_is_text(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = asked(monkeypatch, tmp_path, Answer(columns=("[b]", "x"), rows=[("[/x]", "[red]a")], complete=True))
    assert result.exit_code == 0
    assert {"[b]", "[/x]", "[red]a"} <= set(result.stdout.split())


def test_json_has_null_for_what_it_lacks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    values = (float("inf"), float("nan"), Decimal("NaN"), Decimal("-Infinity"))
    result = asked(monkeypatch, tmp_path, Answer(columns=("a", "b", "c", "d"), rows=[values], complete=True), "--format", "json")
    assert result.stdout == '[{"a": null, "b": null, "c": null, "d": null}]\n'
