"""How a catalogue is divided: HEALPix cells of HATS, each the finest that still needs to be, each a file of Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...sky import HEALPIX_ORDER

PARTITION_ROWS = 1_000_000
"""Most rows of a file, as long as its cell can be divided: about 50 MB, which is what tools for HATS like to read at once."""

_FINEST = 12
"""Order of the smallest cells that are a file, 0.7 square arcminutes; no catalogue has a million rows there."""

Cells = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """A cell of the sky that is one file: order and number of the cell, and the rows in it."""

    order: int
    pixel: int
    n_rows: int

    @property
    def path(self) -> str:
        """Where its file is, below the catalogue's place."""
        return f"dataset/Norder={self.order}/Dir={self.pixel // 10_000 * 10_000}/Npix={self.pixel}.parquet"


def divide_sky(count_rows: Callable[[Cells], Cells], most: int) -> list[Partition]:
    """Return the partitions, in the order of the sky: cells that are divided by four until none has more rows than it may.

    Parameters
    ----------
    count_rows : rows in ranges of order-29 cells, as `cells_below` gives them.
    most : rows of a partition.
    """
    found: list[Partition] = []
    pixels = np.arange(12)
    for order in range(_FINEST + 1):
        counts = count_rows(cells_below(order, pixels))
        whole = (counts > 0) & ((counts <= most) | (order == _FINEST))
        found += [Partition(order=order, pixel=int(pixel), n_rows=int(n)) for pixel, n in zip(pixels[whole], counts[whole], strict=True)]
        pixels = (4 * pixels[counts > most][:, None] + np.arange(4)).ravel()
        if not len(pixels):
            break
    return sorted(found, key=lambda one: one.pixel << 2 * (HEALPIX_ORDER - one.order))


def cells_below(order: int, pixels: Cells) -> Cells:
    """Return the first order-29 cell in each cell of an order, and the one after the last, int64, shape (n, 2)."""
    shift = 2 * (HEALPIX_ORDER - order)
    return np.stack([pixels << shift, (pixels + 1) << shift], axis=1)
