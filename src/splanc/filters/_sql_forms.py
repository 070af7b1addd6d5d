"""How PostgreSQL prints the operations that take more than a word; DuckDB prints most of them the same.

PostgreSQL raises errors for what has no finite result, and for results that are too small: forms ask first. A form mentions its
arguments as they are printed, each in brackets or a function of its own.
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable

from ..features import BANDS, EXTINCTION
from ._polars_forms import DEGREE, INTEGER_LIMIT, LARGE, LOG_MAX, LOG_MIN, MOST_EBV, NUMERIC, RADIAN, ZERO_POINT
from .jsonpath import steps
from .patterns import ends

DOUBLE = "double precision"
"""The type of numbers; both engines know it by this name."""


def double(value: float) -> str:
    """Return a number as SQL, to the last bit.

    >>> double(0.1)
    "CAST('0.1' AS double precision)"
    """
    return f"CAST('{value!r}' AS {DOUBLE})"


def integer(value: int) -> str:
    """Return an integer as SQL."""
    return f"CAST('{value}' AS bigint)"


def quoted(text: str) -> str:
    """Return a text as SQL.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def call(name: str) -> Callable[..., str]:
    """Return the form of a function of the same meaning."""
    return lambda *arguments: f"{name}({', '.join(arguments)})"


def infix(operator: str) -> Callable[..., str]:
    """Return the form of an operator between arguments."""
    return lambda *arguments: f"({f' {operator} '.join(arguments)})"


def where(condition: str, value: str) -> str:
    """Return a value where a condition is true, else NULL."""
    return f"CASE WHEN {condition} THEN {value} END"


def isin(value: str, *others: str) -> str:
    """Return IN."""
    return f"({value} IN ({', '.join(others)}))"


def case(*arguments: str) -> str:
    """Return CASE: conditions and values in turn, and the value of ELSE."""
    *pairs, otherwise = arguments
    branches = " ".join(f"WHEN {condition} THEN {value}" for condition, value in zip(pairs[::2], pairs[1::2], strict=True))
    return f"CASE {branches} ELSE {otherwise} END"


def unless_null(name: str) -> Callable[..., str]:
    """Return the form of a function that passes over NULL, which here is NULL if one argument is."""
    return lambda *arguments: where(" AND ".join(f"{argument} IS NOT NULL" for argument in arguments), call(name)(*arguments))


_LARGEST = double(1.7976931348623157e308)


def _at_least_one(value: str) -> str:
    """Return a magnitude that is not below 1: PostgreSQL computes with constants before it asks, and must not fail."""
    return f"greatest(abs({value}), 1)"


def _at_most_one(value: str) -> str:
    return f"least(abs({value}), 1)"


def _sum(one: str, other: str, sign: str) -> str:
    small = f"greatest(abs({one}), abs({other})) < {double(8e307)} OR least(abs({one}), abs({other})) <= 1"
    apart = f"({one} < 0) {'<>' if sign == '+' else '='} ({other} < 0)"
    return f"CASE WHEN {small} OR {apart} OR abs({one}) <= {_LARGEST} - abs({other}) THEN {one} {sign} {other} END"


def sum_carefully(one: str, other: str) -> str:
    """Return a sum, NULL where it is too large."""
    return _sum(one, other, "+")


def difference_carefully(one: str, other: str) -> str:
    """Return a difference, NULL where it is too large."""
    return _sum(one, other, "-")


def product_carefully(one: str, other: str) -> str:
    """Return a product, NULL where it is too large and 0 where it is too small."""
    tiny = f"{_at_most_one(one)} * {double(2.0**540)} <= {double(2.0**-535)} / nullif({_at_most_one(other)}, 0)"
    return (
        f"CASE WHEN {one} IS NULL OR {other} IS NULL THEN NULL WHEN {one} = 0 OR {other} = 0 THEN 0 "
        f"WHEN abs({one}) > 1 AND abs({other}) > 1 THEN CASE WHEN abs({one}) <= {_LARGEST} / {_at_least_one(other)} THEN {one} * {other} END "
        f"WHEN abs({one}) < 1 AND abs({other}) < 1 THEN CASE WHEN {tiny} THEN 0 ELSE {one} * {other} END "
        f"ELSE {one} * {other} END"
    )


