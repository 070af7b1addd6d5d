"""A series: what a feature is computed from, the light curve of an object in one band or in all bands.

Fluxes in different bands have different means, so that what tells how much a flux varies is computed from *residuals*: each
flux less the mean of its band. In one band that is the usual definition; all bands together are then one sample.
A band with a single point has no residual, and takes no part there. Means and times are taken relative to the first point,
so that fluxes that are all the same leave exactly nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from .._lightcurves import BANDS

SERIES = (*BANDS, "all")
"""The series of an object, in the order of their numbers."""

ALL = len(BANDS)
"""Number of the series of all bands."""


class Points(NamedTuple):
    """The points of a series in the order of time, shape (n,) each.

    Parameters
    ----------
    mjd_tai : MJD (TAI), days.
    flux : nJy.
    error : of the flux, nJy; NaN where there is none, or none that can be used.
    before : row of the point of the same band before this one, -1 for none.
    gaps : times between points next to each other, days, ascending, shape (n - 1,).
    """

    mjd_tai: Any
    flux: Any
    error: Any
    before: Any
    gaps: Any


class Residuals(NamedTuple):
    """The residuals of a series in the order of time, shape (m,) each.

    Parameters
    ----------
    flux : flux less the mean of its band, nJy.
    days : time less the mean of its band.
    mean : mean flux of its band, nJy.
    error : of the flux, nJy; NaN where there is none, or none that can be used.
    pull : flux less the weighted mean of its band, in errors; NaN where any error in the band is.
    ascending : `flux`, sorted.
    freedom : m less the number of bands.
    """

    flux: Any
    days: Any
    mean: Any
    error: Any
    pull: Any
    ascending: Any
    freedom: int


class Room(NamedTuple):
    """Where the series of one object after the other are laid out, band by band and then those of all bands.

    Parameters
    ----------
    values : rows as named below, shape (N_ROWS, 2 n).
    before : as in `Points`, shape (2 n,).
    starts : where each series begins, and the last one ends, shape (n_series + 1,).
    n_residual, freedom : of each series, shape (n_series,).
    count, flux_mean, mjd_mean, weighted_mean : of each band, shape (n_band,).
    filled, last : used while laying out, shape (n_band,).
    """

    values: Any
    before: Any
    starts: Any
    n_residual: Any
    freedom: Any
    count: Any
    flux_mean: Any
    mjd_mean: Any
    weighted_mean: Any
    filled: Any
    last: Any


_MJD, _FLUX, _ERROR, _GAP, _RESIDUAL, _DAYS, _MEAN, _RESIDUAL_ERROR, _PULL, _ASCENDING, _N_ROWS = range(11)
"""Rows of a room's values."""

_FEW = 40
"""Values up to which plain insertion sorts faster than anything else."""


def room_for(n_point: int) -> Room:
    """Return room for the series of any object with no more points than that."""
    numbers, sums = np.zeros((3, ALL), np.int64), np.zeros((3, ALL))
    of_series = np.zeros((3, ALL + 2), np.int64)
    return Room(
        values=np.empty((_N_ROWS, 2 * n_point)),
        before=np.empty(2 * n_point, np.int64),
        starts=of_series[0],
        n_residual=of_series[1],
        freedom=of_series[2],
        count=numbers[0],
        flux_mean=sums[0],
        mjd_mean=sums[1],
        weighted_mean=sums[2],
        filled=numbers[1],
        last=numbers[2],
    )


@njit(cache=True, nogil=True)
def lay_out(mjd_tai: Any, flux: Any, error: Any, band: Any, room: Room) -> None:
    """Lay out the series of one light curve, shape (n,) each, in the order of time."""
    n = flux.size
    _take_means(mjd_tai, flux, error, band, room)
    _place(n, room)
    m = n
    for k in range(n):
        b = band[k]
        p = room.filled[b]
        room.filled[b] += 1
        e = usable(error[k])
        _put_point(room, p, mjd_tai[k], flux[k], e)
        _put_point(room, n + k, mjd_tai[k], flux[k], e)
        room.before[p], room.before[n + k] = p - room.starts[b] - 1, room.last[b]
        room.last[b] = k
        if room.count[b] > 1:
            _put_residual(room, p, b, mjd_tai[k], flux[k], e)
            _put_residual(room, m, b, mjd_tai[k], flux[k], e)
            m += 1


@njit(cache=True, nogil=True)
def usable(error: float) -> float:
    """Return an error of a flux, or NaN for one that no weight can be made of: negative, zero, infinite or missing."""
    return error if error > 0 and 0 < error * error < np.inf else np.nan


