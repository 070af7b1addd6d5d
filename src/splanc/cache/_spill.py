"""A waiting batch on disk: its tables as Arrow IPC streams, one after the other in one file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..archive.checksums import checksum
from ..errors import UpstreamError
from ._waiting import Spans, Waiting

_OPTIONS = pa.ipc.IpcWriteOptions()
"""Uncompressed: lz4 saves a sixth of these bytes for two to three times the work, and it is the cutouts that fill the disk."""


class SpoolDamaged(UpstreamError):
    """A waiting batch on disk is not as it was written: drop its partitions from the spool and read them from Kafka again.

    Parameters
    ----------
    path : its file.
    why : what is wrong with it.
    spans : the messages it covers.
    """

    def __init__(self, path: Path, why: str, spans: Spans) -> None:
        super().__init__(f"the waiting batch {path} {why}; its messages must be read from Kafka again")
        self.spans = spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Spill:
    """A spilled batch; it outlives neither the process nor its spool, so what is in the file is remembered here.

    Parameters
    ----------
    path : the file.
    checksum : of the file.
    tables : names of the tables, in the order of the file after alerts, rejects and the pack's index (if there is a pack).
    rest : the batch without its tables.
    """

    path: Path
    checksum: int
    tables: tuple[str, ...]
    rest: Waiting


def write_spill(path: Path, waiting: Waiting) -> Spill:
    """Write a batch to a file and return where it is.

    Raises
    ------
    UpstreamError
        If the file cannot be written; nothing of it is left then.
    """
    tables = [waiting.alerts, waiting.rejects, *([waiting.pack.index] if waiting.pack else []), *waiting.tables.values()]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with pa.OSFile(str(path), "wb") as file:
            for table in tables:
                with pa.ipc.new_stream(file, table.schema, options=_OPTIONS) as stream:
                    stream.write_table(table)
        content = np.memmap(path, np.uint8, mode="r")
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UpstreamError(f"cannot write a waiting batch to {path}: {error}; make room there, or set another data_dir") from error
    # Empty tables of their own: a slice of no rows would keep all of a table in memory.
    nothing = pa.table({})
    pack = replace(waiting.pack, index=nothing) if waiting.pack else None
    rest = replace(waiting, alerts=nothing, tables={}, rejects=nothing, pack=pack)
    return Spill(path=path, checksum=checksum(content), tables=tuple(waiting.tables), rest=rest)


def read_spill(spill: Spill) -> Waiting:
    """Return a batch from its file.

    Raises
    ------
    SpoolDamaged
        If the file is missing, short or changed.
    """
    try:
        content = spill.path.read_bytes()
    except OSError as error:
        raise SpoolDamaged(spill.path, f"cannot be read: {error.strerror}", spill.rest.spans) from error
    if checksum(content) != spill.checksum:
        raise SpoolDamaged(spill.path, "is not as it was written", spill.rest.spans)
    file = pa.BufferReader(content)
    rest = spill.rest
    alerts, rejects = _next(file), _next(file)
    pack = replace(rest.pack, index=_next(file)) if rest.pack else None
    return replace(rest, alerts=alerts, rejects=rejects, pack=pack, tables={name: _next(file) for name in spill.tables})


def _next(file: pa.BufferReader) -> pa.Table:
    with pa.ipc.open_stream(file) as stream:
        return stream.read_all()
