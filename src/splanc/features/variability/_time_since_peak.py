"""How long ago the object was brightest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Points

COLUMNS = pa.schema(
    [
        feature(
            "timeSincePeak",
            "d",
            "Time from the diaSource with the largest flux, the first of several, to the alert.",
            formula="t(alert) - t(max f)",
            needs="1 point; the alert's time",
            source="",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def time_since_peak(points: Points, now_mjd_tai: float) -> float:
    """Return the time from the brightest point to the alert, days; NaN without a point, or if the alert has no time."""
    if points.flux.size == 0:
        return np.nan
    peak = 0
    for k in range(1, points.flux.size):
        if points.flux[k] > points.flux[peak]:
            peak = k
    return now_mjd_tai - points.mjd_tai[peak]
