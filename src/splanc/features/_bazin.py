"""How fast a transient rises and declines, how hot it is, and when it is brightest: Bazin-black-body fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ..packet import AB_ZERO_POINT
from ._absolute import distance_modulus, may_be_transient
from ._blackbody import HC_OVER_K, WAVELENGTHS_UM, compiled_dereddened
from ._columns import column
from ._leastsquares import BAZIN, EXPONENTIAL, fit, variance_of_last
from ._lightcurves import Objects

COLUMNS = pa.schema(
    [
        column("BBBRiseRate", pa.float32(), "1/d", "Rate of the rise, e-folds a day; NULL without a good fit, or a dust map."),
        column("BBBFallRate", pa.float32(), "1/d", "Rate of the decline, e-folds a day; NULL while it is still rising exponentially."),
        column("BBBTemp", pa.float32(), "kK", "Temperature of the fit's black body."),
        column("BBBPeakFlux", pa.float32(), "nJy", "Flux without dust at the fit's maximum, in the band where the black body is brightest."),
        column("BBBPeakMJD", pa.float64(), "d", "Time of the fit's maximum, MJD (TAI)."),
        column("BBBPeakAbsMag", pa.float32(), "mag", "Absolute magnitude at the fit's maximum; NULL without a host at a known distance."),
    ]
)
"""What this family adds to `objects`."""

_LEAST = 5
"""DiaSources that an object must have to be fitted."""

_LONGEST_DAYS = 100.0
"""An object without a class is fitted only while its diaSources span no more, days: what has been seen for longer is hardly a transient, and dear to fit."""

_FORCED = 4
"""Forced points from before the first diaSource that are fitted too."""

_STARTS = np.array([[100.0, 4.0, 6.0, 0.1, 0.01], [1000.0, 4.0, -5.0, 0.01, 0.01]])
"""Where fits begin, (A, T in kK, t0 in days, kr and kf in 1/d): at the second only if nothing came of the first. The exponential one begins with kr - kf."""

_MOST_RESIDUE_EXPONENTIAL, _MOST_RESIDUE_BAZIN = 0.35, 0.25
"""Sum of squares that a fit may leave, as a share of that about the mean."""

_MOST_RISE, _MOST_FALL, _MOST_GROWTH = 15.0, 2.0, 2.0
"""The largest rates that are believed: Bazin's rise and decline, the exponential's rise, 1/d."""

_FLUX_ERROR = 10.0
"""Error, nJy, that every flux is taken to have where the exponential's rate must exceed its own error."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return rates (1/d), temperature (kK) and maximum of the better of two fits to each possible transient, shape (n_object,).

    Fitted are objects with at least five diaSources that are of a class of transients, or of none while their diaSources span a
    hundred days or less; with them the last four forced points before the first. Fluxes are without dust, times in days since the
    first diaSource. Of the fits that are believed, Akaike's criterion 100 + n ln(SSE / n) + 2 p takes the better.

    References
    ----------
    Lasair's bazinExpBlackBody.py; where ours differ, and why: docs/explanation/features.md.
    Bazin et al. 2009, A&A 499, 653.
    """
    sources, forced = objects.sources, objects.forced
    of_sources = (sources.starts, sources.mjd_tai, objects.dereddened_njy, sources.band)
    of_forced = (forced.starts, forced.mjd_tai, forced.flux_njy, forced.band, objects.ebv_mag)
    rise, fall, temperature, peak_flux, peak_mjd = _fit_all(_qualify(objects), *of_sources, *of_forced)
    magnitude = AB_ZERO_POINT - 2.5 * np.log10(peak_flux) - distance_modulus(objects.context)
    values = (rise, fall, temperature, peak_flux, peak_mjd, magnitude)
    return dict(zip(COLUMNS.names, values, strict=True))


def _qualify(objects: Objects) -> npt.NDArray[np.int64]:
    """Return the rows of the objects that are fitted."""
    starts, mjd_tai = objects.sources.starts, objects.sources.mjd_tai
    enough = np.flatnonzero((np.diff(starts) >= _LEAST) & np.isfinite(objects.ebv_mag))
    short = mjd_tai[starts[enough + 1] - 1] - mjd_tai[starts[enough]] <= _LONGEST_DAYS
    classification = objects.context.classification[enough]
    unknown = np.array([name is None for name in classification.tolist()], np.bool_)
    return enough[may_be_transient(classification) | (unknown & short)]


@njit(cache=True, nogil=True)
def _fit_all(
    rows: Any, starts: Any, mjd_tai: Any, flux: Any, band: Any, forced_starts: Any, forced_mjd_tai: Any, forced_flux: Any, forced_band: Any, ebv_mag: Any
) -> Any:
    """Return rise, fall, temperature, peak flux and peak time of each object, shape (5, n_object); of the fluxes only the forced ones are with dust."""
    found = np.full((5, starts.size - 1), np.nan)
    for i in rows:
        begin, end = starts[i], starts[i + 1]
        before = forced_starts[i] + _last_before(mjd_tai[begin], forced_mjd_tai[forced_starts[i] : forced_starts[i + 1]], forced_flux[forced_starts[i] :])
        days = np.concatenate((forced_mjd_tai[before], mjd_tai[begin:end])) - mjd_tai[begin]
        fluxes = np.concatenate((compiled_dereddened(forced_flux[before], forced_band[before], ebv_mag[i]), flux[begin:end]))
        bands = np.concatenate((forced_band[before], band[begin:end]))
        for start in _STARTS:
            if _fit_one(days, bands, fluxes, start, found[:, i]):
                found[4, i] += mjd_tai[begin]
                break
    return found


@njit(cache=True, nogil=True)
def _last_before(moment: float, mjd_tai: Any, flux: Any) -> Any:
    """Return the rows of the last forced points before a moment that have a flux, in the order of time."""
    rows, first = np.empty(_FORCED, np.int64), _FORCED
    for k in range(np.searchsorted(mjd_tai, moment) - 1, -1, -1):
        if first == 0:
            break
        if np.isfinite(flux[k]):
            first -= 1
            rows[first] = k
    return rows[first:]


@njit(cache=True, nogil=True)
def _fit_one(days: Any, band: Any, flux: Any, start: Any, found: Any) -> bool:
    """Set rise, fall, temperature, peak flux and day of the better fit, and return whether there is one."""
    about_mean = ((flux - flux.mean()) ** 2).sum()
    exponential, exponential_squares = _exponential(days, band, flux, start, about_mean)
    bazin, bazin_squares = _bazin(days, band, flux, start, about_mean)
    if np.isnan(exponential_squares) and np.isnan(bazin_squares):
        return False
    if np.isnan(bazin_squares) or _akaike(exponential_squares, days.size, EXPONENTIAL) < _akaike(bazin_squares, days.size, BAZIN):
        found[0], found[2] = exponential[2], exponential[1]
    else:
        found[0], found[1], found[2] = bazin[3], bazin[4], bazin[1]
        found[3], found[4] = _peak(bazin)
    return True


@njit(cache=True, nogil=True)
def _exponential(days: Any, band: Any, flux: Any, start: Any, about_mean: float) -> Any:
    """Return parameters and sum of squares of the exponential fit, NaN if it is not believed."""
    best, curvature = np.empty(EXPONENTIAL), np.empty((EXPONENTIAL, EXPONENTIAL))
    squares = fit(days, band, flux, np.array([start[0], start[1], start[3] - start[4]]), best, curvature)
    good = squares < _MOST_RESIDUE_EXPONENTIAL * about_mean and best[1] > 0 and 0 <= best[2] <= _MOST_GROWTH
    return best, squares if good and _FLUX_ERROR * np.sqrt(variance_of_last(curvature)) <= best[2] else np.nan


@njit(cache=True, nogil=True)
def _bazin(days: Any, band: Any, flux: Any, start: Any, about_mean: float) -> Any:
    """Return parameters and sum of squares of Bazin's fit, NaN if it is not believed."""
    best, curvature = np.empty(BAZIN), np.empty((BAZIN, BAZIN))
    squares = fit(days, band, flux, start, best, curvature)
    if best[3] < 0:  # the same curve has two sets of rates: (kr, kf) and (-kr, kf - kr)
        best[3], best[4] = -best[3], best[4] - best[3]
    good = squares < _MOST_RESIDUE_BAZIN * about_mean and best[1] > 0 and 0 <= best[3] <= _MOST_RISE and 0 <= best[4] <= _MOST_FALL
    return best, squares if good else np.nan


@njit(cache=True, nogil=True)
def _akaike(squares: float, n: int, n_parameter: int) -> float:
    return 100 + n * np.log(squares / n) + 2 * n_parameter if squares <= np.inf else np.inf


@njit(cache=True, nogil=True)
def _peak(bazin: Any) -> Any:
    """Return the flux at the maximum, in the band where the black body is brightest, and its day; NaN for a curve that has none."""
    amplitude, temperature, middle, rise, fall = bazin
    if not rise > fall > 0:
        return np.nan, np.nan
    tau = -np.log(fall / (rise - fall)) / rise
    body = (WAVELENGTHS_UM**-3.0 / np.expm1(HC_OVER_K / (WAVELENGTHS_UM * temperature))).max()
    return amplitude * body * np.exp(-fall * tau) / (1 + np.exp(-rise * tau)), middle + tau