def divided(one: str, other: str) -> str:
    """Return a quotient, NULL where the divisor is zero."""
    return f"({one} / nullif({other}, 0))"


def divided_carefully(one: str, other: str) -> str:
    """Return a quotient, NULL where it is not finite and 0 where it is too small."""
    tiny = f"{_at_most_one(one)} * {double(2.0**500)} <= {_at_least_one(other)} * {double(2.0**-575)}"
    return (
        f"CASE WHEN {other} IS NULL OR {other} = 0 THEN NULL WHEN {one} = 0 THEN 0 "
        f"WHEN abs({other}) < 1 THEN CASE WHEN abs({one}) <= {_LARGEST} * {_at_most_one(other)} THEN {one} / {other} END "
        f"WHEN abs({other}) > 1 AND abs({one}) < 1 THEN CASE WHEN {tiny} THEN 0 ELSE {one} / {other} END "
        f"ELSE {one} / {other} END"
    )


def whole_quotient(one: str, other: str) -> str:
    """Return what DIV gives of numbers."""
    return f"trunc({divided_carefully(one, other)})"


def remainder(one: str, other: str) -> str:
    """Return what is left of a number when as many whole others as fit are taken away; it has the sign of the first."""
    ratio = divided_carefully(one, other)
    return f"CASE WHEN abs({ratio}) < 1 THEN {one} WHEN abs({ratio}) < {double(LARGE)} THEN {one} - {other} * trunc({ratio}) END"


def remainder_of_integers(one: str, other: str) -> str:
    """Return the remainder of integers, exact; it has the sign of the first."""
    return f"CASE WHEN {other} = -1 THEN {one} - {one} ELSE {one} % nullif({other}, 0) END"


def quotient_of_integers(one: str, other: str, sign: str = "/") -> str:
    """Return what DIV gives of integers, exact."""
    least = integer(-(2**63))
    return f"CASE WHEN {other} <> -1 THEN {one} {sign} nullif({other}, 0) WHEN {other} = -1 AND {one} > {least} THEN -{one} END"


def quotient_of_integers_duckdb(one: str, other: str) -> str:
    """Return the same for DuckDB, which has a sign of its own for it."""
    return quotient_of_integers(one, other, "//")


def rounded(value: str, digits: int = 0) -> str:
    """Return a number rounded, halves to the even digit."""
    return _cut(value, digits, lambda scaled: f"round({scaled})")


def rounded_duckdb(value: str, digits: int = 0) -> str:
    """Return the same for DuckDB."""
    return _cut(value, digits, lambda scaled: f"round_even({scaled}, 0)")


def truncated(value: str, digits: int) -> str:
    """Return a number with its digits from some place on made zero."""
    return _cut(value, digits, lambda scaled: f"trunc({scaled})")


def _cut(value: str, digits: int, cut: Callable[[str], str]) -> str:
    power = double(10.0 ** abs(digits))
    to, back = ("*", "/") if digits >= 0 else ("/", "*")
    small = f"WHEN abs({value}) < {double(1e-100)} THEN 0" if digits < 0 else ""
    return f"CASE {small} WHEN abs({value}) < {double(LARGE)} THEN {cut(f'{value} {to} {power}')} {back} {power} ELSE {value} END"


def exponential(value: str) -> str:
    """Return e to a power: NULL where it is too large, 0 where it is too small for a double."""
    return f"CASE WHEN {value} < {double(LOG_MIN)} THEN 0 WHEN {value} <= {double(LOG_MAX)} THEN exp({value}) END"


