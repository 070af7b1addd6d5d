"""The Milky Way's dust: reddening by position, from a map that the operator installs."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import UserError
from ._index import HEALPIX_ORDER, healpix29
from ._position import is_on_sky

CELLS_OF_ORDER_0 = 12
"""HEALPix cells of order 0; each order has four times as many as the one before."""


class Dust:
    """The reddening E(B-V) of every cell of a HEALPix order, NESTED, ICRS, memory-mapped.

    A position has the value of its cell: the cells that `splanc dust install` makes are smaller than the pixels of the
    maps of Schlegel, Finkbeiner & Davis 1998 (ApJ 500, 525), and those have been interpolated at the cells' centres.

    Parameters
    ----------
    path : `.npy` file of 12 · 4**order numbers, mag.

    Raises
    ------
    UserError
        If it is no such file.
    """

    def __init__(self, path: Path) -> None:
        again = "install it again with `splanc dust install`"
        try:
            self._cells = np.load(path, mmap_mode="r")
        except (OSError, ValueError) as error:
            raise UserError(f"the dust map {path} cannot be read ({error}); {again}") from error
        self.order = order_of(self._cells.size)
        if self._cells.ndim != 1 or self.order is None or self._cells.dtype.kind != "f":
            raise UserError(f"the dust map {path} is not one of floating-point numbers by HEALPix cell; {again}")

    def ebv_mag(self, ra_deg: npt.NDArray[np.float64], decl_deg: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the reddening E(B-V) of positions, mag, shape (n,); NaN where the position is not on the sky.

        Parameters
        ----------
        ra_deg, decl_deg : ICRS, degrees, shape (n,).
        """
        assert self.order is not None
        on_sky = is_on_sky(ra_deg, decl_deg)
        cells = healpix29(np.where(on_sky, ra_deg, 0.0), np.where(on_sky, decl_deg, 0.0)) >> 2 * (HEALPIX_ORDER - self.order)
        return np.where(on_sky, self._cells[cells].astype(np.float64), np.nan)


def order_of(n_cells: int) -> int | None:
    """Return the HEALPix order that has so many cells; None if none has.

    >>> order_of(12 * 4**3), order_of(100)
    (3, None)
    """
    order = round(math.log(max(n_cells, CELLS_OF_ORDER_0) / CELLS_OF_ORDER_0, 4))
    return order if CELLS_OF_ORDER_0 * 4**order == n_cells and order <= HEALPIX_ORDER else None
