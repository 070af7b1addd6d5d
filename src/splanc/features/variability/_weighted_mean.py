"""The mean flux, each point weighing as much as its error allows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Points

COLUMNS = pa.schema(
    [
        feature(
            "weightedMean",
            "nJy",
            "Mean flux, weighted with the inverse squares of the errors; of all bands: of all fluxes as they are.",
            formula="Σ (f / e²) / Σ (1 / e²)",
            needs="1 point; all errors",
            source="Bevington & Robinson 2003, chapter 4",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def weighted_mean(points: Points) -> float:
    """Return the weighted mean flux, nJy; NaN without a point, or if an error is missing or not positive."""
    if points.flux.size == 0:
        return np.nan
    total = weights = 0.0
    for k in range(points.flux.size):
        weight = 1 / (points.error[k] * points.error[k])
        total += weight * (points.flux[k] - points.flux[0])
        weights += weight
    return points.flux[0] + total / weights
