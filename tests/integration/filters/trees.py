"""Trees of every operation, and rows for them: what the test of one meaning draws from."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pyarrow as pa
from hypothesis import strategies as st

from splanc.errors import FilterError
from splanc.filters._calendar import LETTERS, UNIT_MONTHS, UNIT_US
from splanc.filters._polars_moments import OFFSETS
from splanc.filters.fitting import operation
from splanc.filters.grammar import Text, words
from splanc.filters.operations import OPERATIONS, taken
from splanc.filters.rules import GIVEN, Rule, Take
from splanc.filters.scope import find_column, scope_of
from splanc.filters.tree import Kind, Node, Operation, Value
from splanc.filters.weighing import check_weight

NOW = datetime(2026, 11, 25, 3, 4, 5, 678901, tzinfo=UTC)
TABLES = "objects, alert, annotator:fast"
SCOPE = scope_of(Text(part="tables", text=TABLES)).of(Text(part="conditions", text=""))

COLUMNS = {
    Kind.number: ["objects.g_psfFlux", "objects.ra", "objects.decl", "objects.ebv", "alert.psfFlux", "alert.midpointMjdTai"],
    Kind.integer: ["objects.diaObjectId", "objects.nDiaSources", "alert.visit", "alert.detector"],
    Kind.boolean: ["alert.isDipole", "alert.isNegative"],
    Kind.text: ["objects.latestPairColourBands", "objects.tns_name", "fast.classification", "alert.band"],
    Kind.moment: ["fast.timestamp"],
    Kind.json: ["fast.classdict"],
}
"""The columns that the rows have, by kind; each is drawn from the values below, NULL among them."""

FLOATS = [0.0, 1.0, -1.0, 0.5, -2.5, 2.5, 0.49999999999999994, 1e-100, -1e-100, 1e100, -1e100, 1e15, 123456789.5, 4503599627370497.5, 57.3, 89.999999]
FLOATS_32 = [0.0, 1.0, -1.0, 0.1, -2.5, 3.4e38, -3.4e38, 1e-38, 1234.5, 16777216.0]
INTEGERS = [0, 1, -1, 2, 7, -7, 366, 1999, 739986, 2**53 + 1, 2**63 - 1, -(2**63), 313637921267122191]
INTEGERS_32 = [0, 1, -1, 3, 2**31 - 1, -(2**31)]
TEXTS = ["", "SN", "sn", "g-r", "AT 2026ab_c%", " padded ", "1.5", "-3e2", "é", "naïve Ünï", "100%", "it's", 'a"b', "\t", "x" * 30]
DATES = ["2026-11-25", "25.11.2026", "1.2.2026 3:04", "20240229", "[5/1/2027 07:08:09]", "2023-02-29", "2024-02-29 23:59:59.5", "1900-02-29", "2026-1-5"]
MOMENTS = [
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2024, 12, 30, tzinfo=UTC),
    datetime(2026, 12, 31, 12, tzinfo=UTC),
    datetime(2027, 1, 3, tzinfo=UTC),
    datetime(1000, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    NOW,
]
DOCUMENTS = [{}, {"a": 1}, {"a": -2.5, "b-c": [1, "x", None]}, {"a": {"b": "SN"}}, {"a": "7"}, {"a": None, "b-c": [{"d": 3}]}, {"a": True}, {"a": "[x"}]

_DRAWN: Mapping[str, list[Any]] = {"double": FLOATS, "float": FLOATS_32, "int64": INTEGERS, "int32": INTEGERS_32, "bool": [True, False]}


def rows(count: int, seed: int) -> dict[str, pl.DataFrame]:
    """Return the rows of each table by its alias, the same number of each, one of a kind for each object."""
    chance = random.Random(seed)
    frames: dict[str, dict[str, pl.Series]] = {joined.alias: {} for joined in SCOPE.joined}
    for names in COLUMNS.values():
        for name in names:
            alias, column = name.split(".")
            kind = find_column(SCOPE, alias, column, (0, 0)).kind
            frames[alias][column] = _series(column, _type_of(alias, column), kind, chance, count)
    ids = pl.Series("diaObjectId", [*INTEGERS, *range(100, 100 + count - len(INTEGERS))])
    frames["objects"]["diaObjectId"] = ids
    frames["objects"]["alertDiaSourceId"] = frames["alert"]["diaSourceId"] = pl.Series(range(count), dtype=pl.Int64)
    frames["fast"]["diaObjectId"] = ids
    frames["fast"]["topic"] = pl.Series(["fast"] * count)
    return {alias: pl.DataFrame({name: series.alias(name) for name, series in columns.items()}) for alias, columns in frames.items()}


def _type_of(alias: str, column: str) -> pa.DataType:
    from splanc.filters.tables import TABLES as DECLARED

    return DECLARED["annotator" if alias == "fast" else alias].columns.field(column).type


def _series(name: str, data_type: pa.DataType, kind: Kind, chance: random.Random, count: int) -> pl.Series:
    if kind is Kind.json:
        drawn: list[Any] = [json.dumps(document) for document in DOCUMENTS]
    elif kind is Kind.moment:
        drawn = MOMENTS
    else:
        drawn = [*TEXTS, *DATES, *"ugrizyG"] if kind is Kind.text else _DRAWN[str(data_type)]
    dtypes = {"double": pl.Float64, "float": pl.Float32, "int64": pl.Int64, "int32": pl.Int32, "bool": pl.Boolean}
    dtype = pl.Datetime("us", "UTC") if kind is Kind.moment else dtypes.get(str(data_type), pl.String)
    return pl.Series(name, [chance.choice([*drawn, None]) for _ in range(count)], dtype=dtype)


def values(kind: Kind) -> st.SearchStrategy[Node]:
    """Values of a kind, NULL among them."""
    drawn: dict[Kind, st.SearchStrategy[Any]] = {
        Kind.number: st.sampled_from([*FLOATS, 1.7976931348623157e308, 5e-324, -1e308, 1e-308, 1e200, 1e-200, 31.4]) | st.floats(-1e6, 1e6),
        Kind.integer: st.sampled_from(INTEGERS) | st.integers(-5, 5),
        Kind.boolean: st.booleans(),
        Kind.text: st.sampled_from([*TEXTS, *DATES, *"ugrizy"]),
        Kind.moment: st.sampled_from(MOMENTS).map(lambda moment: (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)),
        Kind.json: st.nothing(),
    }
    return (drawn[kind] | (st.none() if kind is not Kind.json else st.nothing())).map(lambda value: Value(value=value, kind=kind))


def columns(kind: Kind) -> st.SearchStrategy[Node]:
    """Columns of a kind."""
    return st.sampled_from(COLUMNS[kind]).map(lambda name: find_column(SCOPE, *name.split("."), (0, 0)))


KINDS = [kind for kind in Kind if kind is not Kind.null]

APPROXIMATE = words("exp ln log10 log2 log_to pow sin cos tan cot asin acos atan atan2 flux2mag mag2flux abmag angsep")
"""Operations whose last digit depends on the library of mathematics; what is computed of their results may differ in any digit."""

PATHS = ["$.a", '$."b-c"[1]', '$."b-c"[0].d', "$.a.b", "$.z", '$."b-c"']
_ENDS = ["x", "xx", " ", "a", "SN", "%", ".", "\t", "it"]
GIVEN_VALUES: Mapping[str, tuple[st.SearchStrategy[Any], ...]] = {
    "like": (st.sampled_from(["%", "sn", "S_", "%b\\_c\\%", "\\%", "_", "%é%", "", "g-%", "%'%", "a.b", "[a]", "%\t"]),),
    "round": (st.integers(-3, 15),),
    "truncate": (st.integers(-3, 15),),
    "concat_ws": (st.sampled_from(["", "-", "'"]),),
    "left": (st.integers(0, 5),),
    "right": (st.integers(0, 5),),
    "substring": (st.integers(1, 5), st.integers(0, 5)),
    "replace": (st.sampled_from(["a", "SN", "é", "'"]), st.sampled_from(["", "b", "."])),
    "locate": (st.sampled_from(["n", "b_", "%", "é", "SN", "'"]),),
    "trim_leading": (st.sampled_from(_ENDS),),
    "trim_trailing": (st.sampled_from(_ENDS),),
    "trim_both": (st.sampled_from(_ENDS),),
    "substring_index": (st.sampled_from(["-", "x", "xx", "%", "é", "'"]), st.integers(-3, 3)),
    "timestampdiff": (st.sampled_from([*UNIT_US, *UNIT_MONTHS]),),
    "shifted": (st.integers(-40, 40) | st.sampled_from([1000, -1000]), st.sampled_from(list(OFFSETS))),
    "week": (st.integers(0, 7),),
    "yearweek": (st.integers(0, 7),),
    "date_format": (st.lists(st.sampled_from([*(f"%{letter}" for letter in LETTERS), "%%", " ", "-", "T", "7", "'", '"', "é"]), min_size=1).map("".join),),
    "str_to_date": (st.sampled_from(["%Y-%m-%d", "%d.%m.%Y", "%e.%c.%Y %k:%i", "%Y%m%d", "[%d/%m/%Y %T]", "%Y-%m-%d %H:%i:%s.%f"]),),
    "json_value": (st.sampled_from(PATHS),),
}
"""What stands in a filter as such, for the operations that need it."""


@st.composite
def nodes(draw: st.DrawFn, kind: Kind, depth: int, *, exact: bool = False) -> Node:
    """Nodes of a kind."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(columns(kind) if kind is Kind.json else st.one_of(columns(kind), columns(kind), values(kind)))
    rules = [rule for rule in OPERATIONS.values() if (rule.gives or kind) is kind and _can_give(rule, kind) and not (exact and rule.name in APPROXIMATE)]
    return draw(operations(draw(st.sampled_from(rules)), depth, kind, exact=exact))


