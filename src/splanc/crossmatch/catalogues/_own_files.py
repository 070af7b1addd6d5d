"""The rows of a catalogue's tiles, out of its own folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ._columns import SOURCE_COLUMNS
from ._rows import INDEX
from ._tiles import Tiles


class OwnFiles:
    """Files that splanc wrote, memory-mapped, with checksums of their pages.

    Parameters
    ----------
    folder : of the catalogue.
    tiles : its index.
    """

    def __init__(self, folder: Path, tiles: Tiles) -> None:
        self._folder = folder
        self._tiles = tiles

    def read(self, number: int) -> pa.Table:
        """Return the rows of a tile.

        Raises
        ------
        OSError, ValueError, pa.ArrowException
            If it cannot be read, or is not as it was written.
        """
        path = self._folder / self._tiles.path_of(number)
        with pq.ParquetFile(path, memory_map=True, page_checksum_verification=True) as file:
            rows = file.read_row_group(int(self._tiles.group[number]), columns=SOURCE_COLUMNS.names, use_threads=False)
        self._tiles.check(number, rows[INDEX])
        return rows
