from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.io.votable import from_table
from astropy.table import MaskedColumn, Table

from splanc.crossmatch.catalogues import load_profile
from splanc.crossmatch.catalogues._mapping import Mapped, map_rows
from splanc.crossmatch.catalogues._read import read_file
from splanc.crossmatch.catalogues._readme import read_byte_by_byte
from splanc.errors import UserError

STARS = load_profile("gaia_dr3")


@pytest.fixture
def table() -> Table:
    return Table(
        {
            "Source": np.array([4472832130942575872, 5853498713190525696, 3]),
            "RA_ICRS": np.array([269.5, 217.4, 10.0]),
            "DE_ICRS": np.array([4.7, -62.7, 0.0]),
            "pmRA": MaskedColumn([-0.8, -3.8, 0.0], mask=[False, False, True], unit="arcsec/yr"),
            "pmDE": MaskedColumn([10.4, 0.8, 0.0], mask=[False, False, True], unit="arcsec/yr"),
            "VarFlag": np.array(["VARIABLE", "", "VARIABLE"]),
            "Gmag": np.array([8.2, 9.0, np.nan], np.float32),
        }
    )


EXPECTED = {
    "id": ["4472832130942575872", "5853498713190525696", "3"],
    "ra": [269.5, 217.4, 10.0],
    "dec": [4.7, -62.7, 0.0],
    "pmra": [-800.0, -3800.0, None],
    "pmdec": [10400.0, 800.0, None],
    "epoch": [2016.0, 2016.0, None],
    "type": ["VARIABLE", None, "VARIABLE"],
}


def read(path: Path, chunk_rows: int = 2, profile=STARS) -> list[Mapped]:
    return [map_rows(chunk.rows, profile) for chunk in read_file(path, profile, chunk_rows)]


def check(parts: list[Mapped]) -> None:
    assert [part.rows.num_rows for part in parts] == [2, 1]  # in pieces, not at once
    rows = pa.concat_tables([part.rows for part in parts])
    assert {name: rows[name].to_pylist() for name in EXPECTED} == EXPECTED
    assert rows["mag"].to_pylist() == [pytest.approx(8.2), 9.0, None]


def test_fits(tmp_path: Path, table: Table) -> None:
    table.write(tmp_path / "stars.fits")
    check(read(tmp_path / "stars.fits"))
    (tmp_path / "stars.fits.gz").write_bytes(gzip.compress((tmp_path / "stars.fits").read_bytes()))
    check(read(tmp_path / "stars.fits.gz"))


def test_fits_says_where_there_is_none(tmp_path: Path) -> None:
    columns = [
        fits.Column("Source", "K", array=[1, 2]),
        fits.Column("RA_ICRS", "D", array=[1.0, 2.0]),
        fits.Column("DE_ICRS", "D", array=[1.0, 2.0]),
        fits.Column("phot_g_mean_mag", "J", null=-99, array=np.array([-99, 12])),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(tmp_path / "stars.fits")
    assert read(tmp_path / "stars.fits")[0].rows["mag"].to_pylist() == [None, 12.0]


@pytest.mark.parametrize("form", ["tabledata", "binary", "binary2"])
def test_votable(tmp_path: Path, table: Table, form: str) -> None:
    if form == "binary":  # has no other way to say that an integer or text is missing
        table["VarFlag"][1] = ""
    from_table(table).to_xml(str(tmp_path / "stars.vot"), tabledata_format=form)
    check(read(tmp_path / "stars.vot"))


def test_parquet(tmp_path: Path, table: Table) -> None:
    columns = {name: pa.array(np.ma.getdata(column), mask=np.ma.getmaskarray(column)) for name, column in table.columns.items()}
    schema = pa.schema([pa.field(name, column.type, metadata={"unit": "arcsec/yr"} if name.startswith("pm") else {}) for name, column in columns.items()])
    pq.write_table(pa.table(list(columns.values()), schema=schema), tmp_path / "stars.parquet")
    check(read(tmp_path / "stars.parquet"))


@pytest.mark.parametrize("separator", [",", "|", "\t", ";"])
def test_separated_text(tmp_path: Path, separator: str) -> None:
    lines = [
        "# a remark, with commas",
        "Source,RA_ICRS,DE_ICRS,pmRA,pmDE,VarFlag,Gmag",
        "4472832130942575872,269.5,+04.7,-800,10400,VARIABLE,8.2",
        "",
        '5853498713190525696, 217.4 ,-62.7,-3.8e3,800.0,"",9',
        "3,10,0,,null,VARIABLE,NaN",
    ]
    text = "\r\n".join(line.replace(",", separator) for line in lines)
    (tmp_path / "stars.csv").write_text(text)
    check(read(tmp_path / "stars.csv"))
    (tmp_path / "stars.txt.gz").write_bytes(gzip.compress(text.encode()))
    check(read(tmp_path / "stars.txt.gz"))


def test_lines_and_values_that_are_none_are_named_with_their_number(tmp_path: Path) -> None:
    lines = ["source_id,ra,dec,pmra", "1,1,1,1", "2,2", "# remark", "3,3,3,fast", "4,4,4,4,4", ",5,5,5", "6,,6,6", "7,7,97,7", "8,-8,8,8", "9,9,9,9", ""]
    (tmp_path / "stars.csv").write_text("\n".join(lines))
    parts = [(chunk, map_rows(chunk.rows, STARS)) for chunk in read_file(tmp_path / "stars.csv", STARS)]
    ((chunk, mapped),) = parts
    assert mapped.rows["id"].to_pylist() == ["1", "9"]
    assert chunk.bad == [(3, "it has 2 columns instead of 4", "2,2"), (6, "it has 5 columns instead of 4", "4,4,4,4,4")]
    assert mapped.bad.select("row", "reason").rows() == [
        (5, "pmra is no number: fast"),
        (7, "it has no name"),
        (8, "it has no position"),
        (9, "its position is not on the sky"),
        (10, "its position is not on the sky"),
    ]
    assert mapped.bad["content"][0] == "id=3; ra=3; dec=3; pmra=fast"


def test_text_that_is_no_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"Name,RAdeg,DEdeg,Type\nR\xe9gulus,1,2,M\n")
    assert read(tmp_path / "a.csv", profile=load_profile("vsx"))[0].rows["id"].to_pylist() == ["Régulus"]


