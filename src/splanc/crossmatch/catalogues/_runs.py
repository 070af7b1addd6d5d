"""Sorting more rows than memory holds: sorted pieces, *runs*, on disk, from which a range of the sky is read out of all at once.

A run has its name only when it is whole, so that work that was killed goes on after the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._rows import INDEX, in_sky_order, widened

RUN_ROWS = 2_000_000
"""Rows of a run: about 300 MB in memory while it is sorted."""

Cells = npt.NDArray[np.int64]


def write_run(path: Path, rows: pa.Table, metadata: dict[str, str]) -> None:
    """Write rows in the order of the sky, without the columns that are NULL in all of them, at once and whole."""
    rows = in_sky_order(rows)
    known = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
    rows = rows.select(known).replace_schema_metadata(metadata)
    partial = path.with_name(f"{path.name}.part")
    with pa.OSFile(str(partial), "wb") as sink, pa.ipc.new_file(sink, rows.schema) as writer:
        writer.write_table(rows)
    partial.replace(path)


def metadata_of(path: Path) -> dict[str, str]:
    """Return what was said of a run when it was written."""
    with pa.memory_map(str(path)) as source:
        return {key.decode(): value.decode() for key, value in (pa.ipc.open_file(source).schema.metadata or {}).items()}


def count_rows(runs: Sequence[Path], bounds: Cells) -> Cells:
    """Return how many rows of all runs lie in each range of cells, shape (n_range,).

    Parameters
    ----------
    bounds : first cell of each range, and the one after its last, int64, shape (n_range, 2).
    """
    counts = np.zeros(len(bounds), np.int64)
    for path in runs:
        places = np.searchsorted(_open(path)[INDEX].to_numpy(), bounds)
        counts += places[:, 1] - places[:, 0]
    return counts


def read_ranges(runs: Sequence[Path], bounds: Cells) -> Iterator[pa.Table]:
    """Yield the rows of all runs that lie in each range of cells, in the order of the sky.

    Parameters
    ----------
    bounds : as of `count_rows`; together the ranges must fit into memory.
    """
    pieces: list[list[pa.Table]] = [[] for _ in bounds]
    for path in runs:
        rows = _open(path)
        for mine, (begin, end) in zip(pieces, np.searchsorted(rows[INDEX].to_numpy(), bounds), strict=True):
            if end > begin:
                mine.append(rows.slice(begin, end - begin))
    yield from (widened(in_sky_order(pa.concat_tables(mine, promote_options="default"))) for mine in pieces)


def groups_of(counts: Cells, most: int) -> Iterator[slice]:
    """Yield slices of consecutive ranges that together have at most so many rows; a range that alone has more is alone."""
    begins, held = [0], 0
    for place, count in enumerate(counts.tolist()):
        if held and held + count > most:
            begins.append(place)
            held = 0
        held += count
    yield from (slice(begin, end) for begin, end in pairwise([*begins, len(counts)]) if end > begin)


def _open(path: Path) -> pa.Table:
    """Return the rows of a run, memory-mapped: its index is one piece, as it was written."""
    with pa.memory_map(str(path)) as source:
        return pa.ipc.open_file(source).read_all().replace_schema_metadata()
