"""How fast the flux has ever changed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Points

COLUMNS = pa.schema(
    [
        feature(
            "maxSlope",
            "nJy/d",
            "Largest change of flux by time between points next to each other in one band, whether up or down; of all bands: the largest of any.",
            formula="max |fₖ₊₁ - fₖ| / (tₖ₊₁ - tₖ)",
            needs="2 points of one band, at different times",
            source="Richards et al. 2011, ApJ 733, 10",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def max_slope(points: Points) -> float:
    """Return the largest absolute slope, nJy/d; NaN without two points of one band at different times."""
    largest = np.nan
    for k in range(points.flux.size):
        before = points.before[k]
        if before >= 0 and points.mjd_tai[k] > points.mjd_tai[before]:
            slope = abs(points.flux[k] - points.flux[before]) / (points.mjd_tai[k] - points.mjd_tai[before])
            if not slope <= largest:
                largest = slope
    return largest
