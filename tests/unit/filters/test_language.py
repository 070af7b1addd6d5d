"""What texts mean: names found, kinds made to fit, keys of the record."""

from __future__ import annotations

import re

import pytest

from splanc.errors import FilterError
from splanc.filters.language import ORDER_NOTE, parse_filter
from splanc.filters.statements import parse_statement
from splanc.filters.tables import TABLES
from splanc.filters.tree import Column, Joined, Kind, Operation, Value, columns_of


def condition(text: str, tables: str = "objects, sherlock_classifications, annotator:fast"):
    return parse_filter("objects.ra", tables, text).conditions


def test_a_plain_filter() -> None:
    tree = parse_filter("DIAOBJECTID, g_psfflux AS flux", "objects", "nDiaSources > 3 AND g_psfFlux >= 1.5e2")
    assert [(item.name, item.node) for item in tree.selected] == [
        ("diaObjectId", Column(source="objects", name="diaObjectId", kind=Kind.integer)),
        ("flux", Column(source="objects", name="g_psfFlux", kind=Kind.number)),
    ]
    assert tree.joined == (Joined(table="objects", alias="objects"),)
    count, flux = tree.conjuncts()
    assert count == Operation(
        name=">",
        arguments=(Column(source="objects", name="nDiaSources", kind=Kind.integer), Value(value=3, kind=Kind.integer)),
        kind=Kind.boolean,
    )
    assert flux.arguments[1] == Value(value=150.0, kind=Kind.number)
    assert tree.notes == ()


@pytest.mark.parametrize(
    ("tables", "joined"),
    [
        ("", [("objects", "objects", None)]),
        ("objects, objects_ext", [("objects", "objects", None)]),
        ("Watchlist:7", [("objects", "objects", None), ("watchlist", "watchlist_hits", 7)]),
        ("area:3", [("objects", "objects", None), ("area", "area_hits", 3)]),
        ("watchmap:3", [("objects", "objects", None), ("area", "area_hits", 3)]),
        ("area:3&4", [("objects", "objects", None), ("area", "ar0", 3), ("area", "ar1", 4)]),
        ("skymap:5", [("objects", "objects", None), ("skymap", "mma_area_hits", 5)]),
        ("annotator:A&b", [("objects", "objects", None), ("annotator", "a", "a"), ("annotator", "b", "b")]),
        ("annotator:a, annotator:b", [("objects", "objects", None), ("annotator", "a", "a"), ("annotator", "b", "b")]),
        ("alert, crossmatch_tns", [("objects", "objects", None), ("alert", "alert", None), ("crossmatch_tns", "crossmatch_tns", None)]),
        ("ss_objects_latest, mpc_orbits", [("ss_objects_latest", "ss_objects_latest", None), ("mpc_orbits", "mpc_orbits", None)]),
        ("mpc_orbits", [("ss_objects_latest", "ss_objects_latest", None), ("mpc_orbits", "mpc_orbits", None)]),
    ],
)
def test_tables(tables: str, joined: list[tuple[str, str, object]]) -> None:
    tree = parse_filter("*", tables, "")
    assert [(table.table, table.alias, table.parameter) for table in tree.joined] == joined


def test_a_star_is_all_columns_with_unique_keys() -> None:
    tree = parse_filter("*", "objects, sherlock_classifications", "")
    objects, sherlock = TABLES["objects"].columns.names, TABLES["sherlock_classifications"].columns.names
    assert [item.name for item in tree.selected] == objects + [name for name in sherlock if name not in objects]
    alone = parse_filter("sherlock_classifications.*, ra", "objects, sherlock_classifications", "")
    assert [item.name for item in alone.selected] == [*sherlock, "ra"]


def test_the_key_of_an_expression_is_its_text() -> None:
    tree = parse_filter("flux2mag( g_psfFlux ),\n ra + 1, `ra`", "objects", "")
    assert [item.name for item in tree.selected] == ["flux2mag( g_psfFlux )", "ra + 1", "ra"]


