"""A picture of an alert's cutouts: side by side, north up and east left where the header says where north is."""

from __future__ import annotations

import gzip
import struct
import warnings
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from astropy.visualization import ZScaleInterval

from ..errors import UserError
from .footers import KINDS

_SIDE = 300
"""Pixels of the picture that a cutout is at least enlarged to, by a whole number: each of its own pixels stays to be seen."""

_GAP = 8
"""Pixels of the picture between two cutouts."""

_CLEAR = -1
"""What is no part of a cutout, or a pixel without a value, among greys of 0 to 255; transparent in the picture."""

_UPRIGHT = np.array([[-1.0, 0.0], [0.0, 1.0]])
"""Pixel axes to east and north for a cutout whose header does not say: as it is stored, first row below."""


def write_png(cutouts: Mapping[str, bytes], out: Path) -> Path:
    """Write the picture of cutouts to a file, and return its path.

    Raises
    ------
    UserError
        If a cutout is no image, or the file cannot be written.
    """
    content = as_png(cutouts)
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {out}: {error.strerror}") from error
    return out


def as_png(cutouts: Mapping[str, bytes]) -> bytes:
    """Return the cutouts as one picture, science, template, difference from left to right.

    Each has its own grey scale, by the zscale algorithm of IRAF and DS9: linear, sky and faint sources to be seen, bright ones white.
    A kind that is missing is left clear.

    Parameters
    ----------
    cutouts : by kind, as from `read_cutouts`.

    Raises
    ------
    UserError
        If a cutout is no image.
    """
    panels = {kind: _panel(kind, data) for kind, data in cutouts.items()}
    height = max(panel.shape[0] for panel in panels.values())
    width = max(panel.shape[1] for panel in panels.values())
    picture = np.full((height, 3 * width + 2 * _GAP), _CLEAR, np.int16)
    for place, kind in enumerate(KINDS):
        if kind in panels:
            _lay(panels[kind], picture[:, place * (width + _GAP) :][:, :width])
    return _png(picture)


def _panel(kind: str, data: bytes) -> npt.NDArray[np.int16]:
    """Return a cutout in grey, turned and enlarged, first row on top, shape (height, width)."""
    try:
        content = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
        with warnings.catch_warnings(action="ignore", category=VerifyWarning), fits.open(BytesIO(content)) as units:
            image, header = next((unit.data, unit.header) for unit in units if unit.data is not None and unit.data.ndim == 2)
            return _turned(_grey(image.astype(np.float64)), _sky_axes(header))
    except (OSError, StopIteration, ValueError, TypeError) as error:
        raise UserError(f"the {kind} cutout is no FITS image, so that there is no picture of it; -o writes it as it came") from error


def _grey(image: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    known = np.isfinite(image)
    grey = np.full(image.shape, _CLEAR, np.int16)
    if known.any():
        low, high = ZScaleInterval().get_limits(image[known])
        grey[known] = np.rint(255 * np.clip((image[known] - low) / (high - low or 1.0), 0, 1))
    return grey


def _sky_axes(header: Mapping[str, Any]) -> npt.NDArray[np.float64]:
    """Return the matrix from pixel axes to east and north, of determinant ±1, from the header's linear terms; shape (2, 2)."""
    if "CD1_1" in header:
        matrix = np.array([[header.get(f"CD{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2)], np.float64)
    elif "PC1_1" in header:
        matrix = np.array([[header.get(f"PC{i}_{j}", float(i == j)) * header.get(f"CDELT{i}", 1.0) for j in (1, 2)] for i in (1, 2)], np.float64)
    else:
        return _UPRIGHT
    area = abs(np.linalg.det(matrix))
    return matrix / np.sqrt(area) if area > 0 else _UPRIGHT


def _turned(grey: npt.NDArray[np.int16], axes: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """Return an image with north up and east left, enlarged; each of its pixels stays one patch of one grey."""
    size = np.array(grey.shape[::-1])
    zoom = max(1, -(-_SIDE // int(size.max())))
    # Right is west, so that the picture's axes are minus east, and north.
    to_picture = np.array([[-1.0, 0.0], [0.0, 1.0]]) @ axes
    width, height = np.ceil(zoom * np.abs(to_picture) @ size - 1e-6).astype(int)
    right, up = np.meshgrid(np.arange(width) - (width - 1) / 2, (height - 1) / 2 - np.arange(height))
    x, y = np.linalg.inv(to_picture) @ np.stack([right.ravel(), up.ravel()]) / zoom + (size[:, None] - 1) / 2
    column, row = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = (column >= 0) & (column < size[0]) & (row >= 0) & (row < size[1])
    turned = np.full(width * height, _CLEAR, np.int16)
    turned[inside] = grey[row[inside], column[inside]]
    return turned.reshape(height, width)


def _lay(panel: npt.NDArray[np.int16], place: npt.NDArray[np.int16]) -> None:
    top, left = ((room - side) // 2 for room, side in zip(place.shape, panel.shape, strict=True))
    place[top : top + panel.shape[0], left : left + panel.shape[1]] = panel


def _png(picture: npt.NDArray[np.int16]) -> bytes:
    """Return an image as PNG, 8 bits of grey and 8 of opacity."""
    height, width = picture.shape
    lines = np.zeros((height, 1 + 2 * width), np.uint8)  # each line begins with its filter: none
    lines[:, 1::2] = picture.clip(0)
    lines[:, 2::2] = np.where(picture == _CLEAR, 0, 255)
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 4, 0, 0, 0)), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks)
