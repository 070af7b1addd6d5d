"""What must hold whatever the sky is: turned as a whole it says the same, and stars move as astropy moves them."""

from __future__ import annotations

import functools

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time
from hypothesis import example, given, settings
from hypothesis import strategies as st

from splanc.crossmatch.classifier import Classified, Classifier, load_rules
from splanc.crossmatch.classifier._cosmology import LEAST_Z, kpc_per_arcsec, luminosity_distances
from splanc.features import luminosity_distance_mpc
from tests.support.skies import MemoryCatalogue, catalogue_of

from .test_brute_force import MJD_TAI, about, sky

Matrix = np.ndarray


def turned(matrix: Matrix, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions after the sky was turned."""
    a, d = np.radians(ra), np.radians(dec)
    x, y, z = matrix @ np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    return np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))


def any_turn(rng: np.random.Generator) -> Matrix:
    """A random rotation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else -q


def said(columns: dict, ra: np.ndarray, dec: np.ndarray) -> Classified:
    catalogues = {name: MemoryCatalogue(name, one) for name, one in columns.items()}
    return Classifier(load_rules(None), catalogues, memory_bytes=1 << 26).classify(ra, dec, np.full(len(ra), MJD_TAI), matches=True)


@pytest.mark.parametrize("seed", range(4))
def test_a_turned_sky_says_the_same(seed: int) -> None:
    """Radii are compared to their last digits, so a source within 1e-9 arcsec of one may change sides; of these random ones none is so near.

    Axes point north, and motions have a direction, so there are none here; an extent is a circle.
    """
    rng = np.random.default_rng(seed)
    place = functools.partial(about, 120.0, 33.0, 0.05)
    columns = sky(rng, place, 120)
    for one in columns.values():
        one["position_angle_deg"] = one["pmra"] = np.full(len(one["ra"]), np.nan)
    ra, dec = place(rng, 80)
    before = said(columns, ra, dec)
    matrix = any_turn(rng)
    for one in columns.values():
        one["ra"], one["dec"] = turned(matrix, one["ra"], one["dec"])
    after = said(columns, *turned(matrix, ra, dec))
    same = ["classification", "catalogue_table_name", "catalogue_object_id", "classificationReliability", "best_distance", "Mag", "z"]
    assert before.classifications.select(same).equals(after.classifications.select(same))
    assert before.matches is not None
    assert after.matches is not None
    assert before.matches.select(["position", "rank", "catalogue_object_id"]).equals(after.matches.select(["position", "rank", "catalogue_object_id"]))
    separations = [answer.matches["separationArcsec"].to_numpy() for answer in (before, after) if answer.matches]
    assert separations[0] == pytest.approx(separations[1], abs=1e-7)


@settings(max_examples=60)
@given(
    ra=st.floats(0, 360),
    dec=st.one_of(st.floats(-90, 90), st.sampled_from([89.9999, -89.9999, 0.0])),
    east=st.floats(-7000, 7000, width=32),
    north=st.floats(-7000, 7000, width=32),
    years=st.floats(-30, 12),
)
@example(ra=0.0, dec=90.0, east=0.0, north=-3427.0, years=-6.0)
def test_stars_move_as_astropy_moves_them(ra: float, dec: float, east: float, north: float, years: float) -> None:
    motion = {"pm_ra_cosdec": east * u.mas / u.yr, "pm_dec": north * u.mas / u.yr, "radial_velocity": 0 * u.km / u.s}
    star = SkyCoord(ra * u.deg, dec * u.deg, distance=5 * u.pc, obstime=Time("J2016.0", scale="tai"), **motion)
    there = star.apply_space_motion(dt=years * u.yr)
    shelf = {"gaia_dr3": catalogue_of("gaia_dr3", [{"ra": ra, "dec": dec, "pmra": east, "pmdec": north, "epoch": 2016.0, "kind": "star"}])}
    mjd = 51_544.5 + (16.0 + years) * 365.25
    where = float(there.ra.deg % 360), float(np.clip(there.dec.deg, -90, 90))
    (row,) = Classifier(load_rules(None), shelf, memory_bytes=1 << 26).classify([where[0]], [where[1]], [mjd]).classifications.to_pylist()
    assert row["classification"] in {"VS", "HPMS"}
    assert row["separationArcsec"] < 1e-4  # astropy adds what the light's travel makes of the motion


def test_distances_are_those_of_absolute_magnitudes() -> None:
    z = 10 ** np.random.default_rng(1).uniform(-5, 1.3, 500)
    assert luminosity_distances(z) == pytest.approx(luminosity_distance_mpc(z), rel=1e-6)
    by_redshift = kpc_per_arcsec(np.full(500, np.nan), z)
    assert np.array_equal(np.isnan(by_redshift), z < LEAST_Z)
    z, by_redshift = z[z >= LEAST_Z], by_redshift[z >= LEAST_Z]
    assert by_redshift == pytest.approx(luminosity_distance_mpc(z) / (1 + z) ** 2 * 1000 * np.pi / 648_000, rel=1e-6)
    near = z < 19
    assert kpc_per_arcsec(luminosity_distance_mpc(z[near]), np.full(near.sum(), np.nan)) == pytest.approx(by_redshift[near], rel=1e-5)
    assert np.isnan(luminosity_distances(np.array([np.nan, 0.0, -0.1, 21.0]))).all()
