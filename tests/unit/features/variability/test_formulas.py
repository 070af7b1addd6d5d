"""Each feature of the variability set by hand; the fluxes are chosen so that the sums can be done in the head."""

from __future__ import annotations

import math
from typing import Any

import pytest

from splanc.features.variability import compute
from tests.support.lightcurves import Made, made_objects

Row = tuple[Any, ...]

FIVE: list[Row] = [(0.0, 1.0, "r", 1.0), (1.0, 3.0, "r", 1.0), (2.0, 2.0, "r", 1.0), (4.0, 4.0, "r", 2.0), (8.0, 10.0, "r", 2.0)]
"""Mean 4, residuals -3, -1, -2, 0, 6 with squares 50; weights 1, 1, 1, 1/4, 1/4, weighted mean 19/7; mean time 3."""


def variability_of(sources: list[Row], forced: list[Row] = (), now: float | None = None) -> dict[str, float]:
    """Return the set of one object; times are days since MJD 60000, the alert is at the first of the sources or at `now`."""
    later = [(60_000.0 + row[0], *row[1:]) for row in ([] if now is None else [(now, None, "y")]) + [*sources]]
    made = Made(sources=later, forced=[(60_000.0 + row[0], *row[1:]) for row in forced])
    return {name: float(values[0]) for name, values in compute(made_objects([made])).items()}


PULLS = [(1 - 19 / 7), (3 - 19 / 7), (2 - 19 / 7), (4 - 19 / 7) / 2, (10 - 19 / 7) / 2]
CHI2 = sum(p * p for p in PULLS)
SLOPE = (-3 * -3 + -2 * -1 + -1 * -2 + 0 + 5 * 6) / (9 + 4 + 1 + 1 + 25)

BY_HAND = {
    "weightedMean": (1 + 3 + 2 + 1 + 2.5) / 3.5,
    "standardDeviation": math.sqrt(50 / 4),
    "reducedChi2": CHI2 / 4,
    "vonNeumannEta": (4 + 1 + 4 + 36) / 4 / 12.5,
    "stetsonK": sum(map(abs, PULLS)) / math.sqrt(5 * CHI2),
    "amplitude": 4.5,
    "skew": math.sqrt(20) / 3 * ((-27 - 1 - 8 + 216) / 5) / 10**1.5,
    "medianAbsDev": 1.0,
    "percentileRatio20": (3.4 - 2.6) / (8.8 - 1.2),
    "percentileRatio50": (4.0 - 2.0) / (8.8 - 1.2),
    "percentileRatio80": (7.6 - 1.4) / (8.8 - 1.2),
    "linearTrend": SLOPE,
    "linearTrendErr": math.sqrt((50 - SLOPE**2 * 40) / 3 / 40),
    "maxSlope": 2.0,
    "excessVariance": 12.5 / 16 - (1 + 1 + 1 + 4 + 4) / 5 / 16,
    "cadence": 1.5,
    "timeSinceFirst": 9.0,
    "timeSinceLast": 1.0,
    "timeSincePeak": 1.0,
}


@pytest.mark.parametrize("series", ["r", "all"])
@pytest.mark.parametrize("name", BY_HAND)
def test_five_points_by_hand(series: str, name: str) -> None:
    assert variability_of(FIVE, now=9.0)[f"{series}_{name}"] == pytest.approx(BY_HAND[name], rel=1e-12)


def test_what_an_alert_in_one_band_says_of_the_others_is_nothing() -> None:
    found = variability_of(FIVE)
    assert all(math.isnan(value) for name, value in found.items() if name[:2] in {"u_", "g_", "i_", "z_", "y_"})


TWO_BANDS: list[Row] = [
    (0.0, 10.0, "g", 1.0),
    (1.0, 100.0, "r", 2.0),
    (2.0, 14.0, "g", 1.0),
    (3.0, 120.0, "r", 2.0),
    (4.0, 110.0, "r", 2.0),
    (9.0, 5.0, "i", 3.0),
]
"""Residuals -2, -10, 2, 10, 0 with squares 208 and three degrees of freedom; i has none of its own."""


