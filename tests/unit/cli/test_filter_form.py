from __future__ import annotations

import getpass
import io
import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from splanc.archive import FilterVersion
from splanc.cli import _filter_form as form
from splanc.errors import UserError
from splanc.filters.definition import Definition, Filter, Output, Run, State

DAY = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DEFINITION = Definition(name="Bright", owner="maria", selected="objects.diaObjectId,\n  ra", conditions="ra > 1")
VERSION = FilterVersion(number=1, definition=DEFINITION, author="maria", created=DAY)


@pytest.mark.parametrize(("text", "run"), [("muted", Run.muted), ("0", Run.muted), ("both", Run.both), ("3", Run.both)])
def test_modes_are_words_or_the_numbers_of_lasair(text: str, run: Run) -> None:
    assert form._run(text) is run


def test_other_modes_are_refused_with_those_that_there_are() -> None:
    with pytest.raises(typer.BadParameter, match=r"'mail' is none of none\|digest\|stream\|lightcurve\|full\|webhook"):
        form._output("mail")


def test_texts_come_from_options_files_and_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "where.sql").write_text("ra > 1\nAND decl < 'ä'\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO(" objects.diaObjectId\n"))
    assert form.texts_of("@-", None, f"@{tmp_path}/where.sql", None) == {"selected": "objects.diaObjectId", "conditions": "ra > 1\nAND decl < 'ä'"}
    assert form.texts_of(None, "", None, None) == {"tables": ""}


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_the_users_fault(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "x").write_bytes(content)
    with pytest.raises(UserError, match=f"cannot read {tmp_path}/x"):
        form.texts_of(f"@{tmp_path}/x", None, None, None)


def test_a_whole_statement_stands_alone() -> None:
    with pytest.raises(UserError, match="either --sql"):
        form.texts_of("ra", None, None, "SELECT ra FROM objects")


def test_a_user_without_a_name_has_to_give_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError(4711)

    monkeypatch.setattr(getpass, "getuser", nobody)
    with pytest.raises(UserError, match="--owner"):
        form.login_name()


def test_a_filter_says_its_texts_line_by_line() -> None:
    whole = replace(DEFINITION, description="a\nb", output=Output.digest, target="m@example.org", public=True)
    assert form.said(replace(VERSION, definition=whole, bytes_per_day=10)) == [
        "name: Bright",
        "description: a",
        "description: b",
        "select: objects.diaObjectId,",
        "select:   ra",
        "tables: objects",
        "where: ra > 1",
        "run: on_alert",
        "output: digest",
        "target: m@example.org",
        "readers: everybody",
        "bytes per day: 10",
    ]


def test_versions_are_compared_line_by_line() -> None:
    new = replace(VERSION, number=3, author="peter", definition=replace(DEFINITION, name="Brighter", selected="objects.diaObjectId,\n  decl"))
    lines = list(form.difference(VERSION, new))
    assert lines[:2] == ["--- version 1, maria 2026-01-02 03:04", "+++ version 3, peter 2026-01-02 03:04"]
    assert [line for line in lines[2:] if line[0] in "+-"] == ["-name: Bright", "+name: Brighter", "-select:   ra", "+select:   decl"]
    assert list(form.difference(VERSION, replace(VERSION, number=2))) == []


def test_a_filter_as_json() -> None:
    one = Filter(
        id=2**60, version=2, definition=DEFINITION, topic="t", state=State.paused, reason="why", cost_us=1.5, records_per_visit=3, created=DAY, changed=DAY
    )
    record = json.loads(json.dumps(form.filter_record(one)))
    assert record == {
        "id": 2**60,
        "version": 2,
        "owner": "maria",
        "name": "Bright",
        "description": "",
        "selected": "objects.diaObjectId,\n  ra",
        "tables": "objects",
        "conditions": "ra > 1",
        "run": "on_alert",
        "output": "stream",
        "public": False,
        "target": "",
        "topic": "t",
        "state": "paused",
        "reason": "why",
        "cost_us": 1.5,
        "bytes_per_day": None,
        "records_per_visit": 3,
        "created": "2026-01-02T03:04:05+00:00",
        "changed": "2026-01-02T03:04:05+00:00",
    }
