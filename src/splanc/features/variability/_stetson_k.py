"""How peaked the residuals are distributed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "stetsonK",
            "",
            "Mean of the absolute pulls by their root mean square: 0.80 for Gaussian noise, 0.90 for a sine, 1 for two levels.",
            formula="Σ |p| / √(n Σ p²)",
            needs="2 points of one band, not all equal; all errors",
            source="Stetson 1996, PASP 108, 851",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def stetson_k(residuals: Residuals) -> float:
    """Return Stetson's K; NaN without two points of one band, if all are equal, or if an error is missing or not positive."""
    total = squares = 0.0
    for pull in residuals.pull:
        total += abs(pull)
        squares += pull * pull
    return total / np.sqrt(residuals.pull.size * squares) if squares > 0 else np.nan
