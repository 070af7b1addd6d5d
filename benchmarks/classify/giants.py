"""What the first question costs where galaxies of a catalogue with sizes are searched for degrees away.

The catalogue has rows all over the sky, in as many tiles as one twenty times its size would have; its large galaxies are as many as there are.
It is asked as it is, and as an earlier splanc would have made it: without the file of its large sources.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.crossmatch.catalogues import Division, Shelf, load_profile, write_catalogue
from splanc.crossmatch.classifier import Classifier, load_rules, warm

from .figures import forget, fresh, taking
from .sky import LARGE_ARCSEC, LARGE_DEG2, SEED

NAME = "openngc"
"""Of a catalogue whose profile has sizes, and which the rules search 14,000 arcsec about."""

TILE_ROWS, CHUNK_ROWS = 2_000, 250_000
SKY_DEG2 = 360.0 * 360.0 / np.pi


def compared(folder: Path, rows: int, n_alert: int) -> dict[str, dict[str, float]]:
    """Return what the first question and the next one cost, seconds, with the file and without."""
    with_file, without = folder / "with", folder / "without"
    with taking() as taken:
        for shelf in (with_file, without):
            division = Division(partition_rows=50 * TILE_ROWS, tile_rows=TILE_ROWS)
            write_catalogue(shelf, NAME, _chunks(rows), load_profile(NAME), division=division)
        written = taken()
    catalogue = Shelf(with_file).open(NAME)
    large = catalogue.read_large().num_rows
    size = (with_file / NAME / "large.parquet").stat().st_size
    _take_away(without / NAME)
    made = {"rows": catalogue.n_rows, "tiles": len(catalogue.tiles), "large": large, "file: MB": size / 1e6, "writing: CPU s": written[0] / 2}
    found = {"catalogue": made}
    for name, shelf in (("with the file of large sources", with_file), ("without", without)):
        forget(shelf)
        found[name] = fresh(_asked, shelf, n_alert)
    return found


def _asked(shelf: Path, n_alert: int) -> dict[str, float]:
    """Return what two questions about positions in a field cost; the answers are in `large galaxies near`."""
    warm()
    random = np.random.default_rng([SEED, 1])
    ra, dec = random.uniform(150, 153, (2, n_alert)), random.uniform(-1, 2, (2, n_alert))
    classifier = Classifier(load_rules(None), Shelf(shelf).open_all(), memory_bytes=1 << 30)
    found: dict[str, float] = {}
    for number, question in enumerate(("first", "next")):
        with taking() as taken:
            answer = classifier.classify(ra[number], dec[number], matches=True)
            cpu, wall = taken()
        assert answer.matches is not None
        axes = answer.matches["sm_axis_arcsec"].to_numpy()
        found |= {f"{question}: s": wall, f"{question}: CPU s": cpu, f"{question}: large galaxies near": int((axes >= 48).sum())}
    return found


def _chunks(rows: int) -> Iterator[pa.Table]:
    """Yield rows at random places; the large galaxies come first, as many as the RC3 has in the sky."""
    random = np.random.default_rng(SEED)
    n_large = round(LARGE_DEG2 * SKY_DEG2)
    axes = np.append(LARGE_ARCSEC * random.random(n_large) ** (-1 / 3), np.minimum(random.exponential(4.0, rows - n_large), 0.9 * LARGE_ARCSEC))
    for begin in range(0, rows, CHUNK_ROWS):
        here = axes[begin : begin + CHUNK_ROWS]
        n = len(here)
        places = {"ra": random.uniform(0, 360, n), "dec": np.degrees(np.arcsin(random.uniform(-1, 1, n)))}
        shapes = {"semi_major_arcsec": here.astype(np.float32), "axis_ratio": random.uniform(0.3, 1.0, n).astype(np.float32)}
        names = {"id": [f"G{begin + number}" for number in range(n)], "kind": ["galaxy"] * n, "type": ["G"] * n}
        yield pa.table({**names, **places, "z": 0.9 / (here + 20.0), "mag": random.uniform(12, 22, n).astype(np.float32), **shapes})


def _take_away(folder: Path) -> None:
    """Make of a catalogue one without the file of its large sources."""
    (folder / "large.parquet").unlink()
    record = json.loads((folder / "catalogue.json").read_text("utf-8"))
    del record["files"]["large.parquet"]
    (folder / "catalogue.json").write_text(json.dumps(record), "utf-8")
