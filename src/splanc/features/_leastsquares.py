"""Fits of an expanding, cooling black body to light curves in all bands at once, by Levenberg and Marquardt's method.

Two models: the exponential one has A · B(lambda, T) · exp(k t), parameters (A, T, k); Bazin's has
A · B(lambda, T) · exp(-kf tau) / (1 + exp(-kr tau)) with tau = t - t0, parameters (A, T, t0, kr, kf) (Bazin et al. 2009,
A&A 499, 653). Their number of parameters tells them apart here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ._blackbody import HC_OVER_K, WAVELENGTHS_UM

EXPONENTIAL, BAZIN = 3, 5
"""Number of parameters of each model."""

_STEEPNESS = WAVELENGTHS_UM**-3.0
"""What Planck's law has before the exponential, µm**-3."""

_MOST_STEPS = 250
"""Steps, good and bad ones together, after which a fit has failed. With 83, what MINPACK's 500 evaluations come to, a quarter of the good fits are lost."""

_TOLERANCE = 1.49e-8
"""Relative change of the sum of squares, and of the parameters, below which a fit is done; MINPACK's."""

_FIRST_DAMPING = 1.0
"""Damping at first, relative to the curvature."""


@njit(cache=True, nogil=True)
def fit(days: Any, band: Any, flux: Any, start: Any, best: Any, curvature: Any) -> float:
    """Fit a model to one light curve, and return the sum of squares at the best parameters; NaN if none were found.

    Parameters
    ----------
    days : times, shape (n,).
    band : number of each flux's band.
    flux : shape (n,); all weigh the same.
    start : parameters to begin with, shape (EXPONENTIAL,) or (BAZIN,).
    best : set to the best parameters.
    curvature : set to Jᵀ J there, shape (n_parameter, n_parameter).

    References
    ----------
    Marquardt 1963, SIAM J. Appl. Math. 11, 431; the damping is Nielsen's (1999, IMM-REP-1999-05).
    """
    n = start.size
    slope, trial_slope, trial, step, scale = np.empty(n), np.empty(n), np.empty(n), np.empty(n), np.zeros(n)
    trial_curvature, lower, bands = np.empty((n, n)), np.zeros((n, n)), np.empty((2, WAVELENGTHS_UM.size))
    best[:] = start
    squares = _evaluate(days, band, flux, best, bands, curvature, slope)
    damping, growth = _FIRST_DAMPING, 2.0
    for _ in range(_MOST_STEPS):
        for k in range(n):
            scale[k] = max(scale[k], curvature[k, k])
        _solve(curvature, slope, damping, scale, lower, step)
        foreseen = length = reach = 0.0
        for k in range(n):
            trial[k] = best[k] + step[k]
            foreseen += step[k] * (damping * scale[k] * step[k] + slope[k])
            length += scale[k] * step[k] * step[k]
            reach += scale[k] * trial[k] * trial[k]
        if not (foreseen > 0 and np.isfinite(squares)):
            return squares if foreseen <= 0 else np.nan
        trial_squares = _evaluate(days, band, flux, trial, bands, trial_curvature, trial_slope)
        gained = squares - trial_squares
        done = length <= _TOLERANCE * _TOLERANCE * reach or (0 < gained <= _TOLERANCE * squares and foreseen <= _TOLERANCE * squares)
        if gained > 0:
            best[:], squares = trial, trial_squares
            curvature[:], slope[:] = trial_curvature, trial_slope
            damping, growth = damping * max(1 / 3, 1 - (2 * gained / foreseen - 1) ** 3), 2.0
        else:
            damping, growth = damping * growth, 2 * growth
        if done:
            return squares
    return np.nan


@njit(cache=True, nogil=True)
def _evaluate(days: Any, band: Any, flux: Any, parameters: Any, bands: Any, curvature: Any, slope: Any) -> float:
    """Return the sum of squared residuals r; set Jᵀ J and Jᵀ r of the model. `bands` is room for the black body by band."""
    n = parameters.size
    for b in range(WAVELENGTHS_UM.size):
        ratio = HC_OVER_K / (WAVELENGTHS_UM[b] * parameters[1])
        growth = np.expm1(ratio)
        bands[0, b] = _STEEPNESS[b] / growth
        bands[1, b] = ratio / parameters[1] * (1 + 1 / growth)
    curvature[:], slope[:] = 0.0, 0.0
    derivatives = np.empty(n)
    squares = 0.0
    for i in range(days.size):
        per_amplitude = bands[0, band[i]] * _course(days[i], parameters, derivatives)
        model = parameters[0] * per_amplitude
        derivatives[0], derivatives[1] = per_amplitude, model * bands[1, band[i]]
        residual = flux[i] - model
        squares += residual * residual
        for j in range(n):
            if j > 1:
                derivatives[j] *= model
            slope[j] += derivatives[j] * residual
            for k in range(j + 1):
                curvature[j, k] += derivatives[j] * derivatives[k]
    for j in range(n):
        for k in range(j):
            curvature[k, j] = curvature[j, k]
    return squares


@njit(cache=True, nogil=True)
def _course(day: float, parameters: Any, derivatives: Any) -> float:
    """Return what a model's flux is multiplied with at a time, and set the derivatives of its logarithm by all but A and T."""
    if parameters.size == EXPONENTIAL:
        derivatives[2] = day
        return np.exp(parameters[2] * day)
    tau, rise, fall = day - parameters[2], parameters[3], parameters[4]
    # Written with the share 1 / (1 + exp(kr tau)), so that no exponential of a large number is divided by another.
    unrisen = 1 / (1 + np.exp(rise * tau))
    derivatives[2] = fall - rise * unrisen
    derivatives[3] = tau * unrisen
    derivatives[4] = -tau
    return np.exp(-fall * tau) * (1 - unrisen)


@njit(cache=True, nogil=True)
def _solve(curvature: Any, slope: Any, damping: float, scale: Any, lower: Any, step: Any) -> None:
    """Set the step x with (curvature + damping · scale) x = slope, by Cholesky's way; NaN where there is none. `lower` is room."""
    n = slope.size
    for j in range(n):
        total = slope[j]
        for k in range(j + 1):
            product = curvature[j, k] + (damping * scale[j] if j == k else 0.0)
            for m in range(k):
                product -= lower[j, m] * lower[k, m]
            if j > k:
                lower[j, k] = product / lower[k, k]
                total -= lower[j, k] * step[k]
            else:
                lower[j, j] = np.sqrt(product) if product > 0 else np.nan
        step[j] = total / lower[j, j]
    for j in range(n - 1, -1, -1):
        for m in range(j + 1, n):
            step[j] -= lower[m, j] * step[m]
        step[j] /= lower[j, j]


@njit(cache=True, nogil=True)
def variance_of_last(curvature: Any) -> float:
    """Return the last diagonal element of the inverse of Jᵀ J; NaN if it cannot be inverted."""
    n = len(curvature)
    unit, variances = np.zeros(n), np.empty(n)
    unit[n - 1] = 1.0
    _solve(curvature, unit, 0.0, unit, np.zeros((n, n)), variances)
    return variances[n - 1]
