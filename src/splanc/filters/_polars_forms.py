"""How Polars does the operations that take more than a word."""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_, xor
from typing import Any

import polars as pl

from ..features import BANDS, EXTINCTION
from .jsonpath import steps
from .patterns import ends, folded

Expr = pl.Expr

NOT_FINITE = [math.inf, -math.inf, math.nan]
"""What is NULL in a filter."""

LOG_MAX, LOG_MIN = 709.0, -700.0
"""Where an exponential counts as too large (NULL) and as zero: a little inside of what a double can hold."""

LARGE = 2.0**52
"""From here on doubles have no digits after the point to be rounded."""

ZERO_POINT = 31.4
"""AB magnitude of 1 nJy."""

INTEGER_LIMIT = 9.2e18
"""Beyond this a double is no integer of 64 bits."""

MOST_EBV = 1e6
"""E(B-V) beyond this is no dust, mag."""

NUMERIC = r"^[+-]?[0-9]{1,30}(\.[0-9]{0,30})?([eE][+-]?[0-9]{1,2})?$"
"""Texts that are numbers; their length keeps them far inside of what a double can hold."""


def finite(value: Expr) -> Expr:
    """Return a result, NULL where it is infinite or no number; the value is mentioned once."""
    return value.replace(NOT_FINITE, None)


def where(condition: Expr, value: Expr) -> Expr:
    """Return a value where a condition is true, else NULL."""
    return pl.when(condition).then(value)


def every(*conditions: Expr) -> Expr:
    """Return AND of conditions."""
    return reduce(and_, conditions)


def some(*conditions: Expr) -> Expr:
    """Return OR of conditions."""
    return reduce(or_, conditions)


def either(*conditions: Expr) -> Expr:
    """Return XOR of conditions."""
    return reduce(xor, conditions)


def isin(value: Expr, *others: Expr) -> Expr:
    """Return IN, as SQL means it: NULL where nothing is equal but something is NULL."""
    return reduce(or_, (value == other for other in others))


def case(*arguments: Expr) -> Expr:
    """Return CASE: conditions and values in turn, and the value of ELSE."""
    *pairs, otherwise = arguments
    chain: Any = pl
    for condition, value in zip(pairs[::2], pairs[1::2], strict=True):
        chain = chain.when(condition).then(value)
    return chain.otherwise(otherwise)


def coalesce(*values: Expr) -> Expr:
    """Return the first value that is not NULL."""
    *others, last = values
    return case(*(part for value in others for part in (value.is_not_null(), value)), last) if others else last


def greatest(*values: Expr) -> Expr:
    """Return the greatest of values, NULL if one is."""
    return where(reduce(and_, (value.is_not_null() for value in values)), pl.max_horizontal(*values))


def least(*values: Expr) -> Expr:
    """Return the least of values, NULL if one is."""
    return where(reduce(and_, (value.is_not_null() for value in values)), pl.min_horizontal(*values))


def quotient(one: Expr, other: Expr) -> Expr:
    """Return an exact quotient of doubles.

    Polars divides a column by a value by multiplying with the value's reciprocal, which is another number. So a value is made a
    column; and where both are values, Python divides.
    """
    if other.meta.root_names():
        return one / other
    if one.meta.root_names():
        return one / (one * 0.0 + other)
    values = pl.select(one=one.cast(pl.Float64), other=other.cast(pl.Float64)).row(0)
    return pl.lit(None if None in values or not values[1] else values[0] / values[1], dtype=pl.Float64)


def per(value: Expr, constant: float) -> Expr:
    """Return the exact quotient of a double and a constant."""
    return quotient(value, pl.lit(constant, dtype=pl.Float64))


def divided(one: Expr, other: Expr) -> Expr:
    """Return a quotient, NULL where the divisor is zero."""
    return where(other != 0.0, quotient(one, other))


def divided_carefully(one: Expr, other: Expr) -> Expr:
    """Return a quotient, NULL where it is not finite."""
    return finite(quotient(one, other))


def trunc(value: Expr) -> Expr:
    """Return a number without its digits after the point."""
    return value.sign() * value.abs().floor()


def whole_quotient(one: Expr, other: Expr) -> Expr:
    """Return what DIV gives of numbers."""
    return trunc(divided_carefully(one, other))


