"""Files of rows: one compressed Arrow file a batch and night, and one Parquet file a night once it is over.

A file has its name when it is whole. Two files may hold the same alert: a node that was killed between writing the file and the
commit of the archive's marks leaves rows that are written again, by it or by another node. Whoever reads takes each alert once,
from the first file that has it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..errors import UpstreamError, first_line
from ..packet import Partition
from ._wide import ALERTS, widen

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
"""Measured: lz4 costs a node 3 µs an alert where zstd costs 5, for files that are half as large again, and soon compacted with zstd."""

BATCH, NIGHT, PARTIAL = ".arrow", ".parquet", ".part"
"""Suffixes: rows of a batch, rows of a night, and a file that is being written."""

OBJECT, SOURCE = f"{ALERTS}:diaObjectId", f"{ALERTS}:diaSourceId"
"""Columns of each file: whose alert it is, and which."""

SPANS, N_ROWS = b"splanc.spans", b"splanc.rows"
"""Keys of an Arrow file's metadata: the messages that the batch covers (JSON: topic, partition, first offset, next one), and the rows."""

SOURCES = b"splanc.sources"
"""Key of a Parquet file's metadata: JSON list of the files that its rows were in."""


class RowsDamaged(UpstreamError):
    """A file of rows is torn, changed or missing.

    Parameters
    ----------
    path : the file.
    why : what is wrong with it.
    """

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"the rows in {path} cannot be read: {why}")
        self.path = path


def write_rows(folder: Path, alerts: pa.Table, tables: Mapping[str, pa.Table], spans: Mapping[Partition, tuple[int, int]]) -> int:
    """Keep what filters saw of a batch, a file for each night, and return the bytes written; it is safe to do so again.

    Parameters
    ----------
    folder : of all nights; made when it is not there.
    alerts, tables : as in `Batch`.
    spans : the messages that the batch covers, which name the file: the same batch is not written twice.

    Raises
    ------
    UpstreamError
        If the disk does not take a file; nothing of it is left then.
    """
    nights = pc.fill_null(alerts["night"], 0).to_numpy()
    different = np.unique(nights)
    paths = {int(night): folder / str(night) / _name(alerts["timestamp"], spans) for night in different}
    missing = {night: path for night, path in paths.items() if not path.exists()}
    if not missing:
        return 0
    wide = widen(alerts, tables)
    of_night = {night: wide if len(different) == 1 else wide.filter(pa.array(nights == night)) for night in missing}
    return sum(_write(path, of_night[night], {SPANS: _as_text(spans)}) for night, path in missing.items())


def _name(timestamps: pa.ChunkedArray, spans: Mapping[Partition, tuple[int, int]]) -> str:
    """Return a name that sorts by time and is the same for the same messages."""
    newest_ms = pc.max(timestamps.cast("int64")).as_py() or 0
    digest = hashlib.blake2b(_as_text(spans).encode(), digest_size=8).hexdigest()
    return f"{datetime.fromtimestamp(newest_ms / 1000, UTC):%Y%m%dT%H%M%S.%fZ}-{digest}{BATCH}"


def _as_text(spans: Mapping[Partition, tuple[int, int]]) -> str:
    return json.dumps(sorted([*partition, *span] for partition, span in spans.items()))


def _write(path: Path, wide: pa.RecordBatch, metadata: Mapping[bytes, str]) -> int:
    wide = wide.replace_schema_metadata({**metadata, N_ROWS: str(wide.num_rows)})
    partial = path.with_name(f"{path.name}.{os.getpid()}{PARTIAL}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        size_bytes = partial.write_bytes(_encoded(wide))
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # why it could not be written may be why there is nothing to delete
            partial.unlink(missing_ok=True)
        raise UpstreamError(f"cannot write the rows that filters saw to {path}: {error}; make room there, or set another filters.rows_folder") from error
    return size_bytes


def _encoded(wide: pa.RecordBatch) -> pa.Buffer:
    """Return the bytes of a file; made in memory, since hundreds of columns would make a thousand small writes."""
    encoded = pa.BufferOutputStream()
    with pa.ipc.new_file(encoded, wide.schema, options=_OPTIONS) as writer:
        writer.write_batch(wide)
    return encoded.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """A file of rows, opened: it is read in parts, each small enough for the memory.

    Parameters
    ----------
    path : where it is.
    schema : its columns.
    n_rows : rows in each part.
    sources : names of the files that its rows were in before; none for the file of a batch.
    bounds : the least and greatest diaObjectId of each part, as far as it is known.
    """

    path: Path
    schema: pa.Schema
    n_rows: tuple[int, ...]
    sources: frozenset[str] = frozenset()
    bounds: tuple[tuple[int, int] | None, ...] = ()

    def read(self, part: int, columns: Sequence[str]) -> pa.Table:
        """Return some columns of a part.

        Raises
        ------
        RowsDamaged
            If the file is not as it was written, or gone.
        """
        with _reading(self.path):
            if NIGHT in self.path.suffixes:
                with pq.ParquetFile(self.path, memory_map=True, page_checksum_verification=True) as file:
                    return file.read_row_group(part, columns=list(columns), use_threads=False)
            chosen = [self.schema.get_field_index(name) for name in columns]
            with pa.memory_map(str(self.path)) as source:
                options = pa.ipc.IpcReadOptions(included_fields=chosen, use_threads=False)
                return pa.Table.from_batches([pa.ipc.open_file(source, options=options).get_batch(part)]).select(list(columns))

    def integers(self, column: str) -> npt.NDArray[np.int64]:
        """Return a column of integers of all parts, 0 for NULL, shape (n_row,)."""
        parts = [pc.fill_null(self.read(part, [column])[column], 0).to_numpy() for part in range(len(self.n_rows))]
        return np.concatenate([np.zeros(0, np.int64), *parts])


def open_rows(path: Path) -> RowFile:
    """Return a file of rows, of which only the end has been read.

    Raises
    ------
    RowsDamaged
        If it is torn or gone.
    """
    with _reading(path):
        if NIGHT in path.suffixes:  # also before it has its name
            with pq.ParquetFile(path, memory_map=True) as file:
                metadata = file.metadata
                sources = frozenset(json.loads((metadata.metadata or {}).get(SOURCES, b"[]")))
                groups = [metadata.row_group(part) for part in range(metadata.num_row_groups)]
                place = file.schema_arrow.get_field_index(OBJECT)
                bounds = tuple(_bounds(group.column(place)) for group in groups)
                return RowFile(path=path, schema=file.schema_arrow, n_rows=tuple(group.num_rows for group in groups), sources=sources, bounds=bounds)
        with pa.memory_map(str(path)) as source:
            schema = pa.ipc.open_file(source).schema
            return RowFile(path=path, schema=schema, n_rows=(int(schema.metadata[N_ROWS]),))


def _bounds(chunk: pq.ColumnChunkMetaData) -> tuple[int, int] | None:
    known = chunk.statistics
    return (known.min, known.max) if known is not None and known.has_min_max else None


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise RowsDamaged(path, "it is gone") from error
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:
        raise RowsDamaged(path, first_line(error)) from error
