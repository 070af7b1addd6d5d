"""When the object was last looked for and not found, before it was first seen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit

from ._feature import feature
from ._series import ALL, usable

COLUMNS = pa.schema(
    [
        feature(
            "lastNonDetectionMJD",
            "d",
            "Time of the last non-detection before the first diaSource in the packet, MJD (TAI); of all bands: in whichever band.",
            formula="tₗ: the last forced point with t < t₁ and f < 3 e, or with e alone: an upper limit",
            needs="a non-detection before the first diaSource",
            source="",
            kind=pa.float64(),
        ),
        feature(
            "lastNonDetectionLimit",
            "nJy",
            "Flux that would have been a detection then: three times the error of the forced flux.",
            formula="3 eₗ",
            needs="a non-detection before the first diaSource",
            source="",
        ),
    ]
)
"""What each series has of it."""


DETECTION_SIGMA = 3.0
"""Errors above zero from which on a forced flux is a detection."""


@njit(cache=True, nogil=True)
def last_non_detections(mjd_tai: Any, flux: Any, error: Any, band: Any, first_mjd_tai: Any, rows: Any) -> None:
    """Set the row of the last non-detection before the first diaSource of each series; -1 for none.

    Parameters
    ----------
    mjd_tai, flux, error, band : forced photometry in the order of time, shape (n,); points without a positive error are neither
        detections nor not, those without a flux are limits.
    first_mjd_tai : time of the first diaSource of each series, MJD (TAI), -inf for none, shape (n_series,).
    rows : set, shape (n_series,).
    """
    rows[:] = -1
    latest = first_mjd_tai.max()
    for k in range(flux.size):
        if mjd_tai[k] >= latest:
            return
        error_njy = usable(error[k])
        if flux[k] < DETECTION_SIGMA * error_njy or (np.isnan(flux[k]) and error_njy > 0):
            if mjd_tai[k] < first_mjd_tai[band[k]]:
                rows[band[k]] = k
            if mjd_tai[k] < first_mjd_tai[ALL]:
                rows[ALL] = k
