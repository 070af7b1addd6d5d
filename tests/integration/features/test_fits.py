"""Five hundred transients of known truth: our fits against scipy's, and against the truth."""

from __future__ import annotations

import numpy as np
import pytest

from splanc.features._bazin import _fit_one
from splanc.features._leastsquares import BAZIN, fit
from tests.support.transients import Floats, Transient, peak, transients
from tests.unit.features.oracle_bazin import STARTS, best_fit, least_squares

COUNT = 500


@pytest.fixture(scope="module")
def seen() -> list[Transient]:
    return transients(COUNT)


def believed(one: Transient) -> Floats | None:
    """Return rise, fall, temperature, flux and day of the maximum of the fit that is believed."""
    found = np.full(5, np.nan)
    accepted = any(_fit_one(one.days, one.band, one.flux, np.array(start), found) for start in STARTS)
    return found if accepted else None


def values_of(law: Floats) -> tuple[float, ...]:
    """Return the same of Bazin's law."""
    return law[3], law[4], law[1], *peak(law)


def test_the_same_minimum_as_scipy_from_the_same_start(seen: list[Transient]) -> None:
    best, curvature = np.empty(BAZIN), np.empty((BAZIN, BAZIN))
    ratios, temperatures = [], []
    for one in seen:
        squares = fit(one.days, one.band, one.flux, np.array(STARTS[0]), best, curvature)
        parameters, scipys, _ = least_squares(one, STARTS[0])
        if np.isfinite(squares) and np.isfinite(scipys):
            ratios.append(squares / scipys)
            if abs(squares / scipys - 1) < 1e-6:
                temperatures.append(best[1] / parameters[1] - 1)
    same = np.abs(np.array(ratios) - 1) < 1e-4
    print(f"both converge for {len(ratios)} of {COUNT}; same minimum {same.mean():.3f}, ours lower {np.mean(np.array(ratios) < 1 - 1e-4):.3f}")
    print(f"there, temperatures differ by {np.percentile(np.abs(temperatures), 90):.1e} at the 90th percentile")
    assert len(ratios) > 0.9 * COUNT
    assert same.mean() > 0.85
    assert np.percentile(np.abs(temperatures), 90) < 1e-3


def test_the_verdict_and_the_values_are_scipys_in_most_cases(seen: list[Transient]) -> None:
    pairs = [(believed(one), best_fit(one)) for one in seen]
    agree = np.mean([(ours is None) == (theirs is None) for ours, theirs in pairs])
    both = [(ours, theirs.parameters) for ours, theirs in pairs if ours is not None and theirs is not None and len(theirs.parameters) == BAZIN]
    ours, theirs = np.array([one for one, _ in both]), np.array([values_of(law) for _, law in both])
    near = np.mean(np.abs(ours[:, :4] / theirs[:, :4] - 1) < 0.01, axis=0)
    near_days = np.mean(np.abs(ours[:, 4] - theirs[:, 4]) < 0.1)
    print(f"same verdict {agree:.3f}; of {len(both)} believed by both, rise, fall, temperature and flux at maximum within 1 % in", *(f"{x:.3f}" for x in near))
    print(f"its time within a tenth of a day in {near_days:.3f}")
    assert agree > 0.87
    assert (near > 0.88).all()
    assert near_days > 0.88


def test_the_truth_is_recovered_without_bias(seen: list[Transient]) -> None:
    fits = [(found, one.truth) for one in seen if (found := believed(one)) is not None and np.isfinite(found[1])]
    found, true = np.array([one for one, _ in fits]), np.array([values_of(law) for _, law in fits])
    low, middle, high = np.percentile(found[:, :4] / true[:, :4], [16, 50, 84], axis=0)
    for name, *figures in zip(("rise", "fall", "temperature", "flux at maximum"), low, middle, high, strict=True):
        print(f"{name}: fitted / true, 16th, 50th and 84th percentile", *(f"{figure:.3f}" for figure in figures))
    late = np.percentile(found[:, 4] - true[:, 4], [16, 50, 84])
    print("time of maximum: fitted - true, days", *(f"{figure:.3f}" for figure in late))
    assert len(fits) > 0.5 * COUNT
    assert middle == pytest.approx(1.0, abs=0.05)
    assert (low > [0.65, 0.75, 0.9, 0.9]).all()
    assert (high < [1.35, 1.35, 1.1, 1.1]).all()
    assert (np.abs(late) < [1.5, 0.3, 1.5]).all()
