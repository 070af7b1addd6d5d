from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from splanc.cli import app
from splanc.crossmatch import CLASSIFICATION_COLUMNS, service
from splanc.crossmatch.service import CachedClassifier, Holds
from splanc.metrics import Metrics
from tests.support.whole_degrees import Whole


@pytest.fixture
def source(monkeypatch) -> Whole:
    """What the command asks."""
    source = Whole()
    cached = CachedClassifier(source, None, holds=Holds(arcsec=0.05, days=30.0), max_bytes=0, metrics=Metrics())
    monkeypatch.setattr(service, "open_classifier", lambda _settings: cached)
    return source


@pytest.fixture
def run(tmp_path):
    def run(*words: object, code: int = 0):
        done = CliRunner().invoke(app, ["classify", *map(str, words), "--data-dir", str(tmp_path)])
        assert done.exit_code == code, done.output
        return done

    return run


def first_line(done) -> str:
    return done.stdout.splitlines()[0]


@pytest.mark.parametrize(
    "words",
    [
        (10, -5),
        ("at", 10, -5),
        ("10", "-5.0001"),
        ("00:40:00", "-05:00:00.0"),
        ("0h40m0s", "-5d0m0s"),
        ("0 40 0", "-5 0 0"),
        ("--lite", 10, -5),
        (10, -5, "--mjd", 61000),
        (370 - 360, "-5e0"),
    ],
)
def test_class_and_reason_come_first(source, run, words) -> None:
    done = run(*words)
    assert first_line(done) == "VS: The nearest is star 10 -5."
    assert "star 10 -5" in done.stdout.split("\n", 1)[1]


def test_nothing_near_is_an_answer(source, run) -> None:
    assert run(10.5, 5).stdout == "ORPHAN: The nearest is star 10 5.\n"


def test_matches_are_a_table(source, run) -> None:
    lines = run(10, 5).stdout.splitlines()
    assert lines[2].split() == ["rank", "class", "catalogues", "name", "arcsec"]
    assert sum("star 10 5" in line for line in lines[1:]) == 2
    assert sum("star 10 5" in line for line in run(10, 5, "--lite").stdout.splitlines()[1:]) == 1


def test_json(source, run) -> None:
    said = json.loads(run(10, 5, "--json").stdout)
    assert said["classifications"] == {"query0": ["VS", "The nearest is <em>star 10 5</em>."]}
    assert [match["rank"] for match in said["crossmatches"]] == [1, 2]
    assert len(json.loads(run(10, 5, "--json", "--lite").stdout)["crossmatches"]) == 1


def test_what_cannot_be_classified_says_so(source, run) -> None:
    source.damaged_deg = 0.0
    assert first_line(run(10, 5, code=1)).startswith("UNCLASSIFIED: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((10,), "give a position"),
        ((10, 5, "--file", "x.csv"), "give a position"),
        (("x", 5), "right ascension 'x'"),
        ((10, -95), "declination '-95'"),
        ((10, 5, 6), "unexpected extra argument"),
        (("--file", "nowhere.csv"), "nowhere.csv"),
    ],
)
def test_bad_questions(source, run, words, told) -> None:
    assert told in run(*words, code=2).stderr


def test_without_catalogues_it_is_told_how_to_get_some(run) -> None:
    assert "splanc catalogue install demo" in run(10, 5, code=2).stderr
    assert "splanc catalogue install demo" in run("serve", code=2).stderr


def test_the_group_has_its_help(run) -> None:
    help_ = CliRunner().invoke(app, ["classify", "--help"]).stdout
    assert "splanc classify RA DEC" in help_
    assert "serve" in help_


POSITIONS = """name,ra,dec,remark
one,10,-5,a
"two, named",0:46:00,30.5,b

bad,361,0,c
worse,10
three,20,-5,d
"""


def test_a_file_of_positions(source, run, tmp_path) -> None:
    path = tmp_path / "positions.csv"
    path.write_text(POSITIONS, "utf-8-sig")
    done = run("--file", path, "--format", "csv", code=1)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [(row["name"], row["class"]) for row in rows] == [("one", "VS"), ("two, named", "ORPHAN"), ("three", "VS")]
    assert list(rows[0]) == ["name", "class", *CLASSIFICATION_COLUMNS.names[1:]]
    assert [row["catalogue_object_id"] for row in rows] == ["star 10 -5", "", "star 20 -5"]
    assert [line.partition(": the")[0] for line in done.stderr.splitlines()] == [f"splanc: {path}, line 5", f"splanc: {path}, line 6"]


def test_a_good_file_in_each_format(source, run, tmp_path) -> None:
    path = tmp_path / "positions.csv"
    path.write_text("dec,name,ra\n-5,one,10\n")
    assert json.loads(run("--file", path, "--format", "json").stdout)[0]["class"] == "VS"
    assert "The nearest is star 10 -5." in run("--file", path).stdout
    source.damaged_deg = -10.0
    assert "UNCLASSIFIED" in run("--file", path, code=1).stdout
    path.write_text("name,ra,dec\n")
    assert run("--file", path, "--format", "csv").stdout.startswith("name,class,")


@pytest.mark.parametrize("content", [b"", b"name,ra\na,1\n", b"\xff\xfe\x00", b"a\nb\n"])
def test_files_that_are_no_positions(source, run, tmp_path, content) -> None:
    path = tmp_path / "positions.csv"
    path.write_bytes(content)
    assert str(path) in run("--file", path, code=2).stderr


def test_a_long_file_is_classified_in_the_order_of_the_sky(source, run, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("splanc.cli._classify_file._BATCH", 100)
    random = np.random.default_rng(4)
    places = np.stack([random.integers(0, 360, 350), random.integers(-80, 80, 350)], axis=1)
    path = tmp_path / "positions.csv"
    path.write_text("name,ra,dec\n" + "".join(f"{number},{ra},{dec}\n" for number, (ra, dec) in enumerate(places)))
    rows = csv.DictReader(io.StringIO(run("--file", path, "--format", "csv").stdout))
    assert [(row["name"], row["catalogue_object_id"]) for row in rows] == [(str(number), f"star {ra} {dec}") for number, (ra, dec) in enumerate(places)]
    assert source.searched == [100, 100, 100, 50]
