from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch import UNCLASSIFIED
from splanc.crossmatch.service import CachedClassifier, Holds
from splanc.crossmatch.service._cached import is_complete
from splanc.metrics import Metrics
from tests.support.whole_degrees import Whole

IDS = np.arange(1, 101)
RA, DEC, MJD = IDS * 0.5, IDS * 0.25 - 20.0, np.full(100, 61000.0)


@pytest.fixture
def make(tmp_path):
    def cached(source: Whole, folder=tmp_path) -> CachedClassifier:
        return CachedClassifier(source, folder, holds=Holds(arcsec=0.05, days=30.0), max_bytes=1 << 24, metrics=Metrics())

    return cached


def counts(cached: CachedClassifier) -> tuple[float, float, float]:
    registry = cached._metrics.registry
    names = ("cache_hits_total", "cache_misses_total", "objects_incomplete_total")
    return tuple(registry.get_sample_value(f"splanc_classify_{name}") for name in names)


def test_an_object_is_searched_once(make) -> None:
    source = Whole()
    cached = make(source)
    expected = Whole().classify(RA, DEC, MJD).classifications
    assert cached.classify_objects(IDS[:40], RA[:40], DEC[:40], MJD[:40]).equals(expected.slice(0, 40))
    shuffled = np.random.default_rng(1).permutation(100)
    for _ in range(2):
        answers = cached.classify_objects(IDS[shuffled], RA[shuffled], DEC[shuffled], MJD[shuffled])
        assert answers.combine_chunks().equals(expected.take(pa.array(shuffled)).combine_chunks())
    assert source.searched == [40, 60]
    assert counts(cached) == (140.0, 100.0, 0.0)
    registry = cached._metrics.registry
    assert registry.get_sample_value("splanc_classify_cache_objects") == 100.0


def test_nothing_asked_nothing_said(make) -> None:
    source = Whole()
    none = make(source).classify_objects(IDS[:0], RA[:0], DEC[:0], MJD[:0])
    assert none.schema == Whole().classify(RA, DEC).classifications.schema
    assert none.num_rows == 0
    assert source.searched == []


def test_what_is_incomplete_is_asked_again(make) -> None:
    source = Whole(damaged_deg=0.0)
    cached = make(source)
    damaged = int((DEC >= 0.0).sum())
    for _ in range(2):
        answers = cached.classify_objects(IDS, RA, DEC, MJD)
        assert answers["classification"].to_pylist().count(UNCLASSIFIED) == damaged
    assert source.searched == [100, damaged]
    assert counts(cached)[2] == 2.0 * damaged
    source.damaged_deg = 100.0
    assert UNCLASSIFIED not in cached.classify_objects(IDS, RA, DEC, MJD)["classification"].to_pylist()


def test_a_class_that_rests_on_a_part_of_the_searches_is_incomplete() -> None:
    answers = Whole().classify(RA[:4], DEC[:4]).classifications
    damaged = json.dumps({"phase": "synonym", "damaged": [{"search": "a"}]}, separators=(",", ":"))
    named_so = json.dumps({"found": [{"id": '"damaged":['}]}, separators=(",", ":"))
    texts = pa.array([damaged, named_so, None, "{}"])
    number = answers.schema.get_field_index("explanation")
    assert is_complete(answers.set_column(number, answers.field(number), texts)).tolist() == [False, True, True, True]


def test_objects_without_an_id_are_not_remembered(make) -> None:
    source = Whole()
    cached = make(source)
    for _ in range(2):
        cached.classify_objects(np.zeros(2, np.int64), RA[:2], DEC[:2], MJD[:2])
    assert source.searched == [2, 2]


def test_another_version_asks_again_and_the_old_answers_are_still_there(make) -> None:
    source = Whole()
    cached = make(source)
    for version in ("a", "b", "a"):
        source.version = version
        answers = cached.classify_objects(IDS, RA, DEC, MJD)
        assert set(answers["catalogue_versions"].to_pylist()) == {f"whole {version}"}
    assert source.searched == [100, 100]


def test_answers_of_a_version_that_is_not_known_or_changes_are_not_kept(make) -> None:
    source = Whole(version="")
    cached = make(source)
    cached.classify_objects(IDS, RA, DEC, MJD)
    cached.classify_objects(IDS, RA, DEC, MJD)
    assert source.searched == [100, 100]

    class Renewed(Whole):
        def classify(self, *arguments, **options):
            self.version += "+"
            return super().classify(*arguments, **options)

    source = Renewed()
    cached = make(source)
    cached.classify_objects(IDS, RA, DEC, MJD)
    cached.classify_objects(IDS, RA, DEC, MJD)
    assert source.searched == [100, 100]


def test_a_start_finds_what_was_closed(make) -> None:
    first = make(Whole())
    first.classify_objects(IDS, RA, DEC, MJD)
    first.close()
    source = Whole()
    assert make(source).classify_objects(IDS, RA, DEC, MJD).equals(Whole().classify(RA, DEC, MJD).classifications)
    assert source.searched == []


def test_without_a_folder_nothing_is_kept(make) -> None:
    source = Whole()
    cached = make(source, folder=None)
    for _ in range(2):
        assert cached.classify_objects(IDS, RA, DEC, MJD).equals(Whole().classify(RA, DEC, MJD).classifications)
    assert source.searched == [100, 100]


def test_positions_of_no_objects_pass_by(make) -> None:
    source = Whole()
    said = make(source).classify(RA, DEC, MJD, matches=True)
    assert said.matches.equals(Whole().classify(RA, DEC, MJD, matches=True).matches)
