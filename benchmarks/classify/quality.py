"""How often the class is right: made stars, hosts and nuclei of known truth, by how dense the stars are and how far out in the host an object is."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from splanc.crossmatch.catalogues import Shelf
from splanc.crossmatch.classifier import Classifier, load_rules, warm

from .sky import SEED, SURVEY_MJD, SURVEY_YEAR, Block, Sky

Values = npt.NDArray[np.float64]

DENSITIES = (2_000, 10_000, 44_000, 200_000)
"""Stars in a square degree: at the galactic pole, at 40° from the plane, the mean of the sky, and near the plane."""

OFFSETS = ((0.3, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0))
"""How far supernovae are from the centres of their hosts, arcsec."""

ERROR_ARCSEC = 0.1
"""Error of an object's position, one axis."""

HOST_MAG = 22.0
"""Hosts are brighter than this."""


def shares(n: int) -> dict[str, dict[str, dict[str, float]]]:
    """Print what is said of objects of each kind, at each density of stars, and return it: by density and kind, the share of each class.

    Parameters
    ----------
    n : objects of each kind.
    """
    warm()
    found = {}
    for stars in DENSITIES:
        said = _classes(Sky(n_block=1, stars=stars), n)
        found[str(stars)] = {kind: _shares(classes) for kind, classes in said.items()}
        _show(stars, found[str(stars)])
    return found


def _classes(sky: Sky, n: int) -> dict[str, Sequence[str]]:
    """Return the classes of objects of each kind."""
    block = sky.block(0)
    with tempfile.TemporaryDirectory(prefix="splanc-benchmark-") as folder:
        sky.write(Path(folder))
        classifier = Classifier(load_rules(None), Shelf(Path(folder)).open_all(), memory_bytes=2 << 30)
        return {
            kind: classifier.classify(ra, dec, np.full(len(ra), SURVEY_MJD)).classifications["classification"].to_pylist()
            for kind, (ra, dec) in objects(block, n).items()
        }


def objects(block: Block, n: int) -> dict[str, tuple[Values, Values]]:
    """Return positions of n objects of each kind, degrees."""
    random = np.random.default_rng([SEED, 7])
    stars, active = np.flatnonzero(block.is_star), np.flatnonzero(block.is_active)
    hosts = np.flatnonzero(~block.is_star & ~block.is_active & (block.mag < HOST_MAG))
    kinds = {
        "variable star": _near(block, random.choice(stars, n), np.zeros(n), random),
        "active nucleus": _near(block, random.choice(active, n), np.zeros(n), random),
        "nuclear transient": _near(block, random.choice(hosts, n), np.zeros(n), random),
    }
    for low, high in OFFSETS:
        offset = np.sqrt(random.uniform(low**2, high**2, n))
        kinds[f"supernova {low:g} to {high:g}″ out"] = _near(block, random.choice(hosts, n), offset, random)
    ends = [(angle.min(), angle.max()) for angle in (block.ra, block.dec)]
    return {**kinds, "without a host": (random.uniform(*ends[0], n), random.uniform(*ends[1], n))}


def _near(block: Block, sources: npt.NDArray[np.int64], offset: Values, random: np.random.Generator) -> tuple[Values, Values]:
    """Return positions so many arcsec from sources, where these have moved, with errors."""
    turn = random.uniform(0, 2 * np.pi, len(sources))
    moved = block.motion[sources].T * (SURVEY_YEAR - 2016.0) / 1000.0
    east, north = moved + offset * np.array([np.sin(turn), np.cos(turn)]) + random.normal(0, ERROR_ARCSEC, (2, len(sources)))
    ra, dec = block.ra[sources], block.dec[sources]
    return (ra + east / 3600 / np.cos(np.radians(dec))) % 360, dec + north / 3600


def _shares(classes: Sequence[str]) -> dict[str, float]:
    counted = pl.Series("class", classes).value_counts(sort=True)
    return {name: count / len(classes) for name, count in counted.rows()}


def _show(stars: int, found: dict[str, dict[str, float]]) -> None:
    names = sorted({name for shares in found.values() for name in shares})
    print(f"== {stars:,} stars in a square degree; % of the objects\n{'':26}" + "".join(f"{name:>9}" for name in names))
    for kind, shares in found.items():
        print(f"{kind:26}" + "".join(f"{100 * shares.get(name, 0.0):9.1f}" for name in names))
