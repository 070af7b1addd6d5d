"""Each class, worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from splanc.crossmatch.classifier import Classifier, load_rules
from tests.support.skies import at, catalogue_of

RA, DEC = 150.0, 2.0
MJD_2026 = 61041.0
"""Julian year 2026.0."""


def source(north: float = 0.0, east: float = 0.0, **columns: Any) -> dict[str, Any]:
    """A source so many arcseconds north and east of the position."""
    ra, dec = at(RA, DEC, north=north, east=east)
    return {"ra": ra, "dec": dec, **columns}


def answer(**catalogues: list[dict[str, Any]]) -> dict[str, Any]:
    """What the position is, with these sources about it; `x2mass_psc` stands for `2mass_psc`."""
    named = {name.removeprefix("x"): catalogue_of(name.removeprefix("x"), sources) for name, sources in catalogues.items()}
    table = Classifier(load_rules(None), named, memory_bytes=1 << 26).classify([RA], [DEC], [MJD_2026]).classifications
    (row,) = table.to_pylist()
    return row | {"explanation": json.loads(row["explanation"])}


STAR, GALAXY = {"kind": "star"}, {"kind": "galaxy"}


@pytest.mark.parametrize(
    ("expected", "catalogues"),
    [
        ("VS", {"gaia_dr3": [source(2.9, **STAR, mag=17.0)]}),
        ("VS", {"ps1": [source(1.4, **STAR)]}),
        ("ORPHAN", {"ps1": [source(1.6, **STAR)]}),
        ("ORPHAN", {"gaia_dr3": [source(3.1, **STAR, mag=17.0)]}),
        ("BS", {"gaia_dr3": [source(3.1, **STAR, mag=15.0)]}),
        ("BS", {"bright_stars": [source(6.9)]}),
        ("ORPHAN", {"bright_stars": [source(7.1)]}),
        ("VS", {"bright_stars": [source(2.9)]}),
        ("HPMS", {"gaia_dr3": [source(2.0, **STAR, mag=17.0, pmra=200.0, pmdec=0.0, epoch=2026.0)]}),
        ("VS", {"gaia_dr3": [source(2.0, **STAR, mag=17.0, pmra=140.0, pmdec=0.0, epoch=2026.0)]}),
        ("CV", {"downes_cv": [source(2.4, kind="cv")], "gaia_dr3": [source(2.4, **STAR, mag=17.0)]}),
        ("CV", {"vsx": [source(0.5, kind="cv")]}),
        ("AGN", {"milliquas_v8": [source(1.4, kind="agn")]}),
        ("SN", {"milliquas_v8": [source(2.9, kind="agn")]}),
        ("AGN", {"gaia_dr3_qso": [source(0.3)], "gaia_dr3": [source(0.3, **STAR, mag=19.0)]}),
        ("NT", {"ned": [source(1.4, **GALAXY, z=0.1)]}),
        ("SN", {"ned": [source(20.0, **GALAXY, z=0.1)]}),
        ("ORPHAN", {"ned": [source(29.0, **GALAXY, z=0.1)]}),
        ("SN", {"ned_d": [source(13000.0, distance_mpc=0.78, semi_major_arcsec=5700.0)]}),
        ("ORPHAN", {"ned_d": [source(13300.0, distance_mpc=0.78, semi_major_arcsec=5700.0)]}),
        ("SN", {"ned": [source(9.9, **GALAXY)]}),
        ("ORPHAN", {"ned": [source(10.1, **GALAXY)]}),
        ("SN", {"ned_d": [source(300.0, z=0.001, semi_major_arcsec=50.0)]}),
        ("ORPHAN", {"ned_d": [source(300.0, z=0.00099, semi_major_arcsec=50.0)]}),
        ("SN", {"ned_d": [source(120.0, z=0.0005, semi_major_arcsec=50.0)]}),
        ("SN", {"desi_ls_dr10": [source(21.0, **GALAXY, semi_major_arcsec=8.5)]}),
        ("ORPHAN", {"desi_ls_dr10": [source(22.0, **GALAXY, semi_major_arcsec=8.5)]}),
        ("SN", {"desi_ls_dr10": [source(1.9, **GALAXY, semi_major_arcsec=0.8)]}),
        ("ORPHAN", {"desi_ls_dr10": [source(2.1, **GALAXY, semi_major_arcsec=0.8)]}),
        ("SN", {"desi_ls_dr10": [source(19.0, **GALAXY)]}),
        ("SN", {"desi_ls_dr10": [source(1.0, **GALAXY)]}),
        ("UNCLEAR", {"ps1": [source(1.0, kind="unknown")]}),
        ("NT", {"ps1": [source(1.0, kind="unknown")], "ned": [source(1.0, **GALAXY)]}),
        ("ORPHAN", {}),
    ],
)
def test_the_class_is_that_of_the_rules(expected: str, catalogues: dict[str, list[dict[str, Any]]]) -> None:
    assert answer(**catalogues)["classification"] == expected


def test_a_synonym_says_what_and_where_the_source_is() -> None:
    row = answer(gaia_dr3=[source(-0.3, 0.4, kind="star", type="s", mag=17.25, mag_err=0.01, mag_filter="G", id="4")], ps1=[source(0.2, kind="star", mag=17.1)])
    assert row["classification"] == row["association_type"] == "VS"
    assert (row["catalogue_table_name"], row["catalogue_object_id"], row["catalogue_object_type"]) == ("ps1/gaia_dr3", "ps1 0", None)
    assert row["separationArcsec"] == pytest.approx(0.5, abs=1e-9)
    assert (row["northSeparationArcsec"], row["eastSeparationArcsec"]) == pytest.approx((0.3, -0.4), abs=1e-7)
    assert (row["Mag"], row["MagErr"], row["MagFilter"], row["classificationReliability"]) == (17.25, 0.01, "G", 1)
    assert row["summary"] == "Synonymous with ps1 0, a star of G = 17.25 in ps1/gaia_dr3. It is 0.5″ from it: 0.3″ N, 0.4″ W."
    assert row["description"] == row["summary"].replace("ps1 0", "<em>ps1 0</em>")
    assert (row["explanation"]["phase"], row["explanation"]["decided"]) == ("synonym", "Gaia stars")


def test_a_host_says_how_far_away_it_is() -> None:
    row = answer(ned=[source(0.0, 10.0, kind="galaxy", z=0.1, photo_z=0.3)])
    assert (row["classification"], row["best_distance_flag"], row["best_distance_source"], row["z"]) == ("SN", "sz", "ned", 0.1)
    assert row["best_distance"] == row["distance"] == pytest.approx(460.3, abs=0.02)
    assert row["physical_separation_kpc"] == pytest.approx(18.443, abs=2e-3)
    assert row["direct_distance"] is None
    assert "0.1, its distance 460.29" in row["summary"]


def test_a_star_says_how_far_away_it_is_in_parsecs() -> None:
    row = answer(bright_stars=[source(0.5, kind="star", mag=0.5, distance_mpc=152.7e-6)])
    assert (row["classification"], row["best_distance_flag"], row["best_distance"]) == ("VS", "dd", pytest.approx(152.7e-6))
    assert row["summary"].endswith("The source's distance is measured: 152.7 pc, a distance modulus of 5.92 mag.")


def test_a_moving_star_is_where_it_is_at_the_time() -> None:
    row = answer(gaia_dr3=[source(-40.0, 30.0, kind="star", mag=9.5, pmra=-3000.0, pmdec=4000.0, epoch=2016.0)])
    assert row["classification"] == "HPMS"
    assert row["separationArcsec"] == pytest.approx(0.0, abs=3e-4)
    assert (row["raDeg"], row["decDeg"]) == pytest.approx((RA, DEC), abs=1e-7)


def test_nothing_on_the_shelf_and_nothing_on_the_sky() -> None:
    table = Classifier(load_rules(None), {}, memory_bytes=1 << 26).classify([RA, np.nan, 400.0], [DEC, 0.0, 0.0]).classifications
    assert table["classification"].to_pylist() == ["ORPHAN", "UNCLASSIFIED", "UNCLASSIFIED"]
    assert "not on the sky" in table["explanation"][1].as_py()
    assert "gaia_dr3=absent" in table["catalogue_versions"][0].as_py()
    assert table["summary"].to_pylist() == ["No known source is near.", None, None]
