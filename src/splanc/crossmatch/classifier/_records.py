"""Sources as the compiled loops read them: a record each, numbers only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._cosmology import kpc_per_arcsec

Records: TypeAlias = npt.NDArray[np.void]

SOURCE = np.dtype(
    [
        ("ra", np.float64),
        ("dec", np.float64),
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        ("redshift", np.float64),
        ("distance_mpc", np.float64),
        ("kpc_per_arcsec", np.float64),
        ("searches", np.uint64),
        ("epoch", np.float32),
        ("pm_east", np.float32),
        ("pm_north", np.float32),
        ("mag", np.float32),
        ("mag_err", np.float32),
        ("photo_z", np.float32),
        ("photo_z_err", np.float32),
        ("semi_major_arcsec", np.float32),
        ("axis_ratio", np.float32),
        ("position_angle_deg", np.float32),
    ],
    align=True,
)
"""A source: its position in degrees and as a unit vector; `searches`, a bit for each search over its catalogue that takes it; the rest as in
`SOURCE_COLUMNS`, NaN for NULL. The motion (mas/yr) is 0 where it, or the epoch, is not known."""

HIT = np.dtype(
    [
        ("position", np.int32),
        ("row", np.int32),
        ("tile", np.int32),
        ("catalogue", np.int16),
        ("synonym", np.uint64),
        ("outer", np.uint64),
        ("missed", np.uint64),
        ("ra", np.float64),
        ("dec", np.float64),
        ("x", np.float64),
        ("y", np.float64),
        ("z", np.float64),
        ("separation", np.float64),
        ("north", np.float64),
        ("east", np.float64),
    ],
    align=True,
)
"""A source near a position: which searches take the position for the source (`synonym`), for something of it (`outer`), or find it too far from
it in kpc (`missed`); where the source is at the alert's time; how far the position is from it, arcsec."""

NAMES = pa.schema([("id", pa.string()), ("type", pa.string()), ("mag_filter", pa.string())])
"""What sources have as text."""

FASTEST_MAS_YR = 11_000.0
"""No star is known to move faster than Barnard's, at 10,390 mas/yr: what is said to, is not believed."""

_SINGLE = ("mag", "mag_err", "photo_z", "photo_z_err", "semi_major_arcsec", "axis_ratio", "position_angle_deg")


def records_of(rows: pa.Table) -> Records:
    """Return the sources of a table of `SOURCE_COLUMNS`, shape (n,); `searches` is 0."""
    records = np.zeros(rows.num_rows, SOURCE)
    for name, column in [("ra", "ra"), ("dec", "dec"), ("redshift", "z"), ("distance_mpc", "distance_mpc"), *zip(_SINGLE, _SINGLE, strict=True)]:
        records[name] = numbers_of(rows[column])
    ra, dec = np.radians(records["ra"]), np.radians(records["dec"])
    records["x"], records["y"], records["z"] = np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)
    records["kpc_per_arcsec"] = kpc_per_arcsec(records["distance_mpc"], records["redshift"])
    east, north, epoch = (numbers_of(rows[column]) for column in ("pmra", "pmdec", "epoch"))
    with np.errstate(invalid="ignore"):
        known = np.isfinite(epoch) & (np.hypot(east, north) <= FASTEST_MAS_YR)
    records["pm_east"], records["pm_north"] = np.where(known, east, 0.0), np.where(known, north, 0.0)
    records["epoch"] = epoch
    return records


def names_of(rows: pa.Table) -> pa.RecordBatch:
    """Return the names of the sources of a table of `SOURCE_COLUMNS`, `NAMES`, shape (n,)."""
    return pa.record_batch([rows[name].combine_chunks() for name in NAMES.names], schema=NAMES)


def joined_names(parts: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the names of several lots of sources, one behind the other."""
    return pa.concat_batches([pa.RecordBatch.from_pylist([], schema=NAMES), *parts])


def numbers_of(column: pa.ChunkedArray) -> npt.NDArray[Any]:
    """Return a column of numbers, NaN for NULL."""
    return column.to_numpy()


def unit_vectors(ra_deg: npt.NDArray[np.float64], dec_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the unit vector of each position, shape (n, 3)."""
    ra, dec = np.radians(ra_deg), np.radians(dec_deg)
    return np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
