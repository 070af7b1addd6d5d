"""Past nights: the folder of all rows, a night's files without repeats, and one object's alerts in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import UpstreamError, UserError
from ..locks import file_lock
from ..packet import Batch
from ._files import BATCH, NIGHT, SOURCE, RowFile, RowsDamaged, open_rows
from ._wide import ALERTS, Wanted, columns_in, narrow

OnDamage: TypeAlias = Callable[[RowsDamaged], None]
"""Told of each file that cannot be read; the rest of the night is read all the same."""

READING, COMPACTING = "reading.lock", "compacting.lock"
"""Files that are locked: the one in a night's folder, shared by those who read the night, and taken alone to delete files; the other in the
folder of all nights, for who compacts them or deletes old ones."""


_READ_ROWS = 10_000
"""Alerts that are read at a time, from as many files as it takes; a node's largest batch."""


def nights_in(folder: Path) -> tuple[int, ...]:
    """Return the nights that have rows, ascending.

    Parameters
    ----------
    folder : of all nights.
    """
    if not folder.is_dir():
        return ()
    named = [path for path in folder.iterdir() if path.name.isdecimal()]
    return tuple(sorted(int(path.name) for path in named if any(path.glob(f"*{BATCH}")) or any(path.glob(f"*{NIGHT}"))))


def chosen_nights(folder: Path, nights: tuple[int, ...], newest: int | None) -> tuple[int, ...]:
    """Return the nights that a user asks for.

    Parameters
    ----------
    nights : by their numbers; none: the newest ones.
    newest : how many of those; None: one.

    Raises
    ------
    UserError
        If a night has no rows, or none has any.
    """
    there = nights_in(folder)
    if not there:
        raise UserError(f"{folder} has no rows of past nights; nodes write them while filters.rows_nights is not 0")
    missing = sorted(set(nights) - set(there))
    if missing:
        raise UserError(f"no rows of the night {missing[0]}; there are {', '.join(map(str, there))}")
    return tuple(sorted(set(nights))) or there[-(newest or 1) :]


def read_night(folder: Path, night: int, on_damage: OnDamage, *, wanted: Wanted | None = None) -> Iterator[Batch]:
    """Yield the alerts of a night with the rows that filters saw, each alert once, ten thousand or more at a time while there are so many.

    Parameters
    ----------
    folder : of all nights.
    wanted : which columns of which tables; None: all.

    Raises
    ------
    UpstreamError
        If the folder cannot be read.
    """
    with locked(folder / str(night)):
        waiting: list[pa.Table] = []
        for wide in _parts(folder / str(night), on_damage, wanted):
            waiting.append(wide)
            if sum(table.num_rows for table in waiting) >= _READ_ROWS:
                yield narrow(_together(waiting))
                waiting = []
        if waiting:
            yield narrow(_together(waiting))


def _parts(of_night: Path, on_damage: OnDamage, wanted: Wanted | None) -> Iterator[pa.Table]:
    """Yield the parts of a night's files, without repeats."""
    files = live_files(of_night, on_damage)
    for file, first in zip(*first_copies(files, on_damage), strict=True):
        columns = columns_in(file.schema.names, wanted)
        ends = np.cumsum((0, *file.n_rows))
        for part in range(len(file.n_rows)):
            try:
                wide = file.read(part, columns)
            except RowsDamaged as damage:
                on_damage(damage)
                break
            chosen = first[ends[part] : ends[part + 1]]
            if chosen.any():
                yield wide if chosen.all() else wide.filter(pa.array(chosen))


def _together(wides: list[pa.Table]) -> pa.Table:
    """Return wide rows as one table, NULL where some have no such column: a filter takes a millisecond for a batch, however small it is."""
    return wides[0] if len(wides) == 1 else pa.concat_tables(wides, promote_options="permissive").combine_chunks()


def find_alert(folder: Path, object_id: int, on_damage: OnDamage, *, key: str = "diaObjectId", visit: int | None = None) -> Batch | None:
    """Return the newest alert of an object with all that filters saw of it; None if no night has one.

    Parameters
    ----------
    folder : of all nights.
    object_id : of the object.
    key : the column of `alerts` that it is in, `diaObjectId` or `ssObjectId`.
    visit : of this visit, not the newest.
    """
    for night in reversed(nights_in(folder)):
        with locked(folder / str(night)):
            found = [one for file in live_files(folder / str(night), on_damage) for one in _found_in(file, object_id, on_damage, key=key, visit=visit)]
        if found:
            return max(found, key=lambda batch: batch.alerts["midpointMjdTai"][0].as_py() or 0.0)
    return None


