from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from astropy.table import Table
from astropy.utils.data import get_pkg_data_filename

from splanc.crossmatch.catalogues import load_profile, profile_names
from splanc.crossmatch.catalogues._mapping import map_rows
from splanc.crossmatch.catalogues._read import read_file
from splanc.crossmatch.catalogues._readme import place_of, read_byte_by_byte
from splanc.errors import UserError

from .published import PUBLISHED, Published


def rows_of(folder: Path, one: Published) -> tuple[pa.Table, pl.DataFrame]:
    for name, text in {one.file: one.text, **(one.beside or {})}.items():
        (folder / name).write_text(text)
    profile = load_profile(one.profile)
    mapped = [map_rows(chunk.rows, profile) for chunk in read_file(folder / one.file, profile)]
    return pa.concat_tables([part.rows for part in mapped]), pl.concat([part.bad for part in mapped])


@pytest.mark.parametrize("one", PUBLISHED, ids=lambda one: f"{one.profile}-{one.file}")
def test_published_rows_are_read(tmp_path: Path, one: Published) -> None:
    rows, bad = rows_of(tmp_path, one)
    assert bad.is_empty()
    first = rows.slice(0, 1).to_pylist()[0]
    expected = {name: pytest.approx(value, rel=1e-6) if isinstance(value, float) else value for name, value in one.first.items()}
    assert {name: first[name] for name in one.first} == expected


def test_what_the_archive_of_gaia_answers_is_read() -> None:
    """A VOTable that ESA's archive wrote, which comes with astropy (io/misc/tests/data)."""
    (chunk,) = read_file(Path(get_pkg_data_filename("data/gaia_source_dr3_select_1_result.vot", "astropy.io.misc.tests")), load_profile("gaia_dr3"))
    (row,) = map_rows(chunk.rows, load_profile("gaia_dr3")).rows.select(["id", "ra", "dec"]).to_pylist()
    assert row == {"id": "3136752501901167744", "ra": pytest.approx(112.5836308350694, rel=1e-15), "dec": pytest.approx(4.667508081125457, rel=1e-15)}


def test_ritter_and_kolbs_bytes_are_those_of_their_readme() -> None:
    """The ReadMe of B/cb comes with astropy (io/ascii/tests/data/cds/glob)."""
    readme = Path(get_pkg_data_filename("data/cds/glob/ReadMe", "astropy.io.ascii.tests"))
    described = read_byte_by_byte(readme.with_name("cbdata.dat"))
    said = {name: place_of(given) for name, given in load_profile("ritter_cv").document["layout"]["bytes"].items()}
    assert said == {name: described[name].place for name in said}


def test_every_profile_has_a_published_form() -> None:
    assert {one.profile for one in PUBLISHED} == set(profile_names())


@pytest.mark.parametrize(
    ("profile", "types"),
    [
        ("ned", {"G": "galaxy", "QSO": "agn", "*": "star", "V*": "variable", "SN": "unknown"}),
        ("milliquas_v8", {"Q": "agn", "qR": "agn", "BX": "agn", "S": "star", "X": "unknown"}),
        ("vsx", {"UGSU": "cv", "NL/VY": "cv", "N:": "cv", "AM": "cv", "NSIN": "variable", "AGN": "agn", "M": "variable", "RRAB": "variable"}),
        ("sdss_phot", {"3": "galaxy", "6": "star", "0": "unknown"}),
        ("desi_ls_dr10", {"PSF": "star", "REX": "galaxy", "": "unknown"}),
        ("openngc", {"G": "galaxy", "*": "star", "HII": "unknown"}),
        ("downes_cv", {"UGSS": "cv", "NON-CV": "unknown"}),
        ("lasr", {"Sy 1": "agn", "LINER": "agn", "HII": "galaxy"}),
        ("glade_plus", {"G": "galaxy", "Q": "agn"}),
    ],
)
def test_types_become_kinds(profile: str, types: dict[str, str]) -> None:
    known = load_profile(profile)
    raw = {"_row": list(range(1, len(types) + 1))}
    for one in known.inputs.values():
        raw[one.names[0]] = list(types) if one.name == "type" else ["1"] * len(types)
    assert map_rows(pa.table(raw), known).rows["kind"].to_pylist() == list(types.values())


