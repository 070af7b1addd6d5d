"""Laws that all features keep."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from splanc.features import FAMILIES, FEATURE_COLUMNS, Features
from splanc.features._stage import with_features
from tests.support.lightcurves import Made, batch_of, made_objects
from tests.support.transients import transients as simulated_transients

N_OBJECTS = 200


def simulated(n_objects: int = N_OBJECTS, seed: int = 7) -> list[Made]:
    """Return objects of any depth, visits in pairs, negative fluxes, here and there something missing; numbers fit float32 exactly."""
    rng = random.Random(seed)
    made = []
    for _ in range(n_objects):
        first = rng.uniform(60_000, 61_000)
        sources: list[tuple[Any, ...]] = []
        for _ in range(rng.choice((0, 1, 2, 5, 12, 40))):
            mjd = first + rng.uniform(0, 90)
            for later in range(rng.choice((1, 2))):
                flux, error, reliability = (float(np.float32(x)) for x in (rng.gauss(300, 400) * 10 ** rng.uniform(0, 2), rng.uniform(1, 99), rng.random()))
                sources.append((mjd + 0.02 * later, flux, rng.choice("ugrizy"), error, rng.choice((None, reliability))))
        if sources and rng.random() < 0.2:
            lame = [(None, 5.0, "r"), (first, None, "r"), (first, 5.0, None), (first, 5.0, "w"), (first, math.nan, "g")]
            sources[rng.randrange(len(sources))] = rng.choice(lame)
        columns = {"ra": rng.uniform(0, 360), "decl": rng.uniform(-90, 90), "firstDiaSourceMjdTai": rng.choice((None, first - 3))}
        made.append(Made(sources=sources, columns=columns))
    return made


def changed(made: list[Made], *, days: float = 0.0, factor: float = 1.0) -> list[Made]:
    """Return the same objects at another time, or with larger fluxes and errors."""

    def columns(those: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value + days if name.endswith("MjdTai") and value is not None else value for name, value in those.items()}

    def rows(those: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [(m if m is None else m + days, f if f is None else f * factor, b, *(e * factor for e in rest[:1]), *rest[1:]) for m, f, b, *rest in those]

    return [Made(sources=rows(one.sources), forced=rows(one.forced), columns=columns(one.columns)) for one in made]


def known(made: list[Made]) -> dict[str, Any]:
    """Return what must be known of objects so that none of their features is NULL for want of it."""
    return {"ebv_mag": 0.1, "classification": ["SN"] * len(made), "distance_mpc": [100.0] * len(made)}


def transients(count: int) -> list[Made]:
    """Return transients that are well fitted, seen by a second band within minutes."""
    made = []
    for one in simulated_transients(count):
        rows = list(zip((60_000.0 + one.days).tolist(), one.flux.tolist(), ["ugrizy"[band] for band in one.band.tolist()], strict=True))
        made.append(Made(sources=[*rows, (rows[-1][0] + 0.01, rows[-1][1], "g" if rows[-1][2] != "g" else "r")], columns={"ra": 1.0, "decl": 2.0}))
    return made


def all_features(made: list[Made], **known: Any) -> dict[str, list[Any]]:
    objects = made_objects(made, **known)
    with np.errstate(all="ignore"):
        return {name: values.tolist() for family in FAMILIES for name, values in family.compute(objects).items()}


def test_the_order_of_the_sources_does_not_matter() -> None:
    made = simulated(100)
    rng = random.Random(3)
    shuffled = [Made(sources=rng.sample(one.sources, len(one.sources)), columns=one.columns) for one in made]
    straight, crooked = all_features(made, ebv_mag=0.1), all_features(shuffled, ebv_mag=0.1)
    for name, values in straight.items():
        assert crooked[name] == (pytest.approx(values, nan_ok=True) if isinstance(values[0], float) else values), name


def test_fluxes_eight_times_as_large() -> None:
    """What has nJy in its unit grows with them; what is brighter has a smaller magnitude; the rest stays. A fit is apart, as its start is a flux."""
    made = simulated(100)
    small, large = (all_features(those, **known(those)) for those in (made, changed(made, factor=8.0)))
    for field in FEATURE_COLUMNS:
        values = small[field.name]
        if field.name.startswith("BBB"):
            continue
        if field.metadata[b"unit"] == b"nJy":
            values = [8.0 * value for value in values]
        elif field.name == "absMag":
            values = [value - 2.5 * math.log10(8.0) for value in values]
        assert large[field.name] == (pytest.approx(values, rel=1e-9, abs=1e-12, nan_ok=True) if isinstance(values[0], float) else values), field.name


def test_a_thousand_days_later() -> None:
    """Times move, and nothing else; 1024 days leave differences as they are to the last bit."""
    made = [*simulated(100), *transients(20)]
    early, late = (all_features(those, **known(those)) for those in (made, changed(made, days=1024.0)))
    assert np.isfinite(early["BBBPeakMJD"]).sum() > 5
    for field in FEATURE_COLUMNS:
        shift = 1024.0 if field.metadata[b"unit"] == b"d" else None
        expected = early[field.name] if shift is None else [value + shift for value in early[field.name]]
        assert [repr(value) for value in late[field.name]] == [repr(value) for value in expected], field.name


def test_a_source_that_comes_twice_counts_once() -> None:
    batch = batch_of([Made(sources=[(60_010.0, 5.0, "r"), (60_000.0, 5.0, "r")])])
    table = batch.tables["diaSource"].take([0, 1, 1])
    twice = Features().compute_features(replace(batch, tables={**batch.tables, "diaSource": table}))
    assert twice.tables["diaObject"]["nrSources"].to_pylist() == [2]


STRANGE = {
    "no sources": Made(),
    "one": Made(sources=[(60_000.0, 5.0, "r")]),
    "two": Made(sources=[(60_000.0, 5.0, "r"), (60_000.0, 5.0, "g")]),
    "all equal": Made(sources=[(60_000.0 + k, 5.0, "r") for k in range(20)]),
    "all at once": Made(sources=[(60_000.0, float(k), "r") for k in range(20)]),
    "nothing usable": Made(sources=[(None, 5.0, "r"), (60_000.0, None, "r"), (60_000.0, 5.0, None), (60_000.0, 5.0, "unknown")]),
    "NaN": Made(sources=[(math.nan, 5.0, "r"), (60_000.0, math.nan, "r"), (60_000.0, 5.0, "r", math.nan, math.nan)]),
    "huge": Made(sources=[(60_000.0 + k, 1e30 * (-1) ** k, "ugrizy"[k % 6]) for k in range(40)]),
    "tiny": Made(sources=[(60_000.0 + k, 1e-30 * (-1) ** k, "ugrizy"[k % 6]) for k in range(40)]),
    "long ago": Made(sources=[(-40_000.0 + k, 5.0 + k, "r") for k in range(9)]),
    "far ahead": Made(sources=[(100_000.0 + k, 5.0 + k, "r") for k in range(9)]),
    "north pole": Made(sources=[(60_000.0, 5.0, "r")], columns={"ra": 0.0, "decl": 90.0}),
    "south pole": Made(sources=[(60_000.0, 5.0, "r")], columns={"ra": 360.0, "decl": -90.0}),
    "nowhere": Made(sources=[(60_000.0, 5.0, "r")], columns={"ra": None, "decl": None}),
}


def test_whatever_comes_is_a_number_or_null() -> None:
    staged = Features().compute_features(batch_of(list(STRANGE.values())))
    table = staged.tables["diaObject"]
    for field in FEATURE_COLUMNS:
        values = table[field.name].to_pylist()
        assert len(values) == len(STRANGE)
        assert all(value is None or isinstance(value, str) or math.isfinite(value) for value in values), field.name
    counted = dict(zip(STRANGE, table["nrSources"].to_pylist(), strict=True))
    assert (counted["no sources"], counted["two"], counted["nothing usable"], counted["NaN"], counted["all at once"]) == (0, 1, 0, 1, 20)
    assert dict(zip(STRANGE, table["glat"].to_pylist(), strict=True))["nowhere"] is None
    assert dict(zip(STRANGE, table["latest_psfFlux"].to_pylist(), strict=True))["huge"] == pytest.approx(-1e30)


@pytest.mark.parametrize("factor", [1.0, 1e30, 1e-30])
def test_whatever_comes_is_a_number_or_null_when_all_is_known(factor: float) -> None:
    """Without a dust map and a class, colours, magnitudes and fits would be NULL whatever came."""
    made = [*STRANGE.values(), *changed([*simulated(60), *transients(20)], factor=factor)]
    table = with_features(made_objects(made, **known(made)))
    for field in FEATURE_COLUMNS:
        there = [value for value in table[field.name].to_pylist() if value is not None]
        assert all(isinstance(value, str) or math.isfinite(value) for value in there), field.name
        assert len(there) > 5 or (factor != 1.0 and field.name.startswith("BBB")), field.name


def test_strange_objects_do_not_change_their_neighbours() -> None:
    good = simulated(20)
    mixed = [one for pair in zip(good, [*STRANGE.values(), *STRANGE.values()], strict=False) for one in pair]
    alone, together = all_features(good, ebv_mag=0.1), all_features(mixed, ebv_mag=0.1)
    for name, values in alone.items():
        assert [repr(v) for v in together[name][::2]] == [repr(v) for v in values], name


def test_a_batch_without_objects() -> None:
    batch = batch_of([])
    assert Features().compute_features(batch) is batch
