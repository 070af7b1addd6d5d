"""Examples that Lasair's documentation gives its users, and others of their sort: what each is printed as, or why it is refused.

A file holds the three texts of a filter, or one statement, and what is expected: one statement of PostgreSQL, or the message of the error.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from splanc.errors import FilterError
from splanc.filters.language import parse_filter
from splanc.filters.statements import parse_statement
from splanc.filters.to_polars import Context, as_polars
from splanc.filters.to_sql import as_sql

NOW = datetime(2026, 11, 25, tzinfo=UTC)
EXAMPLES = sorted((Path(__file__).parent / "examples").glob("*.sql"))


_TEXTS = re.compile(r"-- selected\n(.*)\n-- tables\n(.*)\n-- conditions\n(.*)\n-- expected\n(.*)\n", re.DOTALL)
_STATEMENT = re.compile(r"-- statement\n(.*)\n-- expected\n(.*)\n", re.DOTALL)


def parts_of(path: Path) -> list[str]:
    found = _TEXTS.fullmatch(path.read_text()) or _STATEMENT.fullmatch(path.read_text())
    assert found
    return list(found.groups())


def printed(*texts: str) -> str:
    try:
        tree = parse_filter(*(parse_statement(*texts) if len(texts) == 1 else texts))
    except FilterError as error:
        return str(error)
    for node in [item.node for item in tree.selected] + [tree.conditions] * (tree.conditions is not None):
        as_polars(node, Context.at(NOW))
    return as_sql(tree, "postgresql", NOW)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples(path: Path) -> None:
    *texts, expected = parts_of(path)
    assert printed(*texts) == expected
    assert expected.startswith("SELECT ") != path.stem.startswith("refused")


def test_there_are_examples_of_both_sorts() -> None:
    refused = [path for path in EXAMPLES if path.stem.startswith("refused")]
    assert len(refused) >= 10
    assert len(EXAMPLES) - len(refused) >= 24
