"""Files of answers: written once, whole, and read only if they are what was written.

A file's name says how young it is and what its checksum is, so that a file that is damaged, or was not written to its end, cannot pass for another.
"""

from __future__ import annotations

import time
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc

from ...errors import SplancError
from ._asked import Asked
from ._packed import PACKED_COLUMNS

ENDING = ".arrow"
"""How the names of whole files end."""

PARTIAL = ".part"
"""How those of files end that are being written."""

KEPT_COLUMNS = pa.schema([("object_id", pa.int64()), ("ra_deg", pa.float64()), ("dec_deg", pa.float64()), ("mjd_tai", pa.float64()), *PACKED_COLUMNS])
"""What is kept of an answer: the object, where and when it was (NaN: unknown), and what was said of it."""


class AnswersDamaged(SplancError):
    """A file of answers is not what was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFile:
    """Answers that are in memory, or in a file that is mapped into it.

    Parameters
    ----------
    table : `KEPT_COLUMNS`, in one chunk.
    stamp : when the youngest of them were written, ns since 1970.
    path : the file; None: they are in memory only.
    size_bytes : of the file.
    """

    table: pa.Table
    stamp: int
    path: Path | None = None
    size_bytes: int = 0

    @property
    def asked(self) -> Asked:
        """What the answers are to; nothing is copied."""
        object_id, ra_deg, dec_deg, mjd_tai = map(_numbers, self.table.columns[:4])
        return Asked(object_id=object_id, ra_deg=ra_deg, dec_deg=dec_deg, mjd_tai=mjd_tai)


def in_memory(asked: Asked, packed: pa.Table) -> AnswerFile:
    """Return answers (`PACKED_COLUMNS`) that are in memory only."""
    kept = [asked.object_id, asked.ra_deg, asked.dec_deg, asked.mjd_tai, *packed.columns]
    return AnswerFile(table=pa.table(kept, schema=KEPT_COLUMNS).combine_chunks(), stamp=time.time_ns())


def write_answers(folder: Path, files: list[AnswerFile]) -> AnswerFile:
    """Write answers of several files into one, as young as the youngest of them.

    Raises
    ------
    OSError
        If there is no room, or no right to write.
    """
    table = pa.concat_tables([file.table for file in files]).unify_dictionaries().combine_chunks()
    stamp = max(file.stamp for file in files)
    partial = folder / f"{stamp:016x}-{time.time_ns():x}{PARTIAL}"
    try:
        with pa.OSFile(str(partial), "wb") as sink, ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
        checksum = zlib.crc32(pa.memory_map(str(partial)).read_buffer())
        whole = partial.rename(folder / f"{stamp:016x}-{checksum:08x}{ENDING}")
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    return read_answers(whole)


def read_answers(path: Path) -> AnswerFile:
    """Map a file into memory.

    Raises
    ------
    AnswersDamaged
        If it is not what was written.
    FileNotFoundError
        If another process has deleted it.
    """
    stamp, _, checksum = path.stem.partition("-")
    try:
        buffer = pa.memory_map(str(path)).read_buffer()
        if zlib.crc32(buffer) != int(checksum, 16):
            raise AnswersDamaged(f"{path} is not what was written: its checksum is {zlib.crc32(buffer):08x}")
        table = ipc.open_file(buffer).read_all()
        if table.schema != KEPT_COLUMNS:
            raise AnswersDamaged(f"{path} has other columns than answers have")
        return AnswerFile(table=table, stamp=int(stamp, 16), path=path, size_bytes=buffer.size)
    except ValueError as error:
        raise AnswersDamaged(f"{path} is not what was written: {error}") from error


def _numbers(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    (chunk,) = column.chunks
    return np.asarray(chunk.to_numpy())
