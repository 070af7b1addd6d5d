"""The command that classifies the past again, as far as it is not `head.classify_again`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from splanc import crossmatch
from splanc.archive import Archive
from splanc.cli import app
from splanc.crossmatch import UNCLASSIFIED
from tests.support.classifiers import Oracle
from tests.unit.archive.packets import Packet, load_of

Backfill = Callable[..., Result]


@pytest.fixture
def backfill(archive_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backfill:
    monkeypatch.setenv("SPLANC_ARCHIVE__DSN", archive_dsn)
    return lambda *options: CliRunner().invoke(app, ["classify", "backfill", *options, "--data-dir", str(tmp_path)])


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch) -> Oracle:
    """What the command asks."""
    made = Oracle({2: {"classification": UNCLASSIFIED}})
    made.close = lambda: None  # type: ignore[attr-defined]
    monkeypatch.setattr(crossmatch, "open_classifier", lambda _settings: made)
    return made


def archived(dsn: str, *numbers: int) -> None:
    places = [Packet(trigger=(number, 61_000.0), diaObject=number, extra={"ra": 10.0 * number}) for number in numbers]
    with Archive(dsn) as archive:
        archive.load(load_of(places))


def test_it_says_what_came_of_it(archive_dsn: str, backfill: Backfill, oracle: Oracle) -> None:
    assert backfill().output == "nothing to do: what objects are follows from the rules, catalogues and software of now\n"
    archived(archive_dsn, 1, 3)
    result = backfill()
    assert (result.exit_code, result.stderr) == (0, "splanc: objects to do: 2\n")
    assert result.stdout == "objects classified again: 2; with another class now: 2\n"
    assert backfill("--unclassified").stdout.startswith("nothing to do")
    assert backfill("--all").stdout == "objects classified again: 2; with another class now: 0\n"


def test_what_cannot_be_classified_is_counted_and_fails(archive_dsn: str, backfill: Backfill, oracle: Oracle) -> None:
    archived(archive_dsn, 1, 2)
    result = backfill()
    assert result.exit_code == 1
    assert result.stdout == "objects classified again: 1; with another class now: 1\n"
    assert "cannot be classified now, and stay as they were: 1;" in result.stderr
    assert backfill().stdout == "objects classified again: 0; with another class now: 0\n"


def test_a_classifier_that_is_away_is_an_error(archive_dsn: str, backfill: Backfill, oracle: Oracle) -> None:
    oracle.away = True
    result = backfill()
    assert (result.exit_code, result.stdout) == (3, "")
    assert "the classifier does not answer: no server answers" in result.stderr


def test_options_that_contradict_each_other(backfill: Backfill) -> None:
    result = backfill("--all", "--unclassified")
    assert result.exit_code == 2
    assert "contradict" in result.stderr


def test_without_catalogues_it_says_how_to_get_some(backfill: Backfill) -> None:
    result = backfill()
    assert result.exit_code == 2
    assert "splanc catalogue install demo" in result.stderr
