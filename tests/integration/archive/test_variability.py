"""The variability set goes into the archive with the objects: the newest alert wins, in whichever order they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from splanc.archive import Archive, ArchiveLoad, query
from splanc.archive._tables import VERSION_EXTRAS
from splanc.features import VARIABILITY, VARIABILITY_COLUMNS, Features
from tests.support.lightcurves import Made, batch_of
from tests.unit.archive.packets import Packet, load_of

MJD = 61_041.2


@pytest.fixture
def archive(archive_dsn: str) -> Iterator[Archive]:
    with Archive(archive_dsn) as archive:
        yield archive


def load(trigger: int, mjd: float, fluxes: list[float]) -> ArchiveLoad:
    """Return an alert of object 1000 whose light curve ends with these fluxes in r, a day apart."""
    staged = Features().compute_features(batch_of([Made(sources=[(mjd - k, flux, "r") for k, flux in enumerate(reversed(fluxes))])]))
    plain = load_of([Packet(trigger=(trigger, mjd), diaObject=1000)])
    return replace(plain, tables={**plain.tables, VARIABILITY: staged.tables[VARIABILITY]})


def rows(dsn: str, columns: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"SELECT {columns} FROM objects_variability").fetchall()


def test_the_newest_alert_wins(archive: Archive, archive_dsn: str) -> None:
    columns = "diaobjectid, alertdiasourceid, alertmjdtai, r_amplitude, all_timesincefirst, g_amplitude"
    archive.load(load(12, MJD + 2, [1.0, 3.0, 9.0]))
    newest = [(1000, 12, MJD + 2, 4.0, 2.0, None)]
    assert rows(archive_dsn, columns) == newest
    archive.load(load(11, MJD + 1, [1.0, 3.0]))
    assert rows(archive_dsn, columns) == newest
    archive.load(load(13, MJD + 3, [1.0]))
    assert rows(archive_dsn, columns) == [(1000, 13, MJD + 3, None, 0.0, None)]


def test_a_repeated_alert_changes_nothing(archive: Archive, archive_dsn: str) -> None:
    archive.load(load(12, MJD, [1.0, 3.0]))
    archive.load(load(12, MJD + 5, [1.0, 30.0]))
    assert rows(archive_dsn, "r_amplitude") == [(1.0,)]


def test_a_query_joins_and_spells_it(archive: Archive, archive_dsn: str) -> None:
    archive.load(load(12, MJD, [1.0, 3.0]))
    answer = query(archive_dsn, "SELECT v.* FROM objects JOIN objects_variability v USING (diaObjectId)", seconds=10, rows=10)
    assert answer.columns == ("diaObjectId", *VERSION_EXTRAS.names, *VARIABILITY_COLUMNS.names)
    assert len(answer.rows) == 1
