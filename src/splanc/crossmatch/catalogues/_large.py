"""The large sources of a catalogue, in a file of their own: what is searched for degrees away need not be looked for in every tile."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ._columns import SOURCE_COLUMNS
from ._manifest import File, sum_bytes
from ._rows import in_sky_order
from ._tiles import Tiles

LARGE_ARCSEC = 30.0
"""Sources with this semi-major axis or more are large: some 23,000 galaxies in the sky, 2 MB."""

AXIS = "semi_major_arcsec"

_COLUMNS = pa.schema([*SOURCE_COLUMNS, pa.field("tile", pa.int32()), pa.field("row", pa.int32())])


def large_among(tiles: Iterable[tuple[int, pa.Table]]) -> pa.Table:
    """Return the large sources of tiles, in the order of the sky: `SOURCE_COLUMNS`, and `tile` and `row`, which say where each is.

    Parameters
    ----------
    tiles : number of each, and its rows.
    """
    parts = [_COLUMNS.empty_table()]
    for number, rows in tiles:
        places = np.flatnonzero(rows[AXIS].to_numpy() >= LARGE_ARCSEC)
        found = rows.take(pa.array(places))
        places_there = [pa.array(np.full(len(places), number), pa.int32()), pa.array(places, pa.int32())]
        parts.append(pa.table([*found.columns, *places_there], schema=_COLUMNS))
    return in_sky_order(pa.concat_tables(parts))


def may_have_large(tiles: Tiles, footers: list[Any]) -> list[int]:
    """Return the tiles that have large sources, as far as the statistics tell.

    Parameters
    ----------
    footers : metadata of each of the tiles' files.
    """
    groups = zip(tiles.file.tolist(), tiles.group.tolist(), strict=True)
    return [number for number, (file, group) in enumerate(groups) if _greatest(footers[file], group) >= LARGE_ARCSEC]


def _greatest(footer: Any, group: int) -> float:
    """Return the greatest axis in a row group; 0 where none is known."""
    known = footer.row_group(group).column(footer.schema.names.index(AXIS)).statistics
    return float(known.max) if known.has_min_max else 0.0


def write_large(path: Path, rows: pa.Table) -> None:
    """Write the large sources."""
    pq.write_table(rows, path, compression="zstd")


def read_large(path: Path, known: File) -> pa.Table:
    """Return the large sources.

    Parameters
    ----------
    known : size and sum of the file as it was written.

    Raises
    ------
    OSError, ValueError, pa.ArrowException
        If it cannot be read, or is not as it was written.
    """
    data = path.read_bytes()
    if sum_bytes(data) != known:
        raise ValueError("its checksum does not fit")
    return pq.read_table(pa.BufferReader(data), columns=_COLUMNS.names)