@pytest.mark.parametrize(
    ("kind", "subclass", "expected"), [("QSO", "BROADLINE", "agn"), ("STAR", "CV", "cv"), ("STAR", "K5", "star"), ("GALAXY", "", "galaxy")]
)
def test_spectra_say_what_a_source_is(kind: str, subclass: str, expected: str) -> None:
    raw = pa.table({"_row": [1], "specObjID": ["1"], "ra": [1.0], "dec": [1.0], "class": [kind], "subClass": [subclass], "z": [0.1], "zWarning": [0]})
    (row,) = map_rows(raw, load_profile("sdss_spec")).rows.to_pylist()
    assert (row["kind"], row["z"]) == (expected, None if kind == "STAR" else 0.1)


def test_photometric_redshifts_are_no_spectroscopic_ones() -> None:
    raw = pa.table({"_row": [1], "Object Name": ["a"], "RA": [1.0], "DEC": [1.0], "Type": ["G"], "Redshift": [0.1], "Redshift Flag": ["PHOT"]})
    (row,) = map_rows(raw, load_profile("ned")).rows.to_pylist()
    assert (row["z"], row["photo_z"]) == (None, pytest.approx(0.1))


def test_redshifts_of_quasar_candidates_that_gaia_warns_of_are_none() -> None:
    columns = {"source_id": [1, 2, 3], "ra": [1.0] * 3, "dec": [1.0] * 3, "redshift_qsoc": [0.5] * 3, "flags_qsoc": [0, 16, None]}
    assert map_rows(pa.table({"_row": [1, 2, 3], **columns}), load_profile("gaia_dr3_qso")).rows["photo_z"].to_pylist() == [0.5, None, 0.5]


def test_what_went_wrong_in_2mass_is_no_size_and_no_magnitude() -> None:
    names = ["designation", "ra", "dec", "r_k20fe", "k_m_k20fe", "j_m_k20fe", "vc"]
    rows = [("a", 1.0, 1.0, -5.1, 80.1, 14.0, 1), ("b", 1.0, 1.0, 7.0, 13.0, 14.0, 2)]  # a negative flux, a star
    raw = pa.table({"_row": [1, 2], **dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))})
    made = map_rows(raw, load_profile("2mass_xsc")).rows.select(["kind", "mag", "mag_filter", "semi_major_arcsec"]).to_pylist()
    assert made == [
        {"kind": "galaxy", "mag": 14.0, "mag_filter": "J", "semi_major_arcsec": None},
        {"kind": "unknown", "mag": 13.0, "mag_filter": "Ks", "semi_major_arcsec": 7.0},
    ]


def test_ned_lvs_in_fits(tmp_path: Path) -> None:
    columns = {
        "objname": ["a", "b", "c"],
        "ra": [1.0, 2.0, 3.0],
        "dec": [1.0, 2.0, 3.0],
        "objtype": ["G", "G", "QSO"],
        "z": [0.01, 0.02, 0.03],
        "z_tech": ["SPEC", "SPEC", "PHOT"],
        "z_qual": np.array([False, True, False]),
        "DistMpc": [43.0, 87.0, 20.0],
        "DistMpc_method": ["Redshift", "Redshift", "zIndependent"],
        "Diam": [60.0, np.nan, 8.0],
        "Diam_ba": [0.5, np.nan, np.nan],
    }
    Table(columns).write(tmp_path / "ned_lvs.fits")
    profile = load_profile("ned_lvs")
    (chunk,) = read_file(tmp_path / "ned_lvs.fits", profile)
    made = map_rows(chunk.rows, profile).rows.select(["kind", "z", "photo_z", "distance_mpc", "semi_major_arcsec", "axis_ratio"]).to_pydict()
    assert made == {
        "kind": ["galaxy", "galaxy", "agn"],
        "z": [0.01, None, None],  # the second is marked as doubtful
        "photo_z": [None, None, pytest.approx(0.03)],
        "distance_mpc": [None, None, 20.0],
        "semi_major_arcsec": [30.0, None, 4.0],
        "axis_ratio": [0.5, None, None],
    }


def test_magnitudes_may_have_marks() -> None:
    raw = pa.table({"_row": [1, 2, 3], "GCVS": ["a"] * 3, "RAJ2000": [1.0] * 3, "DEJ2000": [1.0] * 3, "Maxmag": ["<17.5:", "7.7v", "?"]})
    assert map_rows(raw, load_profile("downes_cv")).rows["mag"].to_pylist() == [17.5, pytest.approx(7.7), None]


