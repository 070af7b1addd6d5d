"""The fits again, by scipy's leastsq, one object after the other."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import leastsq

from tests.support.transients import Floats, Transient, model

STARTS = ((100.0, 4.0, 6.0, 0.1, 0.01), (1000.0, 4.0, -5.0, 0.01, 0.01))


class Fit(NamedTuple):
    """Akaike's criterion and the parameters."""

    akaike: float
    parameters: Floats


def least_squares(seen: Transient, start: tuple[float, ...]) -> tuple[Floats, float, Floats | None]:
    """Return parameters, sum of squares (NaN if it did not converge) and covariance."""
    with np.errstate(all="ignore"):
        best, covariance, info, _, status = leastsq(lambda p: seen.flux - model(p, seen.days, seen.band), start, full_output=1, maxfev=3_000)
    squares = float((info["fvec"] ** 2).sum()) if status in (1, 2, 3, 4) else math.nan
    return best, squares, covariance


def best_fit(seen: Transient) -> Fit | None:
    """Return the better of the fits that are believed."""
    about_mean = ((seen.flux - seen.flux.mean()) ** 2).sum()
    n = len(seen.days)
    for a, kilokelvin, t0, rise, fall in STARTS:
        fits = []
        p, squares, covariance = least_squares(seen, (a, kilokelvin, rise - fall))
        if covariance is not None and squares < 0.35 * about_mean and 0 <= p[2] <= 2 and 10 * math.sqrt(covariance[2, 2]) <= p[2] and p[1] > 0:
            fits.append(Fit(100 + n * math.log(squares / n) + 2 * 3, p))
        p, squares, _ = least_squares(seen, (a, kilokelvin, t0, rise, fall))
        if p[3] < 0:
            p[3:] = -p[3], p[4] - p[3]
        if squares < 0.25 * about_mean and 0 <= p[3] <= 15 and 0 <= p[4] <= 2 and p[1] > 0:
            fits.append(Fit(100 + n * math.log(squares / n) + 2 * 5, p))
        if fits:
            return min(fits, key=lambda f: f.akaike)
    return None
