"""The classifier over catalogues on a shelf, as operators have them."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.crossmatch import UNCLASSIFIED
from splanc.crossmatch.catalogues import SOURCE_COLUMNS, Shelf
from splanc.crossmatch.classifier import Classifier, load_rules
from tests.support.catalogues import on_shelf
from tests.support.skies import MemoryCatalogue

from .test_brute_force import MJD_TAI, about, sky

NAMES = ("gaia_dr3", "openngc", "ps1", "bright_stars")


def rows_of(columns: dict) -> pa.Table:
    return pa.table({name: pa.array(values, SOURCE_COLUMNS.field(name).type, from_pandas=True) for name, values in columns.items()})


def test_a_shelf_says_what_memory_says_and_a_damaged_file_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    place = functools.partial(about, 45.0, -20.0, 0.5)
    columns = {name: one for name, one in sky(rng, place, 1500).items() if name in NAMES}
    for name, one in columns.items():
        on_shelf(tmp_path, name, rows_of(one), name, tile_rows=100)
    ra, dec = place(rng, 400)
    mjd = np.full(400, MJD_TAI)
    memory = {name: MemoryCatalogue(name, one, tile_rows=100) for name, one in columns.items()}
    expected = Classifier(load_rules(None), memory, memory_bytes=1 << 26).classify(ra, dec, mjd, matches=True)
    shelf = Classifier(load_rules(None), Shelf(tmp_path).open_all(), memory_bytes=1 << 26).classify(ra, dec, mjd, matches=True)
    assert shelf.matches is not None
    assert shelf.matches.equals(expected.matches)
    same = [name for name in shelf.classifications.column_names if name != "catalogue_versions"]
    assert shelf.classifications.select(same).equals(expected.classifications.select(same))

    opened = Shelf(tmp_path).open_all()
    path = tmp_path / "gaia_dr3" / opened["gaia_dr3"].tiles.files[0]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    damaged = Classifier(load_rules(None), opened, memory_bytes=1 << 26).classify(ra, dec, mjd).classifications
    for before, row in zip(expected.classifications.to_pylist(), damaged.to_pylist(), strict=True):
        said = json.loads(row["explanation"])
        if "damaged" in said:
            assert said["damaged"][0]["catalogue"] == "gaia_dr3"
            assert "Gaia stars" in said["damaged"][0]["searches"]
            assert said["phase"] == "synonym" or row["classification"] == UNCLASSIFIED
        else:
            assert row["classification"] == before["classification"]
    assert any("damaged" in json.loads(text) for text in damaged["explanation"].to_pylist())
