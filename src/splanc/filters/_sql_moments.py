"""How PostgreSQL prints the operations on moments; DuckDB prints most of them the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from ._calendar import (
    DAY_US,
    EPOCH,
    FIRST_DAY,
    FIRST_YEAR,
    LAST_DAY,
    LAST_YEAR,
    LONG,
    MICROSECONDS,
    MOST_DAYS,
    SECONDS_A_DAY,
    SHORTENED,
    UNIT_MONTHS,
    UNIT_US,
    UNIX_DAY,
    ZONELESS,
    Weeks,
    reading,
    written,
)
from ._sql_forms import DOUBLE, double, quoted, where

Form = Callable[..., str]


def moment(microseconds: int) -> str:
    """Return a moment, µs since 1970 (UTC), as SQL.

    >>> moment(1_783_000_000_000_000)
    "timestamptz '2026-07-02 13:46:40+00:00'"
    """
    return f"timestamptz '{EPOCH + timedelta(microseconds=microseconds)}'"


def utc(moment: str) -> str:
    """Return a moment without its zone."""
    return f"({moment} AT TIME ZONE 'UTC')"


def _part(name: str, zoneless: str) -> str:
    return f"CAST(floor(extract({name} FROM {zoneless})) AS bigint)"


def field(name: str, plus: int = 0) -> Form:
    """Return the form of a part of a moment's date or time (UTC), plus a number."""
    return lambda moment: f"({_part(name, utc(moment))} + {plus})" if plus else _part(name, utc(moment))


def microsecond(moment: str) -> str:
    """Return a moment's fraction of a second, µs."""
    return f"({field('microseconds')(moment)} % {MICROSECONDS})"


def beginning(unit: str) -> Form:
    """Return the form of the beginning of a moment's day, or another unit (UTC)."""
    return lambda moment: f"(date_trunc('{unit}', {utc(moment)}) AT TIME ZONE 'UTC')"


def last_day(moment: str) -> str:
    """Return the beginning of the last day of a moment's month."""
    return f"((date_trunc('month', {utc(moment)}) + interval '1 month' - interval '1 day') AT TIME ZONE 'UTC')"


def microseconds(moment: str) -> str:
    """Return µs since 1970."""
    return f"CAST(extract(epoch FROM {moment}) * {MICROSECONDS} AS bigint)"


def microseconds_duckdb(moment: str) -> str:
    """Return the same for DuckDB."""
    return f"epoch_us({moment})"


def later(count: str) -> str:
    """Return the moment some µs after the beginning of 1970."""
    return f"(timestamptz '{EPOCH}' + {count} * interval '1 microsecond')"


def later_duckdb(count: str) -> str:
    """Return the same for DuckDB."""
    return f"(timestamptz '{EPOCH}' + to_microseconds({count}))"


def seconds(count: Form) -> Form:
    """Return the form of seconds since 1970, given that of µs."""
    return lambda moment: f"(CAST({count(moment)} AS {DOUBLE}) / {double(1e6)})"


def from_seconds(make: Form) -> Form:
    """Return the form of the moment some seconds after the beginning of 1970; NULL after 2096 and before 1970."""
    return lambda value: where(f"{value} >= 0 AND {value} < {double(4e9)}", make(f"CAST(floor({value} * {double(1e6)}) AS bigint)"))


def _floor(count: str, length: int, divide: str) -> str:
    return f"(({count} - (({count} % {length} + {length}) % {length})) {divide} {length})"


def days_between(count: Form, divide: str) -> Form:
    """Return the form of the days from the second moment's date to the first's."""
    return lambda one, other: f"({_floor(count(one), DAY_US, divide)} - {_floor(count(other), DAY_US, divide)})"


def to_days(count: Form, divide: str) -> Form:
    """Return the form of the number of a moment's day."""
    return lambda moment: f"({_floor(count(moment), DAY_US, divide)} + {UNIX_DAY})"


def to_seconds(count: Form, divide: str) -> Form:
    """Return the form of the number of a moment's second."""
    return lambda moment: f"({_floor(count(moment), MICROSECONDS, divide)} + {UNIX_DAY * SECONDS_A_DAY})"


def from_days(make: Form) -> Form:
    """Return the form of the beginning of the day of a number; NULL where moments are none."""
    return lambda number: where(f"{number} BETWEEN {FIRST_DAY} AND {LAST_DAY}", make(f"(({_between(number, FIRST_DAY, LAST_DAY)} - {UNIX_DAY}) * {DAY_US})"))


