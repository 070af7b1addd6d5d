"""The compiled loop of the searches: pairs of positions and cells, joined to the sources of a tile."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from ...sky import RADIANS_PER_ARCSEC
from ._records import HIT
from ._selection import NOTED

LIMITS = np.dtype([("synonym_arcsec", np.float64), ("outer_arcsec", np.float64), ("physical_kpc", np.float64), ("within_extent", np.bool_)])
"""The radii of a search; -1: it has no such radius, or not in this pass. `physical_kpc` is NaN where it does not count."""

_MAS = RADIANS_PER_ARCSEC / 1000
_SLACK = 1.0 + 1e-9
"""How much farther than its reach a source is looked at, so that rounding leaves none out."""


@njit(cache=True, nogil=True)
def join(
    firsts: Any,
    lasts: Any,
    begins: Any,
    ends: Any,
    shift: Any,
    vectors: Any,
    years: Any,
    cells: Any,
    rows: Any,
    reach: Any,
    widening: Any,
    records: Any,
    limits: Any,
    hits: Any,
    n_hit: Any,
) -> Any:
    """Add to the hits the sources of a subset that are within a radius of the positions; return them and their number.

    Parameters
    ----------
    firsts, lasts, begins, ends : ranges of cells, and the positions that each is around, from `begins` to before `ends`, by the first cell
        ascending, shape (n_range,).
    shift : bits that make of such a cell one of order 29.
    vectors, years : of all positions: unit vectors, shape (n, 3), and Julian years, NaN where not known, shape (n,).
    cells, rows, reach : of the subset's sources: order-29 cell, ascending, row in `records`, and how far it is to be found, arcsec, shape (n,).
    widening : how far a source may be from its place, arcsec.
    records : of `SOURCE`.
    limits : of `LIMITS`, a search each.
    hits : of `HIT`; they are replaced if they are too short.
    """
    begin = 0
    for near in range(firsts.size):
        begin = _lower_bound(cells, firsts[near] << shift, begin)
        end = _lower_bound(cells, (lasts[near] + 1) << shift, begin)
        if begin == end:
            continue
        for position in range(begins[near], ends[near]):
            if hits.size < n_hit + end - begin:
                hits = _longer(hits, n_hit, 2 * (n_hit + end - begin))
            n_hit = _add_hits(vectors[position], years[position], position, rows[begin:end], reach[begin:end], widening, records, limits, hits, n_hit)
    return hits, n_hit


@njit(cache=True, nogil=True)
def _longer(hits: Any, n_hit: Any, n: Any) -> Any:
    longer = np.empty(n, HIT)
    longer[:n_hit] = hits[:n_hit]
    return longer


@njit(cache=True, nogil=True)
def _add_hits(vector: Any, year: Any, position: Any, rows: Any, reach: Any, widening: Any, records: Any, limits: Any, hits: Any, n_hit: Any) -> Any:
    """Add to the hits those sources that are within a radius of one position; return their number. There is room for all."""
    x, y, z = vector[0], vector[1], vector[2]
    for j in range(rows.size):
        source = records[rows[j]]
        dx, dy, dz = x - source.x, y - source.y, z - source.z
        farthest = (reach[j] + widening) * (RADIANS_PER_ARCSEC * _SLACK)
        if dx * dx + dy * dy + dz * dz <= farthest * farthest:
            hit = hits[n_hit]
            _measure(hit, source, x, y, z, year)
            hit.position, hit.row = position, rows[j]
            n_hit += _decide(hit, source, limits)
    return n_hit


@njit(cache=True, nogil=True)
def _lower_bound(cells: Any, cell: Any, begin: Any) -> Any:
    """Return the first place from `begin` on that is not below a cell, in steps that grow: it is mostly near."""
    step, low, high = 1, begin, begin
    while high < cells.size and cells[high] < cell:
        low, high = high + 1, high + step
        step *= 2
    high = min(high, cells.size)
    while low < high:
        middle = (low + high) // 2
        if cells[middle] < cell:
            low = middle + 1
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _measure(hit: Any, source: Any, x: Any, y: Any, z: Any, year: Any) -> None:
    """Set where the source is at a time, and how far a position is from it."""
    hit.ra, hit.dec, hit.x, hit.y, hit.z = source.ra, source.dec, source.x, source.y, source.z
    if (source.pm_east != 0 or source.pm_north != 0) and not np.isnan(year):
        _move(hit, source, (year - source.epoch) * _MAS)
    cross_x, cross_y, cross_z = hit.y * z - hit.z * y, hit.z * x - hit.x * z, hit.x * y - hit.y * x
    sine = np.sqrt(cross_x * cross_x + cross_y * cross_y + cross_z * cross_z)
    hit.separation = np.arctan2(sine, hit.x * x + hit.y * y + hit.z * z) / RADIANS_PER_ARCSEC
    ring = np.sqrt(hit.x * hit.x + hit.y * hit.y)
    north = z * ring - (x * hit.x + y * hit.y) / ring * hit.z
    east = (y * hit.x - x * hit.y) / ring
    length = np.sqrt(north * north + east * east)
    scale = hit.separation / length if length > 0 else 0.0
    hit.north, hit.east = north * scale, east * scale


@njit(cache=True, nogil=True)
def _move(hit: Any, source: Any, radians_a_mas: Any) -> None:
    """Move a source along a straight line in space, as far as its proper motion says; its speed along the line of sight is not known."""
    east, north = source.pm_east * radians_a_mas, source.pm_north * radians_a_mas
    ring = np.sqrt(source.x * source.x + source.y * source.y)
    x = source.x - east * source.y / ring - north * source.z * source.x / ring
    y = source.y + east * source.x / ring - north * source.z * source.y / ring
    z = source.z + north * ring
    length = np.sqrt(x * x + y * y + z * z)
    hit.x, hit.y, hit.z = x / length, y / length, z / length
    hit.ra = np.degrees(np.arctan2(y, x)) % 360.0
    hit.dec = np.degrees(np.arctan2(z, np.sqrt(x * x + y * y)))


@njit(cache=True, nogil=True)
def _decide(hit: Any, source: Any, limits: Any) -> Any:
    """Set which searches find the source; return whether any does, or rejects it for a distance that is worth a note."""
    synonym, outer, missed = np.uint64(0), np.uint64(0), np.uint64(0)
    for number in range(limits.size):
        bit = source.searches & (np.uint64(1) << np.uint64(number))
        limit = limits[number]
        if bit and hit.separation <= limit.synonym_arcsec:
            synonym |= bit
        if bit and hit.separation <= limit.outer_arcsec:
            times = _times_too_far(hit, source, limit)
            outer |= bit if times <= 1.0 else np.uint64(0)
            missed |= bit if 1.0 < times <= NOTED else np.uint64(0)
    hit.synonym, hit.outer, hit.missed = synonym, outer, missed
    return synonym | outer | missed != 0


@njit(cache=True, nogil=True)
def _times_too_far(hit: Any, source: Any, limit: Any) -> Any:
    """Return how many times as far as it may be a position is from a galaxy: at most 1 within its physical radius, or within its extent."""
    axis = np.float64(source.semi_major_arcsec)
    if np.isnan(limit.physical_kpc) and not (limit.within_extent and axis > 0):
        return 0.0
    times = np.inf
    if not np.isnan(source.kpc_per_arcsec) and not np.isnan(limit.physical_kpc):
        times = hit.separation * source.kpc_per_arcsec / limit.physical_kpc
    if axis > 0:
        extent = 2.5 * axis * (0.5 if axis > 6000.0 else 0.7 if axis > 600.0 else 1.0)
        ratio, angle = np.float64(source.axis_ratio), np.float64(source.position_angle_deg)
        along, across = hit.separation, 0.0
        if 0 < ratio < 1 and not np.isnan(angle):
            cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
            along = hit.north * cosine + hit.east * sine
            across = (hit.east * cosine - hit.north * sine) / ratio
        times = min(times, np.sqrt(along * along + across * across) / extent)
    return times
