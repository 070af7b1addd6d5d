"""How bright an object is in itself, when its host's distance is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ..packet import AB_ZERO_POINT
from ._blackbody import Floats
from ._columns import column
from ._context import Context
from ._lightcurves import Objects

COLUMNS = pa.schema(
    [
        column(
            "absMag",
            pa.float32(),
            "mag",
            "Brightest absolute magnitude of any diaSource, without dust; NULL without a distance, or a dust map.",
        ),
        column("absMagMJD", pa.float64(), "d", "Time of that diaSource, MJD (TAI)."),
    ]
)
"""What this family adds to `objects`."""

TRANSIENTS = ("SN", "NT", "ORPHAN")
"""Classes of objects that explode or flare up, for which the brightness and the fits make sense."""

_HUBBLE, _MATTER, _LAMBDA = 70.0, 0.3, 0.7
"""The cosmology: Hubble's constant, km/s/Mpc, and the densities of matter and of dark energy."""

_RADIATION = 4.165e-5 / (_HUBBLE / 100) ** 2
"""Density of radiation (Wright 2006, PASP 118, 1711)."""

_LIGHT_KM_S = 299_792.458
_STEPS = 1000
"""Steps of the integral over the scale factor; the distance is then good to a millionth."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return the brightest absolute magnitude of each object that may be a transient, and its time (MJD, TAI), shape (n_object,).

    It is 31.4 - 2.5 log10(flux without dust, nJy) minus the distance modulus; fluxes that are not positive do not count.

    References
    ----------
    Lasair's sherlock.py and redshift.py; where ours differ, and why: docs/explanation/features.md.
    Hogg 1999, arXiv:astro-ph/9905116.
    """
    sources = objects.sources
    brightest, mjd_tai = _brightest(sources.starts, sources.mjd_tai, objects.dereddened_njy)
    modulus = np.where(may_be_transient(objects.context.classification), distance_modulus(objects.context), np.nan)
    magnitude = AB_ZERO_POINT - 2.5 * np.log10(brightest) - modulus
    return {"absMag": magnitude, "absMagMJD": np.where(np.isnan(magnitude), np.nan, mjd_tai)}


def may_be_transient(classification: npt.NDArray[np.object_]) -> npt.NDArray[np.bool_]:
    """Return which classes are of transients, shape (n,); None is not."""
    return np.array([name in TRANSIENTS for name in classification.tolist()], np.bool_)


def distance_modulus(context: Context) -> Floats:
    """Return the distance modulus with the K term of a flat spectrum, mag, shape (n_object,); NaN where no distance is known.

    From a distance D it is 5 log10(D / 10 pc); from a redshift z that of the luminosity distance, minus 2.5 log10(1 + z).

    >>> from ._context import unknown_context
    >>> from dataclasses import replace
    >>> near = replace(unknown_context(2), distance_mpc=np.array([100.0, np.nan]), z=np.array([np.nan, 0.1]))
    >>> distance_modulus(near).round(4).tolist()
    [35.0, 38.2117]
    """
    distance, z = np.where(context.distance_mpc > 0, context.distance_mpc, np.nan), np.where(context.z > 0, context.z, np.nan)
    modulus = 5 * np.log10(distance) + 25
    by_redshift = np.isnan(distance) & np.isfinite(z)
    z = z[by_redshift]
    modulus[by_redshift] = 5 * np.log10(luminosity_distance_mpc(z)) + 25 - 2.5 * np.log10(1 + z)
    return np.asarray(modulus)


def luminosity_distance_mpc(z: Floats) -> Floats:
    """Return the luminosity distance of redshifts in a nearly flat universe, Mpc, shape (n,); NaN for NaN.

    References
    ----------
    Hogg 1999, arXiv:astro-ph/9905116.
    """
    curvature = 1 - _MATTER - _LAMBDA - _RADIATION
    scale = 1 / (1 + z)
    middle = scale[:, None] + (1 - scale[:, None]) * (np.arange(_STEPS) + 0.5) / _STEPS
    rate = np.sqrt(curvature + _MATTER / middle + _RADIATION / middle**2 + _LAMBDA * middle**2)
    comoving = (1 - scale) * (1 / (middle * rate)).mean(axis=1)
    return np.asarray(_LIGHT_KM_S / _HUBBLE * comoving * (1 + z))


@njit(cache=True, nogil=True)
def _brightest(starts: Any, mjd_tai: Any, flux: Any) -> Any:
    n = starts.size - 1
    brightest, when = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        for k in range(starts[i], starts[i + 1]):
            if flux[k] > 0 and not flux[k] <= brightest[i]:
                brightest[i], when[i] = flux[k], mjd_tai[k]
    return brightest, when