def from_year_and_day(make: Form, divide: str) -> Form:
    """Return the form of the beginning of a day of a year; days beyond its end are those of the next."""

    def form(year: str, of_year: str) -> str:
        number, before = _between(year, FIRST_YEAR, LAST_YEAR), f"({_between(year, FIRST_YEAR, LAST_YEAR)} - 1)"
        leaps = f"{before} {divide} 4 - {before} {divide} 100 + {before} {divide} 400"
        day = f"(365 * {number} + {leaps} + {_between(of_year, 1, MOST_DAYS)})"
        known = f"{year} BETWEEN {FIRST_YEAR} AND {LAST_YEAR} AND {of_year} BETWEEN 1 AND {MOST_DAYS}"
        return where(f"{known} AND {day} <= {LAST_DAY}", make(f"(({day} - {UNIX_DAY}) * {DAY_US})"))

    return form


def _between(value: str, least: int, most: int) -> str:
    """Return an integer brought between two: PostgreSQL computes with constants before it asks, and must not fail."""
    return f"least(greatest({value}, CAST({least} AS bigint)), {most})"


def week(divide: str) -> Form:
    """Return the form of the number of a moment's week."""

    def form(moment: str, mode: int = 0) -> str:
        weeks = Weeks.of(mode)
        if weeks.of_its_year:
            return f"(({_part('doy', utc(moment))} + {6 + weeks.deciding} - {_day_in_week(moment, weeks)}) {divide} 7)"
        return f"(({_part('doy', _deciding_day(moment, weeks))} + 6) {divide} 7)"

    return form


def year_and_week(divide: str) -> Form:
    """Return the form of the year that a moment's week belongs to times 100, plus the week's number."""

    def form(moment: str, mode: int = 0) -> str:
        deciding = _deciding_day(moment, Weeks.of(mode))
        return f"({_part('year', deciding)} * 100 + ({_part('doy', deciding)} + 6) {divide} 7)"

    return form


def _day_in_week(moment: str, weeks: Weeks) -> str:
    return f"({_part('isodow', utc(moment))} - 1)" if weeks.from_monday else _part("dow", utc(moment))


def _deciding_day(moment: str, weeks: Weeks) -> str:
    return f"(CAST({utc(moment)} AS date) + CAST({weeks.deciding} - {_day_in_week(moment, weeks)} AS integer))"


def units_between(count: Form, divide: str) -> Form:
    """Return the form of how many whole units pass from the first moment to the second."""

    def form(unit: str, one: str, other: str) -> str:
        if unit in UNIT_US:
            return f"(({count(other)} - {count(one)}) {divide} {UNIT_US[unit]})"
        return f"({_months_between(one, other)} {divide} {UNIT_MONTHS[unit]})"

    return form


def _months_between(one: str, other: str) -> str:
    months = f"({_months(other)} - {_months(one)})"
    early, late = _in_month(one), _in_month(other)
    forward, backward = f"CAST({late} < {early} AS integer)", f"CAST({early} < {late} AS integer)"
    return f"(CASE WHEN {one} <= {other} THEN {months} - {forward} ELSE {months} + {backward} END)"


def _months(moment: str) -> str:
    return f"({_part('year', utc(moment))} * 12 + {_part('month', utc(moment))})"


def _in_month(moment: str) -> str:
    return f"({utc(moment)} - date_trunc('month', {utc(moment)}))"


def shifted(moment: str, count: int, unit: str) -> str:
    """Return a moment some units later; a day that a month has not is its last; NULL where moments are none."""
    later = f"({utc(moment)} + interval '{count} {unit}')"
    return where(f"extract(year FROM {later}) BETWEEN {FIRST_YEAR} AND {LAST_YEAR}", f"({later} AT TIME ZONE 'UTC')")


def formatted(moment: str, form: str) -> str:
    """Return a moment as text, in a form of letters that engines know."""
    return f"to_char({utc(moment)}, {quoted(written(form, 'postgresql'))})"


def formatted_duckdb(moment: str, form: str) -> str:
    """Return the same for DuckDB."""
    return f"strftime({utc(moment)}, {quoted(written(form, 'duckdb'))})"


def _matches(text: str, pattern: str) -> str:
    return f"(({text}) ~ {quoted(pattern)})"


def matches_duckdb(text: str, pattern: str) -> str:
    """Return whether DuckDB finds a pattern in a text."""
    return f"regexp_matches({text}, {quoted(pattern)})"


def from_text(matches: Form = _matches) -> Form:
    """Return the form of the moment that a text is, NULL where it is none."""
    return lambda text: where(matches(text, ZONELESS), f"(CAST(replace({text}, 'T', ' ') AS timestamp) AT TIME ZONE 'UTC')")


def from_text_of_form(matches: Form = _matches) -> Form:
    """Return the form of the moment that a text of some form is, NULL where it is none."""

    def form(text: str, form: str) -> str:
        found = reading(form)
        spelt = f"regexp_replace({text}, {quoted(found.pattern)}, {quoted(found.spelt)})"
        short = f"regexp_replace({spelt}, {quoted(LONG)}, {quoted(SHORTENED)}, 'g')"
        return where(matches(text, found.pattern), from_text(matches)(short))

    return form
