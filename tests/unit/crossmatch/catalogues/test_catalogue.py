"""A small catalogue, written and read; what takes longer stands in the integration floor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch.catalogues import SOURCE_COLUMNS, Shelf
from splanc.crossmatch.catalogues._partitions import divide_sky
from splanc.errors import UserError
from tests.support.catalogues import on_shelf, sources


def test_rows_are_read_back_in_the_order_of_the_sky(tmp_path: Path) -> None:
    catalogue = on_shelf(tmp_path, "stars", sources(300))
    rows = pa.concat_tables([catalogue.read_tile(number) for number in range(len(catalogue.tiles))])
    assert rows.schema.equals(SOURCE_COLUMNS)
    assert (np.diff(rows["_healpix_29"].to_numpy()) >= 0).all()
    assert sorted(map(int, rows["id"].to_pylist())) == list(range(300))
    with pytest.raises(UserError, match="did you mean 'stars'"):
        Shelf(tmp_path).open("star")


def test_cells_are_divided_until_none_has_too_many() -> None:
    cells = np.concatenate([np.arange(0, 4**29, 4**25), np.array([11 * 4**29 + 5])])  # the first cell evenly, the last one once

    def count_rows(bounds: np.ndarray) -> np.ndarray:
        return np.diff(np.searchsorted(cells, bounds), axis=1).ravel()

    found = [(one.order, one.pixel, one.n_rows) for one in divide_sky(count_rows, 64)]
    assert found == [(1, 0, 64), (1, 1, 64), (1, 2, 64), (1, 3, 64), (0, 11, 1)]
    assert [one.n_rows for one in divide_sky(count_rows, 1)] == [1] * 257
    (heap,) = divide_sky(lambda bounds: ((bounds[:, 0] <= 77) & (bounds[:, 1] > 77)) * 9, 1)
    assert (heap.order, heap.n_rows) == (12, 9)
    assert heap.path == "dataset/Norder=12/Dir=0/Npix=0.parquet"
