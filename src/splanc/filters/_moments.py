"""Operations on moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..night import MJD_1970
from . import _polars_moments as in_polars
from . import _sql_moments as sql
from ._calendar import SECONDS_A_DAY
from ._polars_forms import per
from ._sql_forms import double
from .rules import Rule, Take, function
from .tree import Kind

_TEXT, _MOMENT, _WHOLE = Take.text, Take.moment, Take.whole
_GIVEN, _COUNT, _UNIT = Take.given_text, Take.given_count, Take.given_unit

TAI_UTC_SECONDS = 37.0
"""TAI - UTC since 2017, which is before any alert."""


def _counted(form: Callable[[sql.Form, str], sql.Form]) -> dict[str, sql.Form]:
    """Return how both engines print what counts µs since 1970, and divides."""
    return {"sql": form(sql.microseconds, "/"), "duckdb": form(sql.microseconds_duckdb, "//")}


def _part(name: str, says: str, /, polars: Callable[..., Any] | None = None, form: sql.Form | None = None, words: tuple[str, ...] = ()) -> Rule:
    """Return the rule of a part of a moment: an integer."""
    polars, form = polars or getattr(in_polars, name), form or sql.field(name)
    return function(name, polars, says, f"{name}(timestamp)", takes=(_MOMENT,), gives=Kind.integer, words=words or (name,), sql=form)


PARTS = (
    _part("year", "its year"),
    _part("quarter", "its quarter of the year, from 1"),
    _part("month", "its month, from 1"),
    _part("day", "its day of the month", words=("day", "dayofmonth")),
    _part("dayofyear", "its day of the year, from 1", in_polars.day_of_year, sql.field("doy")),
    _part("dayofweek", "its day of the week: 1 for Sunday, 7 for Saturday", in_polars.day_of_week, sql.field("dow", 1)),
    _part("weekday", "its day of the week: 0 for Monday, 6 for Sunday", form=sql.field("isodow", -1)),
    _part("hour", "its hour"),
    _part("minute", "its minute"),
    _part("second", "its whole second"),
    _part("microsecond", "its fraction of a second, µs", form=sql.microsecond),
    function(
        "week",
        in_polars.week,
        "the number of its week, counted in one of eight modes, of which 0 is meant if none is given; see below",
        "week(timestamp, 3)",
        takes=(_MOMENT, _COUNT),
        optional=1,
        gives=Kind.integer,
        sql=sql.week("/"),
        duckdb=sql.week("//"),
        weight=2,
    ),
    function(
        "yearweek",
        in_polars.year_and_week,
        "the year that its week belongs to, and the week's number, as one number such as 202601; counted in a mode from 1 to 53",
        "yearweek(timestamp, 1)",
        takes=(_MOMENT, _COUNT),
        optional=1,
        gives=Kind.integer,
        sql=sql.year_and_week("/"),
        duckdb=sql.year_and_week("//"),
        weight=4,
    ),
    function(
        "to_days",
        in_polars.to_days,
        "the number of its day, counted from the year 0",
        "to_days(timestamp)",
        takes=(_MOMENT,),
        gives=Kind.integer,
        **_counted(sql.to_days),
        weight=2,
    ),
    function(
        "to_seconds",
        in_polars.to_seconds,
        "the number of its second, counted from the year 0",
        "to_seconds(timestamp)",
        takes=(_MOMENT,),
        gives=Kind.integer,
        **_counted(sql.to_seconds),
        weight=2,
    ),
    function(
        "unix_timestamp",
        in_polars.seconds,
        "seconds since 1970, of now if nothing is given",
        "unix_timestamp(timestamp)",
        takes=(_MOMENT,),
        sql=sql.seconds(sql.microseconds),
        duckdb=sql.seconds(sql.microseconds_duckdb),
        reach=lambda _: (1e-7, 1e15),
    ),
    function(
        "date_format",
        in_polars.formatted,
        "it as text, in a form of letters after `%`; see below",
        'date_format(timestamp, "%Y-%m-%d")',
        takes=(_MOMENT, _GIVEN),
        gives=Kind.text,
        sql=sql.formatted,
        duckdb=sql.formatted_duckdb,
    ),
)
"""What is told of one moment."""


def _moment(name: str, polars: Callable[..., Any], says: str, /, example: str, **other: Any) -> Rule:
    """Return the rule of a moment that is made of others, or of numbers or texts."""
    return function(name, polars, says, example, **{"takes": (_MOMENT,), "gives": Kind.moment, **other})


MADE = (
    _moment("date", in_polars.midnight, "the beginning of its day", "date(timestamp)", sql=sql.beginning("day")),
    _moment("last_day", in_polars.last_day, "the beginning of the last day of its month", "last_day(timestamp)", sql=sql.last_day),
    Rule(
        name="whole_second",
        takes=(_MOMENT,),
        gives=Kind.moment,
        polars=in_polars.whole_second,
        sql=sql.beginning("second"),
        says="a moment without its fraction of a second: CAST(x AS DATETIME); CAST(x AS DATETIME(6)) keeps it",
    ),
    Rule(
        name="shifted",
        takes=(_MOMENT, _COUNT, _UNIT),
        gives=Kind.moment,
        polars=in_polars.shifted,
        sql=sql.shifted,
        weight=2,
        says="a moment plus or minus INTERVAL n MICROSECOND, SECOND, MINUTE, HOUR, DAY, WEEK, MONTH, QUARTER or YEAR; a day that the month has not is its last",
    ),
    _moment(
        "from_unixtime",
        in_polars.from_seconds,
        "the moment so many seconds after the beginning of 1970; NULL before it and after 2096",
        "from_unixtime(1790000000)",
        takes=(Take.number,),
        sql=sql.from_seconds(sql.later),
        duckdb=sql.from_seconds(sql.later_duckdb),
        weight=3,
    ),
    _moment(
        "from_days",
        in_polars.from_days,
        "the beginning of the day of a number, counted as `to_days` does",
        "from_days(739986)",
        takes=(_WHOLE,),
        sql=sql.from_days(sql.later),
        duckdb=sql.from_days(sql.later_duckdb),
        weight=2,
    ),
    _moment(
        "makedate",
        in_polars.from_year_and_day,
        "the beginning of a day of a year, from 1; days beyond its end are those of the next",
        "makedate(2026, 60)",
        takes=(_WHOLE, _WHOLE),
        sql=sql.from_year_and_day(sql.later, "/"),
        duckdb=sql.from_year_and_day(sql.later_duckdb, "//"),
        weight=9,
    ),
    _moment(
        "str_to_date",
        in_polars.from_text_of_form,
        "the moment that a text of a form is, NULL if it is none; see below",
        'str_to_date(name, "%d.%m.%Y")',
        takes=(_TEXT, _GIVEN),
        sql=sql.from_text_of_form(),
        duckdb=sql.from_text_of_form(sql.matches_duckdb),
        weight=3,
    ),
    Rule(
        name="as_moment",
        takes=(_TEXT,),
        gives=Kind.moment,
        polars=in_polars.from_text,
        sql=sql.from_text(),
        duckdb=sql.from_text(sql.matches_duckdb),
        weight=2,
        says="a text such as `2026-11-25 08:30:00` as the moment that it is, NULL if it is none; where a moment is needed, or CAST(x AS DATETIME(6))",
    ),
)
"""Moments that are made."""

BETWEEN = (
    function(
        "datediff",
        in_polars.days_between,
        "the days from the second's date to the first's",
        "datediff(now(), timestamp)",
        takes=(_MOMENT, _MOMENT),
        gives=Kind.integer,
        **_counted(sql.days_between),
        weight=3,
    ),
    function(
        "timestampdiff",
        in_polars.units_between,
        "how many whole units (microsecond, second, minute, hour, day, week, month, quarter, year) pass from the first moment to the second",
        "timestampdiff(hour, timestamp, now())",
        takes=(_UNIT, _MOMENT, _MOMENT),
        gives=Kind.integer,
        **_counted(sql.units_between),
        weight=9,
    ),
)
"""What passes from one moment to another."""


def mjd_tai(microseconds: int) -> float:
    """Return a moment, µs since 1970 (UTC), as MJD (TAI), days.

    >>> mjd_tai(1_783_000_000_000_000)
    61223.57450231482
    """
    return (microseconds / 1e6 + TAI_UTC_SECONDS) / SECONDS_A_DAY + MJD_1970


CLOCKS = (
    Rule(
        name="now",
        clock=True,
        gives=Kind.moment,
        polars=lambda now: now,
        sql=sql.moment,
        says="the present moment, the same for all alerts of a run",
        words=("now", "utc_timestamp", "current_timestamp", "localtime", "localtimestamp", "sysdate"),
        example="now()",
    ),
    Rule(
        name="mjdnow",
        clock=True,
        polars=lambda now: per(in_polars.seconds(now) + TAI_UTC_SECONDS, SECONDS_A_DAY) + MJD_1970,
        sql=lambda now: double(mjd_tai(now)),
        reach=lambda: (1.0, 1e7),
        says="the present moment as MJD (TAI), days, like the survey's times",
        words=("mjdnow",),
        example="mjdnow() - lastDiaSourceMjdTai",
    ),
)
"""Operations without arguments that the engines give the moment of the run, as µs since 1970 or a column."""
