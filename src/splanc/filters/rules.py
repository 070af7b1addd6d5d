"""What a rule says of an operation: the form of the rows in the table of operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

from . import reach as reaches
from ._sql_forms import call
from .reach import Reach
from .tree import Kind


class Take(Enum):
    """What an argument may be, and what it is made before an engine sees it."""

    condition = "condition"
    number = "number"
    alike = "any, all of one kind"
    numeric = "number, exact if all are integers"
    whole = "whole number; others are rounded"
    ordered = "number or moment, all of one kind"
    text = "text"
    moment = "moment"
    json = "json"
    any = "any"
    given_text = "text in quotes"
    given_count = "whole number as written"
    given_unit = "unit of time"


GIVEN = frozenset({Take.given_text, Take.given_count, Take.given_unit})
"""What must stand in the filter as it is, because engines need to know it before they run."""

Gives: TypeAlias = Kind | None
"""The kind of a result; None: that of the arguments that are alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One operation.

    Parameters
    ----------
    name : in trees.
    takes : what each argument may be.
    optional : how many of the last arguments may be left out.
    repeats : whether the last argument may be given again and again.
    polars : from arguments to an expression; `GIVEN` arguments come as plain values.
    sql : from printed arguments to a printed expression of PostgreSQL.
    duckdb : the same of DuckDB, where it differs.
    careful : the same as `polars` and `sql` where `reach` cannot vouch for the result.
    weight, careful_weight : how often a form mentions each of its arguments, at most.
    clock : whether its forms are given the moment of the run.
    folds : whether the case of letters in its texts does not matter.
    says : what it gives, for the documentation.
    words : how users write it as a function; none for operators.
    example : for the documentation.
    """

    name: str
    takes: tuple[Take, ...] = ()
    gives: Gives = Kind.number
    optional: int = 0
    repeats: bool = False
    polars: Callable[..., Any]
    sql: Callable[..., str]
    duckdb: Callable[..., str] | None = None
    careful: tuple[Callable[..., Any], Callable[..., str]] | None = None
    reach: Callable[..., Reach] = reaches.unknown
    weight: int = 1
    careful_weight: int = 1
    clock: bool = False
    folds: bool = False
    says: str
    words: tuple[str, ...] = ()
    example: str = ""


def function(name: str, polars: Callable[..., Any], says: str, /, example: str, **other: Any) -> Rule:
    """Return the rule of a function of one number, printed by its own name, unless it is said otherwise."""
    said = {"takes": (Take.number,), "sql": call(name), "words": (name,), **other}
    return Rule(name=name, polars=polars, says=says, example=example, **said)
