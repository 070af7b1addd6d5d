"""How large and how small the values of a node can be: so that only those results are checked that could leave double precision.

A reach is the least magnitude of what is not zero, and the greatest magnitude.
"""

from __future__ import annotations

import sys
from typing import TypeAlias

Reach: TypeAlias = tuple[float, float]

LARGEST, SMALLEST = sys.float_info.max, 5e-324
"""The largest double, and the smallest that is not zero."""

ANY: Reach = (SMALLEST, LARGEST)
"""Nothing is known."""

COLUMN_REACH: Reach = (1e-100, 1e100)
"""What columns are taken to hold, beside zero: fluxes, times, places and what is computed of them stay far inside."""

INTEGER_REACH: Reach = (1.0, 9.3e18)
"""Of 64 bits."""

MODERATE: Reach = (1e-150, 1e150)
"""Of numbers read from texts, which are refused beyond it."""

SAFE: Reach = (1e-290, 1e300)
"""Results within need no check: neither PostgreSQL nor anybody else can fail on the way."""

_ROUNDING = 2.0**-54
"""A difference that is not zero is at least this part of the smaller operand."""


def is_safe(reach: Reach) -> bool:
    """Return whether results of a reach need no check."""
    return reach[0] >= SAFE[0] and reach[1] <= SAFE[1]


def of_all(*reaches: Reach) -> Reach:
    """Return the reach of one of several values."""
    return min((low for low, _ in reaches), default=1.0), max((high for _, high in reaches), default=1.0)


def of_values(*reaches: Reach) -> Reach:
    """Return the reach of a CASE, whose every second argument is a condition."""
    return of_all(*reaches)


def total(*reaches: Reach) -> Reach:
    """Return the reach of a sum or a difference."""
    return min(low for low, _ in reaches) * _ROUNDING, sum(high for _, high in reaches)


def product(one: Reach, other: Reach) -> Reach:
    """Return the reach of a product."""
    return one[0] * other[0], one[1] * other[1]


def quotient(one: Reach, other: Reach) -> Reach:
    """Return the reach of a quotient."""
    return one[0] / max(other[1], SMALLEST), one[1] / max(other[0], SMALLEST)


def remainder(_one: Reach, other: Reach) -> Reach:
    """Return the reach of a remainder, which is smaller than what is divided by."""
    return SMALLEST, other[1]


def root(reach: Reach) -> Reach:
    """Return the reach of a square root."""
    return reach[0] ** 0.5, reach[1] ** 0.5


def logarithm(*_reaches: Reach) -> Reach:
    """Return the reach of a logarithm, a magnitude or the like: a double has no more than 1,100 in it."""
    return 1e-40, 1e40


def sine(reach: Reach) -> Reach:
    """Return the reach of a sine: of a small angle it is the angle."""
    return min(reach[0] * 0.5, 1e-30), 1.0


def angle(*_reaches: Reach) -> Reach:
    """Return the reach of an angle that was computed from what may be tiny."""
    return SMALLEST, 400.0


def unknown(*_reaches: Reach) -> Reach:
    """Return the reach of what nothing is known of."""
    return ANY


def whole(*_reaches: Reach) -> Reach:
    """Return the reach of an integer."""
    return INTEGER_REACH


def moderate(*_reaches: Reach) -> Reach:
    """Return the reach of a number that was read from a text."""
    return MODERATE


def rounded(reach: Reach, *_digits: Reach) -> Reach:
    """Return the reach of what is rounded to at most 15 digits after the point."""
    return 1e-15, reach[1] + 2.0**53
