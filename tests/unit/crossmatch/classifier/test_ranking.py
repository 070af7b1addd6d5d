"""Merging and ranking, rule by rule, by hand."""

from __future__ import annotations

from typing import Any

import pytest

from splanc.crossmatch.classifier import Classifier, Rules, load_rules
from tests.support.skies import at, catalogue_of

RA, DEC = 30.0, -40.0
STAR, GALAXY = {"kind": "star", "mag": 18.0}, {"kind": "galaxy"}
NO_FORM = {"name": "any", "catalogue": "ned", "annotation_arcsec": 100.0}


def source(north: float, **columns: Any) -> dict[str, Any]:
    ra, dec = at(RA, DEC, north=north)
    return {"ra": ra, "dec": dec, **columns}


def matches(catalogues: dict[str, list[dict[str, Any]]], **changes: Any) -> list[dict[str, Any]]:
    """The matches of the position by rank, with changes of the rules."""
    rules = Rules.model_validate({**load_rules(None).model_dump(exclude_none=True), **changes})
    named = {name: catalogue_of(name, sources) for name, sources in catalogues.items()}
    found = Classifier(rules, named, memory_bytes=1 << 26).classify([RA], [DEC], [61_041.0], matches=True).matches
    assert found is not None
    rows: list[dict[str, Any]] = found.to_pylist()
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
    return rows


def classes(found: list[dict[str, Any]]) -> list[str]:
    return [row["association_type"] for row in found]


def test_the_nearest_synonym_wins_whatever_it_is() -> None:
    near_star, near_galaxy = {"gaia_dr3": [source(0.1, **STAR)]}, {"gaia_dr3": [source(1.4, **STAR)]}
    assert classes(matches({**near_star, "ned": [source(-1.3, **GALAXY, z=0.05)]})) == ["VS", "NT"]
    assert classes(matches({**near_galaxy, "ned": [source(-0.1, **GALAXY, z=0.05)]})) == ["NT", "VS"]


def test_sherlocks_ranking_of_synonyms_can_be_had() -> None:
    shelf = {"gaia_dr3": [source(0.1, **STAR)], "ned": [source(-1.3, **GALAXY, z=0.05)]}
    assert classes(matches(shelf, ranking={"nearest_synonym": False})) == ["NT", "VS"]


def test_a_host_at_a_known_distance_goes_before_one_without() -> None:
    found = matches({"ned": [source(3.0, **GALAXY), source(-25.0, **GALAXY, z=0.05)]})
    assert [row["z"] for row in found] == [0.05, None]
    assert found[0]["physical_separation_kpc"] == pytest.approx(24.43, abs=0.05)


def test_of_hosts_at_known_distances_the_nearest_in_kpc_wins_less_a_minute_of_arc_a_kpc() -> None:
    found = matches({"ned": [source(8.0, **GALAXY, z=0.2), source(-20.0, **GALAXY, z=0.03)]})
    assert [row["z"] for row in found] == [0.03, 0.2]
    # 0.41 kpc more, but 0.45 arcmin nearer.
    found = matches({"ned": [source(27.0, **GALAXY, distance_mpc=100.0), source(-54.0, **GALAXY, distance_mpc=48.0)]})
    assert [row["direct_distance"] for row in found] == [100.0, 48.0]


def test_a_bright_star_goes_before_a_galaxy_without_a_distance_only_within_two_arcseconds_of_it() -> None:
    """BS: 2000 + 4; SN: 2002 + 5/60 by angle, and 2002 - 50 + kpc with a distance."""
    star = {"gaia_dr3": [source(4.0, kind="star", mag=12.0)]}
    assert classes(matches({**star, "ned": [source(-5.0, **GALAXY)]})) == ["SN", "BS"]
    near = {"gaia_dr3": [source(3.1, kind="star", mag=12.0)]}
    assert classes(matches({**near, "ned": [source(-5.0, **GALAXY, z=0.05)]})) == ["SN", "BS"]
    synonyms = {"search": [{"name": "bright", "catalogue": "gaia_dr3", "association": "BS", "association_arcsec": 9.0}]}
    galaxies = {"name": "galaxies", "catalogue": "ned", "association": "SN", "association_arcsec": 10.0}
    shelf = {"gaia_dr3": [source(1.9, **STAR)], "ned": [source(-5.0, **GALAXY)]}
    assert classes(matches(shelf, search=[*synonyms["search"], galaxies], merging={})) == ["BS", "SN"]


def test_unclear_is_last_among_synonyms() -> None:
    assert classes(matches({"ps1": [source(0.1, kind="unknown")], "gaia_dr3": [source(-2.9, **STAR)]})) == ["VS", "UNCLEAR"]


def test_a_synonym_goes_before_any_association_and_an_annotation_is_last() -> None:
    both = {"ned": [source(5.0, **GALAXY, z=0.05)], "gaia_dr3": [source(2.0, **STAR)]}
    assert classes(matches(both)) == ["VS"]
    noted = {"ned": [source(60.0, kind="unknown")]}
    found = matches(noted, search=[NO_FORM, {"name": "stars", "catalogue": "gaia_dr3", "synonym": "VS"}], merging={})
    assert [(row["association_type"], row["classificationReliability"]) for row in found] == [("ORPHAN", 3)]


def test_sources_within_an_arcsecond_are_one_named_by_the_first_catalogue() -> None:
    (one,) = matches({"ps1": [source(0.0, **STAR)], "sdss_phot": [source(0.5, **STAR)], "gaia_dr3": [source(-0.4, **STAR)]})
    assert (one["catalogue_table_name"], one["catalogue_object_id"]) == ("sdss_phot/ps1/gaia_dr3", "sdss_phot 0")
    assert len(matches({"ps1": [source(-0.6, **STAR)], "gaia_dr3": [source(0.6, **STAR)]})) == 2


