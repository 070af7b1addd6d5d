from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from splanc.crossmatch.catalogues import SOURCE_COLUMNS, Catalogue, Shelf, TileDamaged, load_profile, write_catalogue
from splanc.errors import UserError
from splanc.sky import healpix29
from tests.support.catalogues import on_shelf, sources


@pytest.fixture
def rows() -> pa.Table:
    return sources(20_000, mag=pa.array(np.linspace(10, 20, 20_000), pa.float32()), kind=["star"] * 20_000)


def all_rows(catalogue: Catalogue) -> pa.Table:
    return pa.concat_tables([catalogue.read_tile(number) for number in range(len(catalogue.tiles))])


def test_every_row_is_read_back_in_the_order_of_the_sky(tmp_path: Path, rows: pa.Table) -> None:
    catalogue = on_shelf(tmp_path, "stars", rows)
    read = all_rows(catalogue)
    assert read.schema.equals(SOURCE_COLUMNS)
    cells = read["_healpix_29"].to_numpy()
    assert (np.diff(cells) >= 0).all()
    assert np.array_equal(cells, healpix29(read["ra"].to_numpy(), read["dec"].to_numpy()))
    there = read.select(rows.column_names).take(np.argsort(read["id"].to_numpy(zero_copy_only=False).astype(int)))
    assert there.equals(rows.cast(there.schema))
    assert all(read[name].null_count == read.num_rows for name in ("epoch", "pmra", "z", "type", "axis_ratio"))


def test_tiles_tell_what_they_hold(tmp_path: Path, rows: pa.Table) -> None:
    catalogue = on_shelf(tmp_path, "stars", rows)
    tiles = catalogue.tiles
    assert (catalogue.n_rows, catalogue.manifest.area_deg2) == (20_000, 41253.0)
    assert tiles.n_rows.sum() == 20_000
    assert tiles.n_rows.max() <= 1000
    assert len(tiles.files) >= 12  # finer than the cells of order 0
    assert (tiles.first[1:] >= tiles.last[:-1]).all()
    for number in (0, len(tiles) - 1):
        cells = catalogue.read_tile(number)["_healpix_29"]
        assert (cells[0].as_py(), cells[-1].as_py(), len(cells)) == (tiles.first[number], tiles.last[number], tiles.n_rows[number])


@pytest.mark.parametrize("count", [3_000, 20_000])
def test_the_area_is_that_of_the_field(tmp_path: Path, count: int) -> None:
    generator, radius_deg = np.random.default_rng(7), 3.0
    away, angle = radius_deg * np.sqrt(generator.random(count)), generator.uniform(0, 2 * np.pi, count)
    field = pa.table({"id": [str(n) for n in range(count)], "ra": 150 + away * np.cos(angle), "dec": away * np.sin(angle)})
    area_deg2 = np.pi * radius_deg**2
    assert area_deg2 <= on_shelf(tmp_path, "field", field).manifest.area_deg2 <= 1.5 * area_deg2


def test_a_version_is_that_of_the_rows_and_the_profile(tmp_path: Path, rows: pa.Table) -> None:
    first = on_shelf(tmp_path / "a", "stars", rows)
    again = on_shelf(tmp_path / "b", "stars", rows)
    other = on_shelf(tmp_path / "c", "stars", rows.slice(1))
    assert first.version == again.version
    assert first.version != other.version


def test_rows_of_one_place_are_all_kept(tmp_path: Path) -> None:
    heap = pa.table({"id": [str(n) for n in range(500)], "ra": np.full(500, 10.0), "dec": np.full(500, -90.0)})
    catalogue = on_shelf(tmp_path, "heap", heap, tile_rows=100)
    assert all_rows(catalogue)["id"].to_pylist() == heap["id"].to_pylist()
    assert len(catalogue.tiles.files) == 1
    assert len(catalogue.tiles) == 5


def test_a_catalogue_may_be_empty(tmp_path: Path) -> None:
    catalogue = on_shelf(tmp_path, "none", sources(0))
    assert (catalogue.n_rows, len(catalogue.tiles)) == (0, 0)


def test_a_changed_byte_of_a_tile_is_found_and_named(tmp_path: Path, rows: pa.Table) -> None:
    catalogue = on_shelf(tmp_path, "stars", rows)
    path = tmp_path / "stars" / catalogue.tiles.files[catalogue.tiles.file[3]]
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    damaged = []
    for number in range(len(catalogue.tiles)):
        try:
            catalogue.read_tile(number)
        except TileDamaged as damage:
            damaged.append(damage)
    (damage,) = damaged
    assert (damage.catalogue, tmp_path / "stars" / damage.file) == ("stars", path)
    assert f"catalogue stars, tile {damage.tile} (dataset/Norder=" in str(damage)


def test_a_file_that_was_replaced_is_no_tile_of_the_index(tmp_path: Path, rows: pa.Table) -> None:
    catalogue = on_shelf(tmp_path, "stars", rows)
    one, other = (tmp_path / "stars" / name for name in catalogue.tiles.files[:2])
    one.write_bytes(other.read_bytes())
    with pytest.raises(TileDamaged, match="replaced"):
        catalogue.read_tile(0)
    one.unlink()
    with pytest.raises(TileDamaged, match="tile 0"):
        catalogue.read_tile(0)


def test_rows_without_a_place_or_with_other_columns_are_refused(tmp_path: Path) -> None:
    for wrong in ({"ra": [361.0]}, {"dec": [np.nan]}, {"id": pa.nulls(1, pa.string())}, {"colour": [1.0]}):
        rows = pa.table({"id": ["a"], "ra": [1.0], "dec": [1.0]} | wrong)
        with pytest.raises(ValueError, match="source"):
            write_catalogue(tmp_path, "wrong", [rows], load_profile("gaia_dr3"))
    assert Shelf(tmp_path).names() == []


def test_a_shelf_names_what_it_has(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    assert (shelf.names(), shelf.open_all()) == ([], {})
    with pytest.raises(UserError, match="there is none"):
        shelf.open("gaia_dr3")
    on_shelf(shelf.folder, "gaia_dr3", sources(10))
    assert shelf.names() == ["gaia_dr3"]
    assert shelf.open_all()["gaia_dr3"].profile.role == "stars"
    with pytest.raises(UserError, match="did you mean 'gaia_dr3'"):
        shelf.open("gaia_dr2")
    with pytest.raises(UserError, match="already"):
        on_shelf(shelf.folder, "gaia_dr3", sources(10))


def test_a_broken_catalogue_is_never_left_out(tmp_path: Path) -> None:
    on_shelf(tmp_path, "stars", sources(10))
    index = tmp_path / "stars" / "tiles.arrow"
    whole = index.read_bytes()
    for data in (whole[:-40] + b"\0" * 40, whole.replace(b"Npix", b"Nqix")):
        index.write_bytes(data)
        with pytest.raises(UserError, match="splanc catalogue remove stars"):
            Shelf(tmp_path).open_all()
    index.write_bytes(whole)
    (tmp_path / "stars" / "catalogue.json").write_text("{}")
    with pytest.raises(UserError, match="another format"):
        Shelf(tmp_path).open("stars")
