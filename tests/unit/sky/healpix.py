"""HEALPix by the book (Górski et al. 2005), one position at a time."""

from __future__ import annotations

import math

RING = (2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4)
"""For each base cell, which ring of half cells its southern corner lies in."""

COLUMN = (1, 3, 5, 7, 0, 2, 4, 6, 1, 3, 5, 7)
"""For each base cell, its place along the ring, in eighths of a turn."""


def nested_cell(order: int, ra_deg: float, dec_deg: float) -> int:
    """Return the NESTED cell of a position."""
    base, x, y = _place_in_base_cell(2**order, math.sin(math.radians(dec_deg)), (ra_deg / 90.0) % 4.0)
    return (base << 2 * order) + sum((x >> bit & 1) << 2 * bit | (y >> bit & 1) << 2 * bit + 1 for bit in range(order))


def centre(order: int, cell: int) -> tuple[float, float]:
    """Return right ascension and declination of a cell's centre, degrees."""
    n_side = 2**order
    base, x, y = cell >> 2 * order, 0, 0
    for bit in range(order):
        x |= (cell >> 2 * bit & 1) << bit
        y |= (cell >> 2 * bit + 1 & 1) << bit
    ring = RING[base] * n_side - x - y - 1
    if ring < n_side:
        in_ring, z = ring, 1 - ring**2 / (3 * n_side**2)
    elif ring > 3 * n_side:
        in_ring, z = 4 * n_side - ring, (4 * n_side - ring) ** 2 / (3 * n_side**2) - 1
    else:
        in_ring, z = n_side, (2 * n_side - ring) * 2 / (3 * n_side)
    eighths = COLUMN[base] + (x - y) / in_ring
    return eighths * 45.0 % 360.0, math.degrees(math.asin(z))


def _place_in_base_cell(n_side: int, z: float, quarter_turns: float) -> tuple[int, int, int]:
    if abs(z) <= 2 / 3:
        rising = int(n_side * (0.5 + quarter_turns - 0.75 * z))
        falling = int(n_side * (0.5 + quarter_turns + 0.75 * z))
        up, down = rising // n_side, falling // n_side
        base = up % 4 + 4 if up == down else up % 4 if up < down else down % 4 + 8
        return base, falling % n_side, n_side - rising % n_side - 1
    quarter = min(3, int(quarter_turns))
    root = n_side * math.sqrt(3 * (1 - abs(z)))
    along = quarter_turns - quarter
    right, left = (min(n_side - 1, int(part * root)) for part in (along, 1 - along))
    return (quarter, n_side - left - 1, n_side - right - 1) if z > 0 else (quarter + 8, right, left)
