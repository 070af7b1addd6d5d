"""The end of a night: its small files become one Parquet file, without repeats, in the order of the objects; and old nights go.

The Parquet file names the files that it replaces, and gets its own name when it is on the disk for certain; from then on
readers leave those alone, and they are deleted. So a compaction may be killed anywhere and begun again. Rows that come after it
are in small files again, and the next compaction makes a new Parquet file of both.

Rows are sorted outside the memory: first each is put into the temporary file of the part that it will be in, then each part is
sorted and written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..disk import put_whole
from ..errors import UpstreamError
from ._files import BATCH, NIGHT, OBJECT, PARTIAL, SOURCE, SOURCES, RowFile, RowsDamaged, open_rows
from ._nights import COMPACTING, OnDamage, first_copies, live_files, locked

PART_ROWS = 65_536
"""Rows in a part of a night's file: about 130 MB in memory with all columns."""

_ROUND_ROWS = 2 * PART_ROWS
"""Rows that are sorted into parts at a time; fewer make more and smaller pieces, and each piece of 400 columns costs milliseconds."""

_RANK = "rank"
"""Column of the temporary files: where the row stands in the night."""

_SORTING, _DAMAGED = "sorting", ".damaged"
"""Folder of the temporary files, and suffix of a file of a batch that cannot be read."""

