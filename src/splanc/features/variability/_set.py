"""The whole set: all features of all series of all objects in one pass."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from .._columns import column
from .._lightcurves import Objects
from . import (
    _amplitude,
    _cadence,
    _excess_variance,
    _last_non_detection,
    _linear_trend,
    _max_slope,
    _median_abs_dev,
    _percentile_ratios,
    _reduced_chi2,
    _rise,
    _skew,
    _standard_deviation,
    _stetson_k,
    _time_since_first,
    _time_since_last,
    _time_since_peak,
    _von_neumann_eta,
    _weighted_mean,
)
from ._amplitude import amplitude
from ._cadence import cadence
from ._excess_variance import excess_variance
from ._last_non_detection import DETECTION_SIGMA, last_non_detections
from ._linear_trend import linear_trend
from ._max_slope import max_slope
from ._median_abs_dev import median_abs_dev
from ._percentile_ratios import percentile_ratio
from ._reduced_chi2 import reduced_chi2
from ._rise import rise
from ._series import ALL, SERIES, Room, lay_out, points, residuals, room_for
from ._skew import skew
from ._standard_deviation import standard_deviation
from ._stetson_k import stetson_k
from ._time_since_first import time_since_first
from ._time_since_last import time_since_last
from ._time_since_peak import time_since_peak
from ._von_neumann_eta import von_neumann_eta
from ._weighted_mean import weighted_mean

_OF_SOURCES: tuple[ModuleType, ...] = (
    _weighted_mean,
    _standard_deviation,
    _reduced_chi2,
    _von_neumann_eta,
    _stetson_k,
    _amplitude,
    _skew,
    _median_abs_dev,
    _percentile_ratios,
    _linear_trend,
    _max_slope,
    _excess_variance,
    _cadence,
    _time_since_first,
    _time_since_last,
    _time_since_peak,
)
"""The features of diaSources, in the order in which `_of_sources` sets them."""

_OF_FORCED: tuple[ModuleType, ...] = (_last_non_detection, _rise)
"""The features of forced photometry, in the order in which `_of_forced` sets them."""

FEATURES = pa.schema([field for module in (*_OF_SOURCES, *_OF_FORCED) for field in module.COLUMNS])
"""What each series has, without the series before the name."""


def _of_series(series: str, field: pa.Field) -> pa.Field:
    where = "all bands" if series == SERIES[ALL] else f"band {series}"
    unit, description = (field.metadata[key].decode() for key in (b"unit", b"description"))
    return column(f"{series}_{field.name}", field.type, unit, f"In {where}: {description[0].lower()}{description[1:]}")


VARIABILITY_COLUMNS = pa.schema([_of_series(series, field) for series in SERIES for field in FEATURES])
"""The columns of the set, series by series."""

_N_FEATURES = len(FEATURES)
_FIRST_OF_FORCED = sum(len(module.COLUMNS) for module in _OF_SOURCES)


def compute(objects: Objects) -> dict[str, npt.NDArray[np.float64]]:
    """Return the whole set, shape (n_object,) each; NaN for NULL."""
    sources, forced = objects.sources, objects.forced
    found = np.full((len(VARIABILITY_COLUMNS), len(objects)), np.nan)
    room = room_for(int(np.diff(sources.starts).max(initial=0)))
    _of_sources(sources.starts, sources.mjd_tai, sources.flux_njy, sources.error_njy, sources.band, objects.now_mjd_tai, room, found)
    ends = (sources.starts, sources.mjd_tai, sources.flux_njy, sources.band)
    _of_forced(*ends, forced.starts, forced.mjd_tai, forced.flux_njy, forced.error_njy, forced.band, found)
    return dict(zip(VARIABILITY_COLUMNS.names, found, strict=True))


@njit(cache=True, nogil=True)
def _of_sources(starts: Any, mjd_tai: Any, flux: Any, error: Any, band: Any, now_mjd_tai: Any, room: Room, found: Any) -> None:
    """Set the features of diaSources, shape (n_series * n_feature, n_object)."""
    for i in range(starts.size - 1):
        if starts[i + 1] > starts[i]:
            rows = slice(starts[i], starts[i + 1])
            lay_out(mjd_tai[rows], flux[rows], error[rows], band[rows], room)
            _of_each(room, now_mjd_tai[i], found[:, i])


@njit(cache=True, nogil=True)
def _of_each(room: Room, now_mjd_tai: float, found: Any) -> None:
    """Set the features of each series that the object laid out has, shape (n_series * n_feature,)."""
    for series in range(ALL + 1):
        if room.starts[series + 1] > room.starts[series]:
            _of_one(room, series, now_mjd_tai, found[series * _N_FEATURES : (series + 1) * _N_FEATURES])


@njit(cache=True, nogil=True)
def _of_one(room: Room, series: int, now_mjd_tai: float, found: Any) -> None:
    """Set the features of one series, shape (n_feature,)."""
    these, rest = points(room, series), residuals(room, series)
    deviation = standard_deviation(rest)
    found[0] = weighted_mean(these)
    found[1] = deviation
    found[2] = reduced_chi2(rest)
    found[3] = von_neumann_eta(rest, deviation)
    found[4] = stetson_k(rest)
    found[5] = amplitude(rest)
    found[6] = skew(rest, deviation)
    found[7] = median_abs_dev(rest)
    found[8], found[9], found[10] = percentile_ratio(rest, 0.2), percentile_ratio(rest, 0.5), percentile_ratio(rest, 0.8)
    found[11], found[12] = linear_trend(rest)
    found[13] = max_slope(these)
    found[14] = excess_variance(rest)
    found[15] = cadence(these)
    found[16] = time_since_first(these, now_mjd_tai)
    found[17] = time_since_last(these, now_mjd_tai)
    found[18] = time_since_peak(these, now_mjd_tai)


@njit(cache=True, nogil=True)
def _of_forced(
    starts: Any,
    mjd_tai: Any,
    flux: Any,
    band: Any,
    forced_starts: Any,
    forced_mjd_tai: Any,
    forced_flux: Any,
    forced_error: Any,
    forced_band: Any,
    found: Any,
) -> None:
    """Set the features of forced photometry, shape (n_series * n_feature, n_object)."""
    first, first_mjd_tai, last = np.empty(ALL + 1, np.int64), np.empty(ALL + 1), np.empty(ALL + 1, np.int64)
    for i in range(starts.size - 1):
        _first_of_series(starts[i], starts[i + 1], mjd_tai, band, first, first_mjd_tai)
        rows = slice(forced_starts[i], forced_starts[i + 1])
        last_non_detections(forced_mjd_tai[rows], forced_flux[rows], forced_error[rows], forced_band[rows], first_mjd_tai, last)
        for series in range(ALL + 1):
            # All bands together rise as the band that was seen first.
            rising = band[first[ALL]] if series == ALL and first[ALL] >= 0 else series
            at = series * _N_FEATURES + _FIRST_OF_FORCED
            if last[series] >= 0:
                k = forced_starts[i] + last[series]
                found[at, i], found[at + 1, i] = forced_mjd_tai[k], DETECTION_SIGMA * forced_error[k]
            if last[rising] >= 0:
                k, limit = first[rising], forced_starts[i] + last[rising]
                days, flux_limit = mjd_tai[k] - forced_mjd_tai[limit], DETECTION_SIGMA * forced_error[limit]
                found[at + 2, i], found[at + 3, i] = rise(days, flux_limit, flux[k])


@njit(cache=True, nogil=True)
def _first_of_series(begin: int, end: int, mjd_tai: Any, band: Any, first: Any, first_mjd_tai: Any) -> None:
    """Set row and time of the first diaSource of each series; -1 and -inf for none."""
    first[:], first_mjd_tai[:] = -1, -np.inf
    for k in range(end - 1, begin - 1, -1):
        first[band[k]], first_mjd_tai[band[k]] = k, mjd_tai[k]
    if end > begin:
        first[ALL], first_mjd_tai[ALL] = begin, mjd_tai[begin]
