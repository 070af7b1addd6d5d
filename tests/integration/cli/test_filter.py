"""`splanc filter …` against a real PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
from click.testing import Result
from typer.testing import CliRunner

from splanc.archive import Archive, FilterStore
from splanc.cli import app
from tests.unit.archive.packets import Packet, load_of

Command: TypeAlias = Callable[..., Result]


@pytest.fixture
def filter_(archive_dsn: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs a command, and checks its exit code."""
    monkeypatch.setenv("SPLANC_ARCHIVE__DSN", archive_dsn)
    monkeypatch.setenv("SPLANC_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LOGNAME", "maria")

    def run(*arguments: str, code: int = 0, given: str | None = None) -> Result:
        result = CliRunner().invoke(app, ["filter", *arguments], input=given)
        assert result.exit_code == code, result.output
        return result

    return run


BRIGHT = ("--select", "objects.diaObjectId, nDiaSources AS n", "--where", "nDiaSources > 3")


def test_the_life_of_a_filter(filter_: Command, archive_dsn: str) -> None:
    made = json.loads(filter_("create", "Bright", *BRIGHT, "--records-per-visit", "5", "--json").stdout)
    assert (made["owner"], made["topic"], made["version"], made["records_per_visit"]) == ("maria", "lasair_mariaBright", 1, 5)
    edited = filter_("edit", "bright", "--where", "nDiaSources > 30", "--name", "Brighter", "--records-per-visit", "0", "--run", "3").stdout
    assert edited == "Brighter is at version 2\n"
    shown = json.loads(filter_("show", "brighter", "--json").stdout)
    changes = {"version": 2, "name": "Brighter", "conditions": "nDiaSources > 30", "run": "both", "records_per_visit": None}
    assert shown == made | changes | {"changed": shown["changed"], "cost_us": shown["cost_us"]}
    assert min(made["cost_us"], shown["cost_us"]) > 0
    assert [line for line in filter_("show", "brighter", "--diff", "1").stdout.splitlines() if line[1:6] == "where"] == [
        "-where: nDiaSources > 3",
        "+where: nDiaSources > 30",
    ]
    versions = json.loads(filter_("show", "brighter", "--versions", "--json").stdout)
    assert [(version["version"], version["author"], version["text"][0]) for version in versions] == [
        (1, "maria", "name: Bright"),
        (2, "maria", "name: Brighter"),
    ]
    assert "  select: objects.diaObjectId, nDiaSources AS n" in filter_("show", "brighter", "--versions").stdout.splitlines()
    assert filter_("pause", "brighter", "--reason", "too many").stdout == "Brighter is paused\n"
    assert filter_("pause", "brighter").stdout == "Brighter was paused before: too many\n"
    assert "paused (too many)" in filter_("show", "brighter").stdout
    assert "it is still paused (too many)" in filter_("edit", "brighter", "--description", "x").stderr
    assert filter_("resume", "brighter").stdout == "Brighter runs again\n"
    assert filter_("resume", "brighter").stdout == "Brighter was not paused\n"
    assert filter_("delete", "brighter").stdout == "Brighter is deleted\n"
    assert FilterStore(archive_dsn).all() == []
    assert "maria has no filter brighter" in filter_("show", "brighter", code=2).stderr


def test_a_digest_or_a_webhook_that_could_not_be_delivered_is_refused(filter_: Command, archive_dsn: str) -> None:
    filter_("create", "hook", *BRIGHT, "--output", "webhook", code=2)
    filter_("create", "hook", *BRIGHT, "--output", "webhook", "--target", "ftp://example.org", code=2)
    filter_("create", "mails", *BRIGHT, "--output", "digest", "--target", "maria", code=2)
    assert FilterStore(archive_dsn).all() == []
    filter_("create", "hook", *BRIGHT)
    filter_("edit", "hook", "--output", "webhook", code=2)
    filter_("edit", "hook", "--output", "webhook", "--target", "https://example.org/matches", "--bytes-per-day", "-1")
    (hook,) = FilterStore(archive_dsn).all()
    assert (hook.version, hook.definition.target, hook.bytes_per_day) == (2, "https://example.org/matches", -1)


def test_lists_are_of_a_user_or_of_all(filter_: Command) -> None:
    filter_("create", "mine", *BRIGHT, "--public")
    filter_("create", "mine", *BRIGHT, "--owner", "peter", "--output", "digest", "--target", "peter@example.org")
    assert [one["owner"] for one in json.loads(filter_("list", "--json").stdout)] == ["maria"]
    assert [one["owner"] for one in json.loads(filter_("list", "--owner", "peter", "--json").stdout)] == ["peter"]
    table = [line.split() for line in filter_("list", "--all").stdout.splitlines()]
    assert [line[:8] for line in table if line[:1] == ["mine"]] == [
        ["mine", "maria", "1", "active", "on_alert", "stream", "everybody", "lasair_mariamine"],
        ["mine", "peter", "1", "active", "on_alert", "digest", "its", "owner"],
    ]


