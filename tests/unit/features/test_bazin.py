"""The fits of single objects; those of hundreds against scipy and the truth are in the integration floor."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splanc.features import _bazin
from tests.support.lightcurves import Made, made_objects
from tests.support.transients import model

TRUTH = np.array([20_000.0, 9.0, 4.0, 0.6, 0.05])
DAYS = np.array([0.0, 0.5, 1.1, 2.0, 2.6, 3.5, 4.2, 5.0, 6.1, 7.5, 9.0, 11.0, 14.0, 18.0, 23.0])
BAND = np.arange(len(DAYS)).astype(np.int8) % 5 + 1
FIRST = 60_500.25


def lightcurve(parameters: np.ndarray, days: np.ndarray = DAYS) -> list[tuple[float, float, str]]:
    fluxes = model(parameters, days, BAND[: len(days)])
    return [(FIRST + day, flux, "ugrizy"[band]) for day, flux, band in zip(days.tolist(), fluxes.tolist(), BAND.tolist(), strict=False)]


def fits(made: Made, *, ebv_mag: float = 0.0, **context: object) -> dict[str, float]:
    computed = _bazin.compute(made_objects([made], ebv_mag=ebv_mag, **{name: [value] for name, value in context.items()}))
    return {name.removeprefix("BBB"): float(values[0]) for name, values in computed.items()}


def test_a_rise_and_decline_is_found_with_its_maximum() -> None:
    found = fits(Made(sources=lightcurve(TRUTH)), classification="SN", distance_mpc=100.0)
    tau = -math.log(0.05 / 0.55) / 0.6
    at_peak = max(model(TRUTH, np.array([4.0 + tau]), np.array([band], np.int8))[0] for band in range(6))
    expected = {"RiseRate": 0.6, "FallRate": 0.05, "Temp": 9.0, "PeakFlux": at_peak, "PeakMJD": FIRST + 4.0 + tau}
    assert {name: found[name] for name in expected} == pytest.approx(expected, rel=1e-5)
    assert found["PeakAbsMag"] == pytest.approx(31.4 - 2.5 * math.log10(at_peak) - 35.0, abs=1e-4)


def test_a_rise_alone_is_an_exponential_without_a_maximum() -> None:
    found = fits(Made(sources=lightcurve(np.array([5_000.0, 7.0, 0.2]))))
    assert (found["RiseRate"], found["Temp"]) == (pytest.approx(0.2, rel=1e-4), pytest.approx(7.0, rel=1e-4))
    assert all(math.isnan(found[name]) for name in ("FallRate", "PeakFlux", "PeakMJD", "PeakAbsMag"))


def test_the_last_four_forced_points_before_the_first_diasource_take_part() -> None:
    before = np.array([-9.0, -7.0, -5.0, -3.0, -1.0])
    fluxes = model(TRUTH, before, np.full(5, 2, np.int8)).tolist()
    forced = [(FIRST + day, flux, "r") for day, flux in zip(before.tolist(), fluxes, strict=True)]
    sources = lightcurve(TRUTH)
    alone = fits(Made(sources=sources))
    assert fits(Made(sources=sources, forced=forced))["RiseRate"] == pytest.approx(0.6, rel=1e-5)
    wrong_long_ago = [(FIRST - 9.0, 1e6, "r"), *forced[1:], (FIRST + 1.0, 1e6, "r")]
    assert fits(Made(sources=sources, forced=wrong_long_ago))["RiseRate"] == pytest.approx(0.6, rel=1e-5)
    limits = [(FIRST - 1.5, None, "r"), (FIRST - 0.5, None, "r")]
    assert fits(Made(sources=sources, forced=[*forced, *limits])) == pytest.approx(fits(Made(sources=sources, forced=forced)), nan_ok=True)
    wrong = [*forced[:-1], (FIRST - 1.0, 4e4, "r")]
    assert fits(Made(sources=sources, forced=wrong))["RiseRate"] != pytest.approx(alone["RiseRate"], rel=1e-2)


@pytest.mark.parametrize(
    ("context", "ebv_mag"),
    [({"classification": "VS"}, 0.0), ({"classification": "AGN"}, 0.0), ({"classification": "SN"}, math.nan)],
    ids=["VS", "AGN", "no dust map"],
)
def test_who_is_not_fitted(context: dict[str, object], ebv_mag: float) -> None:
    assert all(math.isnan(value) for value in fits(Made(sources=lightcurve(TRUTH)), ebv_mag=ebv_mag, **context).values())


def test_what_has_been_seen_for_long_is_fitted_only_if_it_is_of_a_class_of_transients() -> None:
    long = [*lightcurve(TRUTH), (FIRST + 100.1, float(model(TRUTH, np.array([100.1]), np.array([2], np.int8))[0]), "r")]
    assert math.isnan(fits(Made(sources=long))["RiseRate"])
    assert fits(Made(sources=long), classification="SN")["RiseRate"] == pytest.approx(0.6, rel=1e-4)


STRANGE = {
    "four": lightcurve(TRUTH, DAYS[:4]),
    "all the same": [(FIRST + day, 5.0, "r") for day in range(9)],
    "all at once": [(FIRST, 5.0 + day, "r") for day in range(9)],
    "negative": [(FIRST + day, -5.0 * day, "g") for day in range(9)],
    "huge": [(FIRST + day, 1e30 * (-1) ** day, "ugrizy"[day % 6]) for day in range(9)],
    "tiny": [(FIRST + day, 1e-30 * day, "ugrizy"[day % 6]) for day in range(9)],
    "centuries": [(40_000.0 * day, 5.0 * day, "ugrizy"[day % 6]) for day in range(9)],
    "zero": [(FIRST + day, 0.0, "r") for day in range(9)],
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_light_curves_end_quickly_and_quietly(name: str) -> None:
    found = fits(Made(sources=STRANGE[name]))
    assert name not in {"four", "all the same", "negative", "zero"} or all(math.isnan(value) for value in found.values())
    assert not any(math.isinf(value) for value in found.values())
