"""How far fluxes scatter about their mean."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

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
    if residuals.freedom < 1:
        return np.nan
    squares = 0.0
    for residual in residuals.flux:
        squares += residual * residual
    return np.sqrt(squares / residuals.freedom)
