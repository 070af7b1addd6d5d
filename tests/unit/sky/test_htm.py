from __future__ import annotations

import math

import numpy as np
import pytest

from splanc.sky import htm

Vector = tuple[float, float, float]

ROOTS = {
    8: ((1, 0, 0), (0, 0, -1), (0, 1, 0)),
    9: ((0, 1, 0), (0, 0, -1), (-1, 0, 0)),
    10: ((-1, 0, 0), (0, 0, -1), (0, -1, 0)),
    11: ((0, -1, 0), (0, 0, -1), (1, 0, 0)),
    12: ((1, 0, 0), (0, 0, 1), (0, -1, 0)),
    13: ((0, -1, 0), (0, 0, 1), (-1, 0, 0)),
    14: ((-1, 0, 0), (0, 0, 1), (0, 1, 0)),
    15: ((0, 1, 0), (0, 0, 1), (1, 0, 0)),
}
"""The triangles of level 0, as Kunszt et al. number them."""


def by_the_book(ra_deg: float, decl_deg: float, level: int) -> int:
    """Return the number of a position's triangle: that of whose corners it is on the inner side of all three edges, the safest one."""
    ra, decl = math.radians(ra_deg), math.radians(decl_deg)
    at = (math.cos(decl) * math.cos(ra), math.cos(decl) * math.sin(ra), math.sin(decl))
    number, corners = max(ROOTS.items(), key=lambda item: margin(at, item[1]))
    for _ in range(level):
        v0, v1, v2 = corners
        w0, w1, w2 = middle(v1, v2), middle(v0, v2), middle(v0, v1)
        children = [(v0, w2, w1), (v1, w0, w2), (v2, w1, w0), (w0, w1, w2)]
        chosen = max(range(4), key=lambda k: margin(at, children[k]))
        number, corners = 4 * number + chosen, children[chosen]
    return number


def margin(at: Vector, corners: tuple[Vector, Vector, Vector]) -> float:
    return min(float(np.dot(at, np.cross(corners[k], corners[(k + 1) % 3]))) for k in range(3))


def middle(a: Vector, b: Vector) -> Vector:
    total = np.add(a, b)
    return tuple((total / np.linalg.norm(total)).tolist())


@pytest.mark.parametrize("level", [0, 1, 7, 16])
def test_triangles_are_those_of_the_book(level: int) -> None:
    rng = np.random.default_rng(3)
    ra_deg, decl_deg = rng.uniform(0, 360, 60), np.degrees(np.arcsin(rng.uniform(-1, 1, 60)))
    expected = [by_the_book(ra, decl, level) for ra, decl in zip(ra_deg.tolist(), decl_deg.tolist(), strict=True)]
    assert htm(ra_deg, decl_deg, level).tolist() == expected


def test_every_triangle_has_positions_and_each_its_own() -> None:
    rng = np.random.default_rng(4)
    numbers = htm(rng.uniform(0, 360, 20_000), np.degrees(np.arcsin(rng.uniform(-1, 1, 20_000))), 3)
    assert set(numbers.tolist()) == set(range(8 * 4**3, 16 * 4**3))


@pytest.mark.parametrize(("ra_deg", "decl_deg"), [(0.0, 90.0), (0.0, -90.0), (0.0, 0.0), (360.0, 0.0), (90.0, 0.0), (270.0, 45.0)])
def test_poles_and_edges_have_a_triangle(ra_deg: float, decl_deg: float) -> None:
    (number,) = htm(np.array([ra_deg]), np.array([decl_deg]), 16).tolist()
    assert 8 * 4**16 <= number < 16 * 4**16


def test_what_is_not_on_the_sky_has_none() -> None:
    assert htm(np.array([np.nan, 0.0, 0.0, np.inf, 1e30]), np.array([0.0, np.nan, 90.1, 0.0, 0.0]), 16).tolist() == [0, 0, 0, 0, 0]
