"""Whether fluxes next to each other in time are alike."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "vonNeumannEta",
            "",
            "Mean square of the differences between points next to each other in time, by the variance: about 2 for noise, near 0 for a smooth light curve.",
            formula="Σ (rₖ₊₁ - rₖ)² / ((n - 1) s²)",
            needs="3 points of one band, not all equal",
            source="von Neumann 1941, Ann. Math. Stat. 12, 367",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def von_neumann_eta(residuals: Residuals, deviation: float) -> float:
    """Return von Neumann's ratio; NaN with fewer than two points more than bands, or if all are equal.

    Parameters
    ----------
    deviation : the standard deviation, nJy.
    """
    if residuals.freedom < 2 or not 0 < deviation < np.inf:
        return np.nan
    squares = 0.0
    for k in range(1, residuals.flux.size):
        step = (residuals.flux[k] - residuals.flux[k - 1]) / deviation
        squares += step * step
    return squares / (residuals.flux.size - 1)
