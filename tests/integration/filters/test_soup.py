"""Whatever a text holds, it is understood or refused with its place: nothing else comes out of the parser."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.errors import FilterError
from splanc.filters.grammar import words
from splanc.filters.language import parse_filter
from splanc.filters.operations import FUNCTIONS
from splanc.filters.spellings import SPELLINGS
from splanc.filters.statements import parse_statement
from splanc.filters.to_polars import Context, as_polars
from splanc.filters.to_sql import as_sql
from splanc.filters.tree import Tree

NOW = datetime(2026, 11, 25, tzinfo=UTC)

WORDS = [
    *sorted(words("( ) , . + - * / % = <> < >= <=> && || ! -> ->> ' \" ` & | ; : @ ? [ ] { } $ # -- /* */ \\")),
    *sorted(words("AND OR NOT XOR IN BETWEEN IS NULL TRUE FALSE LIKE ESCAPE CASE WHEN THEN ELSE END AS INTERVAL DAY DIV CAST DOUBLE ORDER BY LIMIT DESC")),
    *sorted(words("SELECT FROM WHERE UNION EXISTS ALL ANY JOIN ON WITH DISTINCT GROUP OVER VALUES REPLACE SET TABLE DATE TIMESTAMP ROW CONVERT MATCH FOR")),
    *sorted(words("ra decl objects objects.ra nDiaSources tns_name alert.isDipole fast fast.classdict fast.timestamp alert * alert.*")),
    *sorted(words("0 1 2.5 1e3 .5 1e999 0x1F 'SN' \"g\" '%' '$.a' '' '2026-11-25' x'41' N'a' é \u202e")),
    "\n",
    *FUNCTIONS,
    *SPELLINGS,
    *(f"{name}(" for name in FUNCTIONS),
    "watchlist:7",
    "watchlist:8 AS w",
    "objects o",
    "LEADING",
    "OFFSET",
    "USING (diaObjectId)",
    "ON o.diaObjectId = alert.diaObjectId",
    "'%Y-%m-%d'",
    "area:3&4",
    "annotator:fast",
]


def understood(*texts: str) -> Tree | FilterError:
    try:
        return parse_filter(*(parse_statement(*texts) if len(texts) == 1 else texts))
    except FilterError as error:
        return error


@settings(deadline=None, max_examples=400)
@given(selected=st.lists(st.sampled_from(WORDS), max_size=12), conditions=st.lists(st.sampled_from(WORDS), max_size=16), tight=st.booleans())
def test_words_in_any_order(selected: list[str], conditions: list[str], tight: bool) -> None:
    between = "" if tight else " "
    for texts in ((between.join(selected) or "ra", "objects, alert, annotator:fast", ""), ("ra", "objects, alert, annotator:fast", between.join(conditions))):
        tree = understood(*texts)
        if isinstance(tree, FilterError):
            assert tree.why
            assert tree.part in ("selected", "conditions")
            assert 0 <= tree.place[0] <= tree.place[1] <= len(tree.text) + 1
            assert str(tree).count("\n") >= 2
            continue
        for node in [item.node for item in tree.selected] + [tree.conditions] * (tree.conditions is not None):
            as_polars(node, Context.at(NOW))
        as_sql(tree, "postgresql", NOW)


@settings(deadline=None, max_examples=200)
@given(soup=st.lists(st.sampled_from(WORDS), max_size=16), tables=st.text(max_size=20) | st.lists(st.sampled_from(WORDS), max_size=4).map(", ".join))
def test_statements_and_tables_of_anything(soup: list[str], tables: str) -> None:
    for texts in (("ra", tables, ""), ("SELECT " + " ".join(soup),), ("SELECT ra FROM " + " ".join(soup),)):
        found = understood(*texts)
        assert isinstance(found, Tree) or (found.code and str(found))
