from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.sky import HEALPIX_ORDER, healpix29, index_sky
from tests.unit.streams.batches import batch_of

from .healpix import centre, nested_cell

ORDER = 12
"""Order at which cells are compared one by one: 52 arcseconds, so that rounding decides for no random position."""


@pytest.fixture(scope="module", autouse=True)
def _library() -> None:
    healpix29(np.zeros(1), np.zeros(1))


def coarse(cells: np.ndarray, order: int) -> list[int]:
    return (cells >> 2 * (HEALPIX_ORDER - order)).tolist()


def test_cells_are_those_of_the_book() -> None:
    generator = np.random.default_rng(1)
    ra, dec = generator.uniform(0, 360, 2000), np.degrees(np.arcsin(generator.uniform(-1, 1, 2000)))
    cells = healpix29(ra, dec)
    assert cells.dtype == np.int64
    assert coarse(cells, ORDER) == [nested_cell(ORDER, a, d) for a, d in zip(ra, dec, strict=True)]


@pytest.mark.parametrize(("ra", "dec", "cell"), [(45.0, 90.0, 4**29 - 1), (45.0, -90.0, 8 * 4**29), (135.0, 90.0, 2 * 4**29 - 1)])
def test_the_poles_are_corners_of_base_cells(ra: float, dec: float, cell: int) -> None:
    assert healpix29(np.array([ra]), np.array([dec])).tolist() == [cell]


@settings(max_examples=50)
@given(cell=st.integers(0, 12 * 4**10 - 1))
def test_the_centre_of_a_cell_lies_in_it(cell: int) -> None:
    ra, dec = centre(10, cell)
    assert coarse(healpix29(np.array([ra]), np.array([dec])), 10) == [cell]


@settings(max_examples=30)
@given(ra=st.floats(0, 360), dec=st.floats(-90, 90), turns=st.integers(-2, 2))
def test_a_full_turn_leads_to_the_same_place(ra: float, dec: float, turns: int) -> None:
    here, there = healpix29(np.array([ra, ra + 360.0 * turns]), np.array([dec, dec])) >> 2 * (HEALPIX_ORDER - ORDER)
    (near_ra, near_dec), (far_ra, far_dec) = centre(ORDER, int(here)), centre(ORDER, int(there))
    assert abs(near_dec - far_dec) < 0.05
    assert abs((near_ra - far_ra + 180) % 360 - 180) * math.cos(math.radians(dec)) < 0.1


def test_neighbours_of_a_milliarcsecond_share_all_but_the_last_bits() -> None:
    ra, dec = np.array([150.1, 150.1 + 1e-3 / 3.6e6]), np.array([2.2, 2.2])
    one, other = coarse(healpix29(ra, dec), 24)
    assert one == other


def test_a_batch_gets_its_cells_and_null_where_there_is_no_place() -> None:
    nan, inf = float("nan"), float("inf")
    places = [(10.0, -20.0), (None, 1.0), (1.0, None), (nan, 1.0), (1.0, inf), (1.0, 90.1), (1.0, -90.1), (1e30, 1.0), (-1.0, 1.0), (359.0, -90.0)]
    batch = batch_of([{"ra": ra, "decl": dec} for ra, dec in places])
    indexed = index_sky(batch)
    first, last = healpix29(np.array([10.0, 359.0]), np.array([-20.0, -90.0])).tolist()
    assert indexed.alerts["healpix29"].to_pylist() == [first, *[None] * 8, last]
    assert indexed.alerts.column_names == [*batch.alerts.column_names, "healpix29"]
    assert (indexed.messages, indexed.tables, indexed.rejects) == (batch.messages, batch.tables, batch.rejects)


def test_an_empty_batch_stays_empty() -> None:
    indexed = index_sky(batch_of([None]))
    assert indexed.alerts["healpix29"].to_pylist() == []
    assert str(indexed.alerts.schema.field("healpix29").type) == "int64"
