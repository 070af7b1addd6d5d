"""The classifier against every search over every source, one by one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from splanc.crossmatch.classifier import Classified, Classifier, Rules, load_rules
from tests.support.brute_force import BruteForce
from tests.support.skies import MemoryCatalogue

MJD_TAI = 61_041.0 + 365.25 * 3
"""Julian year 2029.0."""

Place = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def about(ra: float, dec: float, radius_deg: float, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Places that are dense in the middle, about a position."""
    distance, angle = np.radians(radius_deg) * rng.uniform(0, 1, n), rng.uniform(0, 2 * np.pi, n)
    a, d = np.radians(ra), np.radians(dec)
    sine = np.clip(np.sin(d) * np.cos(distance) + np.cos(d) * np.sin(distance) * np.cos(angle), -1, 1)
    turn = np.arctan2(np.sin(angle) * np.sin(distance) * np.cos(d), np.cos(distance) - np.sin(d) * sine)
    return np.degrees(a + turn) % 360, np.degrees(np.arcsin(sine))


def some(rng: np.random.Generator, share: float, values: np.ndarray) -> np.ndarray:
    """Values, of which only a share is known."""
    return np.where(rng.random(len(values)) < share, values, np.nan)


def sky(rng: np.random.Generator, place: Place, n: int) -> dict[str, dict[str, Any]]:
    """Columns of catalogues, with all that the rules look at; many sources are in several of them."""
    shared = place(rng, n)
    columns = {}
    for name in load_rules(None).catalogues:
        count = int(n * rng.uniform(0.3, 1.0))
        own = place(rng, count)
        common = rng.random(count) < 0.6
        ra, dec = (np.where(common, one[:count], other) for one, other in zip(shared, own, strict=True))
        ra, dec = (ra + common * rng.normal(0, 1e-4, count)) % 360, np.clip(dec + common * rng.normal(0, 1e-4, count), -90, 90)
        fast = rng.choice([3.0, 300.0, 8000.0], count, p=[0.8, 0.15, 0.05])
        kinds = rng.choice(["star", "galaxy", "agn", "cv", "variable", "unknown", ""], count)
        columns[name] = {
            "id": [f"{name}-{number}" for number in range(count)],
            "ra": ra,
            "dec": dec,
            "epoch": some(rng, 0.9, np.full(count, 2016.0)),
            "pmra": some(rng, 0.8, rng.normal(0, fast)),
            "pmdec": some(rng, 0.9, rng.normal(0, fast)),
            "kind": [kind or None for kind in kinds],
            "type": [kind.upper() or None for kind in kinds],
            "mag": some(rng, 0.9, rng.uniform(8, 22, count)),
            "mag_err": some(rng, 0.8, rng.choice([0.01, 0.02, 0.1], count)),
            "mag_filter": ["G"] * count,
            "z": some(rng, 0.4, rng.choice([-0.001, 0.0], count, p=[0.05, 0.95]) + 10 ** rng.uniform(-3.5, 0.5, count)),
            "photo_z": some(rng, 0.4, rng.uniform(0, 1, count)),
            "photo_z_err": some(rng, 0.8, rng.choice([0.05, 0.1], count)),
            "distance_mpc": some(rng, 0.1, 10 ** rng.uniform(-0.5, 3, count)),
            "semi_major_arcsec": some(rng, 0.5, 10 ** rng.uniform(0, 3.9, count) * (rng.random(count) < 0.05) + rng.exponential(6, count)),
            "axis_ratio": some(rng, 0.7, rng.uniform(0.1, 1, count)),
            "position_angle_deg": some(rng, 0.7, rng.uniform(0, 180, count)),
        }
    return columns


def rules(**changes: Any) -> Rules:
    """The rules that come with splanc, and annotations."""
    given = load_rules(None).model_dump(exclude_none=True)
    far = [{"name": f"far {name}", "catalogue": name, "annotation_arcsec": reach, "types": ["G*"]} for name, reach in (("ned", 200.0), ("lasr", 900.0))]
    return Rules.model_validate({**given, "search": [*given["search"], *far], **changes})


