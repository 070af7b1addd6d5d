"""How Polars does the operations on moments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from ._calendar import (
    DAY_US,
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
    in_braces,
    reading,
    written,
)
from ._polars_forms import Expr, per, where

OFFSETS: Mapping[str, str] = MappingProxyType(
    {"microsecond": "us", "second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w", "month": "mo", "year": "y"}
)
"""Units of time as Polars writes them."""


def _integer(value: Expr) -> Expr:
    return value.cast(pl.Int64)


def _from_microseconds(count: Expr) -> Expr:
    return count.cast(pl.Int64).cast(pl.Datetime("us", "UTC"))


def seconds(moment: Expr) -> Expr:
    """Return seconds since 1970."""
    return per(moment.dt.epoch("us").cast(pl.Float64), MICROSECONDS)


def from_seconds(value: Expr) -> Expr:
    """Return the moment some seconds after the beginning of 1970; NULL after 2096 and before 1970."""
    return _from_microseconds(where((value >= 0.0) & (value < 4e9), (value * MICROSECONDS).floor()))


def midnight(moment: Expr) -> Expr:
    """Return the beginning of a moment's day."""
    return moment.dt.truncate("1d")


def whole_second(moment: Expr) -> Expr:
    """Return a moment without its fraction of a second."""
    return moment.dt.truncate("1s")


def last_day(moment: Expr) -> Expr:
    """Return the beginning of the last day of a moment's month."""
    return moment.dt.month_end().dt.truncate("1d")


def year(moment: Expr) -> Expr:
    """Return a moment's year."""
    return _integer(moment.dt.year())


def quarter(moment: Expr) -> Expr:
    """Return a moment's quarter of the year, from 1."""
    return _integer(moment.dt.quarter())


def month(moment: Expr) -> Expr:
    """Return a moment's month, from 1."""
    return _integer(moment.dt.month())


def day(moment: Expr) -> Expr:
    """Return a moment's day of the month."""
    return _integer(moment.dt.day())


def day_of_year(moment: Expr) -> Expr:
    """Return a moment's day of the year, from 1."""
    return _integer(moment.dt.ordinal_day())


def day_of_week(moment: Expr) -> Expr:
    """Return a moment's day of the week, 1 for Sunday."""
    return _integer(moment.dt.weekday()) % 7 + 1


def weekday(moment: Expr) -> Expr:
    """Return a moment's day of the week, 0 for Monday."""
    return _integer(moment.dt.weekday()) - 1


def hour(moment: Expr) -> Expr:
    """Return a moment's hour."""
    return _integer(moment.dt.hour())


def minute(moment: Expr) -> Expr:
    """Return a moment's minute."""
    return _integer(moment.dt.minute())


def second(moment: Expr) -> Expr:
    """Return a moment's whole second."""
    return _integer(moment.dt.second())


def microsecond(moment: Expr) -> Expr:
    """Return a moment's fraction of a second, µs."""
    return _integer(moment.dt.microsecond())


def week(moment: Expr, mode: int = 0) -> Expr:
    """Return the number of a moment's week."""
    weeks = Weeks.of(mode)
    if weeks.of_its_year:
        return (day_of_year(moment) + (6 + weeks.deciding) - _day_in_week(moment, weeks)) // 7
    return (day_of_year(_deciding_day(moment, weeks)) + 6) // 7


def year_and_week(moment: Expr, mode: int = 0) -> Expr:
    """Return the year that a moment's week belongs to times 100, plus the week's number."""
    deciding = _deciding_day(moment, Weeks.of(mode))
    return year(deciding) * 100 + (day_of_year(deciding) + 6) // 7


def _day_in_week(moment: Expr, weeks: Weeks) -> Expr:
    return weekday(moment) if weeks.from_monday else day_of_week(moment) - 1


def _deciding_day(moment: Expr, weeks: Weeks) -> Expr:
    return moment + pl.duration(days=weeks.deciding - _day_in_week(moment, weeks))


def _epoch_day(moment: Expr) -> Expr:
    return moment.dt.epoch("us").floordiv(DAY_US)


def days_between(one: Expr, other: Expr) -> Expr:
    """Return the days from the second moment's date to the first's."""
    return _integer(_epoch_day(one) - _epoch_day(other))


def to_days(moment: Expr) -> Expr:
    """Return the number of a moment's day."""
    return _integer(_epoch_day(moment) + UNIX_DAY)


def to_seconds(moment: Expr) -> Expr:
    """Return the number of a moment's second."""
    return _integer(moment.dt.epoch("us").floordiv(MICROSECONDS) + UNIX_DAY * SECONDS_A_DAY)


def from_days(number: Expr) -> Expr:
    """Return the beginning of the day of a number; NULL where moments are none."""
    return _from_microseconds(where((number >= FIRST_DAY) & (number <= LAST_DAY), (number - UNIX_DAY) * DAY_US))


def from_year_and_day(number: Expr, of_year: Expr) -> Expr:
    """Return the beginning of a day of a year; days beyond its end are those of the next."""
    before = number - 1
    first = 365 * number + before // 4 - before // 100 + before // 400 + 1
    known = (number >= FIRST_YEAR) & (number <= LAST_YEAR) & (of_year >= 1) & (of_year <= MOST_DAYS)
    return from_days(where(known, first + of_year - 1))


def units_between(unit: str, one: Expr, other: Expr) -> Expr:
    """Return how many whole units pass from the first moment to the second."""
    if unit in UNIT_US:
        passed, length = other.dt.epoch("us") - one.dt.epoch("us"), UNIT_US[unit]
    else:
        passed, length = _months_between(one, other), UNIT_MONTHS[unit]
    return pl.when(passed < 0).then(-((-passed) // length)).otherwise(passed // length)


def _months_between(one: Expr, other: Expr) -> Expr:
    months = (year(other) - year(one)) * 12 + month(other) - month(one)
    forward = months - _integer(_in_month(other) < _in_month(one))
    return pl.when(one <= other).then(forward).otherwise(months + _integer(_in_month(one) < _in_month(other)))


def _in_month(moment: Expr) -> Expr:
    return moment.dt.epoch("us") - moment.dt.truncate("1mo").dt.epoch("us")


def shifted(moment: Expr, count: int, unit: str) -> Expr:
    """Return a moment some units later; a day that a month has not is its last; NULL where moments are none."""
    later = moment.dt.offset_by(f"{count}{OFFSETS[unit]}")
    return where((later.dt.year() >= FIRST_YEAR) & (later.dt.year() <= LAST_YEAR), later)


def formatted(moment: Expr, form: str) -> Expr:
    """Return a moment as text, in a form of letters that engines know."""
    return moment.dt.strftime(written(form, "polars"))


def from_text(text: Expr) -> Expr:
    """Return the moment that a text is, NULL where it is none."""
    known = where(text.str.contains(ZONELESS), text)
    time = pl.when(known.str.len_bytes() > 10).then(known.str.slice(11)).otherwise(pl.lit("00:00:00"))
    spelt = pl.concat_str(known.str.slice(0, 10), time, separator=" ")
    return spelt.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False).dt.replace_time_zone("UTC")


def from_text_of_form(text: Expr, form: str) -> Expr:
    """Return the moment that a text of some form is, NULL where it is none."""
    found = reading(form)
    spelt = text.str.replace(found.pattern, in_braces(found.spelt))
    return from_text(where(text.str.contains(found.pattern), spelt.str.replace_all(LONG, in_braces(SHORTENED))))
