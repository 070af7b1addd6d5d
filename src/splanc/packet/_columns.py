"""Columns of packets as numpy arrays to compute with, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ._survey import Columns, Unfit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


def floats_of(column: pa.Array | pa.ChunkedArray) -> Floats:
    """Return a column of numbers as float64, NaN for NULL, shape (n,)."""
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def integers_of(column: pa.Array | pa.ChunkedArray) -> Integers:
    """Return a column of whole numbers as int64, 0 for NULL, shape (n,)."""
    # Without NULLs there is nothing to copy, and histories are long.
    return np.asarray((pc.fill_null(column, 0) if column.null_count else column).to_numpy(zero_copy_only=False), np.int64)


def floats(table: Columns, name: str) -> Floats:
    """Return a column of numbers as float64, NaN for NULL and for a column that is not there."""
    return floats_of(_typed(table, name, (pa.float64(), pa.float32())))


def integers(table: Columns, name: str) -> Integers:
    """Return a column of numbers as int64, 0 for NULL and for a column that is not there."""
    return integers_of(_typed(table, name, (pa.int64(), pa.int32())))


def is_there(table: Columns, name: str) -> npt.NDArray[np.bool_]:
    """Return where a column is not NULL; nowhere if it is not there."""
    if name not in table:
        return np.zeros(len(table["alert"]), np.bool_)
    there: npt.NDArray[np.bool_] = table[name].is_valid().to_numpy(zero_copy_only=False)
    return there


def texts(table: Columns, name: str) -> pa.Array:
    """Return a column of strings, NULL for a column that is not there."""
    return _typed(table, name, (pa.string(),))


def _typed(table: Columns, name: str, kinds: tuple[pa.DataType, ...]) -> pa.Array:
    """Return a column of one of some types, or else cast to the first of them.

    Raises
    ------
    Unfit
        If its values do not fit.
    """
    if name not in table:
        return pa.nulls(len(table["alert"]), kinds[0])
    column = table[name]
    if column.type in kinds:
        return column
    try:
        return column.cast(kinds[0])
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unfit(f"{name} is {column.type}, not {kinds[0]} ({error})") from error


def as_floats(values: Floats, kind: pa.DataType) -> pa.Array:
    """Return computed numbers as a column: what is not finite, or too large for the column, is NULL."""
    with np.errstate(over="ignore"):
        cast = values.astype(kind.to_pandas_dtype(), copy=False)
    return pa.array(cast, kind, mask=~np.isfinite(cast))


def as_integers(values: npt.NDArray[Any], kind: pa.DataType, valid: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return integers as a column, NULL where they are not valid or too large for the column."""
    limits = np.iinfo(kind.to_pandas_dtype())
    fits = (values >= limits.min) & (values <= limits.max)
    return pa.array(np.where(fits, values, 0).astype(kind.to_pandas_dtype()), kind, mask=~(fits if valid is None else fits & valid))
