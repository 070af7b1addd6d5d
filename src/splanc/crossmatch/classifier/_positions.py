"""The positions of a batch, and which cells hold what is near each."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from numba import njit

from ...sky import HEALPIX_ORDER, cells_around, healpix29, is_on_sky, reach_of_order
from ._records import unit_vectors

Cells: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

_J2000, _J2000_MJD, _YEAR_DAYS = 2000.0, 51_544.5, 365.25
_YEARS = (1900.0, 2100.0)
"""At times outside of these no motion is applied: the time is a mistake."""


ORDERS = (15, 13, 11, 9, 7, 5, 3, 1)
"""Orders of the cells that positions are looked for by: every other one, so that many searches share a cover."""

REACHES_ARCSEC = tuple(map(reach_of_order, ORDERS))
"""How far each of them reaches: 4, 16, 65 arcsec, and so on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cover:
    """Ranges of cells, and the positions that they are around, by the first cell ascending: those nine cells of a position are a few ranges.

    Parameters
    ----------
    firsts, lasts : first and last cell of each range, shape (n_range,).
    begins, ends : the positions `begins` to before `ends`, which are in one cell, int32, shape (n_range,).
    shift : bits that make of a cell one of order 29.
    """

    firsts: Cells
    lasts: Cells
    begins: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    shift: int
    _up_to: Cells

    def between(self, first: int, last: int) -> tuple[int, int]:
        """Return the first, and the one after the last, of the ranges that overlap one of order-29 cells, both ends included; some between may not."""
        return int(self._up_to.searchsorted(first >> self.shift)), int(self.firsts.searchsorted((last >> self.shift) + 1))

    def overlapping(self, first: Cells, last: Cells) -> Cells:
        """Return which of some ranges of order-29 cells, ascending, overlap any of these."""
        if not len(self.firsts):
            return np.zeros(0, np.int64)
        least, most = self.firsts[0] << self.shift, (self._up_to[-1] + 1) << self.shift
        some = slice(np.searchsorted(last, least), np.searchsorted(first, most))
        begins = np.searchsorted(self._up_to, first[some] >> self.shift)
        ends = np.searchsorted(self.firsts, last[some] >> self.shift, side="right")
        return np.flatnonzero(begins < ends) + some.start


class Positions:
    """Positions on the sky, in the order of their cells.

    Parameters
    ----------
    numbers : which of the caller's positions each is, int32, shape (n,).
    vectors : unit vectors, shape (n, 3).
    cells : order-29 cells, ascending, shape (n,).
    years : Julian year of each; NaN where it is not known, shape (n,).
    """

    def __init__(self, numbers: npt.NDArray[np.int32], vectors: Floats, cells: npt.NDArray[np.int64], years: Floats) -> None:
        self.numbers, self.vectors, self.cells, self.years = numbers, vectors, cells, years
        known = years[np.isfinite(years)]
        self.span = (float(known.min()), float(known.max())) if len(known) else None
        """The least and greatest year; None if none is known."""
        self._covers: dict[int, Cover] = {}

    def only(self, chosen: npt.NDArray[np.bool_]) -> Positions:
        """Return some of them."""
        return Positions(self.numbers[chosen], self.vectors[chosen], self.cells[chosen], self.years[chosen])

    def cover(self, reach_arcsec: float) -> Cover:
        """Return cells that hold all that is within a reach of the positions."""
        order = ORDERS[bisect_left(REACHES_ARCSEC, reach_arcsec)]
        if order not in self._covers:
            self._covers[order] = self._cover(order)
        return self._covers[order]

    def _cover(self, order: int) -> Cover:
        shift = 2 * (HEALPIX_ORDER - order)
        coarse = self.cells >> shift
        is_new = np.ones(len(coarse) + 1, np.bool_)
        is_new[1:-1] = coarse[1:] != coarse[:-1]
        runs = np.flatnonzero(is_new).astype(np.int32)
        firsts, lasts, run = _ranges(cells_around(self.cells[runs[:-1]], order))
        order_of_ranges = np.argsort(firsts, kind="stable")
        firsts, lasts, run = firsts[order_of_ranges], lasts[order_of_ranges], run[order_of_ranges]
        return Cover(firsts=firsts, lasts=lasts, begins=runs[run], ends=runs[run + 1], shift=shift, _up_to=np.maximum.accumulate(lasts))


@njit(cache=True, nogil=True)
def _ranges(around: Any) -> Any:
    """Return the first and last cell of each range that cells, ascending in each row, make, and of which row it is, shape (n_range,); -1 is no cell."""
    firsts, lasts, rows = np.empty(around.size, np.int64), np.empty(around.size, np.int64), np.empty(around.size, np.int64)
    n = 0
    for row in range(len(around)):
        last = -2
        for cell in around[row]:
            if cell < 0:
                continue
            if cell != last + 1:
                firsts[n], rows[n] = cell, row
                n += 1
            lasts[n - 1] = last = cell
    return firsts[:n], lasts[:n], rows[:n]


def positions_of(ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats) -> Positions:
    """Return the positions that are on the sky.

    Parameters
    ----------
    ra_deg, dec_deg : ICRS, degrees, shape (n,).
    mjd_tai : MJD (TAI), days, shape (n,); NaN: not known.
    """
    numbers = np.flatnonzero(is_on_sky(ra_deg, dec_deg)).astype(np.int32)
    ra, dec = ra_deg[numbers], dec_deg[numbers]
    cells = healpix29(ra, dec)
    order = np.argsort(cells, kind="stable")
    years = _J2000 + (mjd_tai[numbers] - _J2000_MJD) / _YEAR_DAYS
    with np.errstate(invalid="ignore"):
        years = np.where((years > _YEARS[0]) & (years < _YEARS[1]), years, np.nan)
    return Positions(numbers[order], unit_vectors(ra, dec)[order], cells[order], years[order])
