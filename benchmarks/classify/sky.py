"""A made sky of realistic densities: stars and galaxies, what five catalogues say of them, and where alerts go off.

It is made block by block, each a square degree, the same however often: no more than a block is ever in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from splanc.crossmatch.catalogues import load_profile, write_catalogue

Values = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

SEED = 20260430
STARS, GALAXIES = 44_000, 50_000
"""In a square degree: what Gaia has in the mean over the sky, and what the Legacy Surveys have away from the Milky Way."""

SHALLOW = 26_000
"""Galaxies of these that PS1 has too, the brightest: with the stars, its 70,000 in a square degree."""

NED, WITH_Z = 5_000, 400
"""Galaxies of these that NED has, and that have a redshift there, the brightest."""

AGN = slice(1_000, 1_025)
"""Places of those that are active, by brightness: Milliquas has 25 in a square degree. Gaia and PS1 take them for stars, the others do not have them."""

N_AGN = AGN.stop - AGN.start

ROWS_DEG2 = (STARS + N_AGN) + (STARS + SHALLOW) + (GALAXIES - N_AGN) + NED + N_AGN
"""Rows in a square degree, all catalogues."""

RA0, DEC0 = 30.0, -40.0
"""South-western corner, degrees."""

LARGE_DEG2, LARGE_ARCSEC = 0.56, 30.0
"""Galaxies in a square degree with a semi-major axis of this or more, as the RC3 has them; their number falls with the cube of it."""

SURVEY_YEAR, SURVEY_MJD = 2026.5, 61_223.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """What is in a square degree; arrays of one length for stars and of one for galaxies.

    Parameters
    ----------
    number : of the block; it makes names and the random numbers.
    ra, dec : of stars, then galaxies, the brightest first, ICRS degrees, at 2016.0.
    is_star : which are stars.
    motion : mas/yr, in right ascension times cos(dec), and in declination, shape (n, 2); 0 for galaxies.
    mag : magnitude.
    z : redshift; nan for stars.
    semi_major_arcsec : nan for stars.
    """

    number: int
    ra: Values
    dec: Values
    is_star: Flags
    motion: Values
    mag: Values
    z: Values
    semi_major_arcsec: Values

    @property
    def n_star(self) -> int:
        """Number of stars, which come first."""
        return int(self.is_star.sum())

    @property
    def is_active(self) -> Flags:
        """Which are active galaxies."""
        active: Flags = np.zeros(len(self.ra), np.bool_)
        active[self.n_star :][AGN] = True
        return active


def make_block(number: int, across: int, stars: int = STARS) -> Block:
    """Return a block with so many stars, of a sky that is so many blocks across."""
    random = np.random.default_rng([SEED, number])
    n = stars + GALAXIES
    ra, dec = places(number, across, random.random((2, n)))
    is_star = np.arange(n) < stars
    speed = np.where(is_star, 6.0 * np.exp(random.normal(0, 1.1, n)), 0.0)
    turn = random.uniform(0, 2 * np.pi, n)
    mag = np.append(21.0 - random.exponential(2.2, stars), np.sort(24.5 - random.exponential(1.3, GALAXIES)))
    size = 0.7 * 10 ** (0.12 * (23.0 - mag)) * np.exp(random.normal(0, 0.4, n))
    z = 0.5 * 10 ** (0.12 * (mag - 22.0)) * np.exp(random.normal(0, 0.4, n))
    large = stars + np.arange(random.poisson(LARGE_DEG2 * 6**3))
    size[large] = (LARGE_ARCSEC / 6) * random.random(len(large)) ** (-1 / 3)
    z[large] = 0.9 / size[large]
    return Block(
        number=number,
        ra=ra,
        dec=dec,
        is_star=is_star,
        motion=speed[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1),
        mag=mag,
        z=np.where(is_star, np.nan, z),
        semi_major_arcsec=np.where(is_star, np.nan, size),
    )


def places(number: int, across: int, unit: Values) -> tuple[Values, Values]:
    """Return positions in a block, degrees, of numbers between 0 and 1, shape (2, n): each block has the same area."""
    wide = 1.0 / np.cos(np.radians(DEC0))
    high = np.radians(1.0) / wide
    sine = np.sin(np.radians(DEC0)) + (number // across + unit[1]) * high
    return RA0 + (number % across + unit[0]) * wide, np.degrees(np.arcsin(sine))


def _gaia(block: Block) -> pa.Table:
    taken = block.is_star | block.is_active
    rows = _rows(block, taken, "G", 0.0005)
    motion = block.motion[taken].astype(np.float32)
    n = len(motion)
    return _with(rows, epoch=np.full(n, 2016.0), pmra=motion[:, 0], pmdec=motion[:, 1], kind=np.full(n, "star"), mag_filter=np.full(n, "G"))


def _ps1(block: Block) -> pa.Table:
    taken = np.arange(len(block.ra)) < block.n_star + SHALLOW
    rows = _rows(block, taken, "P", 0.05)
    random = np.random.default_rng([SEED, block.number, 1])
    kind = np.where((block.is_star | block.is_active)[taken], "star", "galaxy")
    kind[random.random(len(kind)) < 0.05] = "unknown"
    return _with(rows, kind=kind, mag_filter=np.full(len(kind), "r"))


def _desi(block: Block) -> pa.Table:
    taken = ~(block.is_star | block.is_active)
    random = np.random.default_rng([SEED, block.number, 2])
    n = int(taken.sum())
    photo_z = block.z[taken] * (1 + random.normal(0, 0.03, n))
    return _with(
        _rows(block, taken, "D", 0.05),
        kind=np.full(n, "galaxy"),
        type=random.choice(["REX", "EXP", "DEV", "SER"], n),
        mag_filter=np.full(n, "r"),
        photo_z=photo_z.astype(np.float32),
        photo_z_err=(0.03 * (1 + photo_z)).astype(np.float32),
        semi_major_arcsec=block.semi_major_arcsec[taken].astype(np.float32),
        axis_ratio=random.uniform(0.3, 1.0, n).astype(np.float32),
        position_angle_deg=random.uniform(0, 180, n).astype(np.float32),
    )


def _ned(block: Block) -> pa.Table:
    place = np.arange(len(block.ra)) - block.n_star
    taken = (place >= 0) & (place < NED + N_AGN) & ~block.is_active
    large = block.semi_major_arcsec[taken] >= LARGE_ARCSEC / 6
    known = (np.arange(NED) < WITH_Z) | large
    random = np.random.default_rng([SEED, block.number, 3])
    return _with(
        _rows(block, taken, "N", 0.3),
        kind=np.full(NED, "galaxy"),
        type=np.full(NED, "G"),
        z=pa.array(block.z[taken], mask=~known),
        semi_major_arcsec=pa.array(block.semi_major_arcsec[taken].astype(np.float32), mask=~large),
        axis_ratio=pa.array(random.uniform(0.3, 1.0, NED).astype(np.float32), mask=~large),
    )


def _milliquas(block: Block) -> pa.Table:
    taken = block.is_active
    return _with(_rows(block, taken, "Q", 0.1), kind=np.full(N_AGN, "agn"), type=np.full(N_AGN, "Q"), z=block.z[taken])


CATALOGUES: dict[str, Callable[[Block], pa.Table]] = {"gaia_dr3": _gaia, "ps1": _ps1, "desi_ls_dr10": _desi, "ned": _ned, "milliquas_v8": _milliquas}
"""What each catalogue says of a block."""


def _rows(block: Block, taken: Flags, letter: str, error_arcsec: float) -> pa.Table:
    """Return names, positions with errors, and magnitudes."""
    numbers = np.flatnonzero(taken)
    error = np.random.default_rng([SEED, block.number, ord(letter)]).normal(0, error_arcsec / 3600, (2, len(numbers)))
    dec = block.dec[taken] + error[1]
    names = pa.array(10**16 * ord(letter) + block.number * 10**9 + numbers)
    ra = (block.ra[taken] + error[0] / np.cos(np.radians(dec))) % 360
    return pa.table({"id": names.cast(pa.string()), "ra": ra, "dec": dec, "mag": block.mag[taken].astype(np.float32)})


def _with(rows: pa.Table, **columns: object) -> pa.Table:
    for name, values in columns.items():
        rows = rows.append_column(name, [values])
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """A made sky.

    Parameters
    ----------
    n_block : its area, square degrees.
    stars : in each square degree.
    """

    n_block: int
    stars: int = STARS

    @property
    def across(self) -> int:
        """Blocks in a row."""
        return max(int(np.ceil(np.sqrt(self.n_block))), 1)

    def block(self, number: int) -> Block:
        """Return what is in a square degree."""
        return make_block(number, self.across, self.stars)

    def chunks(self, catalogue: str) -> Iterator[pa.Table]:
        """Yield the rows of a catalogue, block by block."""
        for number in range(self.n_block):
            yield CATALOGUES[catalogue](self.block(number))

    def fields(self) -> list[list[int]]:
        """Return the numbers of the blocks of each field: three by three, a visit's field; all blocks, where the sky is smaller."""
        if self.across < 3:
            return [list(range(self.n_block))]
        corners = [row * self.across + column for row in range(0, self.across - 2, 3) for column in range(0, self.across - 2, 3)]
        fields = [[corner + row * self.across + column for row in range(3) for column in range(3)] for corner in corners]
        return [field for field in fields if max(field) < self.n_block]

    def write(self, shelf: Path) -> None:
        """Write all catalogues."""
        for name in CATALOGUES:
            write_catalogue(shelf, name, self.chunks(name), load_profile(name))


