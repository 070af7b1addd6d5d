"""Cells around a position: a few of them hold all that is near."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

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
    """Return the cell of an order that each cell of order 29 is in, and that cell's neighbours, ascending, shape (n, 9); -1 where there are only seven.

    Parameters
    ----------
    cells : order 29, NESTED, shape (n,).
    order : 0 to 29.
    """
    coarse = cells >> 2 * (HEALPIX_ORDER - order)
    around, at_edge = _around(coarse, order)
    if len(at_edge):
        # Imported here, since it takes a second that only nodes have to spend.
        from cdshealpix.nested import neighbours  # noqa: PLC0415

        around[at_edge] = np.sort(neighbours(coarse[at_edge].astype(np.uint64), order, num_threads=1).astype(np.int64, copy=False), axis=1)
    return around


_X, _Y = 0x1555_5555_5555_5555, 0x2AAA_AAAA_AAAA_AAAA
"""A cell's number is two numbers in turns, bit by bit: its places along two sides of one of the twelve cells of order 0."""


@njit(cache=True, nogil=True)
def _around(cells: Any, order: int) -> Any:
    """Return the nine cells around each, ascending, shape (n, 9), and which cells lie at an edge of a cell of order 0: those are left to a library.

    One is added to, or taken from, every second bit while the bits between are set, or not, so that it is carried past them.
    """
    within = (1 << 2 * order) - 1
    x_bits, y_bits = _X & within, _Y & within
    around, at_edge, n_edge = np.empty((len(cells), 9), np.int64), np.empty(len(cells), np.int64), 0
    for i in range(len(cells)):
        x, y, base = cells[i] & x_bits, cells[i] & y_bits, cells[i] & ~within
        if x == 0 or y == 0 or x == x_bits or y == y_bits:
            at_edge[n_edge] = i
            n_edge += 1
            continue
        columns = ((x - 1) & x_bits, x, ((x | ~x_bits) + 1) & x_bits)
        rows = ((y - 1) & y_bits, y, ((y | ~y_bits) + 1) & y_bits)
        for n in range(9):
            _insert(around[i], n, base | columns[n // 3] | rows[n % 3])
    return around, at_edge[:n_edge]


@njit(cache=True, nogil=True)
def _insert(cells: Any, n: int, cell: int) -> None:
    """Put a cell among the first n, which ascend."""
    place = n
    while place > 0 and cells[place - 1] > cell:
        cells[place] = cells[place - 1]
        place -= 1
    cells[place] = cell