_ZSTD_LEVEL = 1
"""Measured: level 3 saves nothing, level 6 two percent for two thirds more work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compacted:
    """What a compaction did: the night, its rows, the files that went into one, and bytes before and after."""

    night: int
    rows: int
    files: int
    bytes_before: int
    bytes_after: int


def compact_night(folder: Path, night: int, on_damage: OnDamage, *, part_rows: int = PART_ROWS, wait: bool = True) -> Compacted | None:
    """Make one Parquet file of all rows of a night; None if there is nothing to do. A file of a batch that cannot be read is set aside.

    Parameters
    ----------
    folder : of all nights.
    part_rows : rows in a part of the file.
    wait : whether to wait while another process compacts; if not, it is left to that one.

    Raises
    ------
    RowsDamaged
        If a Parquet file of the night cannot be read.
    UpstreamError
        If the disk does not take the file; call it again then.
    """
    of_night = folder / str(night)
    with locked(folder, COMPACTING, alone=True, wait=wait) as is_mine:
        while is_mine and of_night.exists():
            try:
                return _compacted(of_night, part_rows)
            except RowsDamaged as damage:
                if damage.path.suffix != BATCH:
                    raise
                on_damage(damage)
                damage.path.replace(damage.path.with_name(f"{damage.path.name}{_DAMAGED}"))
    return None


def _compacted(of_night: Path, part_rows: int) -> Compacted | None:
    _delete_replaced(of_night)
    files, first = first_copies(live_files(of_night, _refuse), _refuse)
    if not files or [file.path.suffix for file in files] == [NIGHT]:
        return None
    keys = [np.concatenate([file.integers(name) for file in files])[np.concatenate(first)] for name in (OBJECT, SOURCE)]
    order = np.lexsort(keys[::-1])
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    partial = of_night / f"{_next_name(files)}{PARTIAL}"
    sorting = of_night / _SORTING
    try:
        schema = _sort(files, np.split(rank, np.cumsum([mask.sum() for mask in first])[:-1]), first, sorting, part_rows)
        _write(partial, sorting, schema, [file.path.name for file in files])
        _verify(partial, keys[1][order])
        put_whole(partial, partial.with_suffix(""))
    except OSError as error:
        raise UpstreamError(f"cannot compact the rows in {of_night}: {error}; make room there") from error
    finally:
        shutil.rmtree(sorting, ignore_errors=True)
        partial.unlink(missing_ok=True)
    before = sum(file.path.stat().st_size for file in files)
    _delete_replaced(of_night)
    after = partial.with_suffix("").stat().st_size
    return Compacted(night=int(of_night.name), rows=len(order), files=len(files), bytes_before=before, bytes_after=after)


def _refuse(damage: RowsDamaged) -> None:
    raise damage


def _delete_replaced(of_night: Path) -> None:
    """Delete the files whose rows are in a Parquet file of the night, and what a compaction that was killed has left."""
    shutil.rmtree(of_night / _SORTING, ignore_errors=True)
    replaced = [name for path in of_night.glob(f"*{NIGHT}") for name in open_rows(path).sources]
    with locked(of_night, alone=True):
        for path in [*(of_night / name for name in replaced), *of_night.glob(f"*{NIGHT}{PARTIAL}")]:
            path.unlink(missing_ok=True)


def _next_name(files: Sequence[RowFile]) -> str:
    numbers = [int(file.path.stem.removeprefix("night-")) for file in files if file.path.suffix == NIGHT]
    return f"night-{max(numbers, default=0) + 1:06d}{NIGHT}"


def _sort(files: Sequence[RowFile], ranks: Sequence[npt.NDArray[np.int64]], first: Sequence[npt.NDArray[np.bool_]], sorting: Path, part_rows: int) -> pa.Schema:
    """Put each row into the temporary file of its part, with its rank, and return the schema of all of them."""
    schemas = {id(file.schema): file.schema for file in files}.values()  # most are one and the same
    schema = pa.unify_schemas([schema.remove_metadata() for schema in schemas], promote_options="permissive")
    schema = schema.append(pa.field(_RANK, pa.int64()))
    sorting.mkdir()
    with ExitStack() as stack:
        parts = [stack.enter_context(_temporary(sorting, part, schema)) for part in range(-(-sum(map(len, ranks)) // part_rows))]
        waiting: list[pa.Table] = []
        for file, rank, mask in zip(files, ranks, first, strict=True):
            for wide in _pieces(file, rank, mask):
                waiting.append(wide)
                if sum(table.num_rows for table in waiting) >= _ROUND_ROWS:
                    _spread(waiting, schema, parts, part_rows)
                    waiting = []
        _spread(waiting, schema, parts, part_rows)
    return schema


def _temporary(sorting: Path, part: int, schema: pa.Schema) -> pa.RecordBatchStreamWriter:
    return pa.ipc.new_stream(str(sorting / f"{part:06d}"), schema, options=pa.ipc.IpcWriteOptions(compression="lz4"))


def _pieces(file: RowFile, rank: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]) -> Iterator[pa.Table]:
    """Yield the parts of a file without repeats, with ranks."""
    ends = np.cumsum((0, *file.n_rows))
    ranked = np.cumsum(mask)
    for part, (begin, end) in enumerate(pairwise(ends)):
        wide = file.read(part, file.schema.names).filter(pa.array(mask[begin:end]))
        upto = int(ranked[end - 1])
        yield wide.append_column(_RANK, pa.array(rank[upto - wide.num_rows : upto]))


def _spread(waiting: Sequence[pa.Table], schema: pa.Schema, parts: Sequence[pa.RecordBatchStreamWriter], part_rows: int) -> None:
    """Append rows to the parts that they will be in."""
    if not waiting:
        return
    wide = pa.concat_tables([_as(table, schema) for table in waiting]).combine_chunks().sort_by(_RANK)
    ends = np.searchsorted(wide[_RANK].to_numpy(), np.arange(1, len(parts) + 1) * part_rows)
    for part, begin, end in zip(parts, np.append(0, ends[:-1]), ends, strict=True):
        if end > begin:
            part.write_table(wide.slice(begin, end - begin))


def _write(partial: Path, sorting: Path, schema: pa.Schema, sources: Sequence[str]) -> None:
    """Write the parts, each sorted, as the row groups of one file."""
    schema = schema.remove(schema.get_field_index(_RANK)).with_metadata({SOURCES: json.dumps(sources)})
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    options = {"compression": "zstd", "compression_level": _ZSTD_LEVEL, "write_page_checksum": True, "write_statistics": [OBJECT]}
    with pq.ParquetWriter(partial, schema, use_dictionary=texts, **options) as writer:
        for path in sorted(sorting.iterdir()):
            with pa.memory_map(str(path)) as source, pa.ipc.open_stream(source) as stream:
                wide = stream.read_all().combine_chunks().sort_by(_RANK).drop_columns(_RANK)
            writer.write_table(wide, row_group_size=max(1, wide.num_rows))


def _verify(partial: Path, ids: npt.NDArray[np.int64]) -> None:
    """Read the whole file again: every page's checksum, and that it has these diaSourceIds in this order.

    Raises
    ------
    UpstreamError
        If the disk gives back something else.
    """
    file = open_rows(partial)
    if not np.array_equal(np.concatenate([_whole(file, part) for part in range(len(file.n_rows))]), ids):
        raise UpstreamError(f"{partial} is not as it was written; check the disk, and compact the night again")


def _whole(file: RowFile, part: int) -> npt.NDArray[np.int64]:
    """Return the diaSourceIds of a part of which every column can be read."""
    return np.asarray(pc.fill_null(file.read(part, file.schema.names)[SOURCE], 0).to_numpy())


def _as(wide: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return wide rows with these columns, NULL where they have none."""
    there = dict(zip(wide.column_names, wide.columns, strict=True))
    columns = [there[field.name].cast(field.type) if field.name in there else pa.nulls(wide.num_rows, field.type) for field in schema]
    return pa.table(columns, schema=schema)