def _can_give(rule: Rule, kind: Kind) -> bool:
    if rule.gives is not None:
        return True
    return kind is not Kind.json and (Take.ordered not in rule.takes or kind in (Kind.integer, Kind.number, Kind.moment))


@st.composite
def operations(draw: st.DrawFn, rule: Rule, depth: int, kind: Kind | None = None, *, exact: bool = False) -> Operation:
    """Operations of a rule; those that would be refused for their size are drawn again."""
    least = len(rule.takes) - rule.optional + (rule.name == "case")
    count = draw(st.integers(least, max(least, len(rule.takes) + 2 * rule.repeats)))
    if rule.name in ("and", "or"):
        count = max(count, 2)
    if rule.name == "case":
        count = draw(st.sampled_from([3, 5]))
    together = kind if rule.gives is None and kind else draw(st.sampled_from(_comparable(rule)))
    given = iter(GIVEN_VALUES.get(rule.name, ()))
    arguments = [draw(_argument(rule, take, together, depth - 1, given, exact=exact)) for take in taken(rule, count)]
    try:
        found = operation(SCOPE, rule.name, arguments, (0, 0))
        check_weight(SCOPE.text, found)
    except FilterError:
        return draw(operations(rule, max(depth - 1, 1), kind, exact=exact))
    return found


