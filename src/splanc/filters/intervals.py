"""Moments plus or minus an INTERVAL."""

from __future__ import annotations

from sqlglot import exp

from ._calendar import DAY_US, UNIT_MONTHS, UNIT_US
from .fitting import fit
from .rules import Take
from .scope import Scope
from .tree import Kind, Node, Operation, Place, Value

MOST_YEARS = 1_000
"""How far a moment may be shifted, years."""

UNITS = (*UNIT_US, *UNIT_MONTHS)
"""Units of an interval."""


def shifted(scope: Scope, moment: Node, interval: exp.Expr, sign: int, place: Place) -> Operation:
    """Return a moment plus or minus an INTERVAL.

    Raises
    ------
    FilterError
        If the interval is not a whole number of a known unit, or too long.
    """
    unit, number = str(interval.args["unit"]) if interval.args.get("unit") else "", interval.this
    negative = isinstance(number, exp.Neg)
    text = (number.this if negative else number).name if number is not None else ""
    if not text.isdigit():
        raise _no_interval(scope, place)
    return shifted_by(scope, moment, sign * (-1 if negative else 1) * int(text), unit, place)


def shifted_by(scope: Scope, moment: Node, count: int, unit: str, place: Place) -> Operation:
    """Return a moment some units later.

    Raises
    ------
    FilterError
        If there is no such unit, or they are too many.
    """
    unit = unit.lower()
    if unit not in UNITS:
        raise _no_interval(scope, place)
    years = abs(count) * (UNIT_US[unit] / DAY_US / 365 if unit in UNIT_US else UNIT_MONTHS[unit] / 12)
    if years > MOST_YEARS:
        raise scope.text.error(f"INTERVAL may be {MOST_YEARS} years long at most", code="limit", place=place)
    if unit == "quarter":
        count, unit = count * UNIT_MONTHS[unit], "month"
    stated = (Value(value=count, kind=Kind.integer), Value(value=unit, kind=Kind.text))
    return Operation(name="shifted", arguments=(fit(scope, Take.moment, moment), *stated), kind=Kind.moment, place=place)


def _no_interval(scope: Scope, place: Place) -> Exception:
    why = "INTERVAL needs a whole number and a unit of time"
    return scope.text.error(why, code="interval", place=place, hint=f"Units are {', '.join(UNITS)}.")
