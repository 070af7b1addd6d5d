"""A tree as an expression of Polars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import polars as pl

from . import _polars_forms as forms
from .operations import OPERATIONS, taken, widened
from .patterns import folded
from .reach import Reach
from .rules import GIVEN, Rule
from .tree import Column, Kind, Node, Operation, Value
from .weighing import is_careful, reach_of

DTYPES = {
    Kind.boolean: pl.Boolean(),
    Kind.integer: pl.Int64(),
    Kind.number: pl.Float64(),
    Kind.text: pl.String(),
    Kind.json: pl.String(),
    Kind.moment: pl.Datetime("us", "UTC"),
    Kind.null: pl.Null(),
}
"""What values of each kind are in Polars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a run gives to all filters.

    Parameters
    ----------
    now : the present moment (UTC), an expression: a value, or a column of the frame for rows of several moments.
    """

    now: pl.Expr

    @classmethod
    def at(cls, moment: datetime) -> Context:
        """Return the context of a run at a moment, which must have a time zone."""
        return cls(now=pl.lit(moment, dtype=DTYPES[Kind.moment]))


def as_polars(node: Node, context: Context) -> pl.Expr:
    """Return an expression over columns that are named `alias.name`.

    A column alone keeps the type that it has; in all else integers are widened to 64 bits and numbers to double precision.
    Columns must hold NULL, and never NaN or infinity, where there is no number, and JSON documents as text.

    Parameters
    ----------
    context : with the moment that now() and mjdnow() give.
    """
    return pl.col(f"{node.source}.{node.name}") if isinstance(node, Column) else _expression(node, context)[0]


def _expression(node: Node, context: Context) -> tuple[pl.Expr, Reach]:
    if isinstance(node, Column):
        column = pl.col(f"{node.source}.{node.name}")
        return column.cast(DTYPES[node.kind]) if node.kind in (Kind.integer, Kind.number) else column, reach_of(node)
    if isinstance(node, Value):
        return _value(node), reach_of(node)
    rule = OPERATIONS[node.name]
    if not rule.takes and rule.clock:
        return _settled(rule.polars(context.now), node.kind), reach_of(node)
    short = _of_text_and_values(node, context)
    if short is not None:
        return short, reach_of(node)
    arguments, reaches = _arguments(node, rule, context)
    careful = rule.careful if is_careful(rule, reaches) else None
    return _settled((careful[0] if careful else rule.polars)(*arguments), node.kind), reach_of(node, reaches)


def _settled(expression: pl.Expr, kind: Kind) -> pl.Expr:
    """Return an expression, computed now if no column is in it: what Polars makes of values alone may not fit a frame's height."""
    if expression.meta.root_names():
        return expression
    plain = expression.dt.epoch("us") if kind is Kind.moment else expression
    return _value(Value(value=pl.select(plain.cast(pl.Int64() if kind is Kind.moment else DTYPES[kind])).item(), kind=kind))


def _value(node: Value) -> pl.Expr:
    if node.kind is Kind.moment and node.value is not None:
        return pl.lit(node.value, dtype=pl.Int64()).cast(DTYPES[Kind.moment])
    return pl.lit(node.value, dtype=DTYPES[node.kind])


def _arguments(node: Operation, rule: Rule, context: Context) -> tuple[list[Any], tuple[Reach, ...]]:
    takes = taken(rule, len(node.arguments))
    arguments: list[Any] = []
    reaches = []
    for argument, take, is_widened in zip(node.arguments, takes, widened(node.arguments, takes), strict=True):
        expression, reach = _expression(argument, context)
        reaches.append(reach)
        if take in GIVEN and isinstance(argument, Value):
            arguments.append(argument.value)
        elif is_widened:
            arguments.append(_value(replace(argument, kind=Kind.number)) if isinstance(argument, Value) else expression.cast(pl.Float64))
        elif rule.folds and argument.kind is Kind.text:
            arguments.append(_folded(argument, expression))
        else:
            arguments.append(expression)
    return arguments, tuple(reaches)


def _folded(argument: Node, expression: pl.Expr) -> pl.Expr:
    if isinstance(argument, Value):
        return pl.lit(folded(argument.value) if isinstance(argument.value, str) else None, dtype=pl.String())
    return _settled(forms.fold(expression), Kind.text)


def _of_text_and_values(node: Operation, context: Context) -> pl.Expr | None:
    """Return a short form of comparing a text with stated ones, or LIKE: a search for a pattern folds nothing."""
    if node.name not in ("=", "<>", "in", "like") or node.arguments[0].kind is not Kind.text or isinstance(node.arguments[0], Value):
        return None
    values = [argument.value for argument in node.arguments[1:] if isinstance(argument, Value) and isinstance(argument.value, str)]
    if len(values) < len(node.arguments) - 1:
        return None
    text = _expression(node.arguments[0], context)[0]
    if node.name == "like":
        return forms.like(text, values[0])
    found = forms.is_text(text, values)
    return ~found if node.name == "<>" else found