def test_objects_win_where_a_name_is_in_several_tables() -> None:
    assert columns_of(condition("diaObjectId > 1")) == {("objects", "diaObjectId")}
    with pytest.raises(FilterError, match="`classification` is in several tables") as caught:
        condition("classification = 'SN'")
    assert caught.value.hint == "Write `sherlock_classifications.classification` or `fast.classification`."


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("a BETWEEN 1 AND 2", "a >= 1 AND a <= 2"),
        ("a NOT BETWEEN 1 AND 2", "NOT (a >= 1 AND a <= 2)"),
        ("IF(a > 1, 2, 3) > 2", "CASE WHEN a > 1 THEN 2 ELSE 3 END > 2"),
        ("NULLIF(a, 2) > 2", "CASE WHEN a = 2 THEN NULL ELSE a END > 2"),
        ("IFNULL(a, 2) > 2", "COALESCE(a, 2) > 2"),
        ("CASE a WHEN 1 THEN 2 END > 1", "CASE WHEN a = 1 THEN 2 ELSE NULL END > 1"),
        ("a = '5'", "a = 5"),
        ("a > '5.5'", "a > 5.5"),
        ("a", "a <> 0"),
        ("NOT a", "NOT (a <> 0)"),
        ("!(a > 1)", "NOT (a > 1)"),
        ("a > 1 && a < 3 || a = 7", "(a > 1 AND a < 3) OR a = 7"),
        ("a > 1 AND (a < 3 AND a <> 2)", "a > 1 AND a < 3 AND a <> 2"),
        ("a > 1 OR a < 3 XOR a = 7 AND a = 8", "a > 1 OR (a < 3 XOR (a = 7 AND a = 8))"),
        ("a != 1", "a <> 1"),
        ("a IS NOT NULL", "NOT (a IS NULL)"),
        ("isnull(a)", "a IS NULL"),
        ("a NOT LIKE 'x%'", "NOT (a LIKE 'x%')"),
        ("a NOT IN (1, 2)", "NOT (a IN (1, 2))"),
        ("-a * 2 > 1", "(-a) * 2 > 1"),
        ("1 - 2 - a > 0", "(1 - 2) - a > 0"),
        ("log(a) > 1", "ln(a) > 1"),
        ("power(a, 2) > 1", "pow(a, 2) > 1"),
        ("a % 3 = 1", "mod(a, 3) = 1"),
        ("now() - INTERVAL 3 DAY > '2026-01-01'", "date_sub(now(), INTERVAL 3 DAY) > '2026-01-01 00:00:00'"),
        ("curdate() > '2026-01-01'", "date(now()) > '2026-01-01T00:00:00+00:00'"),
        ("instr(t, 'x') = 1", "locate('x', t) = 1"),
        ("position('x' in t) = 1", "locate('x', t) = 1"),
        ("substr(t, 2) = 'x'", "mid(t, 2) = 'x'"),
        ("substring(t FROM 2 FOR 3) = 'x'", "substring(t, 2, 3) = 'x'"),
        ("substring(t FROM 2) = 'x'", "substring(t, 2) = 'x'"),
        ("substring(t, -2) = 'x'", "IF(char_length(t) < 2, '', right(t, 2)) = 'x'"),
        ("trim('x' FROM t) = 'y'", "trim(BOTH 'x' FROM t) = 'y'"),
        ("trim(LEADING FROM t) = 'y'", "trim(LEADING ' ' FROM t) = 'y'"),
        ("CONVERT(a, DOUBLE) > 1", "CAST(a AS DOUBLE) > 1"),
        ("NVL2(a, 2, 3) > 2", "IF(a IS NULL, 3, 2) > 2"),
        ("FIELD(a, 2, 3) > 1", "CASE a WHEN 2 THEN 1 WHEN 3 THEN 2 ELSE 0 END > 1"),
        ("ELT(a, 'x', 'y') = 'x'", "CASE a WHEN 1 THEN 'x' WHEN 2 THEN 'y' END = 'x'"),
        ("strcmp(t, 'x') = 1", "CASE WHEN t < 'x' THEN -1 WHEN t > 'x' THEN 1 WHEN t = 'x' THEN 0 END = 1"),
        ("adddate(now(), 3) > now()", "now() + INTERVAL 3 DAY > now()"),
        ("subdate(now(), INTERVAL 3 WEEK) > now()", "now() - INTERVAL 3 WEEK > now()"),
        ("add_months(now(), -2) > now()", "now() - INTERVAL 2 MONTH > now()"),
        ("now() + INTERVAL 2 QUARTER > now()", "timestampadd(month, 6, now()) > now()"),
        ("TIMESTAMPDIFF(HOUR, now(), fast.timestamp) > 1", "timestampdiff(hour, now(), fast.timestamp) > 1"),
        ("extract(YEAR FROM now()) = 2026", "year(now()) = 2026"),
        ("extract(week FROM now()) = 5", "week(now()) = 5"),
        ("weekofyear(now()) = 5", "week(now(), 3) = 5"),
        ("monthname(now()) = 'May'", "date_format(now(), '%M') = 'May'"),
        ("date_format(now(), '%U') = '05'", "right(concat('0', week(now(), 0)), 2) = '05'"),
        ("date_format(now(), '%Y w%U!') = ''", "concat(date_format(now(), '%Y w'), date_format(now(), '%U'), date_format(now(), '!')) = ''"),
        ("from_unixtime(a, '%Y') = '2026'", "date_format(from_unixtime(a), '%Y') = '2026'"),
        ("DATE '2026-11-25' < now()", "CAST('2026-11-25' AS DATE) < now()"),
        ("TIMESTAMP '2026-11-25 01:02:03.5' < now()", "timestamp('2026-11-25 01:02:03.5') < now()"),
        ("localtime() > now()", "current_timestamp > now()"),
        ("CAST(t AS DATETIME(6)) > now()", "t > now()"),
        ("datediff(t, now()) > 3", "datediff(CAST(t AS DATETIME(6)), now()) > 3"),
        ("fast.classdict->'$.x' > 1", "json_extract(fast.classdict, '$.x') > 1"),
        ("fast.classdict->>'$.x' = 'y'", "json_value(fast.classdict, '$.x') = 'y'"),
        ("(a > 1) + (a > 2) = 2", "(a > 1) + (a > 2) = '2'"),
        ("a = TRUE", "a = 1"),
        ("a IS UNKNOWN", "a IS NULL"),
    ],
)
def test_texts_of_the_same_meaning(written: str, means: str) -> None:
    """`a` stands for an integer, or a text where it is compared with a pattern; `t` for a text."""

    def columns(text: str) -> str:
        return re.sub(r"\bt\b", "association_type", re.sub(r"\ba\b", "association_type" if "LIKE" in text else "nDiaSources", text))

    assert condition(columns(written)) == condition(columns(means))


