"""How fast the object has risen at least, between not being found and being seen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature

COLUMNS = pa.schema(
    [
        feature(
            "riseFlux",
            "nJy/d",
            "Rise of the flux from the limit of the last non-detection to the first diaSource; of all bands: in the band of the first diaSource.",
            formula="(f₁ - 3 eₗ) / (t₁ - tₗ)",
            needs="a non-detection before the first diaSource, in its band",
            source="after Sánchez-Sáez et al. 2021, AJ 161, 141 (dmag_first_det_fid)",
        ),
        feature(
            "riseMag",
            "mag/d",
            "The same rise in magnitudes, positive for what gets brighter.",
            formula="2.5 log₁₀(f₁ / 3 eₗ) / (t₁ - tₗ)",
            needs="a non-detection before the first diaSource, in its band; a positive flux",
            source="after Sánchez-Sáez et al. 2021, AJ 161, 141 (dmag_first_det_fid)",
        ),
    ]
)
"""What each series has of it."""


@njit(cache=True, nogil=True)
def rise(days: float, limit: float, flux: float) -> tuple[float, float]:
    """Return the rise in nJy/d and in mag/d, which is NaN unless the flux is positive.

    Parameters
    ----------
    days : from the last non-detection to the first diaSource, above 0.
    limit : flux that would have been a detection, nJy, above 0.
    flux : of the first diaSource, nJy.

    >>> [float(value) for value in rise(2.0, 100.0, 1000.0)]
    [450.0, 1.25]
    """
    return (flux - limit) / days, 2.5 * np.log10(flux / limit) / days if flux > 0 else np.nan
