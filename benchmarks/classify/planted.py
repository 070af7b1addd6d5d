"""Positions of known truth in real catalogues: Gaia's stars to magnitude 10, OpenNGC's galaxies, and Milliquas's first rows."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.spatial import cKDTree  # type: ignore[import-untyped]

from splanc.crossmatch.catalogues import Shelf, import_catalogue, install_demo, load_profile

Values = npt.NDArray[np.float64]

SEED = 20260501
MILLIQUAS = "sherlock/imports/tests/input/milliquas-test-data.txt"
"""Rows of Milliquas as published, in Sherlock's package, of which nothing else is used here."""

SHARES = {
    ("a variable star", "VS"): 0.25,
    ("in a bright star's light", "BS"): 0.10,
    ("a nucleus", "NT"): 0.10,
    ("a supernova in a galaxy", "SN"): 0.15,
    ("a supernova at a galaxy's edge", "SN"): 0.05,
    ("an active nucleus", "AGN"): 0.15,
    ("a star before a galaxy", "VS"): 0.03,
    ("beside a flat galaxy", "ORPHAN"): 0.02,
    ("nothing near", "ORPHAN"): 0.15,
}
"""What objects are, what is to be said of them, and how many of all."""

ASTROMETRY_ARCSEC = 0.1
"""Error of an object's position, one axis."""

MOST_KPC = 40.0
EMPTY_STAR_ARCSEC, EMPTY_GALAXY_KPC, EMPTY_EXTENTS = 30.0, 75.0, 4.0
"""Where nothing is known: no star within this, no galaxy within so many kpc, nor within so many of its semi-major axes."""

KPC_OF_Z = 299_792.458 / 70.0 * 1e3
"""Distance of a galaxy at redshift 1, kpc, if velocity went with distance so far; it does at the small redshifts here."""

SLOWEST_Z = 0.001
"""Below it a redshift says more of how a galaxy moves than of how far it is; it is taken to be no nearer than this says."""

ARCSEC = np.pi / 648_000


def real_shelf(folder: Path) -> dict[str, pl.DataFrame]:
    """Put the catalogues on a shelf, and return the rows of the three that are searched: of OpenNGC its galaxies."""
    install_demo(folder)
    import_catalogue(folder, "milliquas_v8", [Path(str(distribution("qub-sherlock").locate_file(MILLIQUAS)))], load_profile("milliquas_v8"))
    rows = {name: _rows(folder, name) for name in ("gaia_dr3", "openngc", "milliquas_v8")}
    return {**rows, "openngc": rows["openngc"].filter(pl.col("kind") == "galaxy")}


def _rows(folder: Path, name: str) -> pl.DataFrame:
    catalogue = Shelf(folder).open(name)
    return pl.concat(pl.DataFrame(pl.from_arrow(catalogue.read_tile(number))) for number in range(len(catalogue.tiles)))


def planted(catalogues: dict[str, pl.DataFrame], n: int) -> pl.DataFrame:
    """Return n positions, degrees, with what each is: columns ra, dec, what, truth."""
    random = np.random.default_rng(SEED)
    stars, galaxies = catalogues["gaia_dr3"], catalogues["openngc"]
    hosts = galaxies.filter((pl.col("z") > 0.002) & (pl.col("semi_major_arcsec") > 12) & pl.col("position_angle_deg").is_not_null())
    quasars = catalogues["milliquas_v8"].filter(pl.col("kind") == "agn")
    zero: Values = np.zeros(n)
    placed: tuple[Callable[[int], tuple[Values, Values]], ...] = (
        lambda count: _around(stars, zero[:count], random),
        lambda count: _around(stars, random.uniform(4.0, 6.5, count), random),
        lambda count: _around(galaxies, zero[:count], random),
        lambda count: _in_galaxies(hosts, count, (0.1, 0.9), random),
        lambda count: _in_galaxies(hosts, count, (1.2, 2.2), random),
        lambda count: _around(quasars, zero[:count], random),
        lambda count: _around(_before_galaxies(stars, hosts), zero[:count], random),
        lambda count: _beside(hosts, count, random),
        lambda count: _empty(stars, galaxies, count, random),
    )
    made = []
    for ((what, truth), share), place in zip(SHARES.items(), placed, strict=True):
        ra, dec = place(round(share * n))
        made.append(pl.DataFrame({"ra": ra, "dec": dec}).with_columns(what=pl.lit(what), truth=pl.lit(truth)))
    return pl.concat(made).sample(fraction=1.0, shuffle=True, seed=SEED)


def _around(sources: pl.DataFrame, arcsec: Values, random: np.random.Generator) -> tuple[Values, Values]:
    """Return positions so far from sources drawn by chance, with errors."""
    drawn = sources[random.integers(0, sources.height, len(arcsec)).tolist()]
    turn = random.uniform(0, 2 * np.pi, len(arcsec))
    error = random.normal(0, ASTROMETRY_ARCSEC, (2, len(arcsec)))
    ra, dec = drawn["ra"].to_numpy(), drawn["dec"].to_numpy()
    north, east = arcsec * np.cos(turn) + error[0], arcsec * np.sin(turn) + error[1]
    return (ra + east / 3600 / np.cos(np.radians(dec))) % 360, np.clip(dec + north / 3600, -90, 90)


