"""The index of a catalogue's tiles: which part of the sky each holds, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Cells = npt.NDArray[np.int64]

_COLUMNS = pa.schema([("file", pa.int32()), ("group", pa.int32()), ("first", pa.int64()), ("last", pa.int64()), ("n_rows", pa.int64())])

_FILES = b"files"
"""Key of the schema's metadata: the names of the files, a line each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    """A catalogue's tiles in the order of the sky; a tile is a row group of a file of Parquet.

    Parameters
    ----------
    first, last : least and greatest order-29 cell of the rows of each tile, both inclusive, int64, shape (n_tile,), ascending.
    n_rows : rows of each tile, int64, shape (n_tile,).
    file : place in `files` of each tile's file, int32, shape (n_tile,).
    group : number of the row group in that file, int32, shape (n_tile,).
    files : paths below the catalogue's place.
    """

    first: Cells
    last: Cells
    n_rows: Cells
    file: npt.NDArray[np.int32]
    group: npt.NDArray[np.int32]
    files: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.first)

    def path_of(self, number: int) -> str:
        """Return the path of the file that a tile is in."""
        return self.files[int(self.file[number])]

    def check(self, number: int, cells: pa.ChunkedArray) -> None:
        """Compare the cells of a tile's rows, as they are in its file, with the index.

        Raises
        ------
        ValueError
            If they are others.
        """
        if len(cells) != self.n_rows[number] or {"min": self.first[number], "max": self.last[number]} != pc.min_max(cells).as_py():
            raise ValueError("it has other rows than the index tells; the file was replaced or changed")


def tiles_of(rows: pa.Table, files: tuple[str, ...]) -> Tiles:
    """Return the tiles that a table with columns file, group, first, last and n_rows tells, in the order of the sky."""
    rows = rows.select(_COLUMNS.names).cast(_COLUMNS).combine_chunks()
    columns = {name: rows[name].to_numpy() for name in _COLUMNS.names}
    order = np.lexsort((columns["last"], columns["first"]))
    return Tiles(files=files, **{name: column[order] for name, column in columns.items()})


def write_tiles(path: Path, tiles: Tiles) -> None:
    """Write the index, an Arrow file."""
    schema = _COLUMNS.with_metadata({_FILES: "\n".join(tiles.files)})
    table = pa.table([getattr(tiles, name) for name in _COLUMNS.names], schema=schema)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_table(table)


def read_tiles(path: Path) -> Tiles:
    """Return the index, memory-mapped.

    Raises
    ------
    OSError, ValueError
        If it is not there, or no index.
    """
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all()
    if not table.schema.equals(_COLUMNS):
        raise ValueError("it is no index of tiles")
    return tiles_of(table, tuple((table.schema.metadata or {}).get(_FILES, b"").decode().splitlines()))
