"""The sky index."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..packet import Batch
from ._position import is_on_sky

HEALPIX_ORDER = 29
"""Order of the index: cells of 0.4 milliarcseconds, the finest that fits 64 bits; coarser cells are its leading bits."""


def healpix29(ra_deg: npt.NDArray[np.float64], dec_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the order-29 NESTED HEALPix cell of each position, shape (n,).

    Parameters
    ----------
    ra_deg, dec_deg : ICRS, degrees, shape (n,), finite; dec within ±90.

    References
    ----------
    Górski et al. 2005, ApJ 622, 759.

    >>> healpix29(np.array([45.0]), np.array([0.0])).tolist() == [int(healpix29(np.array([405.0]), np.array([0.0]))[0])]
    True
    """
    # Imported here, since they take a second that only nodes have to spend.
    import astropy.units as u  # noqa: PLC0415
    from astropy.coordinates import Latitude, Longitude  # noqa: PLC0415
    from cdshealpix.nested import lonlat_to_healpix  # noqa: PLC0415

    cells = lonlat_to_healpix(Longitude(ra_deg, u.deg), Latitude(dec_deg, u.deg), HEALPIX_ORDER, num_threads=1)
    return cells.astype(np.int64)


def index_sky(batch: Batch) -> Batch:
    """Return the batch with `healpix29` of each alert's position, int64, NULL where the position is not on the sky."""
    return batch.with_alert_column("healpix29", cells_of(batch.alerts["ra"].to_numpy(), batch.alerts["decl"].to_numpy()))


def cells_of(ra_deg: npt.NDArray[np.float64], dec_deg: npt.NDArray[np.float64]) -> pa.Array:
    """Return the cell of each position as `healpix29` does, int64, shape (n,); NULL where the position is not on the sky."""
    on_sky = is_on_sky(ra_deg, dec_deg)
    return pa.array(healpix29(np.where(on_sky, ra_deg, 0.0), np.where(on_sky, dec_deg, 0.0)), mask=~on_sky)


def warm() -> None:
    """Load the sky library, so that the first batch does not wait for it."""
    healpix29(np.zeros(1), np.zeros(1))