def test_what_is_wrong_is_shown_with_its_place_and_nothing_is_kept(filter_: Command, archive_dsn: str) -> None:
    wrong = ("--select", "objects.diaObjectId", "--where", "nDiaSources > 3\nAND nDiaSuorces < 9")
    for command in (("check",), ("create", "wrong")):
        said = filter_(*command, *wrong, code=2).stderr
        assert "nDiaSources" in said
        place = said.splitlines().index(next(line for line in said.splitlines() if "AND nDiaSuorces < 9" in line))
        assert said.splitlines()[place + 1].index("^") == said.splitlines()[place].index("nDiaSuorces")
    filter_("create", "right", *BRIGHT)
    filter_("edit", "right", "--where", "DROP TABLE objects", code=2)
    assert [one.version for one in FilterStore(archive_dsn).all()] == [1]


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("check",), "say what the filter selects"),
        (("check", "--sql", "SELECT ra FROM objects", "--where", "ra > 1"), "either --sql"),
        (("edit", "x"), "nothing is to change"),
        (("run", "x"), "--archive"),
        (("create", "x", *BRIGHT, "--output", "webhook"), "is no address of a webhook"),
        (("create", "x", *BRIGHT, "--output", "mail"), "is none of"),
    ],
)
def test_what_cannot_be_done_says_why(filter_: Command, arguments: tuple[str, ...], why: str) -> None:
    assert why in filter_(*arguments, code=2).stderr


def test_check_says_what_a_filter_uses(filter_: Command) -> None:
    sql = "SELECT objects.diaObjectId, classification AS what FROM objects, sherlock_classifications, watchlist:7 WHERE g_psfFlux > 1 ORDER BY g_psfFlux"
    used = json.loads(filter_("check", "--sql", "@-", "--json", given=sql).stdout)
    assert used["record"] == ["diaObjectId", "what"]
    assert used["tables"] == ["objects", "sherlock_classifications", "watchlist:7"]
    assert {name.split(".")[1] for name in used["columns"]} == {"diaObjectId", "classification", "g_psfFlux"}
    assert used["notes"]
    assert used["cost_us"] > 0
    said = filter_("check", *BRIGHT)
    assert said.stdout.splitlines()[0] == "the filter is valid"
    assert "record: diaObjectId, n" in said.stdout.splitlines()


def test_a_filter_that_costs_too_much_is_refused_with_its_figure(filter_: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    filter_("create", "cheap", *BRIGHT)
    monkeypatch.setenv("SPLANC_FILTERS__COST_LIMIT_US", "0.01")
    for command in (("check", *BRIGHT), ("create", "dear", *BRIGHT), ("edit", "cheap", "--where", "ra > 1")):
        assert "µs of CPU per 10,000 alerts" in filter_(*command, code=2).stderr
    filter_("edit", "cheap", "--name", "still there")


def test_an_edit_may_be_for_one_version_only(filter_: Command) -> None:
    filter_("create", "mine", *BRIGHT)
    filter_("edit", "mine", "--where", "nDiaSources > 4", "--version", "1")
    assert "no longer at version 1" in filter_("edit", "mine", "--where", "nDiaSources > 5", "--version", "1", code=2).stderr
    assert "it has 1 to 2" in filter_("show", "mine", "--diff", "7", code=2).stderr


def test_a_filter_runs_on_the_archive(filter_: Command, archive_dsn: str) -> None:
    with Archive(archive_dsn) as archive:
        archive.load(load_of([Packet(trigger=(i, 61_041.0 + i), diaObject=i + 1) for i in range(5)]))
    filter_("create", "mine", "--select", "objects.diaObjectId AS Mine, ra", "--where", "objects.diaObjectId > 1 ORDER BY objects.diaObjectId")
    rows = json.loads(filter_("run", "mine", "--archive", "--format", "json").stdout)
    assert [list(row) for row in rows] == [["Mine", "ra"]] * 4
    assert [row["Mine"] for row in rows] == [2, 3, 4, 5]
    limited = filter_("run", "mine", "--archive", "--format", "csv", "--limit", "2")
    assert [line.split(",")[0] for line in limited.stdout.splitlines()] == ["Mine", "2", "3"]
    assert "only the first 2 rows" in limited.stderr
