"""Other people's tools open our catalogues."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from tests.support.catalogues import on_shelf, sources

LSDB = """
import json, sys
import lsdb
catalogue = lsdb.open_catalog(sys.argv[1])
near = catalogue.cone_search(ra=150.0, dec=-30.0, radius_arcsec=5 * 3600).compute()
columns = list(catalogue.compute().columns)
pair = catalogue.crossmatch(lsdb.open_catalog(sys.argv[1]), n_neighbors=1, radius_arcsec=0.1, require_right_margin=False).compute()
print(json.dumps([len(catalogue), sorted(near["id"].astype(int).tolist()), columns, len(pair)]))
"""


def test_lsdb_opens_a_catalogue_and_finds_the_same(tmp_path: Path) -> None:
    """In a process of its own, since what it imports warns."""
    rows = sources(30_000, mag=pa.array(np.linspace(10, 20, 30_000), pa.float32()))
    catalogue = on_shelf(tmp_path, "stars", rows)
    assert max(int(path.split("Norder=")[1][0]) for path in catalogue.tiles.files) > 0
    said = subprocess.run([sys.executable, "-c", LSDB, str(tmp_path / "stars")], capture_output=True, text=True, check=True)
    count, near, columns, pairs = json.loads(said.stdout.splitlines()[-1])
    ra, dec = np.radians(rows["ra"].to_numpy()), np.radians(rows["dec"].to_numpy())
    cosine = np.sin(dec) * np.sin(np.radians(-30)) + np.cos(dec) * np.cos(np.radians(-30)) * np.cos(ra - np.radians(150))
    expected = np.nonzero(np.degrees(np.arccos(cosine)) <= 5)[0].tolist()
    assert len(expected) > 20
    assert (count, near, pairs) == (30_000, expected, 30_000)
    assert {"id", "ra", "dec", "mag", "kind", "semi_major_arcsec"} <= set(columns)