def remainder(one: Expr, other: Expr) -> Expr:
    """Return what is left of a number when as many whole others as fit are taken away; it has the sign of the first."""
    ratio = divided_carefully(one, other)
    return pl.when(ratio.abs() < 1.0).then(one).when(ratio.abs() < LARGE).then(one - other * trunc(ratio))


def remainder_of_integers(one: Expr, other: Expr) -> Expr:
    """Return the remainder of integers, exact; it has the sign of the first."""
    left = one % other
    return pl.when((left != 0) & ((one < 0) != (other < 0))).then(left - other).otherwise(left)


def quotient_of_integers(one: Expr, other: Expr) -> Expr:
    """Return what DIV gives of integers, exact."""
    possible = ~((other == -1) & (one == -(2**63)))
    return where(possible, (one - remainder_of_integers(one, other)) // other)


def rounded(value: Expr, digits: int = 0) -> Expr:
    """Return a number rounded, halves to the even digit."""
    return _cut(value, digits, lambda scaled: scaled.round(0, mode="half_to_even"))


def truncated(value: Expr, digits: int) -> Expr:
    """Return a number with its digits from some place on made zero."""
    return _cut(value, digits, trunc)


def _cut(value: Expr, digits: int, cut: Callable[[Expr], Expr]) -> Expr:
    power = 10.0 ** abs(digits)
    result = per(cut(value * power), power) if digits >= 0 else cut(per(value, power)) * power
    return pl.when(value.abs() < LARGE).then(result).otherwise(value)


def exponential(value: Expr) -> Expr:
    """Return e to a power: NULL where it is too large, 0 where it is too small for a double."""
    return pl.when(value < LOG_MIN).then(0.0).when(value <= LOG_MAX).then(value.exp())


def power(value: Expr, exponent: Expr) -> Expr:
    """Return a power; what cannot be told in real numbers, and what is too large, is NULL."""
    log = exponent * value.abs().log()
    whole_exponent = (value > 0.0) | (exponent == exponent.floor())
    return (
        pl.when(exponent == 0.0)
        .then(where(value.is_not_null(), pl.lit(1.0)))
        .when(value == 0.0)
        .then(where(exponent > 0.0, pl.lit(0.0)))
        .when(whole_exponent & (log < LOG_MIN))
        .then(0.0)
        .when(whole_exponent & (log <= LOG_MAX))
        .then(value.pow(exponent))
    )


def positive(value: Expr) -> Expr:
    """Return a number, NULL where it is not positive."""
    return where(value > 0.0, value)


def log_to(base: Expr, value: Expr) -> Expr:
    """Return the logarithm to a base."""
    return where(every(base > 0.0, base != 1.0, value > 0.0), quotient(value.log(), base.log()))


def cotangent(value: Expr) -> Expr:
    """Return the cotangent."""
    return finite(1.0 / value.tan())


def magnitude(flux: Expr) -> Expr:
    """Return the AB magnitude of a flux in nJy, NULL where it is not positive."""
    return where(flux > 0.0, ZERO_POINT - 2.5 * flux.log10())


def flux(mag: Expr) -> Expr:
    """Return the flux in nJy of an AB magnitude."""
    exponent = per(ZERO_POINT - mag, 2.5)
    return pl.when(exponent < -300.0).then(0.0).when(exponent <= 300.0).then(pl.lit(10.0).pow(exponent))


def dereddened(flux_njy: Expr, ebv: Expr, band: Expr) -> Expr:
    """Return the AB magnitude of a flux in a band as it would be without the dust before it."""
    coefficient = case(*(part for name, value in zip(BANDS, EXTINCTION.tolist(), strict=True) for part in (band == name, pl.lit(value))), pl.lit(None))
    return where(ebv.abs() <= MOST_EBV, magnitude(flux_njy) - ebv * coefficient)


def separation(ra1: Expr, dec1: Expr, ra2: Expr, dec2: Expr) -> Expr:
    """Return the angle between two places, all in degrees; exact for places close together and far apart (Vincenty's formula)."""
    one, other, between = dec1 * RADIAN, dec2 * RADIAN, (ra2 - ra1) * RADIAN
    across = other.cos() * between.sin()
    along = one.cos() * other.sin() - one.sin() * other.cos() * between.cos()
    adjacent = one.sin() * other.sin() + one.cos() * other.cos() * between.cos()
    angle = pl.arctan2((across * across + along * along).sqrt(), adjacent) * DEGREE
    return where(every(dec1.abs() <= 90.0, dec2.abs() <= 90.0, ra1.abs() <= 720.0, ra2.abs() <= 720.0), angle)


RADIAN, DEGREE = math.pi / 180.0, 180.0 / math.pi
"""A degree in radians, and the other way round."""


def is_same(one: Expr, other: Expr) -> Expr:
    """Return whether values are equal, or both NULL.

    A value stands last: before what is NULL in all rows, Polars may compare one row only.
    """
    return one.eq_missing(other) if one.meta.root_names() else other.eq_missing(one)


def fold(text: Expr) -> Expr:
    """Return a text with the letters A to Z small."""
    return text.str.replace_many(list(string.ascii_uppercase), list(string.ascii_lowercase))


def unfold(text: Expr) -> Expr:
    """Return a text with the letters a to z large."""
    return text.str.replace_many(list(string.ascii_lowercase), list(string.ascii_uppercase))


def any_case(text: str) -> str:
    r"""Return a regular expression that matches a text in whatever case its letters A to Z are.

    >>> any_case("a.B")
    '[aA]\\.[bB]'
    """
    return "".join(f"[{letter.lower()}{letter.upper()}]" if letter in string.ascii_letters else pl.escape_regex(letter) for letter in text)


def is_text(text: Expr, values: Sequence[str]) -> Expr:
    """Return whether a text is one of several, whatever the case of A to Z."""
    return text.str.contains(rf"\A(?:{'|'.join(map(any_case, values))})\z")


def like(text: Expr, pattern: str) -> Expr:
    """Return LIKE, whatever the case of A to Z; in the pattern a backslash takes the meaning from what follows."""
    parts, escaped = [], False
    for character in pattern:
        if character == "\\" and not escaped:
            escaped = True
            continue
        parts.append(any_case(character) if escaped or character not in "%_" else ".*" if character == "%" else ".")
        escaped = False
    return text.str.contains(rf"(?s)\A{''.join(parts)}\z")


def position(part: str, text: Expr) -> Expr:
    """Return where a text has a part, from 1; 0 where it has not."""
    small = fold(text)
    before = small.str.splitn(folded(part), 2).struct.field("field_0").str.len_chars()
    return pl.when(small.str.contains(folded(part), literal=True)).then(before.cast(pl.Int64) + 1).when(text.is_not_null()).then(0)


def left(text: Expr, count: int) -> Expr:
    """Return the first characters of a text."""
    return text.str.slice(0, count)


def right(text: Expr, count: int) -> Expr:
    """Return the last characters of a text."""
    return text.str.tail(count) if count else text.str.head(0)


def substring(text: Expr, start: int, count: int | None = None) -> Expr:
    """Return the characters of a text from a place on, which counts from 1."""
    return text.str.slice(start - 1, count)


def trimmed(side: str, text: Expr, part: str) -> Expr:
    """Return a text without a part before it, after it or both."""
    return text.str.replace_all(ends(side, part), "")


def before_index(text: Expr, between: str, count: int) -> Expr:
    """Return the first of the parts that stand between others in a text, or the last."""
    parts = text.str.split(between).list
    return (parts.head(count) if count >= 0 else parts.tail(-count)).list.join(between)


def json_value(document: Expr, path: str) -> Expr:
    """Return what is at a path in a JSON document as text; NULL where that is not one value."""
    inside = "".join(f"[{step}]" if isinstance(step, int) else f"['{step}']" for step in steps(path))
    text = document.str.json_path_match(f"${inside}")
    return where(~text.str.contains(r"^[\[{]"), text)


def as_number(text: Expr) -> Expr:
    """Return the number that a text is, NULL where it is none."""
    return where(text.str.contains(NUMERIC), text).cast(pl.Float64, strict=False)


def as_integer(value: Expr) -> Expr:
    """Return a number as the nearest integer, NULL where it does not fit into 64 bits."""
    return where(value.abs() < INTEGER_LIMIT, rounded(value)).cast(pl.Int64)
