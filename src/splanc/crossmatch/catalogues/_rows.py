"""Rows of a catalogue in the common record: completed, indexed, in the order of the sky."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ...sky import healpix29
from ._columns import SOURCE_COLUMNS

INDEX = "_healpix_29"
"""Column of the order-29 NESTED cell; HATS gives it this name."""

REQUIRED = ("id", "ra", "dec")
"""What every row has."""


def complete(rows: pa.Table) -> pa.Table:
    """Return rows with all of `SOURCE_COLUMNS`: the index from the positions, and NULL for what they lack.

    Raises
    ------
    ValueError
        If they have other columns, or a row lacks its name or a position on the sky.
    """
    strangers = sorted(set(rows.column_names) - set(SOURCE_COLUMNS.names))
    if strangers:
        raise ValueError(f"no columns of a source: {', '.join(strangers)}")
    ra, dec = (np.asarray(rows[name].cast(pa.float64()).to_numpy()) for name in ("ra", "dec"))
    if not _usable(rows, ra, dec):
        raise ValueError("a source needs a name, a right ascension of 0 to 360 and a declination within 90 degrees")
    return widened(rows).set_column(0, SOURCE_COLUMNS.field(0), pa.array(healpix29(ra, dec)))


def widened(rows: pa.Table) -> pa.Table:
    """Return rows with all of `SOURCE_COLUMNS`, NULL what they lack."""
    columns = [rows[field.name].cast(field.type) if field.name in rows.column_names else pa.nulls(rows.num_rows, field.type) for field in SOURCE_COLUMNS]
    return pa.table(columns, schema=SOURCE_COLUMNS)


def _usable(rows: pa.Table, ra: np.ndarray, dec: np.ndarray) -> bool:
    return rows["id"].null_count == 0 and bool(np.all((ra >= 0) & (ra <= 360) & (np.abs(dec) <= 90)))


def in_sky_order(rows: pa.Table) -> pa.Table:
    """Return rows in the order of their cells; those of one cell stay in the order that they have."""
    return rows.take(pa.array(np.argsort(rows[INDEX].to_numpy(), kind="stable"))).combine_chunks()
