from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import structlog

from splanc.crossmatch.service import _answers
from splanc.crossmatch.service._answer_files import AnswerFile
from splanc.crossmatch.service._answers import Answers, Holds
from splanc.crossmatch.service._asked import Asked, asked
from splanc.crossmatch.service._house import to_merge
from tests.support.whole_degrees import Whole

HOLDS = Holds(arcsec=0.05, days=30.0)

ARCSEC = 1 / 3600


def objects(begin: int, end: int, mjd: float = 61000.0) -> Asked:
    """Objects, each at a place of its own."""
    ids = np.arange(begin, end)
    return asked(ids, ids * 0.37 % 360.0, ids * 0.11 % 170.0 - 85.0, np.full(len(ids), mjd))


def said(of: Asked) -> pa.Table:
    return Whole().classify(of.ra_deg, of.dec_deg).classifications


def shifted(of: Asked, *, ra: float = 0.0, dec: float = 0.0, days: float = 0.0) -> Asked:
    return asked(of.object_id, of.ra_deg + ra, of.dec_deg + dec, of.mjd_tai + days)


def found(answers: Answers, of: Asked) -> pa.Table:
    """What is found, in order of the rows; the rows that are found come first in `of`."""
    rows, table = answers.find(of)
    assert sorted(rows) == list(range(len(rows)))
    return table.take(pa.array(np.argsort(rows)))


@pytest.fixture
def make(tmp_path):
    return lambda version="1", max_bytes=1 << 24: Answers(tmp_path, version, HOLDS, max_bytes)


def files(folder) -> list:
    return sorted(folder.glob("*/*.arrow"), key=lambda path: path.name)


def test_answers_are_those_that_were_given(make) -> None:
    answers, some = make(), objects(0, 500)
    assert found(answers, some).num_rows == 0
    answers.add(some.take(np.arange(400)), said(some).slice(0, 400))
    assert found(answers, some).equals(said(some).slice(0, 400))
    answers.write()
    assert found(answers, some).equals(said(some).slice(0, 400))
    assert answers.n_objects == 400
    assert answers.size_bytes > 0


def test_they_are_there_after_a_start_and_in_other_processes(make) -> None:
    first, other = make(), make()
    some = objects(0, 300)
    for begin in range(0, 300, 100):
        rows = np.arange(begin, begin + 100)
        first.add(some.take(rows), said(some.take(rows)))
        first.write()
    assert found(other, some).num_rows == 0
    other.look()
    assert found(other, some).equals(said(some))
    assert found(make(), some).equals(said(some))


def test_new_ones_are_written_when_it_is_time(make, monkeypatch, tmp_path) -> None:
    answers, some = make(), objects(0, 50)
    answers.add(some, said(some))
    answers.keep()
    assert files(tmp_path) == []
    monkeypatch.setattr(_answers, "_MOST_ROWS", 50)
    answers.keep()
    assert len(files(tmp_path)) == 1
    monkeypatch.setattr(answers, "_keep_at", 0.0)
    answers.add(objects(50, 60), said(objects(50, 60)))
    answers.keep()
    assert len(files(tmp_path)) == 2


@pytest.mark.parametrize(
    ("shift", "holds"),
    [
        ({"dec": 0.04 * ARCSEC}, True),
        ({"dec": 0.06 * ARCSEC}, False),
        ({"ra": 0.04 * ARCSEC}, True),
        ({"ra": 0.06 * ARCSEC}, False),
        ({"ra": 360.0}, True),
        ({"ra": 0.04 * ARCSEC, "dec": 0.04 * ARCSEC}, False),
        ({"days": 29.9}, True),
        ({"days": -29.9}, True),
        ({"days": 30.1}, False),
        ({"days": np.nan}, False),
        ({"ra": np.nan}, False),
    ],
)
def test_an_answer_holds_near_by_and_for_some_time(make, shift, holds) -> None:
    answers, one = make(), asked(np.array([7]), np.array([0.0]), np.array([0.0]), np.array([61000.0]))
    answers.add(one, said(one))
    assert len(answers.find(shifted(one, **shift))[0]) == holds


def test_without_times_answers_hold(make) -> None:
    answers, one = make(), asked(np.array([7]), np.array([0.0]), np.array([0.0]), None)
    answers.add(one, said(one))
    assert len(answers.find(one)[0]) == 1


def test_east_shrinks_towards_the_pole(make) -> None:
    answers, one = make(), asked(np.array([7]), np.array([10.0]), np.array([89.9]), None)
    answers.add(one, said(one))
    assert len(answers.find(shifted(one, ra=20 * ARCSEC))[0]) == 1
    assert len(answers.find(shifted(one, ra=60 * ARCSEC))[0]) == 0


