"""What the classifier does beside classifying: damage, memory, texts that could break out, the order of positions."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch import CLASSIFICATION_COLUMNS, UNCLASSIFIED
from splanc.crossmatch.classifier import Classifier, load_rules
from splanc.crossmatch.classifier import _tiles as tiles
from tests.support.skies import MemoryCatalogue, at, catalogue_of

RULES = load_rules(None)


def field(name: str, n: int, **options: Any) -> MemoryCatalogue:
    """Stars, or galaxies, in a field of a degree."""
    rng = np.random.default_rng(len(name))
    kind = "galaxy" if name == "ned" else "star"
    columns = {"id": [f"{name} {number}" for number in range(n)], "ra": rng.uniform(10, 11, n), "dec": rng.uniform(20, 21, n), "kind": [kind] * n}
    return MemoryCatalogue(name, {**columns, "z": rng.uniform(0.01, 0.1, n)}, **options)


def explained(table: pa.Table) -> list[dict[str, Any]]:
    return [json.loads(text) for text in table["explanation"].to_pylist()]


def test_no_positions_are_no_rows() -> None:
    answer = Classifier(RULES, {"ned": field("ned", 100)}, memory_bytes=1 << 26).classify([], [], [], matches=True)
    assert answer.classifications.schema.equals(CLASSIFICATION_COLUMNS, check_metadata=True)
    assert answer.matches is not None
    assert (answer.classifications.num_rows, answer.matches.num_rows) == (0, 0)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one length, not of the shapes \(1,\), \(2,\), \(1,\)"):
        Classifier(RULES, {}, memory_bytes=1 << 26).classify([1.0], [1.0, 2.0])


def test_the_order_of_positions_changes_nothing_but_the_order_of_answers() -> None:
    classifier = Classifier(RULES, {name: field(name, 2000) for name in ("ned", "gaia_dr3")}, memory_bytes=1 << 26)
    rng = np.random.default_rng(4)
    ra, dec, order = rng.uniform(10, 11, 300), rng.uniform(20, 21, 300), rng.permutation(300)
    whole = classifier.classify(ra, dec).classifications
    assert classifier.classify(ra[order], dec[order]).classifications.equals(whole.take(pa.array(order)))
    one_by_one = [classifier.classify(ra[[number]], dec[[number]]).classifications for number in range(20)]
    assert pa.concat_tables(one_by_one).equals(whole.slice(0, 20).combine_chunks())


def test_the_order_of_a_catalogues_rows_changes_nothing() -> None:
    catalogue = field("ned", 500)
    rows = catalogue.rows.take(pa.array(np.random.default_rng(1).permutation(500)))
    other = MemoryCatalogue("ned", {name: rows[name].to_pylist() for name in rows.column_names if name != "_healpix_29"}, tile_rows=23)
    ra, dec = np.random.default_rng(5).uniform([[10], [20]], [[11], [21]], (2, 200))
    one, two = (Classifier(RULES, {"ned": each}, memory_bytes=1 << 26).classify(ra, dec, matches=True) for each in (catalogue, other))
    assert one.classifications.equals(two.classifications)
    assert one.matches is not None
    assert one.matches.equals(two.matches)


def test_near_a_damaged_tile_only_synonyms_are_certain() -> None:
    stars, galaxies = field("gaia_dr3", 1000), field("ned", 1000, damaged=range(10))
    classifier = Classifier(RULES, {"gaia_dr3": stars, "ned": galaxies}, memory_bytes=1 << 26)
    on_star = stars.rows["ra"].to_numpy()[:5], stars.rows["dec"].to_numpy()[:5]
    table = classifier.classify([*on_star[0], 10.5, 200.0, np.nan], [*on_star[1], 20.5, -60.0, 0.0]).classifications
    assert table["classification"].to_pylist() == ["VS"] * 5 + [UNCLASSIFIED, "ORPHAN", UNCLASSIFIED]
    assert table["association_type"].to_pylist() == ["VS"] * 5 + [None, "ORPHAN", None]
    said = explained(table)
    assert all(one["damaged"][0]["catalogue"] == "ned" for one in said[:6])
    assert "NED galaxies" in {name for one in said[5]["damaged"] for name in one["searches"]}
    assert "NED very large galaxies" in {name for one in said[5]["damaged"] for name in one["searches"]}
    assert "damaged" not in said[6]


def test_a_damaged_tile_is_tried_again_later(monkeypatch: pytest.MonkeyPatch) -> None:
    galaxies = field("ned", 50, damaged=[0])
    rules = load_rules(None).model_copy(update={"search": tuple(one for one in RULES.search if one.name == "NED galaxies without redshift")})
    rules = rules.model_copy(update={"search": (rules.search[0].model_copy(update={"has_distance": None}),)})
    classifier = Classifier(rules, {"ned": galaxies}, memory_bytes=1 << 26)
    where = galaxies.rows["ra"].to_numpy()[:1], galaxies.rows["dec"].to_numpy()[:1]
    assert [classifier.classify(*where).classifications["classification"][0].as_py() for _ in range(2)] == [UNCLASSIFIED] * 2
    assert galaxies.n_read == 1
    galaxies.damaged.clear()
    monkeypatch.setattr(tiles, "_RETRY_SECONDS", 0.0)
    assert classifier.classify(*where).classifications["classification"][0].as_py() == "NT"


def test_memory_is_bounded_and_what_was_used_last_is_kept() -> None:
    stars = field("gaia_dr3", 5000)
    classifier = Classifier(RULES, {"gaia_dr3": stars}, memory_bytes=40_000)
    ra, dec = stars.rows["ra"].to_numpy(), stars.rows["dec"].to_numpy()
    whole = Classifier(RULES, {"gaia_dr3": field("gaia_dr3", 5000)}, memory_bytes=1 << 30).classify(ra, dec).classifications
    assert classifier.classify(ra, dec).classifications.equals(whole)
    assert classifier.memory_bytes <= 40_000
    read = stars.n_read
    for _ in range(3):
        classifier.classify(ra[-5:], dec[-5:])
    assert stars.n_read - read <= 2


def test_several_threads_may_ask() -> None:
    classifier = Classifier(RULES, {name: field(name, 3000) for name in ("ned", "gaia_dr3")}, memory_bytes=100_000)
    ra, dec = np.random.default_rng(6).uniform([[10], [20]], [[11], [21]], (2, 200))
    expected = classifier.classify(ra, dec).classifications
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: classifier.classify(ra, dec).classifications, range(12)))
    assert all(answer.equals(expected) for answer in answers)


NASTY = "A\"B\\<script>alert('1')</script> & \n\x01é ″"


def test_names_cannot_break_out_of_html_or_json() -> None:
    source = {"ra": 10.0, "dec": 20.0, "kind": "galaxy", "id": NASTY, "type": "<b>", "mag": 17.0, "mag_filter": "<i>"}
    answer = Classifier(RULES, {"ned": catalogue_of("ned", [source])}, memory_bytes=1 << 26).classify([10.0], [20.0], matches=True)
    (row,) = answer.classifications.to_pylist()
    assert row["catalogue_object_id"] == NASTY
    assert f"Synonymous with {NASTY}, a galaxy of <i> = 17 in ned." in row["summary"]
    assert row["description"].startswith("Synonymous with <em>A&quot;B\\&lt;script&gt;alert(&#x27;1&#x27;)&lt;/script&gt; &amp; ")
    assert row["description"].replace("<em>", "").replace("</em>", "").count("<") == 0
    assert explained(answer.classifications)[0]["found"][0]["id"] == NASTY


def test_an_explanation_says_what_was_found_decided_and_rejected() -> None:
    def source(north: float, **columns: Any) -> dict[str, Any]:
        ra, dec = at(10.0, 20.0, north=north)
        return {"ra": ra, "dec": dec, "kind": "galaxy", **columns}

    shelf = {
        "ned": catalogue_of("ned", [source(29.0, z=0.1, id="far"), source(9.0, id="near"), source(-20.0, z=0.02, id="host")]),
        "gaia_dr3": catalogue_of("gaia_dr3", [source(-6.5, kind="star", mag=12.0, id="star")]),
    }
    answer = Classifier(RULES, shelf, memory_bytes=1 << 26).classify([10.0], [20.0])
    (said,) = explained(answer.classifications)
    assert (said["phase"], said["decided"]) == ("association", "NED large galaxies")
    assert [(one["rank"], one["class"], one["catalogue"], one["id"], one["arcsec"]) for one in said["found"]] == [
        (1, "SN", "ned", "host", 20.0),
        (2, "SN", "ned", "near", 9.0),
        (3, "BS", "gaia_dr3", "star", 6.5),
    ]
    assert said["found"][0]["searches"] == ["NED large galaxies", "NED galaxies"]
    assert said["found"][2]["score"] == 2006.5
    assert said["rejected"] == [
        {
            "catalogue": "ned",
            "searches": ["NED large galaxies", "NED galaxies"],
            "id": "far",
            "arcsec": 29.0,
            "kpc": 53.5,
            "why": "too far",
        }
    ]


def test_an_association_beside_a_synonym_is_said_to_be_rejected() -> None:
    galaxy, star = ({"ra": 10.0, "dec": 20.0 + north / 3600, "kind": kind, "mag": 12.0} for north, kind in ((5.0, "galaxy"), (1.0, "star")))
    shelf = {"ned": catalogue_of("ned", [galaxy]), "gaia_dr3": catalogue_of("gaia_dr3", [star])}
    answer = Classifier(RULES, shelf, memory_bytes=1 << 26).classify([10.0], [20.0])
    (said,) = explained(answer.classifications)
    assert said["phase"] == "synonym"
    assert [(one["searches"], one["why"]) for one in said["rejected"]] == [(["NED galaxies without redshift"], "later phase")]


def test_lists_of_an_explanation_are_short() -> None:
    ring = [at(10.0, 20.0, north=9.0 * np.cos(angle), east=9.0 * np.sin(angle)) for angle in np.linspace(0, 6, 30)]
    shelf = {"ned": catalogue_of("ned", [{"ra": ra, "dec": dec, "kind": "galaxy"} for ra, dec in ring])}
    answer = Classifier(RULES, shelf, memory_bytes=1 << 26).classify([10.0], [20.0], matches=True)
    (said,) = explained(answer.classifications)
    assert answer.matches is not None
    assert (answer.matches.num_rows, len(said["found"])) == (30, 10)
    assert [one["rank"] for one in said["found"]] == list(range(1, 11))
