"""The Hierarchical Triangular Mesh, which Lasair's tables are indexed by."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from ._position import is_on_sky

_CORNERS = np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0], [-1, 0, 0], [0, -1, 0], [0, 0, -1]], np.float64)
"""Corners of the octahedron: north pole, the four at the equator, south pole."""

_ROOTS = np.array([[1, 5, 2], [2, 5, 3], [3, 5, 4], [4, 5, 1], [1, 0, 4], [4, 0, 3], [3, 0, 2], [2, 0, 1]])
"""Corners of the eight triangles of level 0, S0 to S3 and N0 to N3, whose numbers are 8 to 15."""

_SLACK = 1e-15
"""How far outside a triangle's edge a position may be by rounding."""


def htm(ra_deg: npt.NDArray[np.float64], decl_deg: npt.NDArray[np.float64], level: int) -> npt.NDArray[np.int64]:
    """Return the number of the triangle of each position, shape (n,); 0 where the position is not on the sky.

    Parameters
    ----------
    ra_deg, decl_deg : ICRS, degrees, shape (n,).
    level : 0 to 24; a level has 8 · 4**level triangles.

    References
    ----------
    Kunszt, Szalay & Thakar 2001, in Mining the Sky, 631.

    >>> htm(np.array([45.0, 0.0]), np.array([45.0, np.nan]), 0).tolist()
    [15, 0]
    """
    on_sky = is_on_sky(ra_deg, decl_deg)
    ra, decl = np.radians(np.where(on_sky, ra_deg, 0.0)), np.radians(np.where(on_sky, decl_deg, 0.0))
    vectors = np.stack([np.cos(decl) * np.cos(ra), np.cos(decl) * np.sin(ra), np.sin(decl)], axis=1)
    return np.where(on_sky, _triangles(vectors, _CORNERS[_ROOTS], level), 0)


@njit(cache=True, nogil=True)
def _triangles(vectors: Any, roots: Any, level: int) -> Any:
    numbers = np.zeros(len(vectors), np.int64)
    for i in range(len(vectors)):
        for root in range(8):
            if _inside(vectors[i], roots[root]):
                numbers[i] = _descend(vectors[i], roots[root].copy(), 8 + root, level)
                break
    return numbers


@njit(cache=True, nogil=True)
def _descend(vector: Any, corners: Any, number: int, level: int) -> int:
    """Return the number of the triangle of a level inside a triangle of level 0."""
    middles = np.empty((3, 3))
    for _ in range(level):
        for k in range(3):
            _set_middle(corners[(k + 1) % 3], corners[(k + 2) % 3], middles[k])
        # Inside the parent, the edge between two middles alone says whether it is the child at the corner beyond.
        chosen = 3
        for k in range(3):
            if _side(vector, middles[(k + 2) % 3], middles[(k + 1) % 3]) >= -_SLACK:
                chosen = k
                break
        _take_child(corners, middles, chosen)
        number = 4 * number + chosen
    return number


@njit(cache=True, nogil=True)
def _take_child(corners: Any, middles: Any, chosen: int) -> None:
    """Set the corners to those of a child: number 3 has the middles; others begin with the parent's corner, the order of the other two keeps the turn."""
    for axis in range(3):
        if chosen < 3:
            corners[0, axis] = corners[chosen, axis]
            corners[1, axis], corners[2, axis] = middles[(chosen + 2) % 3, axis], middles[(chosen + 1) % 3, axis]
        else:
            corners[0, axis], corners[1, axis], corners[2, axis] = middles[0, axis], middles[1, axis], middles[2, axis]


@njit(cache=True, nogil=True)
def _set_middle(a: Any, b: Any, middle: Any) -> None:
    x, y, z = a[0] + b[0], a[1] + b[1], a[2] + b[2]
    length = np.sqrt(x * x + y * y + z * z)
    middle[0], middle[1], middle[2] = x / length, y / length, z / length


@njit(cache=True, nogil=True)
def _side(vector: Any, a: Any, b: Any) -> float:
    """Return how far a position is on the left of the great circle from a to b."""
    return vector[0] * (a[1] * b[2] - a[2] * b[1]) + vector[1] * (a[2] * b[0] - a[0] * b[2]) + vector[2] * (a[0] * b[1] - a[1] * b[0])


@njit(cache=True, nogil=True)
def _inside(vector: Any, corners: Any) -> bool:
    return (
        _side(vector, corners[0], corners[1]) >= -_SLACK
        and _side(vector, corners[1], corners[2]) >= -_SLACK
        and _side(vector, corners[2], corners[0]) >= -_SLACK
    )
