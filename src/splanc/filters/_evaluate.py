"""Evaluating expressions on a frame: each once, many at a time, and what goes wrong with one is no matter of the others.

What is allowed in a filter takes a time that is proportional to the rows, so nothing runs for ever and nothing need be interrupted: it is
enough to notice afterwards what took too long.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import polars as pl
from polars.exceptions import PanicException

from ._terms import NOW, Expression
from .frames import Frame, Integers, Source
from .tree import nodes

_AT_ONCE = 250
"""Expressions that Polars evaluates in one go: enough to spread its overhead, few enough to tell who was slow."""

Places: TypeAlias = Mapping[Source | None, Integers]
"""Rows of a join: under None the alert of each, and under each source with several rows an alert the row in its table; shape (n_row,) each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What came of some expressions.

    Parameters
    ----------
    values : those that could be evaluated, one value for each alert.
    failed : why the others could not.
    seconds : what each took; of those evaluated together its share, by the size of its tree.
    """

    values: dict[Expression, pl.Series] = field(default_factory=dict)
    failed: dict[Expression, str] = field(default_factory=dict)
    seconds: dict[Expression, float] = field(default_factory=dict)


def evaluate(expressions: Sequence[Expression], frame: Frame, limit_seconds: float, found: Evaluated | None = None) -> Evaluated:
    """Return the values of expressions without sources of several rows an alert.

    Parameters
    ----------
    limit_seconds : an expression that takes longer has failed.
    found : what has been evaluated before; it is added to.
    """
    found = found or Evaluated()
    missing = [expression for expression in expressions if expression not in found.values and expression not in found.failed]
    for expression in missing:
        if expression.is_column:
            _take_column(expression, frame, found)
    others = [expression for expression in missing if not expression.is_column]
    for first in range(0, len(others), _AT_ONCE):
        _evaluate_together(others[first : first + _AT_ONCE], frame, limit_seconds, found)
    return found


def _take_column(expression: Expression, frame: Frame, found: Evaluated) -> None:
    began = time.perf_counter()
    try:
        found.values[expression] = frame.column(*expression.inputs[0])
    except (Exception, PanicException) as error:  # noqa: BLE001 - whatever a filter raises is that filter's failure
        found.failed[expression] = reason(error)
    found.seconds[expression] = time.perf_counter() - began


def _evaluate_together(expressions: Sequence[Expression], frame: Frame, limit_seconds: float, found: Evaluated) -> None:
    """Evaluate some expressions in one go; if one of them raises, or all take longer than one may, one by one."""
    began = time.perf_counter()
    try:
        values = select(expressions, frame)
    except (Exception, PanicException) as error:  # noqa: BLE001 - whatever a filter raises is that filter's failure
        if len(expressions) == 1:
            found.failed[expressions[0]] = reason(error)
            return
        values = []
    seconds = time.perf_counter() - began
    if values and (len(expressions) == 1 or seconds <= limit_seconds):
        _record(expressions, values, seconds, limit_seconds, found)
        return
    for expression in expressions:
        _evaluate_together([expression], frame, limit_seconds, found)


def _record(expressions: Sequence[Expression], values: Iterable[pl.Series], seconds: float, limit_seconds: float, found: Evaluated) -> None:
    sizes = [sum(1 for _ in nodes(expression.node)) for expression in expressions]
    for expression, series, size in zip(expressions, values, sizes, strict=True):
        found.seconds[expression] = seconds * size / sum(sizes)
        if seconds > limit_seconds:
            found.failed[expression] = too_long(seconds, limit_seconds)
        else:
            found.values[expression] = series


def select(expressions: Sequence[Expression], frame: Frame) -> list[pl.Series]:
    """Return the values of expressions, shape (n_alert,) each."""
    return list(computed(expressions, inputs_of(expressions, frame), len(frame)))


def inputs_of(expressions: Sequence[Expression], frame: Frame, places: Places | None = None) -> pl.DataFrame:
    """Return what some expressions need: for each alert, or on the rows of a join."""
    found = {}
    for source, name in (one for expression in expressions for one in expression.inputs):
        column = frame.column(source, name)
        found[f"{source}.{name}"] = column if places is None else column.gather(places[source if source.many else None])
    if any(expression.has_clock for expression in expressions):
        found[NOW] = frame.moments() if places is None else frame.moments().gather(places[None])
    return pl.DataFrame(found)


def computed(expressions: Sequence[Expression], table: pl.DataFrame, n_row: int) -> Iterator[pl.Series]:
    """Yield the values of expressions on a table that has their inputs."""
    selected = table.select([expression.polars.alias(str(place)) for place, expression in enumerate(expressions)])
    for series in selected.get_columns():
        # What names no column has one value for all rows.
        yield series if len(series) == n_row else series.new_from_index(0, n_row)


def reason(error: BaseException) -> str:
    """Return what a filter's owner is told of an error: its first line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def too_long(seconds: float, limit_seconds: float) -> str:
    """Return what a filter's owner is told if it took too long."""
    return f"took {seconds:.2f} s on one batch; the limit is {limit_seconds:g} s"
