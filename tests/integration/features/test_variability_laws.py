"""Laws that the whole variability set keeps."""

from __future__ import annotations

import math
import pkgutil
import random
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from splanc.features import VARIABILITY, VARIABILITY_COLUMNS, Features, variability
from splanc.features.variability import FEATURES, SERIES, compute
from tests.support.lightcurves import Made, batch_of, made_objects

N_OBJECTS = 200

UNITS = {f"{series}_{field.name}": field.metadata[b"unit"].decode() for series in SERIES for field in FEATURES}


def simulated(n_objects: int = N_OBJECTS, seed: int = 11) -> list[Made]:
    """Return objects of any depth with forced photometry, here and there something missing; numbers fit float32 exactly."""
    rng = random.Random(seed)
    return [one_object(rng) for _ in range(n_objects)]


def one_object(rng: random.Random) -> Made:
    first, level, bands = rng.uniform(60_000, 61_000), rng.uniform(200, 20_000), rng.choice(("ugrizy", "gri", "r", "gy"))
    missing = rng.choice((0.0, 0.0, 0.0, 0.05))

    def row(mjd: float, flux: float) -> tuple[Any, ...]:
        error = float(np.float32(rng.uniform(0.01, 0.2) * level))
        return mjd, float(np.float32(flux)), rng.choice(bands), None if rng.random() < missing else error

    times = [first + rng.uniform(0, 90) for _ in range(rng.choice((0, 1, 2, 3, 5, 12, 28, 60)))]
    sources: list[tuple[Any, ...]] = [row(mjd, level + rng.gauss(0, level / 3)) for mjd in times]
    forced = [row(first + rng.uniform(-60, 90), rng.gauss(0, level / 4)) for _ in range(rng.choice((0, 3, 50)))]
    if sources and rng.random() < 0.1:
        sources[-1] = rng.choice([(None, 5.0, "r"), (first, None, "r"), (first, 5.0, None), (first, 5.0, "w"), (first, math.nan, "g")])
    return Made(sources=sources, forced=forced)


def all_of(made: list[Made]) -> dict[str, list[float]]:
    return {name: values.tolist() for name, values in compute(made_objects(made)).items()}


def test_every_feature_is_a_file_and_every_file_a_feature() -> None:
    modules = [import_module(f"{variability.__name__}.{info.name}") for info in pkgutil.iter_modules(variability.__path__)]
    found = [field for module in modules if hasattr(module, "COLUMNS") for field in module.COLUMNS]
    assert sorted(field.name for field in found) == sorted(FEATURES.names)
    assert VARIABILITY_COLUMNS.names == list(UNITS)
    assert {field.type for field in found} == {pa.float32(), pa.float64()}


@pytest.mark.parametrize("name", FEATURES.names)
def test_every_feature_says_what_it_is(name: str) -> None:
    metadata = {key.decode(): value.decode() for key, value in FEATURES.field(name).metadata.items()}
    assert set(metadata) == {"unit", "description", "formula", "needs", "source"}
    assert metadata["unit"] in {"", "d", "nJy", "nJy/d", "mag/d"}
    assert metadata["description"].endswith(".")
    assert metadata["formula"]
    assert metadata["needs"]


def changed(made: list[Made], *, days: float = 0.0, factor: float = 1.0) -> list[Made]:
    def rows(those: Any) -> list[tuple[Any, ...]]:
        return [(m if m is None else m + days, f if f is None else f * factor, b, *(e if e is None else e * factor for e in rest)) for m, f, b, *rest in those]

    return [Made(sources=rows(one.sources), forced=rows(one.forced)) for one in made]


def test_fluxes_eight_times_as_large() -> None:
    """What has nJy in its unit grows with them, to the last bit; the rest stays as it is."""
    made = simulated(100)
    small, large = all_of(made), all_of(changed(made, factor=8.0))
    for name, unit in UNITS.items():
        np.testing.assert_allclose(large[name], np.array(small[name]) * (8.0 if "nJy" in unit else 1.0), rtol=1e-12, err_msg=name)


def test_a_thousand_days_later() -> None:
    made = simulated(100)
    early, late = all_of(made), all_of(changed(made, days=1024.0))
    for name in UNITS:
        shift = 1024.0 if name.endswith("MJD") else 0.0
        tolerance = 1e-6 * np.nanmax(np.abs(early[name])) if "Trend" in name else 1e-9
        np.testing.assert_allclose(late[name], np.array(early[name]) + shift, rtol=1e-5, atol=tolerance, err_msg=name)


def test_the_order_of_the_sources_does_not_matter() -> None:
    made = simulated(100)
    rng = random.Random(3)
    # The first row is the alert, and says when it is.
    shuffled = [
        Made(sources=[*one.sources[:1], *rng.sample(one.sources[1:], max(len(one.sources) - 1, 0))], forced=rng.sample(one.forced, len(one.forced)))
        for one in made
    ]
    straight, crooked = all_of(made), all_of(shuffled)
    for name in UNITS:
        np.testing.assert_allclose(crooked[name], straight[name], rtol=1e-12, err_msg=name)


