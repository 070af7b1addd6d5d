"""Positions on the sky: ICRS degrees and one index, HEALPix order 29 NESTED. The only package that imports a sky library."""

from ._index import HEALPIX_ORDER, cells_of, healpix29, index_sky, warm

__all__ = ["HEALPIX_ORDER", "cells_of", "healpix29", "index_sky", "warm"]
