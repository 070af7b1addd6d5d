"""Whether the errors explain that the flux is not constant."""

from __future__ import annotations

import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import Residuals, mean_square

COLUMNS = pa.schema(
    [
        feature(
            "reducedChi2",
            "",
            "χ² of a constant flux in each band, by degrees of freedom: about 1 for what does not vary.",
            formula="Σ p² / (n - b)",
            needs="2 points of one band; all errors",
            source="Bevington & Robinson 2003, chapter 4",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def reduced_chi2(residuals: Residuals) -> float:
    """Return χ² about the weighted mean by degrees of freedom; NaN without two points of one band, or if an error is missing or not positive."""
    return mean_square(residuals.pull, residuals.freedom)
