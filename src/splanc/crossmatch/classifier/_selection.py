"""Which sources of a catalogue each search takes, and how far each source reaches."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ._records import Records
from ._rules import Search

NOTED = 2.0
"""A galaxy that is rejected is noted up to so many times as far as it could be, so that one sees how near a thing it was."""


def select(rows: pa.Table, records: Records, searches: Sequence[Search]) -> npt.NDArray[np.uint64]:
    """Return a bit for each search that takes each source, shape (n,); NULL passes no condition."""
    kinds, types = (_encoded(rows[name]) for name in ("kind", "type"))
    bits = np.zeros(rows.num_rows, np.uint64)
    for number, search in enumerate(searches):
        taken = _within_limits(records, search)
        if search.kinds:
            taken &= _among(kinds, search.kinds)
        if search.types:
            taken &= _among(types, [one for one in types[1] if any(fnmatchcase(one, pattern) for pattern in search.types)])
        bits |= taken.astype(np.uint64) << np.uint64(number)
    return bits


def _encoded(column: pa.ChunkedArray) -> tuple[npt.NDArray[np.int32], list[str]]:
    """Return each row's place among the column's values, or behind the last for NULL, and these values."""
    encoded = column.combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    return pc.fill_null(encoded.indices, len(values)).to_numpy(), values


def _among(encoded: tuple[npt.NDArray[np.int32], list[str]], wanted: Collection[str]) -> npt.NDArray[np.bool_]:
    """Return which rows have a wanted value; NULL is none."""
    places, values = encoded
    return np.array([*(value in wanted for value in values), False], np.bool_)[places]


def _within_limits(records: Records, search: Search) -> npt.NDArray[np.bool_]:
    limits = [
        ("mag", search.mag_min, search.mag_max),
        ("semi_major_arcsec", search.semi_major_min_arcsec, search.semi_major_max_arcsec),
    ]
    taken = np.ones(len(records), np.bool_)
    for name, least, most in limits:
        if least is not None:
            taken &= records[name] >= least
        if most is not None:
            taken &= records[name] <= most
    if search.pm_min_mas_yr is not None:
        taken &= motion_mas_yr(records) >= search.pm_min_mas_yr
    if search.has_distance is not None:
        taken &= np.isfinite(records["kpc_per_arcsec"]) == search.has_distance
    return taken


def motion_mas_yr(records: Records) -> npt.NDArray[np.float64]:
    """Return the proper motion of each source, mas/yr, shape (n,); 0 where it is not known."""
    return np.hypot(records["pm_east"].astype(np.float64), records["pm_north"].astype(np.float64))


def extent_arcsec(semi_major_arcsec: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how far along its major axis a galaxy is taken to extend, arcsec, shape (n,); 0 where the axis is not known.

    It is two and a half times the semi-major axis; of that 0.7 if the axis is longer than 10 arcmin, 0.5 if it is longer than 100.

    >>> extent_arcsec(np.array([10, 1200, 7000, np.nan], np.float32)).tolist()
    [25.0, 2100.0, 8750.0, 0.0]
    """
    axis = semi_major_arcsec.astype(np.float64)
    return np.where(axis > 0, 2.5 * axis * np.select([axis > 6000.0, axis > 600.0], [0.5, 0.7], 1.0), 0.0)


def reach_arcsec(records: Records, search: Search) -> npt.NDArray[np.float64]:
    """Return how far from each source the outer radius of a search finds it, or notes that it rejects it, arcsec, shape (n,)."""
    assert search.outer_arcsec is not None
    extent = extent_arcsec(records["semi_major_arcsec"])
    if search.physical_kpc is not None:
        limit = np.fmax(extent, search.physical_kpc / records["kpc_per_arcsec"])
    elif search.within_extent:
        limit = np.where(extent > 0, extent, np.inf)
    else:
        return np.full(len(records), search.outer_arcsec)
    return np.minimum(search.outer_arcsec, NOTED * limit)
