"""How often the object is seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Points, quantile

COLUMNS = pa.schema(
    [
        feature(
            "cadence",
            "d",
            "Median time between diaSources next to each other; of all bands: in whichever band.",
            formula="median (tₖ₊₁ - tₖ)",
            needs="2 points",
            source="",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def cadence(points: Points) -> float:
    """Return the median of the times between points, days; NaN with fewer than two."""
    return quantile(points.gaps, 0.5) if points.gaps.size > 0 else np.nan
