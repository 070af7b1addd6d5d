"""The map of reddening, from small maps made here: a dipole in galactic or equatorial coordinates."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import numpy.typing as npt
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

from splanc.errors import UserError
from splanc.sky import SFD_FILES, Dust, install_dust
from tests.unit.sky.healpix import centre, nested_cell

Floats = npt.NDArray[np.float64]

ORDER = 5
POINTS = 400
RNG = np.random.default_rng(8)
RA_DEG, DECL_DEG = RNG.uniform(0, 360, POINTS), np.degrees(np.arcsin(RNG.uniform(-1, 1, POINTS)))


def dipole(longitude_deg: Floats, latitude_deg: Floats) -> Floats:
    """Return a reddening between 0 and 1 that tells all directions apart, mag."""
    longitude, latitude = np.radians(longitude_deg), np.radians(latitude_deg)
    return np.asarray(0.5 + 0.2 * np.sin(latitude) + 0.3 * np.cos(latitude) * np.cos(longitude - 1.0))


def galactic() -> tuple[Floats, Floats]:
    frame = SkyCoord(RA_DEG * u.deg, DECL_DEG * u.deg).galactic
    return frame.l.deg, frame.b.deg


def sfd_images(folder: Path, size: int = 256) -> None:
    """Write images whose pixels are found by the inverse of SFD's projection."""
    row, column = np.mgrid[:size, :size] - (size - 1) / 2
    for side, name in SFD_FILES.items():
        sine = side * (1 - (row**2 + column**2) / (size / 2) ** 2)
        latitude, longitude = np.degrees(np.arcsin(np.clip(sine, -1, 1))), np.degrees(np.arctan2(-side * row, column))
        fits.PrimaryHDU(dipole(longitude, latitude).astype(np.float32)).writeto(folder / name)


def healpix_map(path: Path, ordering: str, frame: str, order: int = ORDER) -> None:
    """Write a map of the dipole, cell by cell."""
    n_side, cells = 2**order, np.arange(12 * 4**order)
    centres = np.array([centre(order, cell) for cell in cells.tolist()])
    values = dipole(centres[:, 0], centres[:, 1])
    if ordering == "RING":
        values = values[np.lexsort((centres[:, 0], -np.round(centres[:, 1], 9)))]
    table = fits.BinTableHDU.from_columns([fits.Column("EBV", "E", array=values, unit="mag")])
    table.header.update({"PIXTYPE": "HEALPIX", "ORDERING": ordering, "COORDSYS": frame, "NSIDE": n_side})
    table.writeto(path)


def installed(source: Path, folder: Path, order: int = 8) -> Dust:
    install_dust(source, folder / "made" / "ebv.npy", order=order)
    return Dust(folder / "made" / "ebv.npy")


def test_sfds_images_give_the_reddening_of_galactic_positions(tmp_path: Path) -> None:
    sfd_images(tmp_path)
    found = installed(tmp_path, tmp_path).ebv_mag(RA_DEG, DECL_DEG)
    np.testing.assert_allclose(found, dipole(*galactic()), atol=0.01)


@pytest.mark.parametrize("ordering", ["RING", "NESTED"])
@pytest.mark.parametrize("frame", ["G", "C"])
def test_healpix_maps_in_either_order_and_frame(tmp_path: Path, ordering: str, frame: str) -> None:
    healpix_map(tmp_path / "map.fits", ordering, frame)
    found = installed(tmp_path / "map.fits", tmp_path).ebv_mag(RA_DEG, DECL_DEG)
    expected = dipole(*galactic()) if frame == "G" else dipole(RA_DEG, DECL_DEG)
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_cells_of_a_healpix_map_without_a_value_have_no_reddening(tmp_path: Path) -> None:
    values = np.full(48, 0.25)
    values[7] = -1.6375e30
    table = fits.BinTableHDU.from_columns([fits.Column("EBV", "E", array=values)])
    table.header.update({"ORDERING": "NESTED", "COORDSYS": "C"})
    table.writeto(tmp_path / "map.fits")
    ra, decl = np.array([centre(1, cell) for cell in range(48)]).T
    found = installed(tmp_path / "map.fits", tmp_path, order=1).ebv_mag(ra, decl)
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]
    assert np.nanmax(found) == np.nanmin(found) == 0.25


def test_a_position_has_the_value_of_its_cell(tmp_path: Path) -> None:
    np.save(tmp_path / "ebv.npy", np.arange(12 * 4**3, dtype=np.float32))
    cells = [nested_cell(3, ra, decl) for ra, decl in zip(RA_DEG.tolist(), DECL_DEG.tolist(), strict=True)]
    found = Dust(tmp_path / "ebv.npy").ebv_mag(RA_DEG, DECL_DEG)
    assert (found.dtype, found.tolist()) == (np.float64, cells)


def test_poles_and_what_is_not_on_the_sky(tmp_path: Path) -> None:
    np.save(tmp_path / "ebv.npy", np.full(12, 0.25, np.float32))
    ra, decl = np.array([(0.0, 90.0), (360.0, -90.0), (10.0, 0.0), (np.nan, 0.0), (5.0, 91.0), (1e308, 80.0), (-1e38, -89.0), (-1.0, 0.0)]).T
    found = Dust(tmp_path / "ebv.npy").ebv_mag(ra, decl)
    assert found.tolist() == pytest.approx([0.25, 0.25, 0.25, *[np.nan] * 5], nan_ok=True)


def test_right_ascensions_that_are_no_angle_stop_nothing(tmp_path: Path) -> None:
    """With such an angle the library gives cells that do not exist."""
    np.save(tmp_path / "ebv.npy", np.full(12, 0.25, np.float32))
    ra = np.concatenate([sign * 10.0 ** np.arange(3, 308, 5) for sign in (-1, 1)])
    for decl in (-89.0, -40.0, 0.0, 41.0, 85.0):
        assert np.isnan(Dust(tmp_path / "ebv.npy").ebv_mag(ra, np.full(len(ra), decl))).all()


@pytest.mark.parametrize("cells", [np.zeros(13), np.zeros((12, 1)), np.zeros(12, np.int64)], ids=["13 cells", "two axes", "integers"])
def test_what_is_no_table_is_refused(tmp_path: Path, cells: npt.NDArray[np.float64]) -> None:
    np.save(tmp_path / "ebv.npy", cells)
    with pytest.raises(UserError, match=r"ebv\.npy.*splanc dust install"):
        Dust(tmp_path / "ebv.npy")


def test_a_torn_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ebv.npy").write_bytes(b"not numpy's")
    with pytest.raises(UserError, match=r"ebv\.npy cannot be read"):
        Dust(tmp_path / "ebv.npy")


def test_sources_that_are_no_map_are_refused_and_nothing_is_left(tmp_path: Path) -> None:
    target = tmp_path / "made" / "ebv.npy"
    (tmp_path / "text.fits").write_text("not FITS")
    fits.PrimaryHDU(np.zeros((3, 4))).writeto(tmp_path / SFD_FILES[1])
    healpix_map(tmp_path / "unordered.fits", "", "G", order=1)
    wrong = {tmp_path: "square image", tmp_path / "text.fits": "neither a folder", tmp_path / "unordered.fits": "ORDERING not given"}
    for source, message in wrong.items():
        with pytest.raises(UserError, match=message):
            install_dust(source, target, order=1)
    assert not target.parent.exists()
