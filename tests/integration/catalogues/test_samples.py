"""Rows of published catalogues that a package carries along for its own tests, read as data: nothing of the package is run."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

import polars as pl
import pytest

from splanc.crossmatch.catalogues import import_catalogue, load_profile
from splanc.crossmatch.catalogues._mapping import map_rows
from splanc.crossmatch.catalogues._read import read_file


@pytest.fixture
def samples() -> Path:
    return Path(str(distribution("qub-sherlock").locate_file("sherlock/imports/tests/input")))


def test_milliquas(tmp_path: Path, samples: Path) -> None:
    done = import_catalogue(tmp_path, "milliquas_v8", [samples / "milliquas-test-data.txt"], load_profile("milliquas_v8"))
    assert (done.manifest.n_rows, done.manifest.rejected, done.unknown) == (1000, 0, ())


def test_milliquas_rows_say_what_their_bytes_say(samples: Path) -> None:
    path = samples / "milliquas-test-data.txt"
    (chunk,) = read_file(path, load_profile("milliquas_v8"))
    rows = map_rows(chunk.rows, load_profile("milliquas_v8")).rows.to_pylist()
    for line, row in zip(path.read_text().splitlines(), rows, strict=True):
        words = line.split()
        assert (row["ra"], row["dec"]) == (float(words[0]), float(words[1]))
        assert line.startswith(row["id"], 25)
        if row["kind"] == "agn" and line[74:80].strip():
            assert row["z" if row["type"][0].isupper() else "photo_z"] == pytest.approx(float(line[74:80]))
    assert {row["kind"] for row in rows} == {"agn", "unknown"}


def test_distances_of_ned(tmp_path: Path, samples: Path) -> None:
    positions = tmp_path / "ned.txt"
    positions.write_text("Object Name|RA|DEC|Type\nUGC 12889|0.0070|47.2745|G\nKUG 2357+228|0.0099|23.0897|G\n")
    done = import_catalogue(tmp_path / "shelf", "ned_d", [samples / "ned_d_test.csv"], load_profile("ned_d"), positions=positions)
    assert (done.manifest.n_rows, done.manifest.rejected) == (2, 8)
    assert pl.read_csv(done.folder / "rejected.csv")["reason"].unique().to_list() == ["it has no position"]


OWN = """title = "Quasars and active galactic nuclei, 13th edition"
role = "agn"
citation = "Véron-Cetty & Véron 2010, A&A 518, A10"
reference = "VizieR VII/258/vv10"
[texts]
id = ["Name"]
type = ["Cl"]
[numbers]
ra = ["_RAJ2000"]
dec = ["_DEJ2000"]
z = ["z"]
[columns]
kind = "'agn'"
"""


def test_a_table_out_of_vizier_by_a_profile_of_ones_own(tmp_path: Path, samples: Path) -> None:
    (tmp_path / "veron.toml").write_text(OWN)
    (chunk,) = read_file(samples / "veron-test-data.txt", load_profile(str(tmp_path / "veron.toml")))
    mapped = map_rows(chunk.rows, load_profile(str(tmp_path / "veron.toml")))
    assert mapped.bad.is_empty()
    rows = mapped.rows.to_pylist()
    assert len(rows) == 50
    assert (rows[0]["id"], rows[0]["ra"], rows[0]["dec"], rows[0]["z"], rows[0]["type"]) == ("FIRST J00000-0202", 0.0054, -2.0333, 1.356, "Q")
