"""FITS: the first table of a file."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from astropy.io import fits

from ...errors import UserError
from ._mapping import UNIT
from ._profile import Profile
from ._read import Chunk, numbered, wanted


def read_fits(path: Path, profile: Profile, chunk_rows: int) -> Iterator[Chunk]:
    """Yield the rows of a table in FITS."""
    with _unpacked(path) as plain, fits.open(plain, memmap=True) as hdus:
        tables = [hdu for hdu in hdus if isinstance(hdu, fits.BinTableHDU | fits.TableHDU)]
        if not tables:
            raise UserError("it has no table")
        table = tables[0]
        names = wanted(profile, table.columns.names)
        for begin in range(0, len(table.data), chunk_rows):
            part = table.data[begin : begin + chunk_rows]
            columns = [_column(part.field(name), table.columns[name]) for name in names]
            schema = pa.schema([pa.field(name, one.type, metadata={UNIT: table.columns[name].unit or ""}) for name, one in zip(names, columns, strict=True)])
            yield Chunk(rows=numbered(pa.table(columns, schema=schema), begin + 1))


@contextmanager
def _unpacked(path: Path) -> Iterator[Path]:
    """Give a file that can be read from the disk in parts: a packed one is unpacked beside, for as long."""
    if path.suffix not in {".gz", ".bz2"}:
        yield path
        return
    with tempfile.NamedTemporaryFile(suffix=".fits") as plain:
        with pa.input_stream(str(path), compression="detect") as stream:
            shutil.copyfileobj(stream, plain, 1 << 20)
        plain.flush()
        yield Path(plain.name)


def _column(values: npt.NDArray[Any], said: Any) -> pa.Array:
    """Return the values of a column, NULL where they are the number that says so."""
    if values.ndim > 1:
        raise UserError(f"{said.name} has {values.shape[1]} values a row; a profile reads columns of one")
    if values.dtype.kind in "SU":
        return pa.array([str(value) for value in values])
    native = np.asarray(values).astype(values.dtype.newbyteorder("="))
    return pa.array(native, mask=native == said.null if said.null not in {None, ""} else None)