def power(value: str, exponent: str) -> str:
    """Return a power; what cannot be told in real numbers, and what is too large, is NULL."""
    clamped = f"least(greatest({exponent}, {double(-1e100)}), {double(1e100)})"
    log = f"{clamped} * ln(abs({value}))"
    return (
        f"CASE WHEN {exponent} IS NULL OR {value} IS NULL THEN NULL WHEN {exponent} = 0 THEN 1 "
        f"WHEN {value} = 0 THEN CASE WHEN {exponent} > 0 THEN 0 END "
        f"WHEN {value} < 0 AND {exponent} <> floor({exponent}) THEN NULL "
        f"WHEN abs({exponent}) < {double(1e-100)} THEN 1 "
        f"WHEN {log} < {double(LOG_MIN)} THEN 0 WHEN {log} <= {double(LOG_MAX)} THEN power({value}, {clamped}) END"
    )


def root(value: str) -> str:
    """Return a square root."""
    return where(f"{value} >= 0", f"sqrt({value})")


def logarithm(name: str) -> Callable[[str], str]:
    """Return the form of a logarithm."""
    return lambda value: where(f"{value} > 0", f"{name}({value})")


def log2(value: str) -> str:
    """Return the logarithm to the base 2."""
    return where(f"{value} > 0", f"(ln({value}) / {double(math.log(2.0))})")


def log_to(base: str, value: str) -> str:
    """Return the logarithm to a base."""
    return where(f"{base} > 0 AND {base} <> 1 AND {value} > 0", f"(ln({value}) / ln({base}))")


def arc(name: str) -> Callable[[str], str]:
    """Return the form of the arc of a sine or cosine."""
    return lambda value: where(f"abs({value}) <= 1", f"{name}({value})")


def cotangent(value: str) -> str:
    """Return the cotangent."""
    return where(f"abs(tan({value})) > {double(6e-309)}", f"({double(1.0)} / tan({value}))")


def magnitude(flux: str, log10: str = "log") -> str:
    """Return the AB magnitude of a flux in nJy, NULL where it is not positive."""
    return where(f"{flux} > 0", f"({double(ZERO_POINT)} - {double(2.5)} * {log10}({flux}))")


def magnitude_duckdb(flux: str) -> str:
    """Return the same for DuckDB."""
    return magnitude(flux, "log10")


def flux(mag: str) -> str:
    """Return the flux in nJy of an AB magnitude."""
    exponent = f"(({double(ZERO_POINT)} - {mag}) / {double(2.5)})"
    return f"CASE WHEN {exponent} < {double(-300.0)} THEN 0 WHEN {exponent} <= {double(300.0)} THEN power({double(10.0)}, {exponent}) END"


def dereddened(flux_njy: str, ebv: str, band: str, log10: str = "log") -> str:
    """Return the AB magnitude of a flux in a band as it would be without the dust before it."""
    branches = " ".join(f"WHEN '{name}' THEN {double(value)}" for name, value in zip(BANDS, EXTINCTION.tolist(), strict=True))
    return where(f"abs({ebv}) <= {double(MOST_EBV)}", f"({magnitude(flux_njy, log10)} - {ebv} * CASE {band} {branches} END)")


def dereddened_duckdb(flux_njy: str, ebv: str, band: str) -> str:
    """Return the same for DuckDB."""
    return dereddened(flux_njy, ebv, band, "log10")


def separation(ra1: str, dec1: str, ra2: str, dec2: str) -> str:
    """Return the angle between two places, all in degrees; exact for places close together and far apart (Vincenty's formula)."""
    to_radian = double(RADIAN)
    one, other, between = f"({dec1} * {to_radian})", f"({dec2} * {to_radian})", f"(({ra2} - {ra1}) * {to_radian})"
    across = f"(cos({other}) * sin({between}))"
    along = f"(cos({one}) * sin({other}) - sin({one}) * cos({other}) * cos({between}))"
    adjacent = f"(sin({one}) * sin({other}) + cos({one}) * cos({other}) * cos({between}))"
    angle = f"(atan2(sqrt({across} * {across} + {along} * {along}), {adjacent}) * {double(DEGREE)})"
    return where(f"abs({dec1}) <= 90 AND abs({dec2}) <= 90 AND abs({ra1}) <= 720 AND abs({ra2}) <= 720", angle)


