"""Places on the sphere, by exactly rounded operations only (see `_chance`): numpy's own sine and arctangent differ between CPUs in the last bit."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from . import _chance
from ._chance import Key, Purpose

Floats = npt.NDArray[np.float64]

_SINE = tuple((-1.0) ** k / math.factorial(2 * k + 1) for k in range(9))
"""Coefficients of the sine's series: exact to double precision up to a quarter of pi."""

_COSINE = tuple((-1.0) ** k / math.factorial(2 * k) for k in range(9))
"""Coefficients of the cosine's series."""

_ARCTANGENT = tuple((-1.0) ** k / (2 * k + 1) for k in range(12))
"""Coefficients of the arctangent's series: exact to double precision up to tan(pi / 16)."""

_SIN_DEC_RANGE = (-0.95, 0.2)
"""Sine of the declinations between which field centres lie: the sky over Rubin's site."""


def cosine_sine(turns: Floats) -> tuple[Floats, Floats]:
    """Return cosine and sine of angles given in turns (1 = 360 degrees).

    >>> [float(value[0]) for value in cosine_sine(np.array([0.5]))]
    [-1.0, -0.0]
    """
    quarter = np.floor(turns * 4 + 0.5)
    angle = (turns - quarter / 4) * (2 * math.pi)
    square = angle * angle
    cosine, sine = _series(_COSINE, square), angle * _series(_SINE, square)
    quadrant = quarter.astype(np.int64) % 4
    swapped = quadrant % 2 == 1
    return (
        np.where(swapped, sine, cosine) * np.where((quadrant == 1) | (quadrant == 2), -1.0, 1.0),
        np.where(swapped, cosine, sine) * np.where(quadrant >= 2, -1.0, 1.0),
    )


def arctangent_degrees(y: Floats, x: Floats) -> Floats:
    """Return the angle of the direction (x, y) in degrees, -180 to 180."""
    tangent = y / np.maximum(np.sqrt(x * x + y * y) + np.abs(x), np.finfo(np.float64).tiny)
    for _ in range(2):
        tangent = tangent / (1.0 + np.sqrt(1.0 + tangent * tangent))
    angle = tangent * _series(_ARCTANGENT, tangent * tangent) * (8 * 180 / math.pi)
    return np.where(x < 0, np.where(y < 0, -180.0, 180.0) - angle, angle)


def to_ra_dec(vectors: Floats) -> tuple[Floats, Floats]:
    """Return ICRS degrees of directions, shape (n, 3); right ascension in [0, 360)."""
    x, y, z = vectors.T
    ra = arctangent_degrees(y, x)
    ra = np.where(ra < 0, ra + 360.0, ra)
    return np.where(ra >= 360.0, 0.0, ra), arctangent_degrees(z, np.sqrt(x * x + y * y))


def directions_of(ra_deg: Floats, dec_deg: Floats) -> Floats:
    """Return unit vectors of positions, ICRS degrees, shape (n, 3)."""
    (cos_ra, sin_ra), (cos_dec, sin_dec) = cosine_sine(ra_deg / 360), cosine_sine(dec_deg / 360)
    return np.stack([cos_dec * cos_ra, cos_dec * sin_ra, sin_dec], axis=1)


def field_centre(seed: int, field: int) -> Floats:
    """Return the direction of a field's centre, unit vector of shape (3,), uniform over the southern sky."""
    low, high = _SIN_DEC_RANGE
    z = low + (high - low) * _chance.uniform(seed, Purpose.CENTRE_DEC, field)
    cosine, sine = cosine_sine(_chance.uniform(seed, Purpose.CENTRE_RA, field))
    radius = np.sqrt(1 - z * z)
    return np.concatenate([cosine * radius, sine * radius, z])


def in_cap(centre: Floats, radius_deg: float, *keys: Key) -> Floats:
    """Return directions uniform within a radius of the centre, one for each key, shape (n, 3)."""
    _, sine_of_half = cosine_sine(np.array([radius_deg / 720]))
    depth = _chance.uniform(*keys, Purpose.OFFSET_RADIUS) * (2 * sine_of_half * sine_of_half)
    across = np.sqrt(depth * (2.0 - depth))
    return step(np.broadcast_to(centre, (len(depth), 3)), across, 1.0 - depth, _chance.uniform(*keys, Purpose.OFFSET_AZIMUTH))


def step(origins: Floats, across: Floats, along: Floats, azimuth_turns: Floats) -> Floats:
    """Return origin · along + (tangent in the azimuth's direction) · across, row by row, shape (n, 3)."""
    x, y, z = origins.T
    level = np.sqrt(x * x + y * y)
    at_pole = level == 0
    level = np.where(at_pole, 1.0, level)
    east = np.stack([-y / level, np.where(at_pole, 1.0, x / level), np.zeros_like(x)], axis=1)
    north = np.stack([-z * east[:, 1], z * east[:, 0], x * east[:, 1] - y * east[:, 0]], axis=1)
    cosine, sine = cosine_sine(azimuth_turns)
    return origins * along[:, None] + (east * (across * sine)[:, None] + north * (across * cosine)[:, None])


def _series(coefficients: tuple[float, ...], x: Floats) -> Floats:
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * x + coefficient
    return total
