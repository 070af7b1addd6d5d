"""From sorted runs to a whole catalogue: partitions, tiles, checksums, and what HATS asks for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...disk import to_disk
from ...sky import HEALPIX_ORDER, SKY_DEG2
from ._hats import TILE_ROWS, write_layout, write_partition
from ._large import large_among, may_have_large, write_large
from ._manifest import INDEX_OF_TILES, LARGE, File, Manifest, sum_file, write_manifest
from ._own_files import OwnFiles
from ._partitions import PARTITION_ROWS, Partition, cells_below, divide_sky
from ._profile import Profile
from ._rows import INDEX
from ._runs import count_rows, groups_of, read_ranges
from ._tiles import Tiles, tiles_of, write_tiles

_AREA_ORDER, _AREA_ROWS = 8, 16
"""The area is counted in cells of this order at most, coarser ones where those that have rows have fewer than this on average."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Most rows of a file, and of a tile in it."""

    partition_rows: int = PARTITION_ROWS
    tile_rows: int = TILE_ROWS


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a catalogue comes from: the files it was made from, and how many of their rows are not in it."""

    sources: tuple[str, ...] = ()
    rejected: int = 0


def build_catalogue(
    folder: Path, name: str, runs: Sequence[Path], profile: Profile, *, division: Division, origin: Origin, on_rows: Callable[[int], None] = lambda _: None
) -> Manifest:
    """Write a catalogue into a folder, in which work that was killed may have left whole files, and return its record.

    Parameters
    ----------
    runs : all rows, as `write_run` wrote them.
    on_rows : called with the rows of each file that is written.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    partitions = divide_sky(lambda bounds: count_rows(runs, bounds), division.partition_rows)
    bounds = np.concatenate([np.zeros((0, 2), np.int64), *(cells_below(one.order, np.array([one.pixel])) for one in partitions)])
    missing = np.array([not (folder / one.path).exists() for one in partitions], bool)
    on_rows(sum(one.n_rows for one, is_missing in zip(partitions, missing, strict=True) if not is_missing))
    to_write = [one for one, is_missing in zip(partitions, missing, strict=True) if is_missing]
    for part in groups_of(np.array([one.n_rows for one in to_write], np.int64), 2 * division.partition_rows):
        for one, rows in zip(to_write[part], read_ranges(runs, bounds[missing][part]), strict=True):
            write_partition(folder / one.path, rows, division.tile_rows)
            on_rows(one.n_rows)
    return _finish(folder, name, partitions, profile, origin)


def _finish(folder: Path, name: str, partitions: Sequence[Partition], profile: Profile, origin: Origin) -> Manifest:
    n_rows = sum(one.n_rows for one in partitions)
    area_deg2 = _area_deg2(folder, partitions, n_rows)
    said = {"obs_title": profile.title, "prov_progenitor": profile.reference, "bib_reference": profile.citation, "data_rights": profile.licence}
    write_layout(folder, name, partitions, {**said, "moc_sky_fraction": f"{area_deg2 / SKY_DEG2:.5f}"})
    footers = [(one.path, pq.read_metadata(folder / one.path)) for one in partitions]
    tiles = index_files(footers)
    write_tiles(folder / INDEX_OF_TILES, tiles)
    own, numbers = OwnFiles(folder, tiles), may_have_large(tiles, [footer for _, footer in footers])
    write_large(folder / LARGE, large_among((number, own.read(number)) for number in numbers))
    files = {str(path.relative_to(folder)): _kept(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    manifest = Manifest(
        name=name, profile=dict(profile.document), n_rows=n_rows, area_deg2=area_deg2, files=files, sources=origin.sources, rejected=origin.rejected
    )
    write_manifest(folder, manifest)
    return manifest


def index_files(footers: Sequence[tuple[str, Any]]) -> Tiles:
    """Return the tiles of files of Parquet, by the statistics in their footers.

    Parameters
    ----------
    footers : path and metadata of each.

    Raises
    ------
    ValueError
        If a file has no index by HEALPix cell, or no statistics of it.
    """
    columns: dict[str, list[int]] = {"file": [], "group": [], "first": [], "last": [], "n_rows": []}
    for place, (path, footer) in enumerate(footers):
        if INDEX not in footer.schema.names:
            raise ValueError(f"{path} has no column {INDEX}")
        column = footer.schema.names.index(INDEX)
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            known = group.column(column).statistics
            if known is None or not known.has_min_max:
                raise ValueError(f"row group {number} of {path} has no statistics of {INDEX}")
            for name, value in zip(columns, (place, number, known.min, known.max, group.num_rows), strict=True):
                columns[name].append(value)
    return tiles_of(pa.table({name: pa.array(values, pa.int64()) for name, values in columns.items()}), tuple(path for path, _ in footers))


def _area_deg2(folder: Path, partitions: Sequence[Partition], n_rows: int) -> float:
    """Return the area of the cells that have a source, of the finest order in which they have several; fewer sources have a whole cell of the coarsest."""
    counts, last = np.zeros(_AREA_ORDER + 1, np.int64), -1
    for one in partitions:
        cells = pq.read_table(folder / one.path, columns=[INDEX], partitioning=None)[INDEX].to_numpy()
        for order in range(_AREA_ORDER + 1):
            shift = 2 * (HEALPIX_ORDER - order)
            counts[order] += np.count_nonzero(np.diff(cells >> shift, prepend=last >> shift))
        last = int(cells[-1])
    finest = int(max(np.flatnonzero(counts * _AREA_ROWS <= n_rows), default=0))
    return round(float(counts[finest] * SKY_DEG2 / (12 * 4**finest)), 1)


def _kept(path: Path) -> File:
    """Return the sum of a file that is on the disk for certain."""
    to_disk(path)
    return sum_file(path)
