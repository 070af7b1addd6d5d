"""Making the table of reddening from the maps that are published: SFD's two images, or a HEALPix map."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import numpy.typing as npt
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from cdshealpix import nested, ring

from ..errors import UserError
from ._dust import CELLS_OF_ORDER_0, order_of

ORDER = 11
"""HEALPix order of the table: cells of 1.7 arcminutes, smaller than SFD's pixels of 2.4; 201 MB."""

_NO_VALUE = -1e30
"""What is below this is no reddening: HEALPix maps have -1.6375e30 in cells without a value."""

SFD_FILES = {1: "SFD_dust_4096_ngp.fits", -1: "SFD_dust_4096_sgp.fits"}
"""SFD's images, by hemisphere: +1 north, -1 south of the galactic plane."""

_CHUNK = 1 << 20
"""Cells made at a time: 100 MB of arrays."""

_TO_GALACTIC = np.array(
    [
        [-0.0548755604162154, -0.8734370902348850, -0.4838350155487132],
        [0.4941094278755837, -0.4448296299600112, 0.7469822444972189],
        [-0.8676661490190047, -0.1980763734312015, 0.4559837761750669],
    ]
)
"""Rotation from ICRS to galactic unit vectors (ESA 1997, The Hipparcos Catalogue, equation 1.5.11)."""

Floats = npt.NDArray[np.float64]
_Map = Callable[[Floats, Floats], Floats]
"""Gives the reddening at longitudes and latitudes, degrees, in the map's own frame."""


def install_dust(source: Path, target: Path, *, order: int = ORDER) -> None:
    """Write the table that `Dust` reads, at once and whole.

    Parameters
    ----------
    source : folder with SFD's two images (`SFD_FILES`), or a FITS file with a HEALPix map of E(B-V), galactic or ICRS.
    target : the table, `.npy`.
    order : of the table.

    Raises
    ------
    UserError
        If the maps are not there or are not what they should be, or the table cannot be written.
    """
    at, galactic = _sfd(source) if source.is_dir() else _healpix_map(source)
    partial = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        cells = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float32, shape=(CELLS_OF_ORDER_0 * 4**order,))
        for begin, longitude, latitude in _centres(order, galactic=galactic):
            cells[begin : begin + len(longitude)] = at(longitude, latitude)
        cells.flush()
        partial.replace(target)
    except OSError as error:
        raise UserError(f"cannot write the dust map {target}: {error.strerror}; make room there, or set dust.path") from error


def _centres(order: int, *, galactic: bool) -> Iterator[tuple[int, Floats, Floats]]:
    """Yield the first cell of each chunk, and the longitudes and latitudes of its cells' centres, degrees."""
    for begin in range(0, CELLS_OF_ORDER_0 * 4**order, _CHUNK):
        cells = np.arange(begin, min(begin + _CHUNK, CELLS_OF_ORDER_0 * 4**order), dtype=np.uint64)
        lon, lat = nested.healpix_to_lonlat(cells, order)
        longitude, latitude = lon.to_value(u.deg), lat.to_value(u.deg)
        yield (begin, *(_to_galactic(longitude, latitude) if galactic else (longitude, latitude)))


def _to_galactic(ra_deg: Floats, decl_deg: Floats) -> tuple[Floats, Floats]:
    ra, decl = np.radians(ra_deg), np.radians(decl_deg)
    x, y, z = _TO_GALACTIC @ np.stack([np.cos(decl) * np.cos(ra), np.cos(decl) * np.sin(ra), np.sin(decl)])
    return np.degrees(np.arctan2(y, x)) % 360.0, np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))


def _sfd(folder: Path) -> tuple[_Map, bool]:
    """Return SFD's maps: one Lambert equal-area image for each galactic hemisphere, interpolated between four pixels."""
    images = {side: _image(folder / name) for side, name in SFD_FILES.items()}

    def at(longitude: Floats, latitude: Floats) -> Floats:
        ebv = np.empty(len(longitude))
        for side, image in images.items():
            here = latitude >= 0 if side > 0 else latitude < 0
            ebv[here] = _interpolated(image, *_sfd_pixels(longitude[here], latitude[here], side, len(image)))
        return ebv

    return at, True


def _sfd_pixels(longitude: Floats, latitude: Floats, side: int, size: int) -> tuple[Floats, Floats]:
    """Return column and row (from 0) of galactic positions in an image of `size` pixels square (SFD 1998, appendix C)."""
    radius = size / 2 * np.sqrt(1 - side * np.sin(np.radians(latitude)))
    angle = np.radians(longitude)
    return radius * np.cos(angle) + (size - 1) / 2, -side * radius * np.sin(angle) + (size - 1) / 2


def _interpolated(image: npt.NDArray[Any], column: Floats, row: Floats) -> Floats:
    left, below = (np.clip(np.floor(at).astype(np.int64), 0, len(image) - 2) for at in (column, row))
    right_share, above_share = np.clip(column - left, 0.0, 1.0), np.clip(row - below, 0.0, 1.0)
    lower = image[below, left] * (1 - right_share) + image[below, left + 1] * right_share
    upper = image[below + 1, left] * (1 - right_share) + image[below + 1, left + 1] * right_share
    return np.asarray(lower * (1 - above_share) + upper * above_share)


def _image(path: Path) -> npt.NDArray[Any]:
    try:
        with fits.open(path) as hdus:
            image = np.asarray(hdus[0].data)
    except OSError as error:
        raise UserError(f"no image of the dust map {path} ({error}); the folder needs {' and '.join(SFD_FILES.values())}") from error
    if image.ndim != 2 or image.shape[0] != image.shape[1]:
        raise UserError(f"{path} is no square image: it is not one of SFD's maps")
    return image


def _healpix_map(path: Path) -> tuple[_Map, bool]:
    """Return a HEALPix map, by the cell that a position lies in, and whether it is galactic."""
    try:
        with fits.open(path) as hdus:
            header, table = hdus[1].header, hdus[1].data
            values = np.array(table.field(0), np.float64).ravel()
    except (OSError, IndexError, AttributeError) as error:
        raise UserError(f"{path} is neither a folder with SFD's images nor a FITS file with a HEALPix map in its first extension") from error
    values[values < _NO_VALUE] = np.nan
    order, ordering, frame = order_of(len(values)), str(header.get("ORDERING", "")).upper(), str(header.get("COORDSYS", "G")).upper()[:1]
    if order is None or ordering not in {"RING", "NESTED"} or frame not in {"G", "C"}:
        found = f"this has {len(values)} cells, ORDERING {ordering or 'not given'}, COORDSYS {frame}"
        raise UserError(f"{path}: a HEALPix map of the whole sky is needed, ORDERING RING or NESTED, COORDSYS G or C; {found}")

    def at(longitude: Floats, latitude: Floats) -> Floats:
        lon, lat = Longitude(longitude, u.deg), Latitude(latitude, u.deg)
        if ordering == "NESTED":
            return values[nested.lonlat_to_healpix(lon, lat, order).astype(np.int64)]
        return values[ring.lonlat_to_healpix(lon, lat, 2**order).astype(np.int64)]

    return at, frame == "G"