def test_the_newest_answer_stands_after_a_start_too(make) -> None:
    answers, old = make(), objects(0, 10)
    new = shifted(old, dec=1.0)
    for one in (old, new):
        answers.add(one, said(one))
        answers.write()
    for place in (answers, make()):
        assert found(place, new).equals(said(new))
        assert found(place, old).num_rows == 0


def test_versions_are_apart(make) -> None:
    first, some = make("1"), objects(0, 10)
    first.add(some, said(some))
    first.write()
    assert found(make("2"), some).num_rows == 0
    assert found(make("../1"), some).num_rows == 0
    assert found(make("1"), some).num_rows == 10


def damage_bit(path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def damage_end(path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def damage_all(path) -> None:
    path.write_bytes(b"")


def damage_name(path) -> None:
    path.rename(path.with_name(f"nonsense{path.suffix}"))


@pytest.mark.parametrize("damage", [damage_bit, damage_end, damage_all, damage_name])
def test_damaged_files_are_not_trusted(make, tmp_path, damage) -> None:
    answers, good, bad = make(), objects(0, 10), objects(10, 20)
    for some in (good, bad):
        answers.add(some, said(some))
        answers.write()
    damage(files(tmp_path)[1])
    with structlog.testing.capture_logs() as logs:
        again = make()
    assert [entry["event"] for entry in logs] == ["answers damaged"]
    assert str(tmp_path) in logs[0]["why"]
    assert found(again, good).num_rows == 10
    assert found(again, bad).num_rows == 0
    assert len(files(tmp_path)) == 1  # nobody stumbles over it again


def test_what_is_not_written_to_its_end_is_nothing(make, tmp_path) -> None:
    answers = make()
    (answers._folder / "0000-1.part").write_bytes(b"ARROW1")
    assert found(make(), objects(0, 10)).num_rows == 0


def test_many_small_files_become_few(make, tmp_path) -> None:
    answers, other, some = make(), make(), objects(0, 1000)
    for number in range(100):
        rows = np.arange(10 * number, 10 * number + 10)
        writer = (answers, other)[number % 2]
        writer.add(some.take(rows), said(some.take(rows)))
        writer.write()
    assert len(files(tmp_path)) < 20
    other.look()
    for one in (answers, other, make()):
        one.look()
        assert found(one, some).equals(said(some))


def test_the_bound_is_kept_and_the_oldest_go_first(make, tmp_path) -> None:
    bound = 600_000
    answers = make(max_bytes=bound)
    for begin in range(0, 8000, 200):
        some = objects(begin, begin + 200)
        answers.add(some, said(some))
        answers.write()
        assert sum(path.stat().st_size for path in files(tmp_path)) <= bound
    assert found(answers, objects(7800, 8000)).num_rows == 200
    assert found(answers, objects(0, 200)).num_rows == 0
    newer = make("2", max_bytes=bound)
    newer.add(objects(0, 1000), said(objects(0, 1000)))
    newer.write()
    assert sum(path.stat().st_size for path in files(tmp_path)) <= bound
    assert found(newer, objects(0, 1000)).num_rows == 1000


def test_nothing_stops_when_the_disk_refuses(make, tmp_path, monkeypatch) -> None:
    answers, some = make(), objects(0, 10)

    def refuse(*_arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_answers, "write_answers", refuse)
    answers.add(some, said(some))
    with structlog.testing.capture_logs() as logs:
        answers.write()
    assert [entry["event"] for entry in logs] == ["answers not kept"]
    assert found(answers, some).num_rows == 0


def sized(*sizes: int) -> list[AnswerFile]:
    return [AnswerFile(table=None, stamp=number, size_bytes=size) for number, size in enumerate(sizes)]


@pytest.mark.parametrize(
    ("sizes", "merged"),
    [
        ([100] * 7, 0),
        ([100] * 8, 8),
        ([9000, *[100] * 8], 8),
        ([9000] * 7, 0),
        ([9000] * 7 + [100], 8),  # as many as there are of its kind or smaller
        ([100, 9000, *[100] * 7], 9),
        ([*[100] * 4, 2_000_000, *[100] * 7], 0),  # what is between must stay
        ([2_000_000] * 20, 0),  # an eighth of the largest: these stay
        ([], 0),
    ],
)
def test_the_youngest_of_a_kind_are_merged(sizes, merged) -> None:
    files = sized(*sizes)
    assert to_merge(files, 8_000_000) == files[len(files) - merged :]
