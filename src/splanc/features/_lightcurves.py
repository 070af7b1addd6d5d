"""Light curves of a batch as columns: what every feature is computed from.

The sources of an object stand together, in the order of their times; `starts` says where each object's begin. What a
feature cannot be computed from (no time, no flux, a band that LSST does not have) is left out here, once for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ..packet import Batch, floats_of, integers_of
from ._blackbody import Floats, dereddened
from ._context import Context, context_of, rows_of_alerts

Ints: TypeAlias = npt.NDArray[np.int64]

BANDS = "ugrizy"
"""The bands, by their number; the telescope has no others."""

_CODES = np.full(256, -1, np.int8)
_CODES[[ord(band) for band in BANDS]] = np.arange(len(BANDS))
"""Number of each band by its letter's byte; -1: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lightcurves:
    """The sources of objects, by object and time ascending; none without time, flux or band, and none twice.

    Parameters
    ----------
    starts : object i has the rows from starts[i] to starts[i + 1], shape (n_object + 1,).
    mjd_tai : MJD (TAI), days, shape (n_source,).
    flux_njy, error_njy : difference flux and its error, nJy, shape (n_source,); the error is NaN where there is none. Forced photometry
        may have an error without a flux (NaN): an upper limit.
    band : number of the band in `BANDS`, shape (n_source,).
    reliability : 0 to 1, shape (n_source,); NaN where there is none.
    """

    starts: Ints
    mjd_tai: Floats
    flux_njy: Floats
    error_njy: Floats
    band: npt.NDArray[np.int8]
    reliability: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Objects:
    """What features are computed from: one row for each row of a batch's `diaObject`, shape (n_object,).

    Parameters
    ----------
    table : the batch's `diaObject`.
    object_id : diaObjectId.
    ra_deg, decl_deg : ICRS, degrees; NaN where the packet has none.
    now_mjd_tai : time of the alert, MJD (TAI), days; NaN where it has none.
    sources, forced : diaSources and forced photometry of the alert's packet.
    ebv_mag : reddening E(B-V), mag; NaN without a dust map.
    dereddened_njy : fluxes of `sources` as they would be without dust, nJy, shape (n_source,); NaN without a dust map.
    context : what catalogues say.
    """

    table: pa.Table
    object_id: Ints
    ra_deg: Floats
    decl_deg: Floats
    now_mjd_tai: Floats
    sources: Lightcurves
    forced: Lightcurves
    ebv_mag: Floats
    dereddened_njy: Floats
    context: Context

    def __len__(self) -> int:
        return len(self.object_id)


def objects_of(batch: Batch, ebv_mag: Floats | None = None) -> Objects:
    """Return the objects of a batch with their light curves, and with what the batch says of their surroundings.

    Parameters
    ----------
    ebv_mag : reddening of each row of `diaObject`; None: unknown.
    """
    table = batch.tables["diaObject"]
    alert = table["alert"].to_numpy()
    row_of_alert = rows_of_alerts(table, len(batch))
    ebv_mag = np.full(len(alert), np.nan) if ebv_mag is None else ebv_mag
    sources = lightcurves_of(batch.tables["diaSource"], "diaSourceId", row_of_alert, len(alert))
    return Objects(
        table=table,
        object_id=integers_of(table["diaObjectId"]),
        ra_deg=floats_of(table["ra"]),
        decl_deg=floats_of(table["decl"]),
        now_mjd_tai=floats_of(batch.alerts["midpointMjdTai"])[alert],
        sources=sources,
        forced=lightcurves_of(batch.tables["diaForcedSource"], "diaForcedSourceId", row_of_alert, len(alert), limits=True),
        ebv_mag=ebv_mag,
        dereddened_njy=dereddened(sources.flux_njy, sources.band, np.repeat(ebv_mag, np.diff(sources.starts))),
        context=context_of(batch),
    )


