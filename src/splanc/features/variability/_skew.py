"""Whether there are more bright outliers or faint ones."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "skew",
            "",
            "Sample skewness of the residuals: positive for flares, negative for dips.",
            formula="√(n (n - 1)) / (n - 2) · m₃ / m₂^1.5, with mⱼ = Σ rʲ / n",
            needs="3 points of one band, not all equal",
            source="Joanes & Gill 1998, The Statistician 47, 183 (G1)",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def skew(residuals: Residuals, deviation: float) -> float:
    """Return the sample skewness; NaN with fewer than two points more than bands, or if all are equal.

    Parameters
    ----------
    deviation : the standard deviation, nJy.
    """
    if residuals.freedom < 2 or not 0 < deviation < np.inf:
        return np.nan
    n = residuals.flux.size
    squares = cubes = 0.0
    for residual in residuals.flux:
        relative = residual / deviation
        squares += relative * relative
        cubes += relative * relative * relative
    spread = squares / n
    return np.sqrt(n * (n - 1.0)) / (n - 2) * (cubes / n) / (spread * np.sqrt(spread))
