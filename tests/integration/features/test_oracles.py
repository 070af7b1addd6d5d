"""A thousand simulated objects: every feature against the slow oracles in plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splanc.features import FEATURE_COLUMNS
from tests.integration.features import test_laws as families
from tests.integration.features import test_variability_laws as variability
from tests.unit.features import oracle
from tests.unit.features.variability import oracle as variability_oracle

N_OBJECTS = 1_000


def test_all_features_but_the_fits() -> None:
    made = families.simulated(N_OBJECTS)
    classes = [("SN", "NT", "VS", None)[number % 4] for number in range(len(made))]
    distances = [70.0 + number if number % 3 else math.nan for number in range(len(made))]
    redshifts = [0.001 * (1 + number) for number in range(len(made))]
    found = families.all_features(made, ebv_mag=0.07, classification=classes, distance_mpc=distances, z=redshifts)
    compared = 0
    for number, one in enumerate(made):
        expected = oracle.features(one, 0.07, {"classification": classes[number], "distance_mpc": distances[number], "z": redshifts[number]})
        assert set(expected) == {name for name in FEATURE_COLUMNS.names if not name.startswith("BBB") and name != "htm16"}
        for name, value in expected.items():
            got = found[name][number]
            if isinstance(value, str) or got is None:
                assert got == value, name
            else:
                assert got == pytest.approx(math.nan if value is None else value, rel=1e-9, abs=1e-12, nan_ok=True), (name, number)
            compared += value is not None
    assert compared > 20 * N_OBJECTS


def test_the_variability_set() -> None:
    """To 1e-9 of the value; where large terms cancel, also to 1e-12 of those."""
    made = variability.simulated(N_OBJECTS)
    found, expected = variability.all_of(made), [variability_oracle.variability(one) for one in made]
    for name in variability.UNITS:
        feature = name.split("_")[1]
        terms = {"linearTrend": 1e4, "skew": 1.0, "excessVariance": 1.0, "timeSinceLast": 1e3, "timeSincePeak": 1e3}.get(feature, 0.0)
        values = np.array([one[name] for one in expected], np.float64)
        np.testing.assert_allclose(found[name], values, rtol=1e-9, atol=1e-12 * terms, err_msg=name)
        n_there = int(np.isfinite(values).sum())
        assert n_there > 40, name