def alerts(sky: Sky, field: list[int], n: int, seed: int) -> tuple[Values, Values, Values]:
    """Return positions of alerts in a field, degrees, and their MJD (TAI), shape (n,).

    Half are variable stars, where their motion has brought them; 30 % lie around galaxies, 5 % in the cores of galaxies; the others anywhere.
    """
    random = np.random.default_rng([SEED, seed])
    shares = np.diff(np.linspace(0, n, len(field) + 1).astype(int))
    found = [_alerts(sky.block(number), int(share), random) for number, share in zip(field, shares, strict=True)]
    ra, dec = np.concatenate(found, axis=1)
    order = random.permutation(n)
    return ra[order], dec[order], np.full(n, SURVEY_MJD)


def _alerts(block: Block, n: int, random: np.random.Generator) -> Values:
    n_star, n_around, n_core = int(0.5 * n), int(0.3 * n), int(0.05 * n)
    anywhere = _anywhere(block, n - n_star - n_around - n_core, random)
    stars = random.choice(np.flatnonzero(block.is_star), n_star)
    hosts = random.choice(np.flatnonzero(~block.is_star & ~block.is_active), n_around + n_core)
    years = SURVEY_YEAR - 2016.0
    moved = block.motion[stars].T * years / 1000.0 + random.normal(0, 0.1, (2, n_star))
    around = random.normal(0, 1, (2, len(hosts))) * np.where(np.arange(len(hosts)) < n_around, 1.2 * block.semi_major_arcsec[hosts], 0.1)
    ra, dec = np.append(block.ra[stars], block.ra[hosts]), np.append(block.dec[stars], block.dec[hosts])
    east, north = np.concatenate([moved, around], axis=1) / 3600
    near = np.stack([(ra + east / np.cos(np.radians(dec))) % 360, dec + north])
    return np.concatenate([near, anywhere], axis=1)


def _anywhere(block: Block, n: int, random: np.random.Generator) -> Values:
    """Return positions between the least and greatest of a block."""
    ends = np.array([[block.ra.min(), block.ra.max()], [block.dec.min(), block.dec.max()]])
    return random.uniform(ends[:, :1], ends[:, 1:], (2, n))