def test_with_one_band_all_bands_are_that_band() -> None:
    one_band = [
        Made(sources=[(m, f, "z", *rest) for m, f, _, *rest in one.sources], forced=[(m, f, "z", *rest) for m, f, _, *rest in one.forced])
        for one in simulated(100)
    ]
    found = all_of(one_band)
    for name in FEATURES.names:
        np.testing.assert_array_equal(found[f"all_{name}"], found[f"z_{name}"], err_msg=name)


STRANGE = {
    "no sources": Made(),
    "only forced": Made(forced=[(60_000.0, 5.0, "r")]),
    "one": Made(sources=[(60_000.0, 5.0, "r")]),
    "two": Made(sources=[(60_000.0, 5.0, "r"), (60_001.0, 5.0, "g")]),
    "all equal": Made(sources=[(60_000.0 + k, 0.1, "r") for k in range(20)]),
    "all at once": Made(sources=[(60_000.0, float(k), "r") for k in range(20)]),
    "zero": Made(sources=[(60_000.0 + k, 0.0, "r", 0.0) for k in range(20)], forced=[(59_000.0, 0.0, "r", 0.0)]),
    "nothing usable": Made(sources=[(None, 5.0, "r"), (60_000.0, None, "r"), (60_000.0, 5.0, None), (60_000.0, 5.0, "unknown")]),
    "NaN": Made(sources=[(math.nan, 5.0, "r"), (60_000.0, math.nan, "r"), (60_000.0, 5.0, "r", math.nan, math.nan)]),
    "huge": Made(sources=[(60_000.0 + k, 1e38 * (-1) ** k, "ugrizy"[k % 6], 1e38) for k in range(60)], forced=[(59_000.0, -1e38, "u", 1e38)]),
    "tiny": Made(sources=[(60_000.0 + k, 1e-38 * (-1) ** k, "ugrizy"[k % 6], 1e-38) for k in range(60)], forced=[(59_000.0, 0.0, "u", 1e-38)]),
    "mean zero": Made(sources=[(60_000.0 + k, (-1.0) ** k, "r") for k in range(20)]),
    "a second apart": Made(sources=[(60_000.0 + k / 86_400, 5.0 + k, "r") for k in range(9)]),
    "long ago": Made(sources=[(-40_000.0 + k, 5.0 + k, "r") for k in range(9)]),
    "far ahead": Made(sources=[(1e300 + k, 5.0 + k, "r") for k in range(9)]),
    "deep": Made(sources=[(60_000.0 + k / 8, 5.0 + k % 7, "ugrizy"[k % 6]) for k in range(1_500)]),
}


def test_whatever_comes_is_a_number_or_null() -> None:
    table = Features().compute_features(batch_of(list(STRANGE.values()))).tables[VARIABILITY]
    assert table.column_names == ["alert", "diaObjectId", *VARIABILITY_COLUMNS.names]
    assert table["alert"].to_pylist() == list(range(len(STRANGE)))
    assert table["diaObjectId"].to_pylist() == [1000 + number for number in range(len(STRANGE))]
    for field in VARIABILITY_COLUMNS:
        assert table.schema.field(field.name).type == field.type
        assert all(value is None or math.isfinite(value) for value in table[field.name].to_pylist()), field.name
    there = {name: sum(value is not None for value in table.slice(row, 1).to_pylist()[0].values()) - 2 for row, name in enumerate(STRANGE)}
    assert (there["no sources"], there["only forced"], there["nothing usable"]) == (0, 0, 0)
    assert min(there["one"], there["two"]) >= 6
    assert there["deep"] == 19 * 7


@pytest.mark.parametrize("factor", [1e-300, 1e160, 1e300])
def test_fluxes_whose_squares_no_number_holds(factor: float) -> None:
    objects = made_objects(changed(simulated(50), factor=1 / 1024))
    sources = replace(objects.sources, flux_njy=objects.sources.flux_njy * factor, error_njy=objects.sources.error_njy * factor)
    plain, extreme = compute(objects), compute(replace(objects, sources=sources))
    for name in ("all_amplitude", "all_maxSlope", "all_medianAbsDev", "all_timeSincePeak"):
        there = np.isfinite(plain[name])
        assert there.sum() > 20
        assert np.isfinite(extreme[name][there]).all()
    for name in ("all_stetsonK", "all_skew", "all_vonNeumannEta"):
        same = np.isclose(extreme[name], plain[name], rtol=1e-3) | np.isnan(extreme[name])
        assert same.all(), name


def test_strange_objects_do_not_change_their_neighbours() -> None:
    good = simulated(len(STRANGE))
    mixed = [one for pair in zip(good, STRANGE.values(), strict=True) for one in pair]
    alone, together = all_of(good), all_of(mixed)
    for name, values in alone.items():
        assert [repr(v) for v in together[name][::2]] == [repr(v) for v in values], name
