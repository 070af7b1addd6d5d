"""Distances by redshift: a flat universe with Hubble's constant 70 km/s/Mpc and a matter density of 0.3, as absolute magnitudes have it."""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ...features import luminosity_distance_mpc
from ...sky import RADIANS_PER_ARCSEC

Floats: TypeAlias = npt.NDArray[np.float64]

LEAST_Z = 0.001
"""A lower redshift says more of how a galaxy moves among its neighbours, by some 300 km/s, than of how far it is."""

_KPC_PER_MPC_ARCSEC = 1000.0 * RADIANS_PER_ARCSEC
_MOST_Z = 20.0
_STEPS = 8192
"""Points of the table: between them a distance is good to a millionth, since what is tabulated changes slowly."""


def luminosity_distances(z: Floats) -> Floats:
    """Return the luminosity distance of each redshift, Mpc, shape (n,); NaN where it is not positive, or above 20.

    >>> luminosity_distances(np.array([0.1, -0.001, np.nan])).round(2).tolist()
    [460.3, nan, nan]
    """
    x, ratio = _table()
    with np.errstate(invalid="ignore"):
        usable = (z > 0) & (z <= _MOST_Z)
    log = np.log1p(np.where(usable, z, 0.0))
    return np.where(usable, np.interp(log, x, ratio) * log * (1 + np.where(usable, z, 0.0)), np.nan)


def kpc_per_arcsec(distance_mpc: Floats, z: Floats) -> Floats:
    """Return how long an arcsecond is at each source, kpc, shape (n,); NaN where nothing tells its distance.

    Parameters
    ----------
    distance_mpc : measured luminosity distance, Mpc, shape (n,); it goes before the redshift.
    z : spectroscopic redshift, shape (n,); below `LEAST_Z` it tells none.

    References
    ----------
    Hogg 1999, arXiv:astro-ph/9905116, eq. 18 and 20.

    >>> kpc_per_arcsec(np.array([np.nan, np.nan, 0.785]), np.array([0.1, 0.0005, -0.001])).round(4).tolist()
    [1.8443, nan, 0.0038]
    """
    with np.errstate(invalid="ignore"):
        measured = distance_mpc > 0
        stretch = 1 + np.where(z > 0, z, np.where(measured, _redshifts(distance_mpc), np.nan))
        far = np.where(z >= LEAST_Z, z, np.nan)
    luminosity = np.where(measured, distance_mpc, luminosity_distances(far))
    return _KPC_PER_MPC_ARCSEC * luminosity / stretch**2


def _redshifts(distance_mpc: Floats) -> Floats:
    x, ratio = _table()
    return np.expm1(np.interp(distance_mpc, ratio * x * np.exp(x), x))


@cache
def _table() -> tuple[Floats, Floats]:
    """Return log(1 + z), and the comoving distance over it, Mpc, each shape (_STEPS,)."""
    x = np.linspace(0.0, np.log1p(_MOST_Z), _STEPS)
    at = np.maximum(x, 1e-6)
    comoving = np.concatenate([luminosity_distance_mpc(np.expm1(part)) for part in np.array_split(at, 16)]) / np.exp(at)
    return x, comoving / at
