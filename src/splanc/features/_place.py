"""Where an object is: galactic latitude, dust, sky index."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..sky import galactic_latitude, htm
from ._columns import column
from ._lightcurves import Objects

_HTM_LEVEL = 16
"""Level of the index that Lasair's users know: triangles of about 4 arcseconds."""

COLUMNS = pa.schema(
    [
        column("glat", pa.float32(), "deg", "Galactic latitude."),
        column("ebv", pa.float32(), "mag", "Reddening E(B-V) of the Milky Way's dust (SFD); NULL without a dust map."),
        column("htm16", pa.int64(), "", "Triangle of the Hierarchical Triangular Mesh at level 16; NULL without a position."),
    ]
)
"""What this family adds to `objects`."""


def compute(objects: Objects) -> dict[str, npt.NDArray[Any]]:
    """Return galactic latitude (degrees), reddening (mag) and HTM index of each object, shape (n_object,); masked without a position.

    References
    ----------
    Lasair's milkyWay.py and htm16.py; where ours differ, and why: docs/explanation/features.md.
    Schlegel, Finkbeiner & Davis 1998, ApJ 500, 525; Kunszt, Szalay & Thakar 2001, in Mining the Sky, 631.
    """
    return {
        "glat": galactic_latitude(objects.ra_deg, objects.decl_deg),
        "ebv": objects.ebv_mag,
        "htm16": np.ma.masked_equal(htm(objects.ra_deg, objects.decl_deg, _HTM_LEVEL), 0),
    }