def _comparable(rule: Rule) -> list[Kind]:
    if Take.ordered in rule.takes:
        return [Kind.integer, Kind.number, Kind.moment]
    return [kind for kind in KINDS if kind is not Kind.json]


def _argument(rule: Rule, take: Take, together: Kind, depth: int, given: Any, *, exact: bool) -> st.SearchStrategy[Node]:
    if take in GIVEN:
        kind = Kind.integer if take is Take.given_count else Kind.text
        return next(given).map(lambda value: Value(value=value, kind=kind))
    if take in (Take.alike, Take.ordered):
        numeric = (Kind.integer, Kind.number)
        return st.one_of(*(nodes(kind, depth, exact=exact) for kind in (numeric if together in numeric and rule.gives is not None else (together,))))
    if rule.name == "plain":
        return operations(OPERATIONS["json_value"], 1)
    if take is Take.json:
        return columns(Kind.json)
    kinds = {
        Take.condition: [Kind.boolean],
        Take.number: [Kind.number, Kind.number, Kind.integer],
        Take.numeric: [Kind.integer],
        Take.whole: [Kind.integer, Kind.number],
        Take.text: [Kind.text, Kind.text, Kind.json],
        Take.moment: [Kind.moment],
        Take.any: KINDS,
    }[take]
    below = exact or take in (Take.number, Take.numeric, Take.whole, Take.text)
    return st.one_of(*(nodes(kind, depth, exact=below) for kind in kinds))
