"""How far fluxes scatter about their mean."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals, mean_square

COLUMNS = pa.schema(
    [
        feature(
            "standardDeviation",
            "nJy",
            "Standard deviation of the fluxes about the mean of their band.",
            formula="s = √(Σ r² / (n - b))",
            needs="2 points of one band",
            source="Bevington & Robinson 2003, chapter 1",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def standard_deviation(residuals: Residuals) -> float:
    """Return the sample standard deviation, nJy; NaN without two points of one band."""
    return np.sqrt(mean_square(residuals.flux, residuals.freedom))
