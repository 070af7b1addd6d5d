"""What operations give, by values that are known otherwise: that engines agree is tested elsewhere."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from astropy.coordinates import angular_separation

from splanc.filters.language import parse_filter
from splanc.filters.to_polars import Context, as_polars
from splanc.filters.to_sql import as_sql
from splanc.filters.tree import Column, Kind

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ROW = pl.DataFrame(
    {
        "objects.ra": [10.0],
        "objects.g_psfFlux": pl.Series([0.1], dtype=pl.Float32),
        "objects.nDiaSources": pl.Series([7], dtype=pl.Int32),
        "objects.diaObjectId": [9007199254740993],
        "objects.ebv": pl.Series([None], dtype=pl.Float32),
        "objects.tns_name": ["Héllo_World"],
        "objects.latestPairColourBands": pl.Series([None], dtype=pl.String),
        "alert.isDipole": [True],
        "fast.classdict": ['{"a": {"b": "SN Ia"}, "p": 0.25, "list": [1, 2], "none": null, "odd-key": "7"}'],
    }
)


def value(text: str) -> Any:
    tree = parse_filter(f"{text} AS x", "objects, alert, annotator:fast", "")
    return ROW.select(as_polars(tree.selected[0].node, Context.at(NOW)))[0, 0]


NULL, TEXT, JSON = "ebv", "tns_name", "classdict"

KNOWN: list[tuple[str, Any]] = [
    ("1 + 2 * 3", 7.0),
    ("7 / 2", 3.5),
    ("7 DIV 2", 3),
    ("-7 DIV 2", -3),
    ("7.5 DIV 2", 3.0),
    ("-7 % 3", -1),
    ("mod(7.5, 2)", 1.5),
    ("mod(diaObjectId, 10)", 3),
    ("1 / 0", None),
    ("nDiaSources DIV 0", None),
    ("nDiaSources % 0", None),
    ("1e308 * 10", None),
    ("1e308 + 1e308", None),
    ("diaObjectId = 9007199254740993", True),
    ("diaObjectId = 9007199254740992", False),
    ("g_psfFlux = 0.1", False),
    ("g_psfFlux > 0.1", True),
    ("abs(-2.5)", 2.5),
    ("sign(-2.5)", -1),
    ("ceil(-2.5)", -2.0),
    ("floor(-2.5)", -3.0),
    ("round(2.5)", 2.0),
    ("round(-3.5)", -4.0),
    ("round(1.255, 1)", 1.3),
    ("round(1255, -2)", 1300.0),
    ("truncate(-1.29, 1)", -1.2),
    ("sqrt(-1)", None),
    ("pow(2, 10)", 1024.0),
    ("pow(-8, 1/3)", None),
    ("pow(0, -1)", None),
    ("exp(1000)", None),
    ("ln(0)", None),
    ("log(-1)", None),
    ("log10(1000)", 3.0),
    ("log2(8)", 3.0),
    ("log(3, 9)", 2.0),
    ("degrees(pi())", 180.0),
    ("atan2(1, -1)", 3 * math.pi / 4),
    ("acos(2)", None),
    ("cot(0)", None),
    ("flux2mag(3630.780547701013)", 22.5),
    ("flux2mag(-5)", None),
    ("mag2flux(31.4)", 1.0),
    ("abmag(1000, 0.1, 'G')", 31.4 - 7.5 - 0.3237),
    ("abmag(1000, 0.1, 'q')", None),
    ("mjdnow()", 61369.5 + 37 / 86400),
    ("now() = '2026-11-25 12:00:00'", True),
    ("date(now()) = '2026-11-25'", True),
    ("year(now() - INTERVAL 11 MONTH)", 2025),
    ("day('2024-01-31' + INTERVAL 1 MONTH)", 29),
    ("datediff(now(), '2026-11-24 23:59:59')", 1),
    ("timestampdiff(hour, '2026-11-25', now())", 12),
    ("unix_timestamp('1970-01-02')", 86400.0),
    ("from_unixtime(86400) = '1970-01-02'", True),
    (f"length({TEXT})", 12),
    (f"char_length({TEXT})", 11),
    (f"upper({TEXT})", "HéLLO_WORLD"),
    (f"{TEXT} = 'héLLO_world'", True),
    (f"{TEXT} LIKE 'h_llo%'", True),
    (f"{TEXT} LIKE '%!_W%' ESCAPE '!'", True),
    (f"{TEXT} LIKE '%!%W%' ESCAPE '!'", False),
    (f"{TEXT} IN ('x', 'HÉllo_World')", False),
    (f"locate('L', {TEXT})", 3),
    (f"substring({TEXT}, 2, 3)", "éll"),
    (f"right({TEXT}, 5)", "World"),
    (f"concat_ws('-', {TEXT}, latestPairColourBands, 'x')", "Héllo_World-x"),
    (f"concat({TEXT}, latestPairColourBands)", None),
    ("concat(nDiaSources, '/', diaObjectId)", "7/9007199254740993"),
    (f"replace({TEXT}, 'l', '')", "Héo_Word"),
    (f"{NULL} IS NULL", True),
    (f"{NULL} = 1 OR 1 = 1", True),
    (f"{NULL} = 1 AND 1 = 2", False),
    (f"{NULL} = 1 AND 1 = 1", None),
    (f"NOT {NULL} = 1", None),
    (f"{NULL} <=> NULL", True),
    (f"{NULL} IN (1, 2)", None),
    ("nDiaSources NOT IN (1, NULL)", None),
    ("nDiaSources IN (7, NULL)", True),
    (f"({NULL} > 1) IS TRUE", False),
    (f"({NULL} > 1) IS NOT TRUE", True),
    (f"greatest(1, {NULL})", None),
    (f"coalesce({NULL}, nDiaSources, 5)", 7.0),
    ("nullif(nDiaSources, 7)", None),
    (f"CASE WHEN {NULL} > 1 THEN 'a' WHEN ra > 5 THEN 'b' END", "b"),
    ("isDipole + 1", 2.0),
    ("isDipole = 1 XOR ra > 5", False),
    ("'12' + 1", 13.0),
    (f"{JSON}->>'$.a.b'", "SN Ia"),
    (f"{JSON}->'$.a.b' = 'sn ia'", True),
    (f"json_extract({JSON}, '$.p') * 2", 0.5),
    (f"json_extract({JSON}, '$.list[1]') + 1", 3.0),
    (f"json_extract({JSON}, '$.list')", None),
    (f"json_value({JSON}, '$.none') IS NULL", True),
    (f"json_value({JSON}, '$.\"odd-key\"') > 6", True),
    (f"json_value({JSON}, '$.a.b') > 6", None),
    ("CAST('12.5' AS DOUBLE)", 12.5),
    ("CAST(12.5 AS SIGNED)", 12),
    ("CAST(1e30 AS SIGNED)", None),
    (f"CAST({TEXT} AS DOUBLE)", None),
    ("CAST(nDiaSources AS CHAR)", "7"),
]


@pytest.mark.parametrize(("text", "expected"), KNOWN, ids=[text for text, _ in KNOWN])
def test_known_values(text: str, expected: Any) -> None:
    found = value(text)
    assert type(found) is type(expected)
    assert found == (pytest.approx(expected, rel=1e-13) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    "places",
    [(10.0, 20.0, 10.0, 20.0), (10.0, 20.0, 10.0 + 1e-9, 20.0), (359.9999, 0.0, 0.0001, 0.0), (0.0, 90.0, 123.0, 89.0), (10.0, -20.0, 190.0, 20.0 - 1e-7)],
)
def test_separations_are_exact_near_and_far(places: tuple[float, float, float, float]) -> None:
    expected = math.degrees(angular_separation(*map(math.radians, places)))
    assert value("angsep({}, {}, {}, {})".format(*places)) == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_a_column_alone_keeps_its_type() -> None:
    node = parse_filter("g_psfFlux", "objects", "").selected[0].node
    assert ROW.select(as_polars(node, Context.at(NOW))).dtypes == [pl.Float32]
    assert as_sql(parse_filter("g_psfFlux", "objects", ""), "duckdb", NOW).startswith('SELECT "objects"."g_psfflux" AS "g_psfFlux" FROM')
    assert isinstance(node, Column)
    assert node.kind is Kind.number


def test_the_moment_may_be_a_column() -> None:
    node = parse_filter("mjdnow() - ra AS x", "objects", "").selected[0].node
    rows = pl.DataFrame({"objects.ra": [1.0, 1.0], "at": [NOW, NOW.replace(day=26)]})
    first, second = rows.select(x=as_polars(node, Context(now=pl.col("at"))))["x"]
    assert second - first == pytest.approx(1.0, abs=1e-9)


def test_quotes_in_names_and_texts_stay_inside() -> None:
    tree = parse_filter('ra AS `a"b`', "objects", "tns_name = 'it''s' OR tns_name = \"a'b\"")
    text = as_sql(tree, "postgresql", NOW)
    assert 'AS "a""b"' in text
    assert "CAST('it''s' AS text)" in text
    assert "CAST('a''b' AS text)" in text


def test_limits_of_rows_go_together() -> None:
    tree = parse_filter("ra", "objects", "ra > 5 LIMIT 20")
    assert as_sql(tree, "postgresql", NOW, most_rows=10).endswith(" LIMIT 10")
    assert as_sql(tree, "postgresql", NOW, most_rows=30).endswith(" LIMIT 20")
    tree = parse_filter("ra", "objects", "ra > 5 LIMIT 7, 20")
    assert as_sql(tree, "duckdb", NOW, most_rows=10).endswith(" LIMIT 10 OFFSET 7")


@pytest.mark.parametrize(
    "text", ["greatest(1, 2)", "CASE WHEN isDipole THEN greatest(NULL, 2) ELSE least(3, 4) END", "now() - INTERVAL 1 DAY", "mjdnow() - 3", "NULL"]
)
def test_values_alone_fit_frames_of_any_height(text: str) -> None:
    node = parse_filter(f"{text} AS x", "objects, alert", "").selected[0].node
    rows = pl.concat([ROW] * 3)
    assert rows.select("objects.ra", x=as_polars(node, Context.at(NOW))).height == 3
    assert rows.clear().select("objects.ra", x=as_polars(node, Context.at(NOW))).height == 0
