"""Reading published files, piece by piece: FITS, VOTable, Parquet and text; memory holds one piece, however long the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...errors import UserError
from ._mapping import ROW, columns_for, lacking, without
from ._profile import Profile

CHUNK_ROWS = 250_000
"""Rows that are read at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Consecutive rows of a file: columns as they are published, with `ROW`; and lines that are no rows: number, reason, content."""

    rows: pa.Table
    bad: list[tuple[int, str, str]] = field(default_factory=list)


def read_file(path: Path, profile: Profile, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Yield the rows of a published file; what kind of file it is, its name says.

    Raises
    ------
    UserError
        If the file cannot be read, or does not have the columns that the profile needs.
    """
    try:
        yield from _reader(path, profile, chunk_rows)
    except UserError as error:
        raise UserError(f"{path}: {error}") from error
    except (OSError, EOFError, ValueError, KeyError, IndexError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read: {str(error).partition(chr(10))[0]}") from error


def _reader(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    kinds = path.suffixes[-2:] if path.suffix in {".gz", ".bz2"} else [path.suffix]
    match kinds[0].lower() if kinds else "":
        case ".fits" | ".fit" | ".fz":
            from ._read_fits import read_fits as read  # noqa: PLC0415 -- astropy's tables take a second to load
        case ".vot" | ".xml" | ".votable":
            from ._read_votable import read_votable as read  # noqa: PLC0415
        case ".parquet" | ".parq":
            read = read_parquet
        case _:
            from ._read_text import read_text as read  # noqa: PLC0415
    return read(path, profile, chunk_rows)


def read_parquet(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a file of Parquet."""
    with pq.ParquetFile(path) as file:
        columns = wanted(profile, file.schema_arrow.names)
        first = 1
        for batch in file.iter_batches(chunk_rows, columns=columns):
            yield Chunk(rows=numbered(pa.Table.from_batches([batch]), first))
            first += batch.num_rows


def wanted(profile: Profile, names: list[str]) -> list[str]:
    """Return which columns of a file the profile reads.

    Raises
    ------
    UserError
        If they do not tell name and position.
    """
    found = columns_for(profile, names)
    missing = lacking(profile, found)
    if missing:
        raise UserError(f"{without(profile, missing)}; it has {', '.join(names)}")
    return list(dict.fromkeys(found.values()))


def numbered(rows: pa.Table, first: int) -> pa.Table:
    """Return rows with their numbers."""
    return rows.append_column(ROW, pa.array(np.arange(first, first + rows.num_rows)))
