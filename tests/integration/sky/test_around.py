from __future__ import annotations

import numpy as np
import pytest
from cdshealpix.nested import neighbours
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.sky import HEALPIX_ORDER, cells_around, healpix29, reach_of_order
from tests.support.skies import at

SPECIAL = st.sampled_from([(0.0, 90.0), (0.0, -90.0), (45.0, 0.0), (0.0, 41.8103149), (90.0, 41.8103149), (45.0, 66.4), (0.0, 0.0), (180.0, -41.8103149)])
ANYWHERE = st.tuples(st.floats(0, 360), st.floats(-90, 90))


@settings(max_examples=300)
@given(place=st.one_of(SPECIAL, ANYWHERE), order=st.integers(0, 20), share=st.floats(0, 1), angle=st.floats(0, 6.3), off=st.floats(0, 2))
def test_nine_cells_hold_all_that_is_within_their_reach(place: tuple[float, float], order: int, share: float, angle: float, off: float) -> None:
    reach = reach_of_order(order)
    here = at(*place, north=off * reach * np.sin(7 * angle), east=off * reach * np.cos(7 * angle))
    there = at(*here, north=share * reach * np.cos(angle), east=share * reach * np.sin(angle))
    cells = healpix29(*np.array([here, there]).T)
    assert cells[1] >> 2 * (HEALPIX_ORDER - order) in cells_around(cells[:1], order)


def test_twenty_four_cells_at_the_corners_of_the_large_ones_have_seven_neighbours() -> None:
    around = cells_around(np.arange(48) << 2 * (HEALPIX_ORDER - 1), 1)
    assert around.shape == (48, 9)
    assert sorted((around >= 0).sum(axis=1).tolist()) == [8] * 24 + [9] * 24


@pytest.mark.parametrize("order", [0, 1, 2, 3, 7, 15, 28, 29])
def test_neighbours_are_those_of_the_library(order: int) -> None:
    n_cell = 12 * 4**order
    cells = np.arange(n_cell) if n_cell < 5000 else np.random.default_rng(order).integers(0, n_cell, 20_000)
    theirs = np.sort(neighbours(cells.astype(np.uint64), order).astype(np.int64), axis=1)
    assert np.array_equal(cells_around(cells << 2 * (HEALPIX_ORDER - order), order), theirs)