def test_columns_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "lasr.csv").write_text("SourceName,alpha,delta,zhel,kind\nNGC 1068,02 42 40.71,-00 00 47.8,0.00379,Sy 2\n")
    profile = load_profile("lasr").with_columns({"id": "SourceName", "ra": "alpha", "dec": "delta", "z": "zhel", "type": "KIND"})
    (chunk,) = read_file(tmp_path / "lasr.csv", profile)
    (row,) = map_rows(chunk.rows, profile).rows.select(["id", "ra", "dec", "z", "kind"]).to_pylist()
    assert row == {"id": "NGC 1068", "ra": pytest.approx(40.669625), "dec": pytest.approx(-0.01327778), "z": 0.00379, "kind": "agn"}


def test_a_column_that_is_named_takes_the_place_of_all_others() -> None:
    profile = load_profile("ps1").with_columns({"ra": "alpha", "score": "star"})
    assert (profile.inputs["ra"].names, profile.inputs["ra"].unit) == (("alpha",), "deg")
    assert (profile.inputs["score"].names, profile.inputs["score"].nulls) == (("star",), (-999.0,))
    assert profile.inputs["dec"] == load_profile("ps1").inputs["dec"]
    with pytest.raises(UserError, match=r"no columns for ra \(from alpha\)"):
        map_rows(pa.table({"_row": [1], "objID": [1], "ra": [1.0], "dec": [1.0]}), profile)


def test_columns_can_be_named_for_what_is_read_only() -> None:
    with pytest.raises(UserError, match="the profile lasr reads nothing called colour; it reads id, type, ra, dec, z, w1_mag"):
        load_profile("lasr").with_columns({"colour": "B-V"})


def test_motions_in_the_legacy_surveys_are_gaias_only() -> None:
    raw = pa.table(
        {
            "_row": [1, 2, 3],
            "RELEASE": [10000] * 3,
            "BRICKID": [7] * 3,
            "OBJID": [1, 2, 3],
            "RA": [1.0] * 3,
            "DEC": [1.0] * 3,
            "TYPE": ["PSF", "PSF", "DUP"],
            "REF_CAT": ["G3", "", "G3"],
            "REF_EPOCH": [2016.0, 0.0, 2016.0],
            "PMRA": [5.0, 0.0, 5.0],
            "PMDEC": [-5.0, 0.0, 5.0],
        }
    )
    rows = map_rows(raw, load_profile("desi_ls_dr10")).rows.select(["id", "epoch", "pmra", "pmdec"]).to_pylist()
    assert rows == [
        {"id": "10000-7-1", "epoch": 2016.0, "pmra": 5.0, "pmdec": -5.0},
        {"id": "10000-7-2", "epoch": None, "pmra": None, "pmdec": None},
    ]


MINE = """title = "Mine"
role = "stars"
citation = "me"
reference = "here"
[texts]
id = ["name"]
[numbers]
ra = ["ra"]
dec = ["dec"]
[columns]
kind = "'star'"
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("title", "tilte", "lacks title"),
        ('role = "stars"', 'role = "stars"\ncolour = 1', "nothing is known of colour"),
        ('"stars"', '"planets"', "role 'planets' is none of"),
        ("kind", "kinds", "kinds are no columns"),
        ('dec = ["dec"]\n', "", "what makes dec"),
        ("[columns]", "[columns", "cannot be read"),
    ],
)
def test_a_wrong_profile_is_told_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    assert load_profile(str(path)).title == "Mine"
    path.write_text(MINE.replace(old, new))
    with pytest.raises(UserError, match=said):
        load_profile(str(path))


def test_an_expression_that_cannot_be_evaluated_names_its_profile(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE.replace("'star'", "colour"))
    with pytest.raises(UserError, match=r"the profile mine: .*colour"):
        map_rows(pa.table({"_row": [1], "name": ["a"], "ra": [1.0], "dec": [1.0]}), load_profile(str(path)))


def test_a_profile_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="did you mean 'gaia_dr3'"):
        load_profile("gaia_dr4")
    with pytest.raises(UserError, match="there are 2mass_psc"):
        load_profile("zzz")
    with pytest.raises(UserError, match="cannot be read"):
        load_profile(str(tmp_path / "other.toml"))
