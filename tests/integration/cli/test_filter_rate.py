from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from splanc.cli import _filter_rate
from splanc.cli._filter_rate import confirm_rate
from splanc.config import Settings
from splanc.errors import UserError
from splanc.filters import warm
from splanc.filters.definition import Definition, Run
from tests.integration.past.rows import full_batch, keep

ALL = Definition(name="all", owner="maria", selected="objects.diaObjectId")
FEW = replace(ALL, conditions="objects.ra > 1000")


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    warm()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    keep(tmp_path / "rows", full_batch(0, 20, width=12))
    return Settings(data_dir=tmp_path)


def at_terminal(monkeypatch: pytest.MonkeyPatch, answer: bool | None) -> None:
    """Give an answer at a terminal; None: there is no terminal."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: answer is not None, raising=False)
    monkeypatch.setattr(_filter_rate.typer, "confirm", lambda _question: answer)


def test_who_passes_little_is_not_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    at_terminal(monkeypatch, None)
    confirm_rate(settings, FEW, yes=False)
    confirm_rate(settings, replace(ALL, run=Run.muted), yes=False)
    assert capsys.readouterr().err == ""


def test_without_past_nights_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_terminal(monkeypatch, None)
    confirm_rate(Settings(data_dir=tmp_path), ALL, yes=False)


@pytest.mark.parametrize(
    ("answer", "yes", "goes_on"), [(None, False, False), (None, True, True), (False, False, False), (True, False, True), (False, True, True)]
)
def test_who_passes_much_is_asked(settings: Settings, monkeypatch: pytest.MonkeyPatch, answer: bool | None, yes: bool, goes_on: bool) -> None:
    at_terminal(monkeypatch, answer)
    if goes_on:
        confirm_rate(settings, ALL, yes=yes)
        return
    with pytest.raises(UserError, match=r"50\.0 % of all alerts; narrow it, or say --yes" if answer is None else "nothing was changed"):
        confirm_rate(settings, ALL, yes=yes)
