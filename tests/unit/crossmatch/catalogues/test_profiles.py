from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from splanc.crossmatch.catalogues import load_profile, profile_names
from splanc.crossmatch.catalogues._mapping import map_rows
from splanc.crossmatch.catalogues._read import read_file
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
        ("downes_cv", {"UGSS": "cv", "non-cv": "unknown"}),
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