def settled(value: str) -> str:
    """Return a number with what is next to nothing made zero, so that its square does not become too small."""
    return f"CASE WHEN abs({value}) < {double(1e-100)} THEN 0 ELSE {value} END"


def separation_carefully(*places: str) -> str:
    """Return the same of numbers that may be next to nothing."""
    return separation(*map(settled, places))


def fold(text: str) -> str:
    """Return a text with the letters A to Z small; under the collation "C" no other letter has another case."""
    return f'(lower({text} COLLATE "C") COLLATE "C")'


def fold_duckdb(text: str) -> str:
    """Return the same for DuckDB."""
    return f"translate({text}, '{string.ascii_uppercase}', '{string.ascii_lowercase}')"


def unfold(text: str) -> str:
    """Return a text with the letters a to z large."""
    return f'upper({text} COLLATE "C")'


def unfold_duckdb(text: str) -> str:
    """Return the same for DuckDB."""
    return f"translate({text}, '{string.ascii_lowercase}', '{string.ascii_uppercase}')"


def like(text: str, pattern: str) -> str:
    """Return LIKE; a backslash takes the meaning from what follows."""
    return f"({text} LIKE {quoted(pattern)} ESCAPE '\\')"


def position(part: str, text: str) -> str:
    """Return where a text has a part, from 1; 0 where it has not."""
    return f"CAST(strpos({text}, {quoted(part)}) AS bigint)"


def count_of(name: str) -> Callable[[str], str]:
    """Return the form of a function that counts, as 64 bits."""
    return lambda text: f"CAST({name}({text}) AS bigint)"


def trimmed(side: str, text: str, part: str) -> str:
    """Return a text without a part before it, after it or both."""
    return f"regexp_replace({text}, {quoted(ends(side, part))}, '', 'g')"


def before_index(text: str, between: str, count: int, split: str = "string_to_array") -> str:
    """Return the first of the parts that stand between others in a text, or the last."""
    parts, sign = f"{split}({text}, {quoted(between)})", quoted(between)
    if count >= 0:
        return f"array_to_string(({parts})[1:{count}], {sign})"
    length = {"string_to_array": "cardinality", "string_split": "len"}[split]
    return f"array_to_string(({parts})[greatest({length}({parts}) - {-count - 1}, 1):{length}({parts})], {sign})"


def before_index_duckdb(text: str, between: str, count: int) -> str:
    """Return the same for DuckDB."""
    return before_index(text, between, count, "string_split")


def json_value(document: str, path: str) -> str:
    """Return what is at a path in a JSON document as text; NULL where that is not one value."""
    inside = ", ".join(quoted(str(step)) for step in steps(path))
    return _one_value(f"(CAST({document} AS jsonb) #>> ARRAY[{inside}])")


def json_value_duckdb(document: str, path: str) -> str:
    """Return the same for DuckDB."""
    inside = "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps(path))
    return _one_value(f"json_extract_string({document}, {quoted('$' + inside)})")


def _one_value(text: str) -> str:
    return where(f"left({text}, 1) NOT IN ('[', '{{')", text)


def as_number(text: str) -> str:
    """Return the number that a text is, NULL where it is none."""
    return where(f"({text}) ~ {quoted(NUMERIC)}", f"CAST({text} AS {DOUBLE})")


def as_number_duckdb(text: str) -> str:
    """Return the same for DuckDB."""
    return where(f"regexp_matches({text}, {quoted(NUMERIC)})", f"CAST({text} AS {DOUBLE})")


def as_integer(nearest: Callable[[str], str]) -> Callable[[str], str]:
    """Return the form of a number as the nearest integer, NULL where it does not fit into 64 bits."""
    return lambda value: where(f"abs({value}) < {double(INTEGER_LIMIT)}", f"CAST({nearest(value)} AS bigint)")


def cast(kind: str) -> Callable[[str], str]:
    """Return the form of a cast that cannot fail."""
    return lambda value: f"CAST({value} AS {kind})"


def boolean(value: str) -> str:
    """Return 1 or 0 for true or false."""
    return f"CAST(CAST({value} AS integer) AS bigint)"
