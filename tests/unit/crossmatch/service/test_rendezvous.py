from __future__ import annotations

import numpy as np
import pytest

from splanc.crossmatch.service._rendezvous import scores

CELLS = np.arange(12 * 4**6)
SERVERS = [f"10.0.0.{number}:29110" for number in range(1, 9)]


@pytest.mark.parametrize("n", [1, 2, 3, 8])
def test_the_sky_is_shared_evenly(n) -> None:
    counts = np.bincount(scores(SERVERS[:n], CELLS).argmax(axis=1), minlength=n)
    assert counts.sum() == len(CELLS)
    assert (np.abs(counts - len(CELLS) / n) < 5 * np.sqrt(len(CELLS) / n)).all()


def test_a_field_is_shared_too() -> None:
    """A field is some twenty neighbouring cells; seldom does a server of three have none of them."""
    homes = scores(SERVERS[:3], CELLS).argmax(axis=1)
    without = [len(set(homes[begin : begin + 20])) < 3 for begin in range(0, len(CELLS) - 20, 20)]
    assert np.mean(without) < 0.01


@pytest.mark.parametrize("gone", range(4))
def test_only_the_cells_of_a_server_that_goes_move_and_evenly(gone) -> None:
    names = SERVERS[:4]
    before = np.array(names)[scores(names, CELLS).argmax(axis=1)]
    left = [name for name in names if name != names[gone]]
    after = np.array(left)[scores(left, CELLS).argmax(axis=1)]
    moved = before != after
    assert (moved == (before == names[gone])).all()
    counts = np.unique(after[moved], return_counts=True)[1]
    assert (np.abs(counts - moved.sum() / 3) < 5 * np.sqrt(moved.sum() / 3)).all()


def test_the_order_of_the_addresses_is_nothing() -> None:
    forward, backward = scores(SERVERS, CELLS[:100]), scores(SERVERS[::-1], CELLS[:100])
    np.testing.assert_array_equal(forward, backward[:, ::-1])
    assert forward.min() >= 0.0
    assert forward.max() < 1.0
