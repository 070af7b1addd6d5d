from __future__ import annotations

from pathlib import Path

import pytest

from splanc.crossmatch.catalogues import profile_names
from splanc.crossmatch.classifier import Classifier, Rules, load_rules
from splanc.errors import UserError
from tests.support.skies import catalogue_of

SEARCH = '[[search]]\nname = "stars"\ncatalogue = "gaia_dr3"\nsynonym = "VS"\n'


def wrong(folder: Path, text: str) -> str:
    """What is said of a file of rules that is not valid."""
    path = folder / "rules.toml"
    path.write_text(text)
    with pytest.raises(UserError) as caught:
        load_rules(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('kindss = ["star"]', "search 1 (stars), kindss: there is no such key; did you mean `kinds`?"),
        ('kinds = ["stars"]', "search 1 (stars), kinds.0: 'stars' is none of star, galaxy, agn, cv, variable, unknown; did you mean `star`?"),
        ('association = "SNN"\nassociation_arcsec = 3', "search 1 (stars), association: 'SNN' is none of"),
        ('association_arcsec = "wide"', "search 1 (stars), association_arcsec: Input should be a valid number"),
        ("synonym_arcsec = 11.0", "search 1 (stars), synonym_arcsec: Input should be less than or equal to 10 (given: 11.0)"),
        ("association_arcsec = 3", "search 1 (stars): `association` and `association_arcsec` stand together"),
        ("annotation_arcsec = 3", "search 1 (stars): a search with `annotation_arcsec` has no classes"),
        ("physical_kpc = 50", "search 1 (stars): `physical_kpc` needs"),
        ("within_extent = true", "search 1 (stars): `within_extent` needs"),
        ("[rankin]\nnearest_synonym = true", "rankin: there is no such key; did you mean `ranking`?"),
        ('[merging]\nnames = ["gaia_dr2"]', "`merging.names` has the catalogue 'gaia_dr2', which no search is over; did you mean `gaia_dr3`?"),
        ("[merging]\nradius = 1", "merging.radius: there is no such key; did you mean `radius_arcsec`?"),
        (SEARCH, "two searches are called 'stars'"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, more: str, said: str) -> None:
    assert said in wrong(tmp_path, SEARCH + more)


def test_searches_that_find_nothing_or_have_no_catalogue_are_refused(tmp_path: Path) -> None:
    assert "it finds nothing" in wrong(tmp_path, '[[search]]\nname = "none"\ncatalogue = "ned"\n')
    assert "search 1, catalogue: Field required" in wrong(tmp_path, "[[search]]\n")
    assert "search: " in wrong(tmp_path, "synonym_arcsec = 1.0")
    many = "".join(SEARCH.replace("stars", f"stars {number}") for number in range(65))
    assert "more than 64 searches over gaia_dr3" in wrong(tmp_path, many)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert "cannot be read" in wrong(tmp_path, "[[search")
    with pytest.raises(UserError, match=r"nowhere\.toml cannot be read"):
        load_rules(tmp_path / "nowhere.toml")


def test_a_catalogue_that_nobody_knows_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(SEARCH.replace("gaia_dr3", "gaia_dr4"))
    with pytest.raises(UserError, match=r"rules.toml: search 'stars' is over the catalogue 'gaia_dr4', which is not there; did you mean `gaia_dr3`\?"):
        Classifier(load_rules(path), {}, memory_bytes=1 << 26)
    own = catalogue_of("gaia_dr4", [{"ra": 1.0, "dec": 1.0}])
    assert Classifier(load_rules(path), {"gaia_dr4": own}, memory_bytes=1 << 26).classify([1.0], [1.0]).classifications["classification"][0].as_py() == "VS"


def test_the_rules_that_come_with_splanc_are_over_known_catalogues() -> None:
    rules = load_rules(None)
    assert set(rules.catalogues) == set(profile_names()) - {"ned_lvs"}  # which is put on the shelf as ned, or is for rules of one's own
    assert {search.synonym for search in rules.search} | {search.association for search in rules.search} == {
        *("VS", "BS", "CV", "AGN", "NT", "SN", "HPMS", "UNCLEAR", None)
    }


def test_versions_change_with_what_they_stand_for() -> None:
    rules = load_rules(None)
    wider = Rules.model_validate({**rules.model_dump(exclude_none=True), "synonym_arcsec": 1.6})
    assert rules.version == load_rules(None).version != wider.version
    one, other = (catalogue_of("ned", [{"ra": 1.0, "dec": 1.0}]) for _ in range(2))
    other.version = "v2"
    versions = {Classifier(given, shelf, memory_bytes=1 << 26).version for given in (rules, wider) for shelf in ({}, {"ned": one}, {"ned": other})}
    assert len(versions) == 6
    assert Classifier(rules, {"ned": one}, memory_bytes=1 << 26).version == Classifier(rules, {"ned": one}, memory_bytes=1 << 27).version
