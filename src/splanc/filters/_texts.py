"""Operations on texts and JSON documents, and those that make one kind of another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import polars as pl

from . import _polars_forms as in_polars
from . import _sql_forms as in_sql
from . import reach as reaches
from .rules import Rule, Take, function
from .tree import Kind

_CONDITION, _NUMBER, _NUMERIC, _TEXT = Take.condition, Take.number, Take.numeric, Take.text
_JSON, _GIVEN, _COUNT = Take.json, Take.given_text, Take.given_count


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
        "bit_length",
        lambda x: x.str.len_bytes().cast(pl.Int64) * 8,
        "how many bits it has",
        "bit_length(name)",
        gives=Kind.integer,
        sql=in_sql.count_of("8 * octet_length"),
        duckdb=in_sql.count_of("8 * strlen"),
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
    *(
        _of_text(
            f"trim_{side}",
            partial(in_polars.trimmed, side),
            f"without the second {where}, however often it stands there: `trim({side} x FROM text)`; the case of letters matters",
            "",
            takes=(_TEXT, _GIVEN),
            words=(),
            sql=partial(in_sql.trimmed, side),
        )
        for side, where in (("leading", "before it"), ("trailing", "after it"), ("both", "at its ends"))
    ),
    _of_text(
        "substring_index",
        in_polars.before_index,
        "what stands before the second when it comes for the n-th time, or after it, counted from the end, if n is negative; the case of letters matters",
        'substring_index(name, "-", 1)',
        takes=(_TEXT, _GIVEN, _COUNT),
        sql=in_sql.before_index,
        duckdb=in_sql.before_index_duckdb,
        weight=2,
    ),
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
        sql=in_sql.as_integer(in_sql.rounded),
        duckdb=in_sql.as_integer(in_sql.rounded_duckdb),
        weight=6,
        says="a number as the nearest integer, halves the even one, NULL if it has more than 64 bits: CAST(x AS SIGNED)",
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
