"""How long the object has been seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Points

COLUMNS = pa.schema(
    [
        feature(
            "timeSinceFirst",
            "d",
            "Time from the first diaSource to the alert.",
            formula="t(alert) - t₁",
            needs="1 point; the alert's time",
            source="",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def time_since_first(points: Points, now_mjd_tai: float) -> float:
    """Return the time from the first point to the alert, days; NaN without a point, or if the alert has no time."""
    return now_mjd_tai - points.mjd_tai[0] if points.mjd_tai.size > 0 else np.nan