def _in_galaxies(hosts: pl.DataFrame, n: int, axes: tuple[float, float], random: np.random.Generator) -> tuple[Values, Values]:
    """Return positions between two of a galaxy's ellipses, in units of its own, off the nucleus and no farther out than some kpc."""
    low, high = axes
    drawn = hosts[random.integers(0, hosts.height, n).tolist()]
    axis, turn = np.sqrt(random.uniform(low**2, high**2, n)), random.uniform(0, 2 * np.pi, n)
    major = drawn["semi_major_arcsec"].to_numpy() * axis
    along, across = major * np.cos(turn), major * drawn["axis_ratio"].fill_null(1.0).to_numpy() * np.sin(turn)
    arcsec = np.hypot(along, across)
    wanted = np.clip(arcsec, 3.0, MOST_KPC / _kpc_per_arcsec(drawn["z"].to_numpy()))
    return _turned(drawn, along * wanted / arcsec, across * wanted / arcsec)


def _beside(hosts: pl.DataFrame, n: int, random: np.random.Generator) -> tuple[Values, Values]:
    """Return positions beside flat galaxies: twice as far out as their extent along the minor axis, within that along the major one, and many kpc out."""
    axis = hosts["semi_major_arcsec"].to_numpy()
    far = 2.0 * axis * _kpc_per_arcsec(hosts["z"].to_numpy()) > 1.5 * MOST_KPC
    flat = hosts.filter(pl.Series(far) & (pl.col("axis_ratio") < 0.35))
    drawn = flat[random.integers(0, flat.height, n).tolist()]
    across = 2.0 * drawn["semi_major_arcsec"].to_numpy() * random.choice([-1, 1], n)
    return _turned(drawn, np.zeros(n), across)


def _before_galaxies(stars: pl.DataFrame, hosts: pl.DataFrame) -> pl.DataFrame:
    """Return the stars within the light of a galaxy."""
    tree = cKDTree(_vectors(stars["ra"].to_numpy(), stars["dec"].to_numpy()))
    near = tree.query_ball_point(_vectors(hosts["ra"].to_numpy(), hosts["dec"].to_numpy()), hosts["semi_major_arcsec"].to_numpy() * ARCSEC)
    return stars[np.unique(np.concatenate([np.asarray(one, int) for one in near])).tolist()]


def _turned(galaxies: pl.DataFrame, along: Values, across: Values) -> tuple[Values, Values]:
    """Return positions so many arcsec along each galaxy's major axis and across it."""
    angle = np.radians(galaxies["position_angle_deg"].to_numpy().astype(np.float64))
    north, east = along * np.cos(angle) - across * np.sin(angle), along * np.sin(angle) + across * np.cos(angle)
    ra, dec = galaxies["ra"].to_numpy(), galaxies["dec"].to_numpy()
    return (ra + east / 3600 / np.cos(np.radians(dec))) % 360, dec + north / 3600


def _kpc_per_arcsec(z: Values) -> Values:
    """Return the scale at small redshifts, where velocity goes with distance."""
    return KPC_OF_Z * z * ARCSEC


def _empty(stars: pl.DataFrame, galaxies: pl.DataFrame, n: int, random: np.random.Generator) -> tuple[Values, Values]:
    """Return positions near nothing."""
    ra, dec = random.uniform(0, 360, 3 * n), np.degrees(np.arcsin(random.uniform(-1, 1, 3 * n)))
    points = _vectors(ra, dec)
    near_star, _ = cKDTree(_vectors(stars["ra"].to_numpy(), stars["dec"].to_numpy())).query(points)
    z = galaxies["z"].to_numpy()
    kpc = EMPTY_GALAXY_KPC * ARCSEC / _kpc_per_arcsec(np.maximum(z, SLOWEST_Z))
    reach = np.maximum(np.nan_to_num(kpc), EMPTY_EXTENTS * galaxies["semi_major_arcsec"].fill_null(10.0).to_numpy() * ARCSEC)
    tree = cKDTree(points)
    taken = tree.query_ball_point(_vectors(galaxies["ra"].to_numpy(), galaxies["dec"].to_numpy()), 2 * np.sin(np.minimum(reach, 0.3) / 2))
    is_empty = near_star > EMPTY_STAR_ARCSEC * ARCSEC
    is_empty[np.concatenate([np.asarray(one, int) for one in taken])] = False
    chosen = np.flatnonzero(is_empty)[:n]
    return ra[chosen], dec[chosen]


def _vectors(ra: Values, dec: Values) -> Values:
    a, d = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=1)