@pytest.mark.parametrize(
    ("tables", "plain"),
    [
        ("objects AS o", "objects"),
        ("`objects` `O`", "objects"),
        ("objects o, objects_ext AS e", "objects, objects_ext"),
        ("watchlist:7 AS w, alert a", "watchlist:7, alert"),
        ("annotator:fast AS f", "annotator:fast"),
        ("area:3 as ra", "area:3"),
        ("ss_objects_latest s, mpc_orbits m", "ss_objects_latest, mpc_orbits"),
        ("objects o, objects o", "objects"),
    ],
)
def test_an_alias_is_another_name_and_changes_nothing(tables: str, plain: str) -> None:
    assert parse_filter("*", tables, "") == parse_filter("*", plain, "")


@pytest.mark.parametrize(
    ("tables", "joined"),
    [
        ("watchlist:7 AS a, watchlist:8 AS B", {"a": 7, "b": 8}),
        ("watchlist:7, watchlist:8 AS b", {"watchlist_hits": 7, "b": 8}),
        ("area:3 AS a, watchmap:4 AS b, watchlist:7 AS w", {"a": 3, "b": 4, "watchlist_hits": 7}),
        ("objects AS o, annotator:objects AS a", {"a": "objects"}),
    ],
)
def test_tables_that_would_be_called_the_same_are_called_by_their_aliases(tables: str, joined: dict[str, int | str]) -> None:
    assert {one.alias: one.parameter for one in parse_filter("ra", tables, "").joined if one.alias != "objects"} == joined


