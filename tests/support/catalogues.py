"""Catalogues for tests: sources at random places, and files of them on a shelf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.crossmatch.catalogues import Catalogue, Division, Shelf, load_profile, write_catalogue


def sources(count: int, seed: int = 1, **columns: object) -> pa.Table:
    """Return sources at random places of the sky, named by their number, with further columns as given."""
    random = np.random.default_rng(seed)
    ra, dec = random.uniform(0, 360, count), np.degrees(np.arcsin(random.uniform(-1, 1, count)))
    return pa.table({"id": [str(number) for number in range(count)], "ra": ra, "dec": dec, **columns})


def on_shelf(folder: Path, name: str, rows: pa.Table, profile: str = "gaia_dr3", *, tile_rows: int = 1000) -> Catalogue:
    """Write rows as a catalogue of small tiles and files, and open it."""
    chunks = [rows.slice(begin, 3000) for begin in range(0, rows.num_rows, 3000)]
    write_catalogue(folder, name, chunks, load_profile(profile), division=Division(partition_rows=2 * tile_rows, tile_rows=tile_rows), run_rows=5000)
    return Shelf(folder).open(name)
