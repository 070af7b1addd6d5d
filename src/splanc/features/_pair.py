"""Pairs: two diaSources within one visit to the field, in different bands, give a colour and a temperature."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ._blackbody import temperature
from ._columns import column
from ._lightcurves import BANDS, Objects

_WHICH = ("latest", "penultimate")

COLUMNS = pa.schema(
    [
        field
        for which in _WHICH
        for field in (
            column(f"{which}PairMJD", pa.float64(), "d", f"Time of the {which} pair, that of its later diaSource, MJD (TAI)."),
            column(f"{which}PairColourMag", pa.float32(), "mag", f"Colour of the {which} pair, without dust; NULL without a dust map."),
            column(f"{which}PairColourBands", pa.string(), "", f"Bands of the {which} pair, for example g-r."),
            column(f"{which}PairColourTemp", pa.float32(), "kK", "Temperature of a black body of that colour; NULL without a dust map."),
        )
    ]
)
"""What this family adds to `objects`."""

_PAIR_DAYS = 40 / 1440
"""Two diaSources less apart than this, days, are a pair."""

_NAMES = np.array([f"{bluer}-{redder}" for bluer in BANDS for redder in BANDS], object)
"""Name of each pair of bands."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return time, colour, bands and temperature of the two newest pairs, shape (n_object,) each.

    A pair is two diaSources next to each other in time, less than 40 minutes apart and in different bands. Its colour is
    -2.5 log10 of the dereddened flux in the bluer band over that in the redder one; without two positive fluxes there is none.

    References
    ----------
    Lasair's pair.py; where ours differ, and why: docs/explanation/features.md.
    """
    sources = objects.sources
    found: dict[str, npt.NDArray[Any]] = {}
    for which, (mjd_tai, bands, colour, kilokelvin) in zip(_WHICH, _pairs(sources.starts, sources.mjd_tai, objects.dereddened_njy, sources.band), strict=True):
        names = np.where(bands >= 0, _NAMES[np.maximum(bands, 0).astype(np.int64)], None)
        values: tuple[npt.NDArray[Any], ...] = (mjd_tai, colour, np.asarray(names), kilokelvin)
        found |= dict(zip((f"{which}Pair{part}" for part in ("MJD", "ColourMag", "ColourBands", "ColourTemp")), values, strict=True))
    return found


@njit(cache=True, nogil=True)
def _pairs(starts: Any, mjd_tai: Any, flux: Any, band: Any) -> Any:
    """Return, for each of the two newest pairs, time, bands (6 bluer + redder; -1: no pair), colour and temperature, shape (2, 4, n_object)."""
    n = starts.size - 1
    pairs = np.full((2, 4, n), np.nan)
    pairs[:, 1, :] = -1
    for i in range(n):
        found, k = 0, starts[i + 1] - 1
        while k > starts[i] and found < 2:
            if band[k] != band[k - 1] and mjd_tai[k] - mjd_tai[k - 1] < _PAIR_DAYS:
                bluer, redder = (k, k - 1) if band[k] < band[k - 1] else (k - 1, k)
                pairs[found, 0, i] = mjd_tai[k]
                pairs[found, 1, i] = 6 * band[bluer] + band[redder]
                pairs[found, 2, i], pairs[found, 3, i] = _colour(band[bluer], band[redder], flux[bluer], flux[redder])
                found += 1
            k -= 1
    return pairs


@njit(cache=True, nogil=True)
def _colour(bluer: int, redder: int, blue_flux: float, red_flux: float) -> Any:
    """Return the colour, mag, and the temperature, kK; NaN unless both fluxes are positive."""
    if blue_flux > 0 and red_flux > 0:
        return -2.5 * np.log10(blue_flux / red_flux), temperature(bluer, redder, blue_flux / red_flux)
    return np.nan, np.nan
