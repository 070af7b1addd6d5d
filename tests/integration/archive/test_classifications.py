"""Classes go into the archive with the objects: the newest alert wins, in whichever order they come; and they are listed to be made again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from splanc.archive import Archive, ArchiveLoad, ClassifyWork, Provenance, Which, query
from splanc.archive._advisory import MIGRATING
from splanc.archive._tables import VERSION_EXTRAS
from splanc.crossmatch import CLASSIFICATION_COLUMNS, CLASSIFICATIONS, UNCLASSIFIED, Classify
from splanc.errors import UserError
from tests.support.classifiers import PROVENANCE, Oracle
from tests.support.lightcurves import Made, batch_of
from tests.unit.archive.packets import Packet, load_of

MJD = 61_041.2
NOW = Provenance(**PROVENANCE)


@pytest.fixture
def archive(archive_dsn: str) -> Iterator[Archive]:
    with Archive(archive_dsn) as archive:
        yield archive


def load(trigger: int, mjd: float, said: dict[str, Any] | None, *, object_id: int = 1000, **place: Any) -> ArchiveLoad:
    """Return an alert of an object of which this is said; None: nothing."""
    plain = load_of([Packet(trigger=(trigger, mjd), diaObject=object_id, extra=place)])
    if said is None:
        return plain
    made = Made(columns={"diaObjectId": object_id})
    staged = Classify(Oracle({object_id: said})).classify(batch_of([made]))
    return replace(plain, tables={**plain.tables, CLASSIFICATIONS: staged.tables[CLASSIFICATIONS]})


def rows(dsn: str, columns: str, more: str = "") -> list[tuple[Any, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(f"SELECT {columns} FROM sherlock_classifications {more}").fetchall()


def test_the_newest_alert_wins(archive: Archive, archive_dsn: str) -> None:
    columns = "diaobjectid, alertdiasourceid, alertmjdtai, classification, z, rules_version"
    archive.load(load(12, MJD + 2, {"classification": "SN", "z": 0.1}))
    newest = [(1000, 12, MJD + 2, "SN", 0.1, "r1")]
    assert rows(archive_dsn, columns) == newest
    archive.load(load(11, MJD + 1, {"classification": "NT"}))
    assert rows(archive_dsn, columns) == newest
    archive.load(load(13, MJD + 3, {"classification": "NT"}))
    assert rows(archive_dsn, columns) == [(1000, 13, MJD + 3, "NT", None, "r1")]


def test_what_stood_there_before_it_was_known_of_which_alert_is_replaced(archive: Archive, archive_dsn: str) -> None:
    with psycopg.connect(archive_dsn) as connection:
        connection.execute("INSERT INTO sherlock_classifications (diaobjectid, classification) VALUES (1000, 'VS')")
    archive.load(load(11, MJD, {"classification": "SN"}))
    assert rows(archive_dsn, "alertdiasourceid, classification") == [(11, "SN")]


def test_a_repeated_alert_changes_nothing(archive: Archive, archive_dsn: str) -> None:
    archive.load(load(12, MJD, {"classification": "SN"}))
    archive.load(load(12, MJD + 5, {"classification": "VS"}))
    assert rows(archive_dsn, "classification") == [("SN",)]


def test_a_query_joins_and_spells_it(archive: Archive, archive_dsn: str) -> None:
    archive.load(load(12, MJD, {"classification": "SN"}))
    answer = query(archive_dsn, "SELECT c.* FROM objects JOIN sherlock_classifications c USING (diaObjectId)", seconds=10, rows=10)
    spelt = {"Mag": "mag", "MagErr": "magErr"}
    assert sorted(answer.columns) == sorted(["diaObjectId", *VERSION_EXTRAS.names, *(spelt.get(name, name) for name in CLASSIFICATION_COLUMNS.names)])
    assert len(answer.rows) == 1


@pytest.fixture
def four(archive: Archive) -> None:
    """Objects 1 (never classified), 2 (unclassified), 3 (by other rules) and 4 (as now); their order on the sky is 4, 2, 3, 1; and 5, which is not on it."""
    archive.load(load(11, MJD, None, object_id=1, ra=340.0, decl=-60.0))
    archive.load(load(12, MJD, {"classification": UNCLASSIFIED}, object_id=2, ra=46.0, decl=1.0))
    archive.load(load(13, MJD, {"classification": "SN", "rules_version": "r0"}, object_id=3, ra=90.0, decl=80.0))
    archive.load(load(14, MJD, {"classification": "SN"}, object_id=4, ra=45.0, decl=0.0))
    archive.load(load(15, MJD, {"classification": UNCLASSIFIED}, object_id=5, ra=None, decl=None))


@pytest.mark.parametrize(("which", "expected"), [(Which.stale, {1, 2, 3}), (Which.unclassified, {1, 2}), (Which.everything, {1, 2, 3, 4})])
def test_what_is_listed(four: None, archive_dsn: str, which: Which, expected: set[int]) -> None:
    with ClassifyWork(archive_dsn) as work:
        work.add(which, NOW)
        assert work.count() == len(expected)
        assert set(work.take(10)["diaObjectId"].to_pylist()) == expected
        assert work.take(10).num_rows == 0


@pytest.mark.parametrize("name", Provenance._fields)
def test_any_other_version_makes_a_class_stale(four: None, archive_dsn: str, name: str) -> None:
    with ClassifyWork(archive_dsn) as work:
        work.add(Which.stale, NOW._replace(**{name: "another"}))
        assert work.count() == 4


def test_it_is_taken_in_the_order_of_the_sky_and_stays_listed_until_it_is_written(four: None, archive_dsn: str) -> None:
    with ClassifyWork(archive_dsn) as work:
        work.add(Which.everything, NOW)
        taken = [work.take(1) for _ in range(3)]
        cells = dict(query(archive_dsn, "SELECT diaObjectId, healpix29 FROM objects", seconds=10, rows=10).rows)
        assert [one["diaObjectId"][0].as_py() for one in taken] == sorted((1, 2, 3, 4), key=cells.__getitem__)[:3]
    with ClassifyWork(archive_dsn) as work:
        work.add(Which.stale, NOW)
        assert work.count() == 4


def test_one_at_a_time(archive_dsn: str) -> None:
    with ClassifyWork(archive_dsn), pytest.raises(UserError, match="being classified again already"):
        ClassifyWork(archive_dsn)
    ClassifyWork(archive_dsn).__exit__(None, None, None)


def test_migrations_do_not_wait_for_it(archive_dsn: str) -> None:
    with ClassifyWork(archive_dsn), psycopg.connect(archive_dsn) as connection:
        connection.execute("SET lock_timeout = '3 s'")
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [MIGRATING])
