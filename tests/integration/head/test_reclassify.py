"""The past is classified again beside a stream that goes on: nothing newer is lost, and features follow."""

from __future__ import annotations

import math
import multiprocessing
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pydantic import SecretStr

from splanc.archive import Archive, ArchiveLoad, PostgresLightcurves, Which, query, read_rows
from splanc.config import ArchiveSettings, Settings
from splanc.crossmatch import UNCLASSIFIED, Classify
from splanc.errors import UpstreamError
from splanc.features import CONTEXT_FEATURES, Features
from splanc.head import Reclassified, _reclassify, classify_again
from splanc.sky import Dust
from tests.support.classifiers import Oracle
from tests.support.lightcurves import Made, batch_of
from tests.unit.archive.packets import Packet, load_of

MJD = 61_041.2
RISING = [
    (MJD - 10 + 2 * k + dt, float(np.float32(1000 * np.exp(0.35 * k) * colour)), band)
    for k in range(6)
    for dt, colour, band in ((0.0, 0.9, "g"), (0.1, 1.0, "r"))
]
SN = {"classification": "SN", "best_distance": 100.0, "direct_distance": 100.0}


@pytest.fixture
def settings(archive_dsn: str, tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, archive=ArchiveSettings(dsn=SecretStr(archive_dsn)))


@pytest.fixture
def archive(archive_dsn: str) -> Iterator[Archive]:
    with Archive(archive_dsn) as archive:
        yield archive


@pytest.fixture
def dust(tmp_path: Path) -> Dust:
    np.save(tmp_path / "ebv.npy", np.full(12, 0.25, np.float32))
    return Dust(tmp_path / "ebv.npy")


def load(dust: Dust, oracle: Oracle | None, *numbers: int, later: int = 0) -> ArchiveLoad:
    """Return alerts of objects, each with the same rising light curve somewhere else on the sky, classified as they come; None: not at all."""
    sources = [(mjd, flux * (1 + later), band, 10.0) for mjd, flux, band in RISING][::-1]
    made = [Made(sources=sources, columns={"diaObjectId": number, "ra": 37.0 * number % 360, "decl": 50.0 - number}) for number in numbers]
    batch = batch_of(made)
    batch = batch if oracle is None else Classify(oracle).classify(batch)
    tables = Features(dust).compute_features(batch).tables
    triggers = [(100 * number + later, MJD + later) for number in numbers]
    plain = load_of([Packet(trigger=trigger, diaObject=number) for trigger, number in zip(triggers, numbers, strict=True)])
    source_ids = pa.array([100_000 * number + 50 * later + place for number in numbers for place in range(len(sources))])
    ids = np.repeat(np.array(numbers), len(sources))
    sources_table = tables["diaSource"].set_column(1, "diaSourceId", source_ids)
    sources_table = sources_table.set_column(sources_table.column_names.index("diaObjectId"), "diaObjectId", pa.array(ids))
    return replace(plain, tables={**plain.tables, **{name: table for name, table in tables.items() if name != "diaForcedSource"}, "diaSource": sources_table})


def table(settings: Settings, statement: str) -> list[tuple[Any, ...]]:
    return query(settings.archive_dsn, statement, seconds=10, rows=1000).rows


def classes(settings: Settings) -> dict[int, str]:
    return dict(table(settings, "SELECT diaObjectId, classification FROM sherlock_classifications"))


def features(settings: Settings) -> dict[int, tuple[Any, ...]]:
    return {number: rest for number, *rest in table(settings, f"SELECT diaObjectId, {', '.join(CONTEXT_FEATURES.names)} FROM objects")}


def as_floats(values: Any) -> list[float]:
    return [math.nan if value is None else value for value in values]


def again(settings: Settings, oracle: Oracle, which: Which = Which.stale) -> Reclassified:
    *_, last = classify_again(settings, oracle, which)
    return last


def test_what_was_never_classified_is(settings: Settings, archive: Archive, dust: Dust) -> None:
    said: Mapping[int, Any] = {1: SN, 2: {"classification": "VS"}, 3: {"classification": "NT", "z": 0.05}}
    archive.load(load(dust, None, 1, 2, 3, 4))
    assert classes(settings) == {}
    done = again(settings, Oracle(said))
    assert done == Reclassified(total=4, done=4, changed=4, unclassified=0)
    assert classes(settings) == {1: "SN", 2: "VS", 3: "NT", 4: "ORPHAN"}
    found = features(settings)
    with PostgresLightcurves(settings.archive_dsn) as lightcurves:
        assert lightcurves.get([1]).num_rows == len(RISING)
    other = load(dust, Oracle(said), 1, 2, 3, 4).tables["diaObject"]
    for row, number in enumerate(other["diaObjectId"].to_pylist()):
        expected = [other[name][row].as_py() for name in CONTEXT_FEATURES.names]
        assert as_floats(found[number]) == pytest.approx(as_floats(expected), rel=1e-6, nan_ok=True), number
    assert found[1][0] == pytest.approx(31.4 - 2.5 * np.log10(900 * np.exp(1.75) * 10 ** (0.4 * 0.25 * 3.237)) - 35, abs=1e-3)
    assert [found[number][0] is None for number in (1, 2, 3, 4)] == [False, True, False, True]
    assert [found[number][2] is None for number in (1, 2, 3, 4)] == [False, True, False, False]
    assert again(settings, Oracle(said)).total == 0


