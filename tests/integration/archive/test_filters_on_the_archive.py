"""Filters printed as SQL fit the archive: each table with all its columns, joined as the stream joins them."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from splanc.archive import Archive, query
from splanc.archive._query import Answer
from splanc.filters import as_sql, parse_filter
from tests.unit.archive.packets import Packet, load_of

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def dsn(archive_dsn: str) -> str:
    with Archive(archive_dsn) as archive:
        archive.load(load_of([Packet(trigger=(i, 61_041.0 + i), diaObject=i % 3 + 1) for i in range(9)]))
        archive.load(load_of([Packet(trigger=(20, 61_060.0), designation="2026 AB")]))
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("INSERT INTO objects_variability (diaobjectid) VALUES (1), (2)")
        connection.execute("INSERT INTO ss_objects_latest (ssobjectid, designation, alertdiasourceid) VALUES (7, '2026 AB', 20)")
        connection.execute("INSERT INTO sherlock_classifications (diaobjectid, classification, mag) VALUES (2, 'SN', 17.5)")
        connection.execute("INSERT INTO crossmatch_tns (tns_name) VALUES ('2026abc'); UPDATE objects SET tns_name = '2026abc' WHERE diaobjectid = 3")
        connection.execute("INSERT INTO annotations (diaobjectid, topic, classdict) VALUES (1, 'fink', '{\"a\": {\"b\": 0.5}}'), (2, 'other', '{}')")
        connection.execute("INSERT INTO watchlist_hits (diaobjectid, wl_id, cone_id) VALUES (1, 7, 1), (1, 7, 2), (2, 8, 3)")
        connection.execute("INSERT INTO area_hits VALUES (1, 3), (1, 4), (2, 3)")
        connection.execute("INSERT INTO mma_area_hits VALUES (3, 5, 0.9)")
    return archive_dsn


def found(dsn: str, selected: str, tables: str, conditions: str = "") -> Answer:
    return query(dsn, as_sql(parse_filter(selected, tables, conditions), "postgresql", NOW), seconds=20, rows=100)


@pytest.mark.parametrize(
    ("tables", "objects"),
    [
        ("objects", [1, 2, 3]),
        ("objects_ext", [1, 2, 3]),
        ("objects_variability", [1, 2]),
        ("alert", [1, 2, 3]),
        ("sherlock_classifications", [2]),
        ("crossmatch_tns", [3]),
        ("annotator:fink", [1]),
        ("watchlist:7", [1, 1]),
        ("area:3", [1, 2]),
        ("watchmap:3", [1, 2]),
        ("area:3&4", [1]),
        ("skymap:5", [3]),
    ],
)
def test_tables_are_joined_to_their_objects(dsn: str, tables: str, objects: list[int]) -> None:
    answer = found(dsn, "*", f"objects, {tables}", "ra > 0")
    place = [name.lower() for name in answer.columns].index("diaobjectid")
    assert sorted(row[place] for row in answer.rows) == objects


def test_moving_objects_are_a_base_of_their_own(dsn: str) -> None:
    assert found(dsn, "ss_objects_latest.ssObjectId, mpc_orbits.designation", "ss_objects_latest, mpc_orbits").rows == [(7, "2026 AB")]
    assert found(dsn, "ss_objects_latest.ssObjectId, alert.diaSourceId", "ss_objects_latest, alert").rows == [(7, 20)]


def test_annotations_are_read_by_path(dsn: str) -> None:
    answer = found(dsn, "objects.diaObjectId", "objects, annotator:fink", "JSON_EXTRACT(fink.classdict, '$.a.b') < 1")
    assert [row[0] for row in answer.rows] == [1]
    assert found(dsn, "objects.diaObjectId", "objects, annotator:fink", "JSON_EXTRACT(fink.classdict, '$.a.b') > 1").rows == []
