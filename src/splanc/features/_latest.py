"""The newest flux, of any band and of each."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from ._columns import column
from ._lightcurves import BANDS, Objects

COLUMNS = pa.schema(
    [column("latest_psfFlux", pa.float32(), "nJy", "Flux of the newest diaSource, in whichever band.")]
    + [column(f"{band}_psfFlux", pa.float32(), "nJy", f"Flux of the newest diaSource in band {band}.") for band in BANDS]
    + [column(f"{band}_latestMJD", pa.float64(), "d", f"Time of the newest diaSource in band {band}, MJD (TAI).") for band in BANDS]
)
"""What this family adds to `objects`."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return the newest flux (nJy) of any band and of each band, and when that was (MJD, TAI), shape (n_object,).

    References
    ----------
    Lasair's latestFlux.py; where ours differ, and why: docs/explanation/features.md.
    """
    sources = objects.sources
    latest, flux, mjd_tai = _latest(sources.starts, sources.mjd_tai, sources.flux_njy, sources.band)
    found = {"latest_psfFlux": latest}
    found |= {f"{band}_psfFlux": flux[number] for number, band in enumerate(BANDS)}
    return found | {f"{band}_latestMJD": mjd_tai[number] for number, band in enumerate(BANDS)}


@njit(cache=True, nogil=True)
def _latest(starts: Any, mjd_tai: Any, flux: Any, band: Any) -> Any:
    n = starts.size - 1
    latest, flux_of_band, mjd_of_band = np.full(n, np.nan), np.full((6, n), np.nan), np.full((6, n), np.nan)
    for i in range(n):
        for k in range(starts[i], starts[i + 1]):
            latest[i] = flux[k]
            flux_of_band[band[k], i] = flux[k]
            mjd_of_band[band[k], i] = mjd_tai[k]
    return latest, flux_of_band, mjd_of_band