def test_nothing_newer_is_overwritten(settings: Settings, archive: Archive, dust: Dust) -> None:
    archive.load(load(dust, None, 1, 2))
    oracle = Oracle({1: SN, 2: SN})
    newer = load(dust, Oracle({1: {"classification": "NT", "best_distance": 10.0}}), 1, later=1)

    def meanwhile() -> None:
        if 1 in oracle.asked:
            archive.load(newer)

    oracle.meanwhile = meanwhile
    assert again(settings, oracle).done == 2
    assert classes(settings) == {1: "NT", 2: "SN"}
    (row,) = table(
        settings,
        "SELECT c.alertDiaSourceId, best_distance, absMag FROM objects JOIN sherlock_classifications c USING (diaObjectId) WHERE diaObjectId = 1",
    )
    assert row == (101, 10.0, pytest.approx(newer.tables["diaObject"]["absMag"][0].as_py(), rel=1e-6))


def test_killed_and_started_again_it_goes_on(settings: Settings, archive: Archive, dust: Dust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reclassify, "CHUNK_OBJECTS", 2)
    archive.load(load(dust, Oracle(), *range(1, 8)))
    oracle = Oracle(dict.fromkeys(range(1, 8), SN))
    running = classify_again(settings, oracle, Which.everything)
    assert [step.done for step in islice(running, 3)] == [0, 2, 4]
    running.close()
    assert sorted(classes(settings).values()) == ["ORPHAN"] * 3 + ["SN"] * 4
    first = set(oracle.asked[1:])
    last = again(settings, oracle, Which.everything)
    assert (last.total, last.done) == (3, 3)
    assert set(classes(settings).values()) == {"SN"}
    assert set(oracle.asked) == {0, *range(1, 8)}
    assert len(first) == 4


def go_on_slowly(settings: Settings, said: Mapping[int, Any]) -> None:
    """Classify object by object, so that there is time to be killed."""
    _reclassify.CHUNK_OBJECTS = 1
    oracle = Oracle(said)
    oracle.meanwhile = lambda: time.sleep(0.25)
    for _ in classify_again(settings, oracle, Which.stale):
        pass


def test_killed_hard_it_leaves_nothing_half_done(settings: Settings, archive: Archive, dust: Dust) -> None:
    numbers = range(1, 41)
    archive.load(load(dust, None, *numbers))
    process = multiprocessing.get_context("spawn").Process(target=go_on_slowly, args=(settings, dict.fromkeys(numbers, SN)))
    process.start()
    while len(classes(settings)) < 3:
        time.sleep(0.02)
    process.kill()
    process.join()
    done = classes(settings)
    assert 3 <= len(done) < 40
    assert {number for number, one in features(settings).items() if one[0] is not None} == set(done)
    assert read_rows(settings.archive_dsn, "SELECT count(*) AS n FROM classify_waiting")[0]["n"] == 40 - len(done)
    last = again(settings, Oracle(dict.fromkeys(numbers, SN)))
    assert (last.total, last.done, last.changed) == (40 - len(done),) * 3
    assert classes(settings) == dict.fromkeys(numbers, "SN")


def test_neighbours_are_done_together(settings: Settings, archive: Archive, dust: Dust, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_reclassify, "CHUNK_OBJECTS", 3)
    archive.load(load(dust, None, *range(1, 10)))
    oracle = Oracle()
    again(settings, oracle)
    cells = dict(table(settings, "SELECT diaObjectId, healpix29 FROM objects"))
    chunks = [{cells[number] for number in oracle.asked[1:][place : place + 3]} for place in range(0, 9, 3)]
    assert max(chunks[0]) < min(chunks[1])
    assert max(chunks[1]) < min(chunks[2])


def test_what_cannot_be_classified_stays_as_it_was(settings: Settings, archive: Archive, dust: Dust) -> None:
    archive.load(load(dust, Oracle({1: SN}, rules_version="r0"), 1, 2))
    oracle = Oracle({1: {"classification": UNCLASSIFIED}, 2: SN})
    assert again(settings, oracle) == Reclassified(total=2, done=2, changed=1, unclassified=1)
    assert classes(settings) == {1: "SN", 2: "SN"}
    assert again(settings, Oracle({1: SN})).total == 1


def test_a_classifier_that_is_away_is_said(settings: Settings, archive: Archive, dust: Dust) -> None:
    archive.load(load(dust, None, 1))
    oracle = Oracle()
    oracle.away = True
    with pytest.raises(UpstreamError, match="the classifier does not answer: no server answers"):
        again(settings, oracle)
    assert classes(settings) == {}


def test_unclassified_ones_are_mended(settings: Settings, archive: Archive, dust: Dust) -> None:
    oracle = Oracle({1: SN})
    oracle.away = True
    archive.load(load(dust, oracle, 1, 2))
    assert classes(settings) == {1: UNCLASSIFIED, 2: UNCLASSIFIED}
    assert features(settings)[1][0] is None
    oracle.away = False
    assert again(settings, oracle, Which.unclassified) == Reclassified(total=2, done=2, changed=2)
    assert classes(settings) == {1: "SN", 2: "ORPHAN"}
    assert features(settings)[1][0] is not None
