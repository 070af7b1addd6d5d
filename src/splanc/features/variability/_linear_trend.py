"""Whether the flux rises or falls with time."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "linearTrend",
            "nJy/d",
            "Slope of the least-squares line, the same in all bands, each with its own mean; all points weigh the same.",
            formula="Σ d r / Σ d²",
            needs="3 points of one band, not all at one time",
            source="Bevington & Robinson 2003, chapter 6",
        ),
        feature(
            "linearTrendErr",
            "nJy/d",
            "Standard error of that slope, from the scatter about the line.",
            formula="√(Σ (r - slope · d)² / ((n - b - 1) Σ d²))",
            needs="3 points of one band, not all at one time",
            source="Bevington & Robinson 2003, chapter 6",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def linear_trend(residuals: Residuals) -> tuple[float, float]:
    """Return slope and its standard error, nJy/d; NaN with fewer than two points more than bands, or if each band's are all at one time."""
    squares = products = 0.0
    for k in range(residuals.flux.size):
        squares += residuals.days[k] * residuals.days[k]
        products += residuals.days[k] * residuals.flux[k]
    if residuals.freedom < 2 or not squares > 0:
        return np.nan, np.nan
    slope, left = products / squares, 0.0
    for k in range(residuals.flux.size):
        rest = residuals.flux[k] - slope * residuals.days[k]
        left += rest * rest
    return slope, np.sqrt(left / (residuals.freedom - 1) / squares)
