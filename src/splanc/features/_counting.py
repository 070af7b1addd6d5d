"""How many diaSources there are, of which kinds, and over which time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ..packet import floats_of
from ._columns import column
from ._lightcurves import BANDS, Objects

COLUMNS = pa.schema(
    [
        column("firstDiaSourceMjdTai", pa.float64(), "d", "Time of the first diaSource, the survey's or that in the alert, whichever is earlier, MJD (TAI)."),
        column("lastDiaSourceMjdTai", pa.float64(), "d", "Time of the newest diaSource, MJD (TAI)."),
        column("medianR", pa.float32(), "", "Median of the diaSources' reliability."),
        column("latestR", pa.float32(), "", "Reliability of the newest diaSource."),
        column("nPosDiaSources", pa.int32(), "", "DiaSources with a flux above zero."),
        column("nPosDiaSourcesNights", pa.int32(), "", "Nights with such a diaSource: whole numbers of MJD + 0.5."),
        column("nSourcesGood", pa.int32(), "", "DiaSources with a reliability above 0.5."),
    ]
    + [column(f"n{band}Sources", pa.int32(), "", f"DiaSources in band {band}.") for band in BANDS]
)
"""What this family adds to `objects`, or sets there."""

_GOOD = 0.5
"""Reliability above which a diaSource counts as good."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return counts, reliabilities and the first and last time (MJD, TAI), shape (n_object,).

    References
    ----------
    Lasair's counting.py; where ours differ, and why: docs/explanation/features.md.
    """
    sources = objects.sources
    first, last = _ends(sources.starts, sources.mjd_tai)
    counts, bands, reliability = _count(sources.starts, sources.mjd_tai, sources.flux_njy, sources.band, sources.reliability)
    found = {
        "firstDiaSourceMjdTai": np.fmin(first, floats_of(objects.table["firstDiaSourceMjdTai"])),
        "lastDiaSourceMjdTai": np.where(np.isnan(last), floats_of(objects.table["lastDiaSourceMjdTai"]), last),
        "medianR": reliability[0],
        "latestR": reliability[1],
        "nPosDiaSources": counts[0],
        "nPosDiaSourcesNights": counts[1],
        "nSourcesGood": counts[2],
    }
    return found | {f"n{band}Sources": bands[number] for number, band in enumerate(BANDS)}


@njit(cache=True, nogil=True)
def _ends(starts: Any, mjd_tai: Any) -> Any:
    n = starts.size - 1
    first, last = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        if starts[i + 1] > starts[i]:
            first[i], last[i] = mjd_tai[starts[i]], mjd_tai[starts[i + 1] - 1]
    return first, last


@njit(cache=True, nogil=True)
def _count(starts: Any, mjd_tai: Any, flux: Any, band: Any, reliability: Any) -> Any:
    n = starts.size - 1
    counts, bands, middle_and_latest = np.zeros((3, n), np.int32), np.zeros((6, n), np.int32), np.full((2, n), np.nan)
    for i in range(n):
        begin, end = starts[i], starts[i + 1]
        counts[0, i], counts[1, i] = _positive(mjd_tai[begin:end], flux[begin:end])
        for k in range(begin, end):
            bands[band[k], i] += 1
            counts[2, i] += reliability[k] > _GOOD
        if end > begin:
            middle_and_latest[0, i] = np.nanmedian(reliability[begin:end])
            middle_and_latest[1, i] = reliability[end - 1]
    return counts, bands, middle_and_latest


@njit(cache=True, nogil=True)
def _positive(mjd_tai: Any, flux: Any) -> Any:
    """Return how many fluxes are above zero, and in how many nights."""
    count, nights, night = 0, 0, np.nan
    for k in range(flux.size):
        if flux[k] > 0:
            count += 1
            nights += np.floor(mjd_tai[k] + 0.5) != night
            night = np.floor(mjd_tai[k] + 0.5)
    return count, nights