def test_merging_goes_out_from_the_nearest_source_and_is_not_handed_on() -> None:
    chain = {"gaia_dr3": [source(0.1, **STAR), source(0.9, **STAR), source(1.7, **STAR), source(2.5, **STAR)]}
    found = matches(chain)
    assert [round(row["separationArcsec"], 1) for row in found] == [0.1, 1.7]


def test_the_better_accuracy_says_what_a_source_is() -> None:
    (one,) = matches({"ps1": [source(0.0, **STAR)], "ned": [source(0.0, **GALAXY, z=0.05)]})
    assert one["association_type"] == "NT"
    (one,) = matches({"gaia_dr3": [source(0.0, **STAR)], "ps1": [source(0.0, **GALAXY)]})
    assert one["association_type"] == "VS"


def test_of_equal_accuracies_the_class_decides_in_its_order() -> None:
    shelf = {"downes_cv": [source(0.0, kind="cv")], "vsx": [source(0.0, kind="variable")]}
    assert classes(matches(shelf)) == ["CV"]
    equal = [{"name": label, "catalogue": name, "synonym": label} for label, name in (("VS", "ps1"), ("NT", "ned"), ("AGN", "milliquas_v8"))]
    shelf = {name: [source(0.0)] for name in ("ps1", "ned", "milliquas_v8")}
    assert classes(matches(shelf, search=equal, merging={})) == ["AGN"]
    assert classes(matches(shelf, search=equal[:2], merging={})) == ["NT"]


def test_a_star_with_a_parallax_is_a_star_though_a_catalogue_of_galaxies_has_it() -> None:
    galaxy = {"ned": [source(0.0, **GALAXY, z=0.05)]}
    assert classes(matches({**galaxy, "gaia_dr3": [source(0.2, **STAR)]})) == ["NT"]
    (one,) = matches({**galaxy, "gaia_dr3": [source(0.2, **STAR, distance_mpc=0.0005)]})
    assert (one["association_type"], one["best_distance"], one["best_distance_flag"]) == ("VS", 0.0005, "dd")


def test_a_match_does_not_mix_a_star_with_a_galaxy_beside_it() -> None:
    star = source(0.3, kind="star", mag=17.0, mag_err=0.001, distance_mpc=0.0005)
    galaxy = source(-0.3, **GALAXY, mag=15.0, mag_err=0.1, z=0.05, semi_major_arcsec=9.0, type="G")
    (one,) = matches({"gaia_dr3": [star], "ned": [galaxy]})
    assert (one["association_type"], one["catalogue_object_id"], one["Mag"], one["z"], one["sm_axis_arcsec"]) == ("VS", "gaia_dr3 0", 17.0, None, None)
    (one,) = matches({"gaia_dr3": [star | {"distance_mpc": None}], "ned": [galaxy]})
    assert (one["association_type"], one["catalogue_object_id"], one["Mag"], one["z"], one["sm_axis_arcsec"]) == ("NT", "ned 0", 15.0, 0.05, 9.0)
    assert one["catalogue_table_name"] == "ned/gaia_dr3"


def test_a_bright_star_has_its_own_magnitude() -> None:
    shelf = {"gaia_dr3": [source(5.0, kind="star", mag=9.0, mag_err=0.2)], "bright_stars": [source(5.1, mag=8.0, mag_err=0.001)]}
    (one,) = matches(shelf)
    assert (one["association_type"], one["Mag"], one["separationArcsec"]) == ("BS", 9.0, pytest.approx(5.0, abs=1e-6))


def test_magnitude_and_photometric_redshift_are_those_of_least_error() -> None:
    shelf = {
        "sdss_phot": [source(0.0, **GALAXY, mag=18.1, mag_err=0.1, photo_z=0.2, photo_z_err=0.1)],
        "ps1": [source(0.0, **GALAXY, mag=18.2, mag_err=0.01, mag_filter="r", photo_z=0.3, photo_z_err=0.01)],
        "2mass_xsc": [source(0.0, **GALAXY, mag=18.3, photo_z=0.4)],
    }
    (one,) = matches(shelf)
    assert (one["Mag"], one["MagErr"], one["MagFilter"], one["photoZ"], one["photoZErr"]) == (18.2, 0.01, "r", 0.3, 0.01)


@pytest.mark.parametrize(
    ("flag", "columns"),
    [
        ("dd", {"distance_mpc": 30.0, "z": 0.5, "photo_z": 0.6}),
        ("sz", {"z": 0.5, "photo_z": 0.6}),
        ("pz", {"photo_z": 0.6}),
        ("pz", {"z": -0.001, "photo_z": 0.6}),
        (None, {"z": -0.001}),
        (None, {}),
    ],
)
def test_the_best_distance_is_measured_then_spectroscopic_then_photometric(flag: str | None, columns: dict[str, float]) -> None:
    (one,) = matches({"ned": [source(1.0, **GALAXY, **columns)]})
    assert (one["best_distance_flag"], one["best_distance_source"]) == (flag, flag and "ned")
    assert (one["best_distance"] is None) == (flag is None)


def test_what_is_at_exactly_one_place_is_one_source_though_nothing_else_is_merged() -> None:
    twins = {"milliquas_v8": [source(1.2, kind="agn")], "ned": [source(1.2, **GALAXY), source(1.3, **GALAXY)]}
    assert classes(matches(twins, merging={"radius_arcsec": 0.0, "names": ["ned"]})) == ["AGN", "NT"]
