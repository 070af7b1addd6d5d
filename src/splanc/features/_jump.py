"""Jumps: how far the newest fluxes are from what the band was like before."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ._columns import column
from ._lightcurves import Objects

COLUMNS = pa.schema(
    [
        column("jump1", pa.float32(), "sigma", "Largest jump of the last ten days in any band, in deviations of the sixty days before; 0 without any."),
        column("jump2", pa.float32(), "sigma", "The largest jump of the band that has the second largest; 0 without any."),
    ]
)
"""What this family adds to `objects`."""

_RECENT_DAYS = 10.0
"""A jump is looked for in the time before the newest diaSource that is shorter than this, days."""

_BEFORE_DAYS = 70.0
"""What a band was like before is taken from the days between that and this."""

_LEAST = 5
"""DiaSources that a band must have in that time."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return the largest and the second largest jump of the bands, standard deviations, shape (n_object,).

    In each band with at least five diaSources more than 10 and less than 70 days before the newest one, the jump is the
    largest |flux - mean| / (sample standard deviation) of the last ten days; mean and deviation are those of the time before.
    A band whose fluxes were all the same has no jump, as there is no measure for it.

    References
    ----------
    Lasair's jump.py; where ours differ, and why: docs/explanation/features.md.
    """
    sources = objects.sources
    jumps = _jumps(sources.starts, sources.mjd_tai, sources.flux_njy, sources.band)
    return {"jump1": jumps[0], "jump2": jumps[1]}


@njit(cache=True, nogil=True)
def _jumps(starts: Any, mjd_tai: Any, flux: Any, band: Any) -> Any:
    n = starts.size - 1
    jumps = np.zeros((2, n))
    count, mean, spread, largest = np.zeros(6), np.zeros(6), np.zeros(6), np.zeros(6)
    for i in range(n):
        begin, end = starts[i], starts[i + 1]
        if end - begin > _LEAST:
            _before(mjd_tai[begin:end], flux[begin:end], band[begin:end], count, mean, spread)
            _recent(mjd_tai[begin:end], flux[begin:end], band[begin:end], mean, spread, largest)
            largest.sort()
            jumps[0, i], jumps[1, i] = largest[5], largest[4]
    return jumps


@njit(cache=True, nogil=True)
def _before(mjd_tai: Any, flux: Any, band: Any, count: Any, mean: Any, spread: Any) -> None:
    """Set each band's number of fluxes before, their mean, and their sample standard deviation (0: none that can be used)."""
    count[:], mean[:], spread[:] = 0.0, 0.0, 0.0
    for k in range(flux.size):
        age = mjd_tai[-1] - mjd_tai[k]
        if _RECENT_DAYS < age < _BEFORE_DAYS:
            # Welford's way, which stays exact where the mean is far larger than the spread.
            b = band[k]
            count[b] += 1
            step = flux[k] - mean[b]
            mean[b] += step / count[b]
            spread[b] += step * (flux[k] - mean[b])
    for b in range(6):
        spread[b] = np.sqrt(spread[b] / (count[b] - 1)) if count[b] >= _LEAST else 0.0


@njit(cache=True, nogil=True)
def _recent(mjd_tai: Any, flux: Any, band: Any, mean: Any, spread: Any, largest: Any) -> None:
    """Set each band's largest jump of the last days; 0 where there is none."""
    largest[:] = 0.0
    k = flux.size - 1
    while k >= 0 and mjd_tai[-1] - mjd_tai[k] < _RECENT_DAYS:
        b = band[k]
        if spread[b] > 0:
            largest[b] = max(largest[b], abs(flux[k] - mean[b]) / spread[b])
        k -= 1