@njit(cache=True, nogil=True)
def _take_means(mjd_tai: Any, flux: Any, error: Any, band: Any, room: Room) -> None:
    """Set each band's number of points, their mean flux and time, and the weighted mean."""
    count, flux_mean, mjd_mean, weighted = room.count, room.flux_mean, room.mjd_mean, room.weighted_mean
    weights, first = np.zeros(ALL), np.zeros(ALL, np.int64)
    count[:], flux_mean[:], mjd_mean[:], weighted[:] = 0, 0.0, 0.0, 0.0
    for k in range(flux.size):
        b = band[k]
        if count[b] == 0:
            first[b] = k
        count[b] += 1
        e = usable(error[k])
        weight, above = 1 / (e * e), flux[k] - flux[first[b]]
        flux_mean[b] += above
        mjd_mean[b] += mjd_tai[k] - mjd_tai[first[b]]
        weighted[b] += weight * above
        weights[b] += weight
    for b in range(ALL):
        if count[b] > 0:
            flux_mean[b] = flux[first[b]] + flux_mean[b] / count[b]
            mjd_mean[b] = mjd_tai[first[b]] + mjd_mean[b] / count[b]
            weighted[b] = flux[first[b]] + weighted[b] / weights[b]


@njit(cache=True, nogil=True)
def _place(n: int, room: Room) -> None:
    """Set where the series of an object with so many points begin, and how many residuals they will have."""
    start, total, freedom = 0, 0, 0
    for b in range(ALL):
        count = room.count[b]
        room.starts[b] = room.filled[b] = start
        room.last[b] = -1
        room.n_residual[b] = count if count > 1 else 0
        room.freedom[b] = max(count - 1, 0)
        start += count
        total += room.n_residual[b]
        freedom += room.freedom[b]
    room.starts[ALL], room.starts[ALL + 1] = n, 2 * n
    room.n_residual[ALL], room.freedom[ALL] = total, freedom


@njit(cache=True, nogil=True)
def _put_point(room: Room, p: int, mjd_tai: float, flux: float, error: float) -> None:
    values = room.values
    values[_MJD, p], values[_FLUX, p], values[_ERROR, p] = mjd_tai, flux, error


@njit(cache=True, nogil=True)
def _put_residual(room: Room, p: int, b: int, mjd_tai: float, flux: float, error: float) -> None:
    values = room.values
    values[_RESIDUAL, p] = values[_ASCENDING, p] = flux - room.flux_mean[b]
    values[_DAYS, p] = mjd_tai - room.mjd_mean[b]
    values[_MEAN, p] = room.flux_mean[b]
    values[_RESIDUAL_ERROR, p] = error
    values[_PULL, p] = (flux - room.weighted_mean[b]) / error


@njit(cache=True, nogil=True)
def points(room: Room, series: int) -> Points:
    """Return the points of a series of the object that was laid out."""
    begin, end = room.starts[series], room.starts[series + 1]
    values = room.values
    gaps = values[_GAP, begin : max(end - 1, begin)]
    for k in range(gaps.size):
        gaps[k] = values[_MJD, begin + k + 1] - values[_MJD, begin + k]
    sort(gaps)
    return Points(values[_MJD, begin:end], values[_FLUX, begin:end], values[_ERROR, begin:end], room.before[begin:end], gaps)


@njit(cache=True, nogil=True)
def residuals(room: Room, series: int) -> Residuals:
    """Return the residuals of a series of the object that was laid out."""
    begin = room.starts[series]
    end = begin + room.n_residual[series]
    values = room.values
    sort(values[_ASCENDING, begin:end])
    return Residuals(
        values[_RESIDUAL, begin:end],
        values[_DAYS, begin:end],
        values[_MEAN, begin:end],
        values[_RESIDUAL_ERROR, begin:end],
        values[_PULL, begin:end],
        values[_ASCENDING, begin:end],
        room.freedom[series],
    )


@njit(cache=True, nogil=True)
def mean_square(values: Any, freedom: int) -> float:
    """Return the sum of squares by degrees of freedom; NaN without any."""
    if freedom < 1:
        return np.nan
    squares = 0.0
    for value in values:
        squares += value * value
    return squares / freedom


@njit(cache=True, nogil=True)
def sort(values: Any) -> None:
    """Sort a few numbers in place."""
    if values.size > _FEW:
        values.sort()
        return
    for k in range(1, values.size):
        value, place = values[k], k
        while place > 0 and values[place - 1] > value:
            values[place] = values[place - 1]
            place -= 1
        values[place] = value


@njit(cache=True, nogil=True)
def quantile(ascending: Any, share: float) -> float:
    """Return the value below which a share of at least one number lies, linear between neighbours (Hyndman & Fan's type 7)."""
    place = share * (ascending.size - 1)
    below = min(int(place), max(ascending.size - 2, 0))
    above = min(below + 1, ascending.size - 1)
    return ascending[below] + (place - below) * (ascending[above] - ascending[below])
