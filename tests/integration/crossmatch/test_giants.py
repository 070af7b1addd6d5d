"""Galaxies that are searched for degrees away: the file of the large sources says what all tiles say, may be damaged, and is not always there."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch import UNCLASSIFIED
from splanc.crossmatch.catalogues import Catalogue, Shelf, verify_catalogue
from splanc.crossmatch.classifier import Classifier, Rules, load_rules
from splanc.crossmatch.classifier import _tiles as tiles
from tests.support.brute_force import BruteForce
from tests.support.catalogues import on_shelf
from tests.support.skies import MemoryCatalogue, catalogue_of

from .test_brute_force import MJD_TAI, about, check, sky
from .test_shelf import rows_of

RULES = load_rules(None)
FAR = "OpenNGC very large galaxies"
PLACE = (150.0, 2.0, 3.0)
TILE_ROWS = 100


@pytest.fixture
def columns() -> dict:
    """A few degrees of a catalogue with sizes, some of them large, as tests of brute force have it."""
    return sky(np.random.default_rng(21), functools.partial(about, *PLACE), 3000)["openngc"]


def positions(n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return *about(*PLACE, np.random.default_rng(22), n), np.full(n, MJD_TAI)


def ask(catalogue: Catalogue | MemoryCatalogue, rules: Rules = RULES) -> pa.Table:
    return Classifier(rules, {"openngc": catalogue}, memory_bytes=1 << 26).classify(*positions()).classifications


def damaged_of(table: pa.Table) -> list[list[dict]]:
    return [json.loads(text).get("damaged", []) for text in table["explanation"].to_pylist()]


def without_file(folder: Path) -> None:
    """Make of a catalogue what splanc made before there was such a file."""
    (folder / "large.parquet").unlink()
    record = json.loads((folder / "catalogue.json").read_text())
    del record["files"]["large.parquet"]
    (folder / "catalogue.json").write_text(json.dumps(record))


@pytest.mark.parametrize("has_large", [True, False])
def test_both_ways_say_what_brute_force_says(columns: dict, has_large: bool) -> None:
    catalogue = MemoryCatalogue("openngc", columns, tile_rows=TILE_ROWS, has_large=has_large)
    slow = BruteForce(RULES, {"openngc": catalogue.rows.to_pylist()})
    ra, dec, mjd = positions(60)
    expected = [slow.classify(*each, 2000 + (MJD_TAI - 51_544.5) / 365.25) for each in zip(ra.tolist(), dec.tolist(), strict=True)]
    answer = Classifier(RULES, {"openngc": catalogue}, memory_bytes=1 << 26).classify(ra, dec, mjd, matches=True)
    check(answer, expected)
    assert answer.matches is not None
    assert (answer.matches["separationArcsec"].to_numpy() > tiles.GIANT_ARCSEC).sum() > 20


@pytest.mark.parametrize("has_large", [True, False])
def test_only_tiles_nearby_are_read_where_there_is_the_file(has_large: bool) -> None:
    ra, dec = about(*PLACE, np.random.default_rng(23), 2000)
    small = [{"ra": one, "dec": other, "kind": "galaxy", "semi_major_arcsec": 5.0} for one, other in zip(ra.tolist(), dec.tolist(), strict=True)]
    huge = {"ra": 150.0, "dec": 2.0, "kind": "galaxy", "semi_major_arcsec": 5000.0, "z": 0.002}
    catalogue = catalogue_of("openngc", [*small, huge], tile_rows=TILE_ROWS, has_large=has_large)
    answer = Classifier(RULES, {"openngc": catalogue}, memory_bytes=1 << 26).classify([150.0], [3.5], matches=True)
    assert answer.matches is not None
    assert answer.matches["sm_axis_arcsec"].to_pylist() == [5000.0]
    assert answer.matches["separationArcsec"].to_pylist() == [pytest.approx(5400.0)]
    assert catalogue.n_read <= 3 if has_large else catalogue.n_read > 20


def test_a_search_for_smaller_ones_reads_all_tiles(columns: dict) -> None:
    """What the file has not is not left out: with a limit below that of the file, the answer is that of the tiles."""
    changed = [{**one, "semi_major_min_arcsec": 10.0} if one["name"] == FAR else one for one in RULES.model_dump(exclude_none=True)["search"]]
    rules = Rules.model_validate({**RULES.model_dump(exclude_none=True), "search": changed})
    with_file, without = (MemoryCatalogue("openngc", columns, tile_rows=TILE_ROWS, has_large=has_large) for has_large in (True, False))
    assert ask(with_file, rules).equals(ask(without, rules))
    assert with_file.n_read == without.n_read >= len(with_file.tiles.n_rows)


def test_a_catalogue_that_was_made_before_says_the_same(tmp_path: Path, columns: dict) -> None:
    new = on_shelf(tmp_path, "openngc", rows_of(columns), "openngc", tile_rows=TILE_ROWS)
    assert new.read_large().num_rows == (rows_of(columns)["semi_major_arcsec"].to_numpy() >= 30.0).sum() > 20
    expected = ask(new)
    without_file(tmp_path / "openngc")
    old = Shelf(tmp_path).open("openngc")
    assert (new.has_large, old.has_large) == (True, False)
    assert ask(old).equals(expected)
    assert list(verify_catalogue(Shelf(tmp_path), "openngc")) == []


@pytest.mark.parametrize("lost", [False, True])
def test_a_damaged_file_is_said_and_heals_without_a_restart(tmp_path: Path, columns: dict, monkeypatch: pytest.MonkeyPatch, lost: bool) -> None:
    catalogue = on_shelf(tmp_path, "openngc", rows_of(columns), "openngc", tile_rows=TILE_ROWS)
    expected = ask(catalogue)
    path = tmp_path / "openngc" / "large.parquet"
    whole = path.read_bytes()
    if lost:
        path.unlink()
    else:
        path.write_bytes(whole[:1000] + bytes([whole[1000] ^ 1]) + whole[1001:])
    classifier = Classifier(RULES, {"openngc": catalogue}, memory_bytes=1 << 26)
    said = [classifier.classify(*positions()).classifications for _ in range(2)]
    assert said[0].equals(said[1])
    is_synonym = [json.loads(text)["phase"] == "synonym" for text in expected["explanation"].to_pylist()]
    classes = [UNCLASSIFIED if not synonym else name for synonym, name in zip(is_synonym, expected["classification"].to_pylist(), strict=True)]
    assert said[0]["classification"].to_pylist() == classes
    damaged = damaged_of(said[0])
    assert damaged == [[] if synonym else [{"catalogue": "openngc", "tile": None, "searches": [FAR]}] for synonym in is_synonym]
    (flaw,) = verify_catalogue(Shelf(tmp_path), "openngc")
    assert (flaw.file, flaw.tile, flaw.why) == ("large.parquet", None, "No such file or directory" if lost else "its checksum does not fit")
    again = tmp_path / "again"
    on_shelf(again, "openngc", rows_of(columns), "openngc", tile_rows=TILE_ROWS)
    (again / "openngc" / "large.parquet").replace(path)
    assert classifier.classify(*positions()).classifications.equals(said[0])  # not yet tried again
    monkeypatch.setattr(tiles, "_RETRY_SECONDS", 0.0)
    assert classifier.classify(*positions()).classifications.equals(expected)


def test_damaged_tiles_heal_one_by_one_where_there_is_no_file(columns: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ask(MemoryCatalogue("openngc", columns, tile_rows=TILE_ROWS))
    catalogue = MemoryCatalogue("openngc", columns, tile_rows=TILE_ROWS, has_large=False, damaged=[3, 5, 8])
    classifier = Classifier(RULES, {"openngc": catalogue}, memory_bytes=1 << 26)
    said = classifier.classify(*positions()).classifications
    assert {one["tile"] for damages in damaged_of(said) for one in damages} == {3, 5, 8}
    monkeypatch.setattr(tiles, "_RETRY_SECONDS", 0.0)
    catalogue.damaged -= {3, 8}
    for _ in range(3):
        said = classifier.classify(*positions()).classifications
    assert {one["tile"] for damages in damaged_of(said) for one in damages} == {5}
    catalogue.damaged.clear()
    assert classifier.classify(*positions()).classifications.equals(expected)