def lightcurves_of(table: pa.Table, key: str, row_of_alert: Ints, n_object: int, *, limits: bool = False) -> Lightcurves:
    """Return the light curves in a table of sources.

    Parameters
    ----------
    table : with `alert` ascending.
    key : name of the sources' id; of two sources with one id, the first in time stays.
    row_of_alert : the object of each alert, -1 for none, shape (n_alert,).
    n_object : number of objects.
    limits : whether a source with an error but no flux stays.
    """
    mjd_tai, flux, band = floats_of(table["midpointMjdTai"]), floats_of(table["psfFlux"]), band_numbers(table["band"])
    owner = row_of_alert[table["alert"].to_numpy()]
    error = floats_of(table["psfFluxErr"])
    measured = np.isfinite(flux) | (limits & np.isnan(flux) & (error > 0))
    usable = (owner >= 0) & (band >= 0) & np.isfinite(mjd_tai) & measured
    # Fresh arrays have one type for numba, those that Arrow lends have others.
    rows = np.flatnonzero(usable)
    kept = rows[_order(owner[rows], mjd_tai[rows], integers_of(table[key])[rows])]
    starts = np.zeros(n_object + 1, np.int64)
    np.cumsum(np.bincount(owner[kept], minlength=n_object), out=starts[1:])
    reliability = floats_of(table["reliability"])[kept] if "reliability" in table.column_names else np.full(len(kept), np.nan)
    return Lightcurves(
        starts=starts,
        mjd_tai=mjd_tai[kept],
        flux_njy=flux[kept],
        error_njy=error[kept],
        band=band[kept],
        reliability=reliability,
    )


def band_numbers(column: pa.ChunkedArray) -> npt.NDArray[np.int8]:
    """Return the number of each band in `BANDS`, -1 for NULL and for what is none of them, shape (n,).

    >>> band_numbers(pa.chunked_array([["r", None, "u", "gr"]])).tolist()
    [2, -1, 0, -1]
    """
    array = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    if not len(array):
        return np.zeros(0, np.int8)
    _, offsets_buffer, letters_buffer = array.buffers()
    if letters_buffer is None or not letters_buffer.size:
        return np.full(len(array), -1, np.int8)
    offsets = np.frombuffer(offsets_buffer, np.int32, len(array) + 1, offset=4 * array.offset)
    letters = np.frombuffer(letters_buffer, np.uint8)
    numbers = _CODES[letters[np.minimum(offsets[:-1], len(letters) - 1)]]
    numbers[np.diff(offsets) != 1] = -1
    if array.null_count:
        numbers[~array.is_valid().to_numpy(zero_copy_only=False)] = -1
    return numbers


@njit(cache=True, nogil=True)
def _order(owner: Any, mjd_tai: Any, ids: Any) -> Any:
    """Return the rows by owner (as they are), time and id, without those whose id came before at the same time."""
    rows = np.arange(owner.size)
    start = 0
    while start < rows.size:
        end = start + 1
        while end < rows.size and owner[end] == owner[start]:
            end += 1
        _sort_one(rows[start:end], mjd_tai, ids)
        start = end
    first = np.ones(rows.size, np.bool_)
    for i in range(1, rows.size):
        first[i] = ids[rows[i]] != ids[rows[i - 1]] or ids[rows[i]] == 0 or owner[rows[i]] != owner[rows[i - 1]]
    return rows[first]


@njit(cache=True, nogil=True)
def _sort_one(rows: Any, mjd_tai: Any, ids: Any) -> None:
    """Sort an object's rows by time and id; most histories come in order, with the trigger before or after them."""
    if _is_sorted(rows, mjd_tai, ids):
        return
    first = rows[0]
    rows[:-1] = rows[1:].copy()
    rows[-1] = first
    if _is_sorted(rows, mjd_tai, ids):
        return
    rows[:] = rows[np.argsort(ids[rows], kind="mergesort")]
    rows[:] = rows[np.argsort(mjd_tai[rows], kind="mergesort")]


@njit(cache=True, nogil=True)
def _is_sorted(rows: Any, mjd_tai: Any, ids: Any) -> bool:
    for i in range(1, rows.size):
        before, after = rows[i - 1], rows[i]
        if mjd_tai[before] > mjd_tai[after] or (mjd_tai[before] == mjd_tai[after] and ids[before] > ids[after]):
            return False
    return True
