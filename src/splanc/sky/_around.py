"""Cells around a position: a few of them hold all that is near."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ._index import HEALPIX_ORDER
from ._position import RADIANS_PER_ARCSEC

_WIDTH = 0.65
"""Whatever lies farther than this over nside, radians, from a position may be outside the block of nine cells around it; what is nearer is inside.
The narrowest cells, in the polar caps, are 0.69 over nside from one edge to the other."""


def reach_of_order(order: int) -> float:
    """Return how far around any position its cell of an order and that cell's neighbours hold all that there is, arcsec.

    >>> round(reach_of_order(13), 2)
    16.37
    """
    return float(_WIDTH / 2**order / RADIANS_PER_ARCSEC)


def cells_around(cells: npt.NDArray[np.int64], order: int) -> npt.NDArray[np.int64]:
    """Return the cell of an order that each cell of order 29 is in, and that cell's neighbours, shape (n, 9), -1 where there are only seven.

    Parameters
    ----------
    cells : order 29, NESTED, shape (n,).
    order : 0 to 29.
    """
    # Imported here, since it takes a second that only nodes have to spend.
    from cdshealpix.nested import neighbours  # noqa: PLC0415

    return neighbours((cells >> 2 * (HEALPIX_ORDER - order)).astype(np.uint64), order, num_threads=1).astype(np.int64, copy=False)
