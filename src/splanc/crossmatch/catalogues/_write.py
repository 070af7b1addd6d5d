"""Writing a catalogue from rows that are in the common record already."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from ...errors import UpstreamError, UserError
from ._build import Division, Origin, build_catalogue
from ._profile import Profile
from ._register import WORK, register
from ._rows import complete
from ._runs import RUN_ROWS, write_run


def write_catalogue(
    folder: Path, name: str, chunks: Iterable[pa.Table], profile: Profile, *, division: Division | None = None, run_rows: int = RUN_ROWS
) -> Path:
    """Write a catalogue onto a shelf and return its folder; memory holds one run at a time, whatever the number of rows.

    Parameters
    ----------
    folder : of the shelf.
    chunks : rows, in any order; columns of `SOURCE_COLUMNS`, of which only `id`, `ra` and `dec` must be there.
    profile : what the catalogue is.
    division : most rows of its files and tiles.
    run_rows : rows that are sorted in memory.

    Raises
    ------
    UserError
        If the shelf has a catalogue of this name already.
    UpstreamError
        If the disk does not take it.
    ValueError
        If a chunk's columns or rows are not those of sources.
    """
    work, target = folder / WORK / name, folder / name
    if target.exists():
        raise UserError(f"there is a catalogue {name} in {folder} already; take it away first (splanc catalogue remove {name}), or give another name")
    shutil.rmtree(work, ignore_errors=True)
    try:
        work.mkdir(parents=True)
        runs = []
        for number, rows in enumerate(_gathered(chunks, run_rows)):
            runs.append(work / f"run-{number:06d}")
            write_run(runs[-1], rows, {})
        build_catalogue(work / "catalogue", name, runs, profile, division=division or Division(), origin=Origin())
        register(work / "catalogue", target)
    except OSError as error:
        raise UpstreamError(f"cannot write the catalogue {target}: {error}; make room there") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _gathered(chunks: Iterable[pa.Table], run_rows: int) -> Iterator[pa.Table]:
    """Yield the rows in pieces for runs."""
    waiting: list[pa.Table] = []
    for chunk in chunks:
        waiting.append(complete(chunk))
        if sum(one.num_rows for one in waiting) >= run_rows:
            yield pa.concat_tables(waiting)
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting)
