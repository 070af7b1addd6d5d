"""Each feature, by hand and against Lasair's own answer for a real object."""

from __future__ import annotations

import math

import numpy as np
import pytest

from splanc.features import FAMILIES, FEATURE_COLUMNS, Features
from splanc.features._blackbody import EXTINCTION, HC_OVER_K, WAVELENGTHS_UM, temperature
from tests.support.lightcurves import Made, batch_of, made_objects

REAL = Made(
    sources=[
        (60983.20685446523, 24162.1953125, "i", 703.4738159179688, 0.9944129586219788),
        (60983.206418750524, 23042.134765625, "i", 757.2080688476562, 0.9944597482681274),
        (60983.20595989166, 21958.970703125, "i", 744.5821533203125, 0.9933706521987915),
        (60983.20552398381, 21893.673828125, "i", 716.6043701171875, 0.9834191799163818),
        (60983.202726822914, 10804.8056640625, "g", 615.524658203125, 0.998518168926239),
        (60983.20228719452, 11081.1904296875, "g", 647.723876953125, 0.9987643957138062),
        (60975.15370186785, 29371.9765625, "i", 412.68896484375, 0.9999997615814209),
        (60975.153260584724, 28702.109375, "i", 450.0915832519531, 0.9999991655349731),
    ],
    columns={"ra": 9.057050050707765, "decl": -44.117973609689805, "nDiaSources": 8},
)
"""diaObject 313637921267122191 as it stands in the tests of lsst-uk/lasair-lsst (Apache-2.0), whose answers are below."""

REAL_EBV = 0.007206862


def features_of(made: Made, *, ebv_mag: float = math.nan, **context: object) -> dict[str, object]:
    objects = made_objects([made], ebv_mag=ebv_mag, **{name: [value] for name, value in context.items()})
    return {name: values[0] for family in FAMILIES for name, values in family.compute(objects).items()}


def test_lasairs_answers_for_a_real_object() -> None:
    found = features_of(REAL, ebv_mag=REAL_EBV)
    lasair = {
        "lastDiaSourceMjdTai": 60983.20685446523,
        "firstDiaSourceMjdTai": 60975.153260584724,
        "htm16": 38173659759,
        "g_psfFlux": 10804.8056640625,
        "latest_psfFlux": 24162.1953125,
        "medianR": 0.9964889585971832,
        "latestR": 0.9944129586219788,
        "nSourcesGood": 8,
        "ngSources": 2,
        "niSources": 6,
        "nuSources": 0,
        "jump1": 0.0,
        "jump2": 0.0,
        "latestPairMJD": 60983.20552398381,
        "latestPairColourMag": 0.7555619524093306,
        "latestPairColourTemp": 5.033269464266835,
        "glat": -72.73667083272069,
        "ebv": REAL_EBV,
    }
    assert {name: found[name] for name in lasair} == pytest.approx(lasair, rel=2e-6)
    assert found["latestPairColourBands"] == "g-i"
    assert [found[f"penultimatePair{part}"] for part in ("ColourBands",)] == [None]
    assert all(math.isnan(found[name]) for name in ("u_psfFlux", "u_latestMJD", "absMag", "penultimatePairMJD", "penultimatePairColourMag"))


def test_counts_and_nights() -> None:
    sources = [(60_000.4, 5.0, "r", 1, 0.4), (60_000.6, 5.0, "r", 1, 0.6), (60_001.2, -5.0, "g", 1, None), (60_001.6, 5.0, "g", 1, 0.9)]
    found = features_of(Made(sources=sources, columns={"ra": 1.0, "decl": 1.0, "firstDiaSourceMjdTai": 59_000.0, "lastDiaSourceMjdTai": 61_000.0}))
    names = ("nPosDiaSources", "nPosDiaSourcesNights", "nSourcesGood", "ngSources", "nrSources")
    assert [found[name] for name in names] == [3, 3, 2, 2, 2]
    assert (found["firstDiaSourceMjdTai"], found["lastDiaSourceMjdTai"]) == (59_000.0, 60_001.6)
    assert (found["medianR"], found["latestR"]) == (pytest.approx(0.6), pytest.approx(0.9))


def test_jump_is_in_deviations_of_the_sixty_days_before() -> None:
    before = [(60_000.0 + 5 * k, flux, "r") for k, flux in enumerate((8.0, 9.0, 10.0, 11.0, 12.0))]
    spread = math.sqrt(2.5)
    newest, other = (60_060.0, 30.0, "r"), (60_055.0, -20.0, "r")
    assert features_of(Made(sources=[newest, *before]))["jump1"] == pytest.approx(20 / spread)
    assert features_of(Made(sources=[newest, other, *before]))["jump1"] == pytest.approx(30 / spread)
    other_band = [(mjd, flux, "g") for mjd, flux, _ in before] + [(60_059.0, 12.0, "g")]
    both = features_of(Made(sources=[newest, *before, *other_band]))
    assert (both["jump1"], both["jump2"]) == (pytest.approx(20 / spread), pytest.approx(2 / spread))


@pytest.mark.parametrize(
    "sources",
    [
        [(60_060.0, 30.0, "r"), *((60_000.0 + 5 * k, 10.0, "r") for k in range(5))],
        [(60_060.0, 30.0, "r"), *((60_000.0 + 5 * k, 10.0 + k, "r") for k in range(4))],
        [(60_060.0, 30.0, "r")],
        [(60_060.0, 30.0, "r"), *((60_050.0, 10.0 + k, "r") for k in range(5))],
    ],
    ids=["all the same", "four only", "one", "ten days ago"],
)
def test_no_jump(sources: list[tuple[float, float, str]]) -> None:
    found = features_of(Made(sources=sources))
    assert (found["jump1"], found["jump2"]) == (0.0, 0.0)


