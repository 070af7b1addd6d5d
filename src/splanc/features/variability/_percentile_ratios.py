"""Whether fluxes keep near the middle or near the ends."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals, quantile

COLUMNS = pa.schema(
    [
        feature(
            "percentileRatio20",
            "",
            "Range of the middle 20 % of the residuals by that of the middle 90 %.",
            formula="(P60 - P40) / (P95 - P5)",
            needs="5 points in bands with two or more, not all equal",
            source="Richards et al. 2011, ApJ 733, 10 (flux_percentile_ratio_mid20)",
        ),
        feature(
            "percentileRatio50",
            "",
            "Range of the middle 50 % of the residuals by that of the middle 90 %.",
            formula="(P75 - P25) / (P95 - P5)",
            needs="5 points in bands with two or more, not all equal",
            source="Richards et al. 2011, ApJ 733, 10 (flux_percentile_ratio_mid50)",
        ),
        feature(
            "percentileRatio80",
            "",
            "Range of the middle 80 % of the residuals by that of the middle 90 %.",
            formula="(P90 - P10) / (P95 - P5)",
            needs="5 points in bands with two or more, not all equal",
            source="Richards et al. 2011, ApJ 733, 10 (flux_percentile_ratio_mid80)",
        ),
    ]
)
"""What each series has of it."""


_LEAST = 5
"""Residuals that percentiles mean something with."""


@njit(cache=True, nogil=True)
def percentile_ratio(residuals: Residuals, share: float) -> float:
    """Return the range of the middle share of the residuals by that of the middle 90 %; NaN with fewer than five, or if the latter is 0.

    Parameters
    ----------
    share : of the residuals, 0 to 1.
    """
    ascending = residuals.ascending
    if ascending.size < _LEAST:
        return np.nan
    whole = quantile(ascending, 0.95) - quantile(ascending, 0.05)
    return (quantile(ascending, 0.5 + share / 2) - quantile(ascending, 0.5 - share / 2)) / whole if whole > 0 else np.nan
