from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest

from splanc.archive import LIGHTCURVE, Archive, NotMigrated, PostgresLightcurves
from splanc.errors import UpstreamError
from splanc.packet import Batch, Messages
from tests.unit.archive.packets import Packet, load_of

MJD = 61_041.2


@pytest.fixture
def store(archive_dsn: str) -> Iterator[PostgresLightcurves]:
    with PostgresLightcurves(archive_dsn) as store:
        yield store


def batch_of(packets: list[Packet]) -> Batch:
    load = load_of(packets)
    none = np.zeros(0, np.int64)
    messages = Messages(values=[], topics=[], partitions=none.astype(np.int32), offsets=none, timestamps_ms=none)
    return Batch(messages=messages, alerts=load.alerts, tables=load.tables, cutouts={}, rejects=[])


def test_light_curves_come_by_object_and_time(store: PostgresLightcurves) -> None:
    store.put(
        batch_of(
            [
                Packet(trigger=(3, MJD), diaObject=4, history=[(1, MJD - 90), (2, MJD - 2)], forced=[(8, MJD - 1), (7, MJD)]),
                Packet(trigger=(5, MJD), diaObject=2**62, history=[(6, None)]),
                Packet(trigger=(9, MJD), diaObject=77),
            ]
        )
    )
    table = store.get([2**62, 4, 12345, 4])
    assert table.schema == LIGHTCURVE
    assert table["diaObjectId"].to_pylist() == [4] * 5 + [2**62] * 2
    assert table["sourceId"].to_pylist() == [1, 2, 8, 3, 7, 5, 6]
    assert table["isForced"].to_pylist() == [False, False, True, False, True, False, False]
    assert table["midpointMjdTai"].to_pylist() == [MJD - 90, MJD - 2, MJD - 1, MJD, MJD, MJD, None]
    assert table["psfFlux"].to_pylist() == [1.0, 2.0, None, 3.0, None, 5.0, 6.0]
    assert table["band"].to_pylist() == [None, None, "r", None, "r", None, None]


def test_since_leaves_out_what_was_before(store: PostgresLightcurves) -> None:
    store.put(batch_of([Packet(trigger=(3, MJD), diaObject=4, history=[(1, MJD - 90), (2, MJD - 2), (9, None)], forced=[(8, MJD - 2.5)])]))
    assert store.get([4], since=MJD - 2)["sourceId"].to_pylist() == [2, 3]
    assert store.get([4], since=MJD + 1).num_rows == 0
    assert store.get([4]).num_rows == 5


def test_nothing_is_an_empty_table(store: PostgresLightcurves) -> None:
    assert store.get([5]).schema == LIGHTCURVE
    assert store.get([]).num_rows == 0


def test_values_come_as_they_are_stored(store: PostgresLightcurves, archive_dsn: str) -> None:
    bands = ["r", "", None, "unknown-Ω", "y\n"]
    with psycopg.connect(archive_dsn) as connection:
        for number, band in enumerate(bands):
            connection.execute(
                "INSERT INTO diasources (diasourceid, diaobjectid, midpointmjdtai, band, psfflux, reliability) VALUES (%s, 1, 61000, %s, %s, 0.25)",
                (number, band, -1e30 if number else None),
            )
        connection.execute("INSERT INTO diaforcedsources (diaforcedsourceid, diaobjectid, midpointmjdtai, scienceflux) VALUES (-5, 1, -61000.5, 1e-30)")
    table = store.get([1])
    assert table["band"].to_pylist() == [None, *bands]
    assert table["psfFlux"].to_pylist() == [None, None, *[float(np.float32(-1e30))] * 4]
    assert table["reliability"].to_pylist() == [None, *[0.25] * 5]
    assert table["scienceFlux"].to_pylist() == [float(np.float32(1e-30)), *[None] * 5]
    assert table["midpointMjdTai"].to_pylist() == [-61000.5, *[61000.0] * 5]


def test_putting_again_or_after_a_load_changes_nothing(store: PostgresLightcurves, archive_dsn: str) -> None:
    packets = [Packet(trigger=(3, MJD), diaObject=4, history=[(1, MJD - 90)], forced=[(8, MJD - 1)])]
    with Archive(archive_dsn) as archive:
        archive.load(load_of(packets))
    before = store.get([4])
    store.put(batch_of(packets))
    store.put(batch_of([*packets, Packet(trigger=(5, MJD + 1), diaObject=4, history=[(1, MJD - 90), (3, MJD)])]))
    assert before["sourceId"].to_pylist() == [1, 8, 3]
    assert store.get([4])["sourceId"].to_pylist() == [1, 8, 3, 5]


def test_sources_in_partitions_made_since_the_first_call_are_found(store: PostgresLightcurves) -> None:
    store.put(batch_of([Packet(trigger=(1, MJD), diaObject=4)]))
    assert store.get([4], since=0.0).num_rows == 1
    store.put(batch_of([Packet(trigger=(2, MJD + 900), diaObject=4)]))
    assert store.get([4], since=0.0)["sourceId"].to_pylist() == [1, 2]


def test_a_broken_connection_is_made_again(store: PostgresLightcurves, archive_dsn: str) -> None:
    store.put(batch_of([Packet(trigger=(1, MJD), diaObject=4)]))
    assert store.get([4]).num_rows == 1
    with psycopg.connect(archive_dsn) as connection:
        ended = connection.execute("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'splanc lightcurves'").fetchone()
    assert ended == (1,)
    assert store.get([4]).num_rows == 1


def test_what_is_not_there_is_told(postgres_dsn: str, tmp_path: Path) -> None:
    with PostgresLightcurves(postgres_dsn) as store:
        for call in (lambda: store.get([1]), lambda: store.put(batch_of([Packet(trigger=(1, MJD), diaObject=4)]))):
            with pytest.raises(NotMigrated, match="`splanc archive migrate`"):
                call()
    with PostgresLightcurves(f"postgresql://nobody@/none?host={tmp_path}") as store, pytest.raises(UpstreamError, match="the archive's PostgreSQL: connection"):
        store.get([1])
