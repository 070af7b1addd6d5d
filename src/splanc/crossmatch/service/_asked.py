"""What a classifier is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Positions, each at a time, shape (n,) each.

    Parameters
    ----------
    object_id : diaObjectId; None: the positions are of no objects.
    ra_deg, dec_deg : ICRS, degrees; NaN where it is unknown.
    mjd_tai : when it was seen there, MJD (TAI), days; NaN where that is unknown.
    """

    object_id: npt.NDArray[np.int64] | None
    ra_deg: Floats
    dec_deg: Floats
    mjd_tai: Floats

    def __len__(self) -> int:
        return len(self.ra_deg)

    def take(self, rows: npt.NDArray[Any]) -> Asked:
        """Return some of them, by number or by a mask."""
        ids = None if self.object_id is None else self.object_id[rows]
        return Asked(object_id=ids, ra_deg=self.ra_deg[rows], dec_deg=self.dec_deg[rows], mjd_tai=self.mjd_tai[rows])


def asked(object_id: npt.NDArray[np.int64] | None, ra_deg: Floats, dec_deg: Floats, mjd_tai: Floats | None) -> Asked:
    """Return what is asked; without times, none is known."""
    return Asked(object_id=object_id, ra_deg=ra_deg, dec_deg=dec_deg, mjd_tai=np.full(len(ra_deg), np.nan) if mjd_tai is None else mjd_tai)
