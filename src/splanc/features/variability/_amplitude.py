"""How far the faintest and the brightest are apart."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "amplitude",
            "nJy",
            "Half of the difference between the largest and the smallest residual.",
            formula="(max r - min r) / 2",
            needs="2 points of one band",
            source="Richards et al. 2011, ApJ 733, 10",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def amplitude(residuals: Residuals) -> float:
    """Return half of the range, nJy; NaN without two points of one band."""
    ascending = residuals.ascending
    return (ascending[-1] - ascending[0]) / 2 if ascending.size > 0 else np.nan