def find_in_file(path: Path, object_id: int, on_damage: OnDamage, *, key: str = "diaObjectId") -> list[Batch]:
    """Return the alerts of an object in one file, a batch each."""
    try:
        file = open_rows(path)
    except RowsDamaged as damage:
        on_damage(damage)
        return []
    return list(_found_in(file, object_id, on_damage, key=key, visit=None))


def _found_in(file: RowFile, object_id: int, on_damage: OnDamage, *, key: str, visit: int | None) -> Iterator[Batch]:
    try:
        for part in range(len(file.n_rows)):
            bounds = file.bounds[part] if file.bounds and key == "diaObjectId" else None
            if bounds is not None and not bounds[0] <= object_id <= bounds[1]:
                continue
            asked = {f"{ALERTS}:{key}": object_id} | ({} if visit is None else {f"{ALERTS}:visit": visit})
            keys = file.read(part, list(asked))
            hits = np.logical_and.reduce([_equals(keys[name], value) for name, value in asked.items()])
            if hits.any():
                wide = file.read(part, file.schema.names)
                yield from (narrow(wide.slice(row, 1)) for row in np.flatnonzero(hits))
    except RowsDamaged as damage:
        on_damage(damage)


def _equals(column: pa.ChunkedArray, value: int) -> npt.NDArray[np.bool_]:
    return np.asarray(column.is_valid().to_numpy()) & (column.fill_null(0).to_numpy() == value)


def live_files(folder: Path, on_damage: OnDamage) -> list[RowFile]:
    """Return a night's files in the order of time, less those whose rows are in a Parquet file already."""
    nights = _opened(sorted(folder.glob(f"*{NIGHT}")), on_damage)
    covered = frozenset[str]().union(*(file.sources for file in nights))
    batches = [path for path in sorted(folder.glob(f"*{BATCH}")) if path.name not in covered]
    return [file for file in nights if file.path.name not in covered] + _opened(batches, on_damage)


def _opened(paths: list[Path], on_damage: OnDamage) -> list[RowFile]:
    """Return the files that can be opened; those with the same columns share a schema, for hundreds of columns take 80 kB, and there may be 30,000 files."""
    files: list[RowFile] = []
    schemas: list[pa.Schema] = []
    for path in paths:
        try:
            file = open_rows(path)
        except RowsDamaged as damage:
            on_damage(damage)
            continue
        schema = next((known for known in schemas if known.equals(file.schema)), None)
        if schema is None:
            schema = file.schema
            schemas.append(schema)
        files.append(replace(file, schema=schema))
    return files


def first_copies(files: list[RowFile], on_damage: OnDamage) -> tuple[list[RowFile], list[npt.NDArray[np.bool_]]]:
    """Return the files whose ids can be read, and which rows of each are the first of their diaSourceId, shape (n_row,)."""
    if [file.path.suffix for file in files] == [NIGHT]:  # in which there are no repeats
        return files, [np.ones(sum(files[0].n_rows), np.bool_)]
    readable, ids = [], []
    for file in files:
        try:
            ids.append(file.integers(SOURCE))
            readable.append(file)
        except RowsDamaged as damage:
            on_damage(damage)
    counts = [len(one) for one in ids]
    _, places = np.unique(np.concatenate([np.zeros(0, np.int64), *ids]), return_index=True)
    first = np.zeros(sum(counts), np.bool_)
    first[places] = True
    return readable, np.split(first, np.cumsum(counts)[:-1]) if counts else []


@contextmanager
def locked(folder: Path, name: str = READING, *, alone: bool = False, wait: bool = True) -> Iterator[bool]:
    """Keep a folder's files where they are, or, alone, keep all others from doing what the lock is for.

    Parameters
    ----------
    folder : of a night, or of all nights.
    wait : whether to wait for others that have the lock; yielded is whether this process has it now.

    Raises
    ------
    UpstreamError
        If the folder cannot be used.
    """
    with ExitStack() as stack:
        try:
            is_mine = stack.enter_context(file_lock(folder / name, shared=not alone, wait=wait))
        except OSError as error:
            raise UpstreamError(f"cannot use the rows in {folder}: {error.strerror}; check the folder and its rights") from error
        yield is_mine
