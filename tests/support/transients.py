"""Transients of known truth, as Rubin would see them: Bazin's law with a black body's colours, in six bands at irregular times."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from splanc.features._blackbody import HC_OVER_K, WAVELENGTHS_UM

Floats = npt.NDArray[np.float64]


class Transient(NamedTuple):
    """Days, bands and fluxes (nJy) of the detections, and the law's A, T (kK), t0, kr, kf."""

    days: Floats
    band: npt.NDArray[np.int8]
    flux: Floats
    truth: Floats


def model(parameters: Floats, days: Floats, band: npt.NDArray[np.int8]) -> Floats:
    """Return the exponential law's fluxes for three parameters, Bazin's for five."""
    micron = WAVELENGTHS_UM[band]
    body = parameters[0] * micron**-3 / np.expm1(HC_OVER_K / (micron * parameters[1]))
    if len(parameters) == 3:
        return np.asarray(body * np.exp(parameters[2] * days))
    tau = days - parameters[2]
    return np.asarray(body * np.exp(-parameters[4] * tau) / (1 + np.exp(-parameters[3] * tau)))


def peak(law: Floats) -> tuple[float, float]:
    """Return flux and day of the maximum of Bazin's law, in the band where it is brightest; NaN where it has none."""
    _, _, middle, rise, fall = law.tolist()
    if not rise > fall > 0:
        return math.nan, math.nan
    day = middle - math.log(fall / (rise - fall)) / rise
    return max(float(model(law, np.array([day]), np.array([band], np.int8))[0]) for band in range(6)), day


def transients(count: int, seed: int = 5) -> list[Transient]:
    """Return transients seen on the rise and in decline, five times at least, with a signal-to-noise ratio of 5 to 50 at the maximum."""
    rng = np.random.default_rng(seed)
    made: list[Transient] = []
    while len(made) < count:
        truth = np.array([1.0, rng.uniform(4, 14), rng.uniform(2, 10), 10 ** rng.uniform(-1, 0.3), 10 ** rng.uniform(-2, -1)])
        n = rng.integers(10, 40)
        rise, decline = rng.uniform(-4, 2, n // 2) / truth[3], rng.uniform(0, 40, n - n // 2)
        days, band = truth[2] + np.sort(np.concatenate([rise, decline])), rng.integers(0, 6, n).astype(np.int8)
        truth[0] = 5000 / model(truth, days, band).max()
        clean = model(truth, days, band)
        noise = 5000 / 10 ** rng.uniform(np.log10(5), np.log10(50))
        flux = clean + rng.normal(0, noise, n)
        seen = flux > 5 / 3 * noise
        if seen.sum() >= 5:
            first = days[seen][0]
            truth[2] -= first
            made.append(Transient(days[seen] - first, band[seen], flux[seen], truth))
    return made
