"""Positions on the sky: ICRS degrees and one index, HEALPix order 29 NESTED; dust. The only package that imports a sky library."""

from typing import TYPE_CHECKING

from ..lazy import load_on_use

if TYPE_CHECKING:
    from ._around import cells_around, reach_of_order
    from ._dust import Dust
    from ._dust_maps import SFD_FILES, install_dust
    from ._galactic import galactic_latitude
    from ._htm import htm
    from ._index import HEALPIX_ORDER, cells_of, healpix29, index_sky, warm
    from ._position import RADIANS_PER_ARCSEC, SKY_DEG2, is_on_sky
    from ._sexagesimal import parse_dec, parse_ra
else:
    __getattr__ = load_on_use(__name__)

__all__ = [
    "HEALPIX_ORDER",
    "RADIANS_PER_ARCSEC",
    "SFD_FILES",
    "SKY_DEG2",
    "Dust",
    "cells_around",
    "cells_of",
    "galactic_latitude",
    "healpix29",
    "htm",
    "index_sky",
    "install_dust",
    "is_on_sky",
    "parse_dec",
    "parse_ra",
    "reach_of_order",
    "warm",
]
