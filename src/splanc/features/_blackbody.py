"""Black bodies in LSST's bands, and the dust before them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

Floats: TypeAlias = npt.NDArray[np.float64]

WAVELENGTHS_UM = np.array([0.380, 0.500, 0.620, 0.740, 0.880, 1.000])
"""Wavelength that stands for each band, u to y, µm; Lasair's choice, kept so that temperatures compare."""

HC_OVER_K = 14.387
"""Planck's constant times the speed of light over Boltzmann's constant, µm kK."""

EXTINCTION = np.array([4.145, 3.237, 2.273, 1.684, 1.323, 1.088])
"""A(band) / E(B-V) of each band, u to y (Schlafly & Finkbeiner 2011, ApJ 737, 103, for R_V = 3.1)."""


_PRECISION = 1e-13
"""Relative step after which a temperature is found."""

_MOST_STEPS = 60
"""Steps after which the search ends anyway; it takes four to eight."""


def dereddened(flux_njy: Floats, band: npt.NDArray[np.int8], ebv_mag: Floats) -> Floats:
    """Return fluxes as they would be without the dust before them, nJy, shape (n,).

    Parameters
    ----------
    band : number of each flux's band.
    ebv_mag : E(B-V) of each, mag; where it is NaN so is the result.

    >>> dereddened(np.array([100.0]), np.array([2], np.int8), np.array([1 / 2.273])).round(3).tolist()
    [251.189]
    """
    return np.asarray(flux_njy * 10 ** (0.4 * ebv_mag * EXTINCTION[band]))


compiled_dereddened = njit(cache=True, nogil=True)(dereddened)
"""The same for compiled code."""


@njit(cache=True, nogil=True)
def temperature(bluer: int, redder: int, ratio: float) -> float:
    """Return the temperature (kK) of a black body whose flux density in one band is `ratio` times that in a redder one.

    NaN if there is none: a ratio that is not positive, or bluer than an infinitely hot body.

    The logarithm of the ratio is a concave, falling function of the inverse temperature, and below (1 / red - 1 / blue)
    times it: hence Newton's steps from the root of that line come down to the root and never pass it.

    >>> round(temperature(1, 2, (0.62 / 0.5) ** 3 * float(np.expm1(14.387 / 6.2) / np.expm1(14.387 / 5.0))), 9)
    10.0
    """
    blue, red = HC_OVER_K / WAVELENGTHS_UM[bluer], HC_OVER_K / WAVELENGTHS_UM[redder]
    if not (ratio > 0.0 and np.isfinite(ratio)):
        return np.nan
    wanted = np.log(ratio) - 3.0 * np.log(WAVELENGTHS_UM[redder] / WAVELENGTHS_UM[bluer])
    if wanted >= np.log(red / blue):
        return np.nan
    inverse = wanted / (red - blue)
    for _ in range(_MOST_STEPS):
        excess = _log_expm1(red * inverse) - _log_expm1(blue * inverse) - wanted
        step = excess / (red / -np.expm1(-red * inverse) - blue / -np.expm1(-blue * inverse))
        inverse -= step
        if not abs(step) > _PRECISION * inverse:
            break
    return 1.0 / inverse if inverse > 0 else np.nan


@njit(cache=True, nogil=True)
def _log_expm1(x: Any) -> float:
    return x + np.log(-np.expm1(-x))
