"""Galactic latitude."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._position import is_on_sky

_POLE_RA_DEG, _POLE_DECL_DEG = 192.85948, 27.12825
"""The galaxy's north pole, ICRS, degrees (ESA 1997, The Hipparcos Catalogue, section 1.5.3)."""


def galactic_latitude(ra_deg: npt.NDArray[np.float64], decl_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the galactic latitude of positions, degrees, shape (n,); NaN where the position is not on the sky.

    Parameters
    ----------
    ra_deg, decl_deg : ICRS, degrees, shape (n,).

    >>> galactic_latitude(np.array([266.40499]), np.array([-28.93617])).round(3).tolist()
    [0.0]
    """
    pole, decl = np.radians(_POLE_DECL_DEG), np.radians(decl_deg)
    sine = np.sin(pole) * np.sin(decl) + np.cos(pole) * np.cos(decl) * np.cos(np.radians(ra_deg - _POLE_RA_DEG))
    return np.where(is_on_sky(ra_deg, decl_deg), np.degrees(np.arcsin(np.clip(sine, -1.0, 1.0))), np.nan)