def test_sexagesimal_positions(tmp_path: Path) -> None:
    (tmp_path / "cv.csv").write_text("GCVS,RAJ2000,DEJ2000\nA,00 00 36.0,-00 30 00\nB,12:00:00,+10:30\nC,180.0,-10.5\nD,25 uhr,1\n")
    (part,) = read(tmp_path / "cv.csv", 9, load_profile("downes_cv"))
    assert part.rows["ra"].to_pylist() == [pytest.approx(0.15), 180.0, 180.0]
    assert part.rows["dec"].to_pylist() == [-0.5, 10.5, -10.5]
    assert part.bad.rows() == [(5, "RAJ2000 is no number: 25 uhr", "id=D; ra_sexagesimal=25 uhr; dec_sexagesimal=1")]


def test_names_that_differ_in_capitals_only_are_told_apart() -> None:
    raw = pa.table({"_row": [1], "RA_ICRS": [1.0], "DE_ICRS": [1.0], "Source": [1], "z": [1.0], "b_z": [0.5], "B_z": [1.7]})
    assert map_rows(raw, load_profile("gaia_dr3_qso")).rows["photo_z_err"].to_pylist() == [pytest.approx(0.6)]


def test_a_unit_of_another_kind_is_refused() -> None:
    schema = pa.schema([("_row", pa.int64()), ("source_id", pa.int64()), pa.field("ra", pa.float64(), metadata={"unit": "kg"}), ("dec", pa.float64())])
    with pytest.raises(UserError, match="ra is in kg in the file, which is no deg"):
        map_rows(pa.table([[1], [1], [1.0], [1.0]], schema=schema), STARS)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("a.csv", b"source_id,ra\n1,2\n", r"no line of names .* begin with 'source_id,ra': no columns for dec \(from dec or DE_ICRS"),
        ("a.csv", b"", "it is empty"),
        ("a.fits", b"not fits", "cannot be read"),
        ("a.vot", b"<VOTABLE></VOTABLE>", "it has no table"),
        ("a.vot", b"<VOTABLE", "cannot be read"),
        ("a.parquet", b"PAR1", "cannot be read"),
        ("a.csv.gz", b"no gzip", "cannot be read"),
    ],
)
def test_files_that_cannot_be_read_are_named(tmp_path: Path, name: str, data: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=rf"{name}.*{said}"):
        list(read_file(tmp_path / name, STARS))


def test_columns_that_are_missing_are_named(tmp_path: Path, table: Table) -> None:
    table.remove_column("DE_ICRS")
    table.write(tmp_path / "stars.fits")
    with pytest.raises(UserError, match=r"no columns for dec \(from dec or DE_ICRS.*\); .* --column dec=NAME; it has Source, RA_ICRS"):
        list(read_file(tmp_path / "stars.fits", STARS))


def test_a_readme_without_the_file_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "ReadMe").write_text("Byte-by-byte Description of file: other.dat\n")
    assert read_byte_by_byte(tmp_path / "a.dat") == {}
    assert read_byte_by_byte(tmp_path / "none" / "a.dat") == {}