def planck(band: int, kilokelvin: float) -> float:
    return WAVELENGTHS_UM[band] ** -3.0 / math.expm1(HC_OVER_K / (WAVELENGTHS_UM[band] * kilokelvin))


@pytest.mark.parametrize("kilokelvin", [0.5, 2.0, 5.0, 10.0, 30.0, 300.0])
@pytest.mark.parametrize(("bluer", "redder"), [(0, 1), (1, 2), (0, 5), (4, 5)])
def test_temperature_of_a_colour(kilokelvin: float, bluer: int, redder: int) -> None:
    assert temperature(bluer, redder, planck(bluer, kilokelvin) / planck(redder, kilokelvin)) == pytest.approx(kilokelvin, rel=1e-8)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf, (0.62 / 0.5) ** 2, 100.0])
def test_colours_that_no_black_body_has(ratio: float) -> None:
    assert math.isnan(temperature(1, 2, ratio))


def test_pairs_newest_first_bluer_band_over_redder_without_dust() -> None:
    ebv = 0.1
    dust = [10 ** (-0.4 * ebv * EXTINCTION[band]) for band in range(6)]
    sources = [
        (60_010.020, 100 * planck(1, 7.0) * dust[1], "g"),
        (60_010.010, 100 * planck(2, 7.0) * dust[2], "r"),
        (60_005.027, 100 * planck(3, 9.0) * dust[3], "i"),
        (60_005.000, 100 * planck(2, 9.0) * dust[2], "r"),
        (60_001.010, 1.0, "g"),
        (60_001.000, 1.0, "r"),
    ]
    found = features_of(Made(sources=sources), ebv_mag=ebv)
    assert (found["latestPairMJD"], found["latestPairColourBands"]) == (60_010.020, "g-r")
    assert (found["penultimatePairMJD"], found["penultimatePairColourBands"]) == (60_005.027, "r-i")
    assert found["latestPairColourTemp"] == pytest.approx(7.0)
    assert found["penultimatePairColourTemp"] == pytest.approx(9.0)
    assert found["latestPairColourMag"] == pytest.approx(-2.5 * math.log10(planck(1, 7.0) / planck(2, 7.0)))


def test_a_pair_without_two_positive_fluxes_has_no_colour() -> None:
    found = features_of(Made(sources=[(60_010.02, -100.0, "g"), (60_010.01, 100.0, "r")]), ebv_mag=0.0)
    assert (found["latestPairMJD"], found["latestPairColourBands"]) == (60_010.02, "g-r")
    assert math.isnan(found["latestPairColourMag"])
    assert math.isnan(found["latestPairColourTemp"])


def test_forty_minutes_apart_is_no_pair() -> None:
    found = features_of(Made(sources=[(60_010.0 + 40 / 1440, 100.0, "g"), (60_010.0, 100.0, "r")]), ebv_mag=0.0)
    assert found["latestPairColourBands"] is None


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ({"classification": "SN", "distance_mpc": 100.0}, -16.1),
        ({"classification": "NT", "z": 0.1}, -19.3117),
        ({"classification": "ORPHAN", "distance_mpc": 100.0, "z": 0.5}, -16.1),
        ({"classification": "VS", "distance_mpc": 100.0}, math.nan),
        ({"distance_mpc": 100.0}, math.nan),
        ({"classification": "SN"}, math.nan),
    ],
)
def test_absolute_magnitude(context: dict[str, object], expected: float) -> None:
    sources = [(60_000.0, 9e4, "r"), (60_001.0, 1e5, "g"), (60_002.0, -5e5, "g")]
    found = features_of(Made(sources=sources), ebv_mag=0.0, **context)
    assert found["absMag"] == pytest.approx(expected, abs=1e-4, nan_ok=True)
    assert found["absMagMJD"] == pytest.approx(math.nan if math.isnan(expected) else 60_001.0, nan_ok=True)


def test_without_a_dust_map_what_needs_one_is_null() -> None:
    found = features_of(REAL, classification="SN", distance_mpc=100.0)
    assert all(math.isnan(found[name]) for name in ("ebv", "absMag", "absMagMJD", "latestPairColourMag", "latestPairColourTemp"))
    assert found["latestPairColourBands"] == "g-i"


def test_the_stage_appends_the_columns_and_replaces_the_surveys() -> None:
    batch = batch_of([REAL, Made()])
    staged = Features().compute_features(batch)
    table = staged.tables["diaObject"]
    assert len(set(table.column_names)) == len(table.column_names)
    assert set(FEATURE_COLUMNS.names) <= set(table.column_names)
    assert all(table.schema.field(field.name).type == field.type for field in FEATURE_COLUMNS)
    assert table["lastDiaSourceMjdTai"].to_pylist() == [60983.20685446523, None]
    assert table["nSourcesGood"].to_pylist() == [8, 0]
    assert table["latestPairColourBands"].to_pylist() == ["g-i", None]
    assert table["alert"].to_pylist() == [0, 1]


def test_every_column_has_a_meaning() -> None:
    for field in FEATURE_COLUMNS:
        assert set(field.metadata) == {b"unit", b"description"}
        assert field.metadata[b"description"].endswith(b".")
    assert np.unique(FEATURE_COLUMNS.names).size == len(FEATURE_COLUMNS)