def test_all_bands_are_of_residuals_about_each_bands_mean() -> None:
    found = variability_of(TWO_BANDS, now=9.0)
    spread = math.sqrt(208 / 3)
    days = [-1.0, -5 / 3, 1.0, 1 / 3, 4 / 3]
    products = -1 * -2 + -5 / 3 * -10 + 1 * 2 + 1 / 3 * 10
    expected = {
        "weightedMean": (10 + 100 / 4 + 14 + 120 / 4 + 110 / 4 + 5 / 9) / (2 + 3 / 4 + 1 / 9),
        "standardDeviation": spread,
        "reducedChi2": (4 + 25 + 4 + 25 + 0) / 3,
        "vonNeumannEta": (64 + 144 + 64 + 100) / 4 / (208 / 3),
        "stetsonK": (2 + 5 + 2 + 5) / math.sqrt(5 * 58),
        "amplitude": 10.0,
        "skew": 0.0,
        "medianAbsDev": 2.0,
        "percentileRatio50": 4.0 / (2 * (2 + 0.8 * 8)),
        "linearTrend": products / sum(d * d for d in days),
        "maxSlope": 10.0,
        "excessVariance": (8 / 144 + 200 / 110**2) / 3 - (2 / 144 + 12 / 110**2) / 5,
        "cadence": 1.0,
        "timeSinceFirst": 9.0,
        "timeSinceLast": 0.0,
        "timeSincePeak": 6.0,
    }
    assert {name: found[f"all_{name}"] for name in expected} == pytest.approx(expected, rel=1e-12, abs=1e-12)


NON_DETECTIONS: list[Row] = [
    (-9.0, 5.0, "r", 10.0),
    (-5.0, -20.0, "r", 10.0),
    (-3.0, 80.0, "r", 10.0),
    (-2.0, 1.0, "g", 20.0),
    (-1.0, 1.0, "r", None),
    (-0.5, 1.0, "r", -4.0),
    (0.0, 1.0, "r", 10.0),
    (0.5, 1.0, "i", 10.0),
]


def test_the_last_non_detection_and_the_rise_since() -> None:
    found = variability_of([(1.0, 3000.0, "i", 9.0), (0.0, 300.0, "r", 9.0)], NON_DETECTIONS)
    names = ("lastNonDetectionMJD", "lastNonDetectionLimit", "riseFlux", "riseMag")
    assert [found[f"r_{name}"] for name in names] == pytest.approx([59_995.0, 30.0, 270 / 5, 2.5 / 5])
    assert [found[f"i_{name}"] for name in names] == pytest.approx([60_000.5, 30.0, 2970 / 0.5, 5 / 0.5])
    # All bands: that in g is the last one, but g was never seen; r was seen first.
    assert [found[f"all_{name}"] for name in names] == pytest.approx([59_998.0, 60.0, 270 / 5, 2.5 / 5])
    assert all(math.isnan(found[f"g_{name}"]) for name in names)


def test_a_flux_of_three_errors_is_a_detection() -> None:
    for flux, missed in ((29.9, True), (30.0, False)):
        found = variability_of([(0.0, 300.0, "r", 9.0)], [(-1.0, flux, "r", 10.0)])
        assert math.isnan(found["r_riseFlux"]) != missed


def test_an_error_without_a_flux_is_an_upper_limit() -> None:
    found = variability_of([(0.0, 300.0, "r", 9.0)], [(-2.0, 5.0, "r", 10.0), (-1.0, None, "r", 20.0), (-0.5, None, "r", None)])
    names = ("lastNonDetectionMJD", "lastNonDetectionLimit", "riseFlux")
    assert [found[f"r_{name}"] for name in names] == pytest.approx([59_999.0, 60.0, 240.0])


