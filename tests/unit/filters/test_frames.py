from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from splanc.filters import TABLES, Frame, Joined, Source, sources_of
from splanc.sky import healpix29
from tests.unit.filters.batches import batch_with

OBJECTS, WATCHLIST = Source("objects"), Source("watchlist", 7)


def column(frame: Frame, source: Source, name: str) -> list[object]:
    return frame.column(source, name).to_list()


def rows(frame: Frame, source: Source) -> list[tuple[int, int]]:
    return [(int(alert), int(row)) for alert, row in zip(*frame.rows(source), strict=True)]


def test_columns_are_aligned_with_alerts() -> None:
    frame = Frame.of(batch_with(4, objects=[{"alert": 1, "jump1": 0.5}, {"alert": 3, "jump1": 1.5}], sherlock_classifications=[]))
    assert column(frame, OBJECTS, "jump1") == [None, 0.5, None, 1.5]
    assert rows(frame, OBJECTS) == [(1, 0), (3, 1)]
    assert column(frame, Source("sherlock_classifications"), "z") == [None] * 4
    assert rows(frame, Source("sherlock_classifications")) == rows(frame, Source("crossmatch_tns")) == []
    assert column(frame, Source("crossmatch_tns"), "type") == [None] * 4


def test_an_object_has_what_the_archive_gives_it() -> None:
    frame = Frame.of(batch_with(3, objects=[{"alert": 0, "ra": 10.0, "decl": 20.0}, {"alert": 2, "ra": None, "decl": 3.0}]))
    assert column(frame, OBJECTS, "alertMjdTai") == [60_000.0, None, 60_002.0]
    assert column(frame, OBJECTS, "alertDiaSourceId") == [10, None, 12]
    assert column(frame, OBJECTS, "survey") == ["lsst", None, "lsst"]
    assert column(frame, OBJECTS, "objectId") == column(frame, OBJECTS, "tns_name") == [None] * 3
    cell = int(healpix29(np.array([10.0]), np.array([20.0]))[0])
    assert column(frame, OBJECTS, "healpix29") == [cell, None, None]


def test_the_alert_is_the_trigger_not_its_history() -> None:
    sources = [{"alert": alert, "diaSourceId": number} for alert, number in ((0, 5), (0, 6), (1, 7), (1, 8), (1, 9))]
    assert column(Frame.of(batch_with(2, alert=sources)), Source("alert"), "diaSourceId") == [5, 7]


def test_nan_is_null() -> None:
    frame = Frame.of(batch_with(2, objects=[{"alert": 0, "jump1": float("nan")}, {"alert": 1, "ra": float("nan")}]))
    assert column(frame, OBJECTS, "jump1") == column(frame, OBJECTS, "ra") == [None, None]


def test_a_parameter_chooses_rows_and_texts_ignore_case() -> None:
    hits = [{"alert": 0, "wl_id": 7, "name": "a"}, {"alert": 0, "wl_id": 8}, {"alert": 0, "wl_id": 7, "name": "b"}, {"alert": 2, "wl_id": 7}]
    notes = [{"alert": 1, "topic": "Fast", "url": "old"}, {"alert": 1, "topic": "slow"}, {"alert": 1, "topic": "FAST", "url": "new"}]
    frame = Frame.of(batch_with(3, watchlist=hits, annotator=notes))
    assert rows(frame, WATCHLIST) == [(0, 0), (0, 2), (2, 3)]
    assert column(frame, WATCHLIST, "name") == ["a", None, "b", None], "of all rows, as one alert may have several"
    assert rows(frame, Source("annotator", "fast")) == [(1, 2)], "of two where there should be one the later"
    assert column(frame, Source("annotator", "fast"), "url") == [None, "new", None]
    assert rows(frame, Source("watchlist", 9)) == rows(frame, Source("annotator", "none")) == []


def test_a_source_is_the_same_whatever_a_filter_calls_it() -> None:
    joined = [
        Joined(table="area", alias="ar0", parameter=3),
        Joined(table="area", alias="ar1", parameter=4),
        Joined(table="annotator", alias="x", parameter="X"),
    ]
    named = sources_of([*joined, Joined(table="area", alias="again", parameter=3)])
    assert named == {"ar0": Source("area", 3), "ar1": Source("area", 4), "x": Source("annotator", "x"), "again": Source("area", 3, 1)}
    assert [str(source) for source in named.values()] == ["area:3", "area:4", "annotator:x", "area:3#1"]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_table_that_was_stored_shows_the_same(name: str) -> None:
    rows_of_all = {"objects": [{"alert": 0, "ra": 1.0, "decl": 2.0, "jump1": float("nan")}], "watchlist": [{"alert": 1, "wl_id": 7}]}
    frame = Frame.of(batch_with(2, **rows_of_all))
    table = frame.table(name)
    assert table.column_names == ["alert", *TABLES[name].columns.names]
    again = Frame(2, {TABLES[name].rows_of: table}, now=frame.now)
    parameters = {None: None, "wl_id": 7, "ar_id": 1, "mw_id": 1, "topic": "x"}
    source = Source(name, parameters[TABLES[name].parameter])
    for column_name in TABLES[name].columns.names:
        assert frame.column(source, column_name).equals(again.column(source, column_name), null_equal=True)
    assert rows(frame, source) == rows(again, source)


def test_now_is_one_moment() -> None:
    moment = datetime(2026, 5, 4, tzinfo=UTC)
    assert Frame(1, {}, now=moment).now == moment
    assert abs((Frame(1, {}).now - datetime.now(UTC)).total_seconds()) < 5
