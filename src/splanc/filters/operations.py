"""All operations that a filter may be made of: one table of what each takes and gives, and how each engine does it.

A *rule* says how Polars does an operation on columns and how PostgreSQL and DuckDB print it. They must mean the same to the last bit
where IEEE arithmetic does, so a rule avoids what engines do differently: rounding of halves, remainders, letters that are not ASCII.
PostgreSQL raises an error where others give infinity, NaN or zero; its forms ask before they compute, and give NULL.

Arguments are mentioned several times in such forms. `weight` says how often at most, and `reading` refuses trees that would grow
too large by it. Most sums and products are spared the asking: `reach` bounds the magnitude of a result by those of its arguments,
and columns are taken to hold nothing beyond `reach.COLUMN_REACH`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from . import _polars_forms as in_polars
from . import _sql_forms as in_sql
from . import reach as reaches
from ._moments import BETWEEN, CLOCKS, MADE, PARTS
from ._numbers import ARITHMETIC, ASTRONOMY, MATHEMATICS
from ._texts import CONVERSIONS, JSON, TEXTS
from .rules import Rule, Take
from .tree import Kind, Node

_WIDENED = frozenset({Take.alike, Take.ordered, Take.numeric})
"""Arguments among which an integer is made a number where another is one."""

_CONDITION, _ALIKE, _ORDERED, _TEXT, _GIVEN = Take.condition, Take.alike, Take.ordered, Take.text, Take.given_text

_LOGIC = (
    Rule(name="and", takes=(_CONDITION,), repeats=True, gives=Kind.boolean, polars=in_polars.every, sql=in_sql.infix("AND"), says="both are true"),
    Rule(name="or", takes=(_CONDITION,), repeats=True, gives=Kind.boolean, polars=in_polars.some, sql=in_sql.infix("OR"), says="one is true, or both"),
    Rule(name="xor", takes=(_CONDITION, _CONDITION), gives=Kind.boolean, polars=in_polars.either, sql=in_sql.infix("<>"), says="one is true, and not both"),
    Rule(name="not", takes=(_CONDITION,), gives=Kind.boolean, polars=lambda x: ~x, sql=lambda x: f"(NOT {x})", says="it is false"),
    Rule(
        name="is_null",
        takes=(Take.any,),
        gives=Kind.boolean,
        polars=lambda x: x.is_null(),
        sql=lambda x: f"({x} IS NULL)",
        says="1 if it is NULL, else 0; never NULL",
        words=("isnull",),
        example="isnull(z)",
    ),
    Rule(
        name="is_true",
        takes=(_CONDITION,),
        gives=Kind.boolean,
        polars=lambda x: x.fill_null(False),
        sql=lambda x: f"({x} IS TRUE)",
        says="it is true; never NULL",
    ),
    Rule(
        name="is_false",
        takes=(_CONDITION,),
        gives=Kind.boolean,
        polars=lambda x: (~x).fill_null(False),
        sql=lambda x: f"({x} IS FALSE)",
        says="it is false; never NULL",
    ),
)


def _comparison(name: str, polars: Callable[..., Any], says: str, sql: str = "") -> Rule:
    return Rule(name=name, takes=(_ALIKE, _ALIKE), gives=Kind.boolean, polars=polars, sql=in_sql.infix(sql or name), folds=True, says=says)


_COMPARISONS = (
    _comparison("=", lambda x, y: x == y, "they are equal"),
    _comparison("<>", lambda x, y: x != y, "they are not equal; also `!=`"),
    _comparison("<", lambda x, y: x < y, "the first is less"),
    _comparison("<=", lambda x, y: x <= y, "the first is less, or they are equal"),
    _comparison(">", lambda x, y: x > y, "the first is greater"),
    _comparison(">=", lambda x, y: x >= y, "the first is greater, or they are equal"),
    _comparison("<=>", in_polars.is_same, "they are equal, or both NULL; never NULL", "IS NOT DISTINCT FROM"),
    Rule(
        name="in",
        takes=(_ALIKE, _ALIKE),
        repeats=True,
        gives=Kind.boolean,
        polars=in_polars.isin,
        sql=in_sql.isin,
        folds=True,
        says="it is equal to one of a list",
    ),
    Rule(
        name="like",
        takes=(_TEXT, _GIVEN),
        gives=Kind.boolean,
        polars=in_polars.like,
        sql=in_sql.like,
        folds=True,
        says="it matches a pattern: `%` is any characters, `_` is one; after the character named by ESCAPE they are themselves",
    ),
)

_CHOICES = (
    Rule(name="case", takes=(_CONDITION, _ALIKE), gives=None, polars=in_polars.case, sql=in_sql.case, reach=reaches.of_all, says="a value by conditions"),
    Rule(
        name="coalesce",
        takes=(_ALIKE,),
        repeats=True,
        gives=None,
        polars=in_polars.coalesce,
        weight=2,
        sql=in_sql.call("coalesce"),
        reach=reaches.of_all,
        says="the first that is not NULL",
        words=("coalesce", "ifnull", "nvl"),
        example="coalesce(z, photoZ)",
    ),
    Rule(
        name="greatest",
        takes=(_ORDERED, _ORDERED),
        repeats=True,
        gives=None,
        polars=in_polars.greatest,
        sql=in_sql.unless_null("greatest"),
        reach=reaches.of_all,
        weight=2,
        says="the greatest; NULL if one is NULL",
        words=("greatest",),
        example="greatest(g_psfFlux, r_psfFlux)",
    ),
    Rule(
        name="least",
        takes=(_ORDERED, _ORDERED),
        repeats=True,
        gives=None,
        polars=in_polars.least,
        sql=in_sql.unless_null("least"),
        reach=reaches.of_all,
        weight=2,
        says="the least; NULL if one is NULL",
        words=("least",),
        example="least(ebv, 1)",
    ),
)

GROUPS: Mapping[str, tuple[Rule, ...]] = MappingProxyType(
    {
        "Conditions": (*_LOGIC, *_COMPARISONS),
        "Choices": _CHOICES,
        "Arithmetic": ARITHMETIC,
        "Mathematics": MATHEMATICS,
        "Astronomy": ASTRONOMY,
        "Texts": TEXTS,
        "Moments": (*CLOCKS, *PARTS, *MADE, *BETWEEN),
        "JSON": JSON,
        "Conversions": CONVERSIONS,
    }
)
"""All operations, as the documentation orders them."""

OPERATIONS: Mapping[str, Rule] = MappingProxyType({rule.name: rule for rules in GROUPS.values() for rule in rules})
"""All operations by the name that trees give them."""


def _words() -> dict[str, list[Rule]]:
    named: dict[str, list[Rule]] = {}
    for rule in OPERATIONS.values():
        for word in rule.words:
            named.setdefault(word, []).append(rule)
    return named


FUNCTIONS: Mapping[str, list[Rule]] = MappingProxyType(_words())
"""Operations by the name that users give them as functions; where there are several, the number of arguments decides."""


def taken(rule: Rule, count: int) -> list[Take]:
    """Return what each argument of an operation may be, given how many there are."""
    if rule.name == "case":
        return [Take.condition if at % 2 == 0 and at < count - 1 else Take.alike for at in range(count)]
    return [rule.takes[min(at, len(rule.takes) - 1)] for at in range(count)]


def widened(arguments: Sequence[Node], takes: Sequence[Take]) -> list[bool]:
    """Return which arguments are integers that engines are given as numbers: where a number is asked for, or is beside them."""
    beside = {argument.kind for argument, take in zip(arguments, takes, strict=True) if take in _WIDENED}
    asking = {Take.number, *_WIDENED} if {Kind.integer, Kind.number} <= beside else {Take.number}
    return [argument.kind is Kind.integer and take in asking for argument, take in zip(arguments, takes, strict=True)]