def test_a_first_flux_below_zero_has_a_rise_in_flux_only() -> None:
    found = variability_of([(0.0, -300.0, "r", 9.0)], [(-1.0, 0.0, "r", 10.0)])
    assert (found["r_riseFlux"], found["all_riseFlux"]) == (-330.0, -330.0)
    assert math.isnan(found["r_riseMag"])


@pytest.mark.parametrize("error", [None, math.nan, 0.0, -1.0, math.inf, 1e-200])
def test_without_an_error_there_are_no_weights(error: float | None) -> None:
    found = variability_of([*FIVE[:4], (*FIVE[4][:3], error)], now=9.0)
    weighted = {"weightedMean", "reducedChi2", "stetsonK", "excessVariance"}
    assert {name for name in BY_HAND if math.isnan(found[f"r_{name}"])} == weighted
    assert {name for name in BY_HAND if math.isnan(found[f"all_{name}"])} == weighted


ALWAYS = {"timeSinceFirst", "timeSinceLast", "timeSincePeak", "weightedMean"}
OF_TWO = ALWAYS | {"standardDeviation", "reducedChi2", "stetsonK", "amplitude", "medianAbsDev", "maxSlope", "excessVariance", "cadence"}
OF_THREE = OF_TWO | {"vonNeumannEta", "skew", "linearTrend", "linearTrendErr"}


@pytest.mark.parametrize(("n", "there"), [(0, set()), (1, ALWAYS), (2, OF_TWO), (3, OF_THREE), (4, OF_THREE), (5, set(BY_HAND))])
def test_how_many_points_are_needed(n: int, there: set[str]) -> None:
    found = variability_of(FIVE[:n], now=9.0)
    for series in ("r", "all"):
        assert {name for name in BY_HAND if not math.isnan(found[f"{series}_{name}"])} == there


def test_what_never_varied() -> None:
    found = variability_of([(float(day), 0.125, "ri"[day % 2], 0.3) for day in range(12)])
    zero = ("standardDeviation", "reducedChi2", "amplitude", "medianAbsDev", "linearTrend", "linearTrendErr", "maxSlope")
    assert [found[f"{series}_{name}"] for name in zero for series in ("r", "i", "all")] == [0.0] * 3 * len(zero)
    assert found["all_weightedMean"] == found["r_weightedMean"] == 0.125
    assert all(
        math.isnan(found[f"all_{name}"]) for name in ("vonNeumannEta", "stetsonK", "skew", "percentileRatio20", "percentileRatio50", "percentileRatio80")
    )


def test_all_at_once_has_no_slopes() -> None:
    found = variability_of([(0.0, float(k), "r", 1.0) for k in range(6)])
    assert all(math.isnan(found[f"r_{name}"]) for name in ("linearTrend", "linearTrendErr", "maxSlope"))
    assert found["r_cadence"] == 0.0


def test_an_alert_without_a_time_has_nothing_since() -> None:
    found = variability_of([(math.nan, 5.0, "r"), *FIVE])
    assert {name for name in BY_HAND if math.isnan(found[f"r_{name}"])} == {"timeSinceFirst", "timeSinceLast", "timeSincePeak"}


def test_noise_has_the_textbooks_values() -> None:
    """A sine has K = 2 sqrt(2) / pi; densely sampled, its eta goes to 0."""
    sine = [(k / 100, 50 + math.sin(2 * math.pi * (k + 0.5) / 400), "g", 0.1) for k in range(800)]
    found = variability_of(sine)
    assert found["g_stetsonK"] == pytest.approx(2 * math.sqrt(2) / math.pi, rel=1e-4)
    assert found["g_vonNeumannEta"] == pytest.approx((2 * math.pi / 400) ** 2, rel=0.01)
    assert found["g_skew"] == pytest.approx(0.0, abs=1e-9)
    assert found["g_excessVariance"] == pytest.approx((0.5 - 0.01) / 2500, rel=0.01)
