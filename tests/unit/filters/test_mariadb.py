"""Functions mean what they mean in MariaDB: its answers stand in a file, and `ask_mariadb` says how they were got."""

from __future__ import annotations

import math
import tomllib
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from splanc.filters.language import parse_filter
from splanc.filters.to_polars import Context, as_polars
from tests.unit.filters.ask_mariadb import ANSWERS, QUESTIONS, spelt

KEPT: dict[str, list[Any]] = tomllib.loads(ANSWERS.read_text())["answers"]
CONTEXT = Context.at(datetime(2026, 11, 25, tzinfo=UTC))

COLUMNS = {datetime: ("fast.timestamp", "slow.timestamp"), str: ("objects.tns_name",), float: ("objects.ra",), int: ("objects.nDiaSources", "alert.visit")}
"""Columns that values of a type may be in: as many as are asked of at once."""


def plain(value: Any) -> Any:
    """Return what a value in SQL is."""
    if isinstance(value, str) and value.startswith("timestamp("):
        return datetime.fromisoformat(value[11:-2]).replace(tzinfo=UTC)
    if isinstance(value, str):
        return value[1:-1] if value.startswith("'") else float(value)
    return value


def answers(question: str) -> list[Any]:
    """Return what a question of each value gives, spelt as the file has it."""
    rows = [tuple(map(plain, value if isinstance(value, tuple) else (value,))) for value in QUESTIONS[question]]
    names = [COLUMNS[type(value)][at] for at, value in enumerate(rows[0])]
    frame = pl.DataFrame(rows, schema=names, orient="row")
    node = parse_filter(f"{question.format(*names)} AS x", "objects, alert, annotator:fast&slow", "").selected[0].node
    found = frame.select(x=as_polars(node, CONTEXT))["x"].to_list()
    return [spelt(value.replace(tzinfo=None) if isinstance(value, datetime) else value) for value in found]


def same(mine: Any, theirs: Any) -> bool:
    return math.isclose(mine, theirs) if isinstance(mine, float) else mine == theirs


@pytest.mark.parametrize("question", QUESTIONS)
def test_functions_mean_what_they_mean_in_mariadb(question: str) -> None:
    mine, theirs = answers(question), KEPT[question]
    assert [(one, other) for one, other in zip(mine, theirs, strict=True) if not same(one, other)] == []


def test_the_answers_are_to_these_questions() -> None:
    assert list(KEPT) == list(QUESTIONS)
    assert sum(map(len, KEPT.values())) > 1500
