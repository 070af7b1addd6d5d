"""Operations on texts, moments and JSON documents, and those that make one kind of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl

from ..night import MJD_1970
from . import _polars_forms as in_polars
from . import _sql_forms as in_sql
from . import reach as reaches
from .rules import Rule, Take, function
from .tree import Kind

_CONDITION, _NUMBER, _NUMERIC, _TEXT, _MOMENT = Take.condition, Take.number, Take.numeric, Take.text, Take.moment
_JSON, _GIVEN, _COUNT, _UNIT = Take.json, Take.given_text, Take.given_count, Take.given_unit

TAI_UTC_SECONDS = 37.0
"""TAI - UTC since 2017, which is before any alert."""


def _of_text(name: str, polars: Callable[..., Any], says: str, /, example: str, **other: Any) -> Rule:
    """Return the rule of a function of one text, unless it is said otherwise."""
    return function(name, polars, says, example, **{"takes": (_TEXT,), "gives": Kind.text, **other})


TEXTS = (
    _of_text("lower", in_polars.fold, "with the letters A to Z small", "lower(name)", words=("lower", "lcase"), sql=in_sql.fold, duckdb=in_sql.fold_duckdb),
    _of_text(
        "upper", in_polars.unfold, "with the letters a to z large", "upper(name)", words=("upper", "ucase"), sql=in_sql.unfold, duckdb=in_sql.unfold_duckdb
    ),
    _of_text(
        "length",
        lambda x: x.str.len_bytes().cast(pl.Int64),
        "how many bytes it has",
        "length(name)",
        words=("length", "octet_length"),
        gives=Kind.integer,
        sql=in_sql.count_of("octet_length"),
        duckdb=in_sql.count_of("strlen"),
    ),
    _of_text(
        "char_length",
        lambda x: x.str.len_chars().cast(pl.Int64),
        "how many characters it has",
        "char_length(name)",
        words=("char_length", "character_length"),
        gives=Kind.integer,
        sql=in_sql.count_of("length"),
    ),
    _of_text(
        "concat",
        pl.concat_str,
        "all in a row; NULL if one is NULL",
        'concat(tns_prefix, " ", tns_name)',
        repeats=True,
        sql=in_sql.infix("||"),
    ),
    _of_text(
        "concat_ws",
        lambda between, *x: pl.concat_str(*x, separator=between, ignore_nulls=True),
        "those that are not NULL in a row, with the first between them",
        'concat_ws("-", tns_prefix, tns_name)',
        takes=(_GIVEN, _TEXT),
        repeats=True,
        sql=lambda between, *x: in_sql.call("concat_ws")(in_sql.quoted(between), *x),
    ),
    _of_text("left", in_polars.left, "the first characters, so many", "left(name, 3)", takes=(_TEXT, _COUNT), sql=lambda x, n: f"left({x}, {n})"),
    _of_text("right", in_polars.right, "the last characters, so many", "right(name, 3)", takes=(_TEXT, _COUNT), sql=lambda x, n: f"right({x}, {n})"),
    _of_text(
        "substring",
        in_polars.substring,
        "the characters from a place on, which counts from 1, all or so many",
        "substring(name, 3, 4)",
        takes=(_TEXT, _COUNT, _COUNT),
        optional=1,
        words=("substring", "substr", "mid"),
        sql=lambda x, *n: f"substr({', '.join((x, *map(str, n)))})",
    ),
    _of_text("trim", lambda x: x.str.strip_chars(" "), "without spaces at its ends", "trim(name)", sql=lambda x: f"trim({x})"),
    _of_text("ltrim", lambda x: x.str.strip_chars_start(" "), "without spaces before it", "ltrim(name)"),
    _of_text("rtrim", lambda x: x.str.strip_chars_end(" "), "without spaces after it", "rtrim(name)"),
    _of_text(
        "replace",
        lambda x, old, new: x.str.replace_all(old, new, literal=True),
        "with each occurrence of the second replaced by the third, which may not be longer; the case of letters matters",
        'replace(name, "_", " ")',
        takes=(_TEXT, _GIVEN, _GIVEN),
        sql=lambda x, old, new: f"replace({x}, {in_sql.quoted(old)}, {in_sql.quoted(new)})",
    ),
    _of_text(
        "locate",
        in_polars.position,
        "where the first stands in the second, from 1; 0 where it does not",
        'locate("SN", name)',
        takes=(_GIVEN, _TEXT),
        words=("locate", "position"),
        gives=Kind.integer,
        sql=in_sql.position,
        folds=True,
        weight=3,
    ),
    _of_text("reverse", lambda x: x.str.reverse(), "from its end to its beginning", "reverse(name)"),
)


def _part(name: str, polars: Callable[..., Any], says: str, words: tuple[str, ...] = ()) -> Rule:
    field = in_sql.field("doy" if name == "dayofyear" else name)
    return function(name, polars, says, f"{name}(timestamp)", takes=(_MOMENT,), gives=Kind.integer, words=words or (name,), sql=field)


DATES = (
    function(
        "unix_timestamp",
        in_polars.seconds,
        "seconds since 1970, of now if nothing is given",
        "unix_timestamp(timestamp)",
        takes=(_MOMENT,),
        sql=in_sql.seconds,
        duckdb=in_sql.seconds_duckdb,
        reach=lambda _: (1e-7, 1e15),
    ),
    function(
        "from_unixtime",
        in_polars.from_seconds,
        "the moment so many seconds after the beginning of 1970; NULL before it and after 2096",
        "from_unixtime(1790000000)",
        gives=Kind.moment,
        sql=in_sql.from_seconds,
        duckdb=in_sql.from_seconds_duckdb,
        weight=3,
    ),
    function("date", lambda x: x.dt.truncate("1d"), "the beginning of its day", "date(timestamp)", takes=(_MOMENT,), gives=Kind.moment, sql=in_sql.midnight),
    _part("year", lambda x: x.dt.year().cast(pl.Int64), "its year"),
    _part("month", lambda x: x.dt.month().cast(pl.Int64), "its month, from 1"),
    _part("day", lambda x: x.dt.day().cast(pl.Int64), "its day of the month", ("day", "dayofmonth")),
    _part("dayofyear", lambda x: x.dt.ordinal_day().cast(pl.Int64), "its day of the year, from 1"),
    _part("hour", lambda x: x.dt.hour().cast(pl.Int64), "its hour"),
    _part("minute", lambda x: x.dt.minute().cast(pl.Int64), "its minute"),
    _part("second", lambda x: x.dt.second().cast(pl.Int64), "its whole second"),
    function(
        "datediff",
        in_polars.days_between,
        "the days from the second's date to the first's",
        "datediff(now(), timestamp)",
        takes=(_MOMENT, _MOMENT),
        gives=Kind.integer,
        sql=in_sql.days_between,
        duckdb=in_sql.days_between_duckdb,
        weight=3,
    ),
    function(
        "timestampdiff",
        in_polars.units_between,
        "how many whole units (second, minute, hour, day, week) pass from the first moment to the second",
        "timestampdiff(hour, timestamp, now())",
        takes=(_UNIT, _MOMENT, _MOMENT),
        gives=Kind.integer,
        sql=in_sql.units_between,
        duckdb=in_sql.units_between_duckdb,
        weight=3,
    ),
    Rule(
        name="shifted",
        takes=(_MOMENT, _COUNT, _UNIT),
        gives=Kind.moment,
        polars=in_polars.shifted,
        sql=in_sql.shifted,
        says="a moment plus or minus INTERVAL n SECOND, MINUTE, HOUR, DAY, WEEK, MONTH or YEAR; as a function `date_add`, `date_sub`",
    ),
)

JSON = (
    Rule(
        name="json_value",
        takes=(_JSON, _GIVEN),
        gives=Kind.json,
        polars=in_polars.json_value,
        sql=in_sql.json_value,
        duckdb=in_sql.json_value_duckdb,
        weight=2,
        says='what is at a path such as `$.a."b-c"[0]`: a text or a number, as what it is used with asks; NULL if it is a list or an object',
        words=("json_value", "json_extract"),
        example='json_extract(classdict, "$.score") > 0.5',
    ),
)

CONVERSIONS = (
    Rule(
        name="as_number",
        takes=(_TEXT,),
        polars=in_polars.as_number,
        sql=in_sql.as_number,
        duckdb=in_sql.as_number_duckdb,
        reach=reaches.moderate,
        weight=2,
        says="a text as the number that it is, NULL if it is none: CAST(x AS DOUBLE)",
    ),
    Rule(name="as_double", takes=(_NUMBER,), polars=lambda x: x, sql=lambda x: x, reach=reaches.of_all, says="an integer as a number: CAST(x AS DOUBLE)"),
    Rule(
        name="as_integer",
        takes=(_NUMBER,),
        gives=Kind.integer,
        polars=in_polars.as_integer,
        sql=in_sql.as_integer,
        weight=6,
        says="a number as the nearest integer, NULL if it has more than 64 bits: CAST(x AS SIGNED)",
    ),
    Rule(
        name="as_count",
        takes=(_CONDITION,),
        gives=Kind.integer,
        polars=lambda x: x.cast(pl.Int64),
        sql=in_sql.boolean,
        says="a condition as 1 or 0, where it is used as a number",
    ),
    Rule(
        name="as_text",
        takes=(_NUMERIC,),
        gives=Kind.text,
        polars=lambda x: x.cast(pl.String),
        sql=in_sql.cast("text"),
        says="an integer as text, where it is used as one: CAST(x AS CHAR)",
    ),
    Rule(name="plain", takes=(Take.any,), gives=Kind.text, polars=lambda x: x, sql=lambda x: x, says="what is in a JSON document as text"),
)


def mjd_tai(microseconds: int) -> float:
    """Return a moment, µs since 1970 (UTC), as MJD (TAI), days.

    >>> mjd_tai(1_783_000_000_000_000)
    61223.370798611114
    """
    return (microseconds / 1e6 + TAI_UTC_SECONDS) / in_polars.SECONDS_A_DAY + MJD_1970


CLOCKS = (
    Rule(
        name="now",
        clock=True,
        gives=Kind.moment,
        polars=lambda now: now,
        sql=in_sql.moment,
        says="the present moment, the same for all alerts of a run",
        words=("now", "utc_timestamp", "current_timestamp", "sysdate"),
        example="now()",
    ),
    Rule(
        name="mjdnow",
        clock=True,
        polars=lambda now: in_polars.per(in_polars.seconds(now) + TAI_UTC_SECONDS, in_polars.SECONDS_A_DAY) + MJD_1970,
        sql=lambda now: in_sql.double(mjd_tai(now)),
        reach=lambda: (1.0, 1e7),
        says="the present moment as MJD (TAI), days, like the survey's times",
        words=("mjdnow",),
        example="mjdnow() - lastDiaSourceMjdTai",
    ),
)
"""Operations without arguments that the engines give the moment of the run, as µs since 1970 or a column."""