def check(answer: Classified, expected: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Both say the same of every position: class, and of every match, in order, all that there is to say."""
    assert answer.matches is not None
    assert answer.classifications["classification"].to_pylist() == [name for name, _ in expected]
    rows: list[list[dict[str, Any]]] = [[] for _ in expected]
    for row in answer.matches.to_pylist():
        rows[row["position"]].append(row)
    for found, (_, matches) in zip(rows, expected, strict=True):
        assert [(row["association_type"], row["catalogue_table_name"], row["catalogue_object_id"]) for row in found] == [
            (match["class"], match["catalogues"], match["id"]) for match in matches
        ]
        for row, match in zip(found, matches, strict=True):
            check_match(row, match)


def check_match(row: dict[str, Any], match: dict[str, Any]) -> None:
    assert (row["catalogue_object_type"], row["best_distance_flag"]) == (match["type"], match["flag"])
    assert row["classificationReliability"] == match["phase"]
    assert row["separationArcsec"] == pytest.approx(match["separation"], abs=1e-7)
    north, east = np.cos(match["angle"]) * match["separation"], np.sin(match["angle"]) * match["separation"]
    assert np.hypot(row["northSeparationArcsec"] - north, row["eastSeparationArcsec"] - east) < 1e-6 * (1 + match["separation"]) / np.cos(
        np.radians(min(abs(match["place"][1]), 89.99))
    )
    numbers = [
        ("best_distance", "distance"),
        ("direct_distance", "direct"),
        ("physical_separation_kpc", "kpc"),
        ("z", "z"),
        ("photoZ", "photo_z"),
        ("Mag", "mag"),
        ("sm_axis_arcsec", "axis"),
    ]
    for ours, theirs in numbers:
        assert row[ours] == (None if match[theirs] is None else pytest.approx(match[theirs], rel=2e-6, abs=1e-5)), ours


def both(rules: Rules, columns: dict[str, dict[str, Any]], ra: np.ndarray, dec: np.ndarray, mjd: np.ndarray) -> None:
    """Compare the two on a sky."""
    catalogues = {name: MemoryCatalogue(name, one, tile_rows=37) for name, one in columns.items()}
    slow = BruteForce(rules, {name: one.rows.to_pylist() for name, one in catalogues.items()})
    years = 2000 + (mjd - 51_544.5) / 365.25
    expected = [slow.classify(*each) for each in zip(ra.tolist(), dec.tolist(), years.tolist(), strict=True)]
    check(Classifier(rules, catalogues, memory_bytes=1 << 26).classify(ra, dec, mjd, matches=True), expected)


PLACES: dict[str, tuple[float, float, float]] = {
    "field": (150.0, 2.0, 0.15),
    "cluster": (83.8, -69.1, 0.004),
    "north pole": (0.0, 90.0, 0.05),
    "south pole": (12.0, -90.0, 0.01),
    "meridian": (0.0, -30.0, 0.05),
    "corner of cells": (45.0, 41.8103149, 0.05),
    "galaxies": (10.7, 41.3, 3.0),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("seed", [1, 2])
def test_both_say_the_same(name: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    place = functools.partial(about, *PLACES[name])
    columns = sky(rng, place, 150)
    ra, dec = place(rng, 60)
    on_source = rng.integers(0, len(columns["ned"]["ra"]), 20)
    ra, dec = np.concatenate([ra, columns["ned"]["ra"][on_source]]), np.concatenate([dec, columns["ned"]["dec"][on_source]])
    both(rules(), columns, ra, dec, some(rng, 0.9, np.full(len(ra), MJD_TAI)))


def test_both_say_the_same_with_sherlocks_ranking_and_wider_merging() -> None:
    rng = np.random.default_rng(7)
    place = functools.partial(about, 200.0, 10.0, 0.02)
    changed = rules(ranking={"nearest_synonym": False}, merging={"radius_arcsec": 6.0, "names": ["gaia_dr3"]}, synonym_arcsec=3.0)
    both(changed, sky(rng, place, 100), *place(rng, 60), np.full(60, MJD_TAI))


def test_both_say_the_same_of_sources_at_one_place() -> None:
    """Ties: sources of many catalogues, several of each, at exactly the same few places, and positions exactly there."""
    rng = np.random.default_rng(8)
    ra, dec = np.array([10.0, 10.0, 10.0005, 10.001]), np.array([20.0, 20.0005, 20.0, 20.001])
    columns = sky(rng, lambda random, n: (ra[random.integers(0, 4, n)], dec[random.integers(0, 4, n)]), 30)
    for one in columns.values():
        nearest = rng.integers(0, 4, len(one["ra"]))
        one["ra"], one["dec"] = ra[nearest], dec[nearest]
        one["pmra"] = np.full(len(nearest), np.nan)
    both(rules(), columns, ra, dec, np.full(4, MJD_TAI))


def test_both_say_the_same_of_the_whole_sky() -> None:
    rng = np.random.default_rng(9)

    def place(random: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        return random.uniform(0, 360, n), np.degrees(np.arcsin(random.uniform(-1, 1, n)))

    columns = sky(rng, place, 300)
    near = rng.integers(0, 90, 150)
    ra, dec = columns["ned"]["ra"][near], columns["ned"]["dec"][near] + rng.normal(0, 0.003, 150)
    both(rules(), columns, ra, np.clip(dec, -90, 90), np.full(150, MJD_TAI))
