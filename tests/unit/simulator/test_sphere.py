from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from splanc.simulator import _chance, _sphere


def vector(ra: npt.ArrayLike, dec: npt.ArrayLike) -> np.ndarray:
    ra, dec = np.radians(ra), np.radians(dec)
    return np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])


def test_cosine_and_sine_are_numpys():
    turns = np.linspace(-3, 3, 10_001)
    cosine, sine = _sphere.cosine_sine(turns)
    assert np.abs(cosine - np.cos(2 * np.pi * turns)).max() < 5e-15
    assert np.abs(sine - np.sin(2 * np.pi * turns)).max() < 5e-15


def test_arctangent_is_numpys():
    y, x = (_chance.normal(seed, np.arange(10_000)) for seed in (1, 2))
    assert np.abs(_sphere.arctangent_degrees(y, x) - np.degrees(np.arctan2(y, x))).max() < 2e-13
    axes = np.array([0.0, 1.0, 0.0, -1.0])
    assert _sphere.arctangent_degrees(axes, np.array([1.0, 0.0, -1.0, 0.0])) == pytest.approx([0, 90, 180, -90])


@pytest.mark.parametrize("centre", [(0.0, -30.0), (359.9, 0.0), (12.0, 89.9), (12.0, 90.0), (200.0, -90.0)])
def test_a_cap_is_filled_evenly_wherever_it_is(centre):
    axis = vector(*centre)
    directions = _sphere.in_cap(axis, 1.75, 7, np.arange(20_000))
    ra, dec = _sphere.to_ra_dec(directions)
    assert ((ra >= 0) & (ra < 360) & (np.abs(dec) <= 90)).all()
    assert np.abs(vector(ra, dec).T - directions).max() < 1e-14
    distance = np.degrees(np.arccos(np.clip(directions @ axis, -1, 1)))
    assert 1.745 < distance.max() < 1.75
    assert (distance < 1.75 / np.sqrt(2)).mean() == pytest.approx(0.5, abs=0.01)
    assert np.abs(directions.mean(axis=0) - axis).max() < 5e-4


def test_chance_is_even_and_independent():
    n = np.arange(100_000)
    uniform, normal = _chance.uniform(3, n), _chance.normal(4, n)
    assert (uniform.min() >= 0, uniform.max() < 1) == (True, True)
    assert (uniform.mean(), uniform.var()) == (pytest.approx(0.5, abs=0.005), pytest.approx(1 / 12, abs=0.002))
    assert (normal.mean(), normal.var()) == (pytest.approx(0, abs=0.02), pytest.approx(1, abs=0.02))
    assert abs(np.corrcoef(uniform[1:], uniform[:-1])[0, 1]) < 0.02
    assert np.bincount(_chance.below(7, 5, n)).tolist() == pytest.approx([100_000 / 7] * 7, rel=0.03)
    assert sorted(_chance.choose(50, 50, 1)) == list(range(50))
    assert (_chance.bits(1, n) == np.concatenate([_chance.bits(1, n[:7]), _chance.bits(1, n[7:])])).all()
