"""From a condition to a term: a comparison of one expression with what the filter states, which the compiled loop knows.

`flux > 3`, `-2.5*log10(g/r) BETWEEN 0 AND 1` and `class IN ('SN', 'NT')` are such comparisons. Any other condition is an expression
itself, which must be true. In both cases what is not a bare column is evaluated once, however many filters have it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
import polars as pl

from ._kernels import AMONG, CONDITIONS, INTEGERS, IS_NULL, NOT_AMONG, NOT_NULL, NUMBERS, OUTSIDE, TRUE, WITHIN
from .frames import Source
from .patterns import folded
from .to_polars import Context, as_polars
from .tree import Column, Kind, Node, Operation, Value, nodes

NOW = "now"
"""The column that has the moment of a run; no column of a table is named so, as theirs have the table before them."""

_LEAST, _MOST = -(2**63), 2**63 - 1

_EXACT_FLOATS = 2.0**53
"""Below this every integer is a double, so that it makes no difference that integers are compared with a number as doubles."""

_LONGEST = 32
"""A term goes through a list of this many values; longer ones are looked up by Polars."""

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
"""A comparison, and the one that means the same with its sides exchanged."""

_NEGATED = {WITHIN: OUTSIDE, OUTSIDE: WITHIN, AMONG: NOT_AMONG, NOT_AMONG: AMONG, IS_NULL: NOT_NULL, NOT_NULL: IS_NULL}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Expression:
    """A node that filters evaluate, the same object for all of them.

    Parameters
    ----------
    node : with columns that name their sources.
    polars : what it is compiled to.
    inputs : the columns that it needs.
    has_clock : whether it needs the moment too, as a column of the name `NOW`.
    """

    node: Node
    polars: pl.Expr
    inputs: tuple[tuple[Source, str], ...]
    has_clock: bool

    @property
    def is_column(self) -> bool:
        """Whether nothing need be evaluated."""
        return isinstance(self.node, Column)

    @property
    def store(self) -> int:
        """Which of the compiled loop's stores its values are in."""
        return {Kind.number: NUMBERS, Kind.boolean: CONDITIONS}.get(self.node.kind, INTEGERS)

    @property
    def many(self) -> Source | None:
        """The source with several rows an alert that it needs; None without any."""
        return next((source for source, _ in self.inputs if source.many), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """A comparison; see `_kernels.TERM`. Values that are texts have their letters small."""

    expression: Expression
    test: int
    low: float = -math.inf
    high: float = math.inf
    least: int = _LEAST
    most: int = _MOST
    values: tuple[int | float | str, ...] = field(default=())


class Expressions:
    """The expressions of all filters; those that no filter has any more are forgotten."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[Node, Expression] = WeakValueDictionary()

    def of(self, node: Node, sources: Iterable[Source]) -> Expression:
        """Return the expression of a node whose columns name these sources."""
        known = self._known.get(node)
        if known is None:
            named = {str(source): source for source in sources}
            inputs = {(named[column.source], column.name): None for column in nodes(node) if isinstance(column, Column)}
            polars = as_polars(node, Context(now=pl.col(NOW)))
            known = Expression(node=node, polars=polars, inputs=tuple(inputs), has_clock=NOW in polars.meta.root_names())
            self._known[node] = known
        return known


def term_of(condition: Node, share: Callable[[Node], Expression]) -> Term:
    """Return the term that a condition is; `share` gives the expression of a node."""
    return _simple(condition, share) or Term(expression=share(condition), test=TRUE)


def _simple(condition: Node, share: Callable[[Node], Expression]) -> Term | None:
    """Return the term of a condition that is a comparison with what the filter states; None if it is none."""
    if not isinstance(condition, Operation):
        return None
    name, arguments = condition.name, condition.arguments
    if name == "not":
        (negated,) = arguments
        term = _simple(negated, share)
        return None if term is None else replace(term, test=_NEGATED[term.test])
    if name in _FLIPPED and isinstance(arguments[0], Value):
        name, arguments = _FLIPPED[name], arguments[::-1]
    node, *stated = arguments
    if isinstance(node, Value) or not all(isinstance(one, Value) and one.value is not None for one in stated):
        return None
    return _stated(name, node, [one.value for one in stated if isinstance(one, Value)], share)


def _stated(name: str, node: Node, stated: list[Any], share: Callable[[Node], Expression]) -> Term | None:
    """Return the term of a comparison with values that are not NULL; None if it is none that the loop knows."""
    if name == "is_null" and node.kind is not Kind.boolean:
        return Term(expression=share(node), test=IS_NULL)
    if name not in {*_FLIPPED, "in"} or len(stated) > _LONGEST:
        return None
    if node.kind is Kind.text and name in {"=", "<>", "in"}:
        return _of_text(name, share(node), stated)
    if node.kind in {Kind.number, Kind.integer} and all(_is_number(one) for one in stated):
        return _of_number(name, share(node), stated)
    return None


def _of_number(name: str, expression: Expression, stated: list[Any]) -> Term | None:
    is_whole = expression.node.kind is Kind.integer
    if is_whole and any(isinstance(one, float) for one in stated) and max(map(abs, stated)) >= _EXACT_FLOATS:
        return None
    if name == "in":
        return Term(expression=expression, test=AMONG, values=_whole(stated) if is_whole else tuple(map(float, stated)))
    return _integer_bounds(name, expression, stated[0]) if is_whole else _number_bounds(name, expression, float(stated[0]))


def _of_text(name: str, expression: Expression, stated: list[Any]) -> Term | None:
    if not all(isinstance(one, str) for one in stated):
        return None
    values = tuple(folded(one) for one in stated)
    return Term(expression=expression, test=NOT_AMONG if name == "<>" else AMONG, values=values)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole(stated: list[Any]) -> tuple[int, ...]:
    """Return the values that an integer can have at all."""
    return tuple(int(one) for one in stated if one == int(one) and _LEAST <= one <= _MOST)


def _number_bounds(name: str, expression: Expression, value: float) -> Term:
    below, above = float(np.nextafter(value, -math.inf)), float(np.nextafter(value, math.inf))
    bounds = {"<": (-math.inf, below), "<=": (-math.inf, value), ">": (above, math.inf), ">=": (value, math.inf)}
    low, high = bounds.get(name, (value, value))
    return Term(expression=expression, test=OUTSIDE if name == "<>" else WITHIN, low=low, high=high)


def _integer_bounds(name: str, expression: Expression, value: float) -> Term:
    floor, ceiling = math.floor(value), math.ceil(value)
    bounds = {"<": (_LEAST, ceiling - 1), "<=": (_LEAST, floor), ">": (floor + 1, _MOST), ">=": (ceiling, _MOST)}
    least, most = bounds.get(name, (ceiling, floor))
    # Bounds that no integer lies within stay so when they are brought into 64 bits.
    empty = least > most or least > _MOST or most < _LEAST
    least, most = (1, 0) if empty else (max(least, _LEAST), min(most, _MOST))
    return Term(expression=expression, test=OUTSIDE if name == "<>" else WITHIN, least=least, most=most)
