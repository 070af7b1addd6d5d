"""How far fluxes scatter, whatever the outliers do."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals, quantile

COLUMNS = pa.schema(
    [
        feature(
            "medianAbsDev",
            "nJy",
            "Median of the absolute deviations of the residuals from their median.",
            formula="median |r - median r|",
            needs="2 points of one band",
            source="Hampel 1974, JASA 69, 383",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def median_abs_dev(residuals: Residuals) -> float:
    """Return the median absolute deviation, nJy; NaN without two points of one band."""
    ascending = residuals.ascending
    n = ascending.size
    if n == 0:
        return np.nan
    middle = quantile(ascending, 0.5)
    # From the middle outwards on both sides, deviations come in order.
    below, above = (n - 1) // 2, (n - 1) // 2 + 1
    last = deviation = 0.0
    for _ in range(n // 2 + 1):
        last = deviation
        down = middle - ascending[below] if below >= 0 else np.inf
        up = ascending[above] - middle if above < n else np.inf
        deviation = min(down, up)
        if down <= up:
            below -= 1
        else:
            above += 1
    return deviation if n % 2 else (last + deviation) / 2
