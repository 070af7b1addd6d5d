"""Pictures of cutouts: the right way up, in the order of the kinds, and of real packets."""

from __future__ import annotations

import gzip
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pytest
from astropy.io import fits

from splanc.archive.footers import KINDS
from splanc.archive.pictures import write_png
from splanc.errors import UserError
from tests.unit.archive_blobs.batches import REAL

PIXEL_DEG = 0.2 / 3600


def fits_of(image: np.ndarray, header: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    fits.PrimaryHDU(image.astype(np.float32), fits.Header(header)).writeto(file)
    return file.getvalue()


def sky_matrix(angle_deg: float, parity: int) -> np.ndarray:
    """Pixel axes to east and north, for a camera turned by an angle, looking at the sky (parity -1) or at its mirror image."""
    angle = np.deg2rad(angle_deg)
    return PIXEL_DEG * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.diag([parity, 1])


def header_of(matrix: np.ndarray, way: str) -> dict[str, Any]:
    if way == "CD":
        return {f"CD{i + 1}_{j + 1}": matrix[i, j] for i in range(2) for j in range(2)}
    return {f"PC{i + 1}_{j + 1}": matrix[i, j] / PIXEL_DEG for i in range(2) for j in range(2)} | {"CDELT1": PIXEL_DEG, "CDELT2": PIXEL_DEG}


def read_png(path: Path) -> np.ndarray:
    """Grey and opacity of a picture, shape (height, width, 2); its checksums are looked at."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", data, at + 8 + length) == (zlib.crc32(kind + body),)
        chunks[kind], at = body, at + 12 + length
    width, height, *form = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert form == [8, 4, 0, 0, 0]
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + 2 * width)
    assert not lines[:, 0].any()
    return lines[:, 1:].reshape(height, width, 2)


def spot(picture: np.ndarray) -> np.ndarray:
    """Where the white of a picture is, from its middle, right and up, in pixels of the cutouts (ten of the picture)."""
    rows, columns = np.nonzero((picture[..., 0] == 255) & (picture[..., 1] == 255))
    height, width = picture.shape[:2]
    return np.array([columns.mean() - (width - 1) / 2, (height - 1) / 2 - rows.mean()]) / 10


def image_with(x: int, y: int) -> np.ndarray:
    """Noise with one bright pixel, so many pixels from the middle."""
    image = np.random.default_rng(1).normal(size=(31, 31))
    image[15 + y, 15 + x] = 1000
    return image


@pytest.mark.parametrize("way", ["CD", "PC"])
@pytest.mark.parametrize("parity", [-1, 1])
@pytest.mark.parametrize("angle_deg", [0, 33.2, 90, 180, -120])
def test_north_is_up_and_east_is_left(tmp_path: Path, angle_deg: float, parity: int, way: str) -> None:
    matrix = sky_matrix(angle_deg, parity)
    dark = fits_of(np.zeros((31, 31)), header_of(matrix, way))
    write_png({"science": dark, "template": fits_of(image_with(8, 3), header_of(matrix, way)), "difference": dark}, tmp_path / "x.png")
    east, north = matrix @ (8, 3) / PIXEL_DEG
    assert spot(read_png(tmp_path / "x.png")) == pytest.approx([-east, north], abs=0.15)


def test_without_a_word_on_north_a_cutout_is_as_it_is_stored(tmp_path: Path) -> None:
    write_png({"science": fits_of(image_with(8, 3), {})}, tmp_path / "x.png")
    picture = read_png(tmp_path / "x.png")
    assert picture.shape == (310, 3 * 310 + 16, 2)
    assert spot(picture[:, :310]) == pytest.approx([8, 3], abs=0.06)
    assert (picture[:, :310, 1] == 255).all()
    assert not picture[:, 310:, 1].any()


def test_kinds_stand_side_by_side_in_grey_scales_of_their_own(tmp_path: Path) -> None:
    cutouts = {kind: fits_of(10**power * image_with(0, 0), {}) for power, kind in enumerate(KINDS)}
    cutouts["template"] = gzip.compress(cutouts["template"])
    write_png(dict(reversed(cutouts.items())), tmp_path / "x.png")
    picture = read_png(tmp_path / "x.png")
    panels = [picture[:, start : start + 310, 0] for start in (0, 318, 636)]
    assert (panels[0] == panels[1]).all()
    assert (panels[0] == panels[2]).all()
    assert {0, 255} < set(np.unique(panels[0]))


def test_pixels_without_a_value_are_clear(tmp_path: Path) -> None:
    image = image_with(0, 0)
    image[0, 0] = np.nan
    write_png({"science": fits_of(image, {}), "template": fits_of(np.full((31, 31), np.nan), {})}, tmp_path / "x.png")
    opacity = read_png(tmp_path / "x.png")[..., 1]
    assert not opacity[300:, :10].any()
    assert (opacity[:300, :310] == 255).all()
    assert not opacity[:, 318:628].any()


def test_real_packets(tmp_path: Path) -> None:
    with REAL.open("rb") as file:
        for packet in list(filter(None, fastavro.reader(file)))[::6]:
            write_png({kind: packet[f"cutout{kind.title()}"] for kind in KINDS}, tmp_path / "x.png")
            opacity = read_png(tmp_path / "x.png")[..., 1]
            assert 3 * 295**2 < (opacity == 255).sum() < 3 * 305**2


def test_what_is_no_image(tmp_path: Path) -> None:
    for data in (b"SIMPLE science", b"\x1f\x8b no gzip", b"", fits_of(np.zeros(3), {})):
        with pytest.raises(UserError, match=r"the science cutout is no FITS image, .*; -o writes it as it came"):
            write_png({"science": data}, tmp_path / "x.png")
    with pytest.raises(UserError, match=r"cannot write .*x\.png"):
        write_png({"science": fits_of(np.zeros((3, 3)), {})}, tmp_path / "no folder" / "x.png")