def test_columns_are_named_by_alias_or_table() -> None:
    tables = "objects o, objects_ext e, watchlist:7 AS W, annotator:fast f"
    assert columns_of(parse_filter("ra", tables, "o.ra > 1 AND e.decl > 1 AND O.ebv > 1 AND objects.jump1 > 1").conditions) == {
        ("objects", name) for name in ("ra", "decl", "ebv", "jump1")
    }
    assert columns_of(parse_filter("ra", tables, "w.arcsec > watchlist_hits.wl_id AND f.url = fast.url").conditions) == {
        ("watchlist_hits", "arcsec"),
        ("watchlist_hits", "wl_id"),
        ("fast", "url"),
    }
    with pytest.raises(FilterError, match="no table `p` is joined") as caught:
        parse_filter("p.ra", tables, "")
    assert caught.value.hint == "Joined are `objects`, `watchlist_hits`, `fast`, `o`, `e`, `w`, `f`."
    with pytest.raises(FilterError, match="`arcsec` is in several tables") as caught:
        parse_filter("arcsec", "watchlist:7 AS a, watchlist:8 AS b", "")
    assert caught.value.hint == "Write `a.arcsec` or `b.arcsec`."
    with pytest.raises(FilterError, match="no table `watchlist_hits` is joined") as caught:
        parse_filter("watchlist_hits.arcsec", "watchlist:7 AS a, watchlist:8 AS b", "")
    assert caught.value.hint == "Joined are `objects`, `a`, `b`."


@pytest.mark.parametrize(
    ("text", "limit", "offset"), [("LIMIT 5", 5, 0), ("LIMIT 5 OFFSET 7", 5, 7), ("LIMIT 7, 5", 5, 7), ("ra > 1 ORDER BY ra LIMIT 1 OFFSET 0", 1, 0)]
)
def test_limits(text: str, limit: int, offset: int) -> None:
    tree = parse_filter("ra", "objects", text)
    assert (tree.limit, tree.offset, tree.notes) == (limit, offset, (ORDER_NOTE,))


def test_order_and_limit_mean_nothing_on_the_stream() -> None:
    tree = parse_filter("mjdnow() - lastDiaSourceMjdTai AS since", "objects", "nDiaSources > 3 ORDER BY since DESC, ra LIMIT 20")
    assert tree.order == ((tree.selected[0].node, True), (Column(source="objects", name="ra", kind=Kind.number), False))
    assert (tree.limit, tree.notes) == (20, (ORDER_NOTE,))
    assert parse_filter("ra", "objects", "order by ra").conditions is None


@pytest.mark.parametrize(
    ("statement", "texts"),
    [
        ("SELECT ra FROM objects", ("ra", "objects", "")),
        ("select ra, decl\nfrom objects, watchlist:7\nwhere ra > 3", ("ra, decl", "objects, watchlist:7", "ra > 3")),
        ("SELECT ra FROM objects ORDER BY ra LIMIT 3", ("ra", "objects", "ORDER BY ra LIMIT 3")),
        ("SELECT 'from' AS x FROM objects WHERE x = 'where'", ("'from' AS x", "objects", "x = 'where'")),
        (
            "SELECT ra FROM objects JOIN sherlock_classifications ON objects.diaObjectId = sherlock_classifications.diaObjectId WHERE z > 1",
            ("ra", "objects, sherlock_classifications", "z > 1"),
        ),
        ("SELECT ra FROM objects INNER JOIN alert USING (diaObjectId)", ("ra", "objects, alert", "")),
        ("SELECT ra FROM objects WHERE ra > 5 ;\n", ("ra", "objects", "ra > 5")),
        ("SELECT ra FROM objects o JOIN alert AS a ON ( A.DIAOBJECTID = o.diaObjectId ), area:3", ("ra", "objects o, alert AS a, area:3", "")),
        ("SELECT ra FROM objects JOIN alert ON diaSourceId = alertDiaSourceId", ("ra", "objects, alert", "")),
        ("SELECT ra FROM alert a JOIN objects o USING (diaObjectId) WHERE ra > 1", ("ra", "alert a, objects o", "ra > 1")),
        (
            "SELECT z FROM watchlist:7 w JOIN annotator:a ON w.diaObjectId = a.diaObjectId JOIN crossmatch_tns t ON objects.tns_name = t.tns_name",
            ("z", "watchlist:7 w, annotator:a, crossmatch_tns t", ""),
        ),
        ("SELECT e FROM ss_objects_latest JOIN mpc_orbits USING (designation)", ("e", "ss_objects_latest, mpc_orbits", "")),
        ("SELECT ra FROM objects JOIN objects_ext e ON objects.diaObjectId = e.diaObjectId", ("ra", "objects, objects_ext e", "")),
    ],
)
def test_a_statement_is_three_texts(statement: str, texts: tuple[str, str, str]) -> None:
    assert parse_statement(statement) == texts
