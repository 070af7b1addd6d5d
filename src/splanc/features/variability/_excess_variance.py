"""How much the flux varies beyond its errors, relative to what it is."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals

COLUMNS = pa.schema(
    [
        feature(
            "excessVariance",
            "",
            "Variance less what errors explain, of fluxes relative to the mean of their band; negative if the errors explain more than there is.",
            formula="Σ (r / mean)² / (n - b) - Σ (e / mean)² / n",
            needs="2 points of one band; all errors; means that are not 0",
            source="after Nandra et al. 1997, ApJ 476, 70",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def excess_variance(residuals: Residuals) -> float:
    """Return the normalised excess variance; NaN without two points of one band, if an error is missing or not positive, or if a mean flux is 0."""
    if residuals.freedom < 1:
        return np.nan
    varied = explained = 0.0
    for k in range(residuals.flux.size):
        mean = residuals.mean[k]
        if mean == 0:
            return np.nan
        relative, error = residuals.flux[k] / mean, residuals.error[k] / mean
        varied += relative * relative
        explained += error * error
    return varied / residuals.freedom - explained / residuals.flux.size
