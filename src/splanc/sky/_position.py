"""Which positions there are, and the units of what is between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

RADIANS_PER_ARCSEC = np.pi / 648_000
"""An arc second, radians: half a turn has 648 000."""

SKY_DEG2 = 360.0 * 360.0 / np.pi
"""The whole sky, square degrees."""


def is_on_sky(ra_deg: npt.NDArray[np.float64], decl_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which positions are on the sky, shape (n,): right ascension from 0 to 360, declination within ±90 degrees; NaN is not.

    Beyond a few turns an angle has no digits left for a position, and the sky library gives cells that do not exist.

    >>> is_on_sky(np.array([0.0, 360.0, -1.0, 1e30, np.nan]), np.array([90.0, -90.0, 0.0, 0.0, 0.0])).tolist()
    [True, True, False, False, False]
    """
    return np.asarray((ra_deg >= 0.0) & (ra_deg <= 360.0) & (np.abs(decl_deg) <= 90.0))
