"""Catalogues in HATS that are used where they lie: in a folder, behind HTTP, on S3."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from obstore.store import S3Store
from typer.testing import CliRunner

from splanc.cli import app
from splanc.crossmatch.catalogues import SOURCE_COLUMNS, Catalogue, Shelf, TileDamaged, add_catalogue, load_profile, remove_catalogue, verify_catalogue
from splanc.errors import UpstreamError, UserError
from splanc.sky import healpix29
from tests.integration.catalogues.hats_server import HatsServer
from tests.support import s3
from tests.support.catalogues import on_shelf, sources

PROFILE = load_profile("gaia_dr3")


@pytest.fixture
def hats(tmp_path: Path) -> Path:
    """A catalogue as others make them: twelve files of two row groups each, Gaia's own column names, more columns than are read."""
    rows = sources(24_000)
    ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    cells = healpix29(ra, dec)
    random = np.random.default_rng(5)
    columns = {
        "_healpix_29": cells,
        "source_id": np.arange(24_000),
        "ra": ra,
        "dec": dec,
        "pmra": random.normal(size=24_000),
        "pmdec": random.normal(size=24_000),
    }
    noise = {f"noise{number}": random.normal(size=24_000) for number in range(20)}
    whole = pa.table({**columns, "phot_g_mean_mag": random.uniform(10, 20, 24_000), **noise}).take(np.argsort(cells))
    folder = tmp_path / "hats"
    for pixel in range(12):
        path = folder / "dataset" / "Norder=0" / "Dir=0" / f"Npix={pixel}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = whole.filter(pa.array(whole["_healpix_29"].to_numpy() >> 58 == pixel))
        pq.write_table(mine, path, row_group_size=mine.num_rows // 2 + 1)
    (folder / "partition_info.csv").write_text("Norder,Npix\n" + "".join(f"0,{pixel}\n" for pixel in range(12)))
    said = "obs_collection=gaia\ndataproduct_type=object\nhats_nrows=24000\nhats_col_ra=ra\nhats_col_dec=dec\nmoc_sky_fraction = 1.0\n"
    (folder / "hats.properties").write_text(f"#HATS catalog\n{said}")
    return folder


@pytest.fixture
def server(hats: Path) -> Iterator[HatsServer]:
    with HatsServer(hats) as server:
        yield server


def check(catalogue: Catalogue) -> None:
    """All sources are there, once, with what their columns tell."""
    assert (catalogue.n_rows, len(catalogue.tiles), catalogue.manifest.area_deg2) == (24_000, 24, 41253.0)
    rows = pa.concat_tables([catalogue.read_tile(number) for number in range(24)])
    assert rows.schema.equals(SOURCE_COLUMNS)
    assert sorted(map(int, rows["id"].to_pylist())) == list(range(24_000))
    assert rows["epoch"].unique().to_pylist() == [2016.0]
    assert rows["mag_filter"].unique().to_pylist() == ["G"]
    assert (np.diff(rows["_healpix_29"].to_numpy()) >= 0).all()


def test_a_folder(tmp_path: Path, hats: Path) -> None:
    told: list[tuple[str, int, int]] = []
    add_catalogue(tmp_path / "shelf", "gaia", str(hats), PROFILE, on_progress=lambda *said: told.append(said))
    assert told[-1] == ("ends of files", 12, 12)
    check(Shelf(tmp_path / "shelf").open("gaia"))


def test_columns_that_are_named_are_read_of_it_later_too(tmp_path: Path, hats: Path) -> None:
    arguments = ("x", str(hats), "--profile", "vsx", "--column", "id=source_id", "--column", "ra=ra", "--column", "dec=dec", "--column", "mag=noise3")
    done = CliRunner().invoke(app, ["catalogue", "add", *arguments, "--data-dir", str(tmp_path)])
    assert done.exit_code == 0, done.output
    catalogue = Shelf(tmp_path / "catalogues").open("x")
    rows = pa.concat_tables([catalogue.read_tile(number) for number in range(len(catalogue.tiles))])
    assert sorted(map(int, rows["id"].to_pylist())) == list(range(24_000))
    assert rows["mag"].null_count == 0


def test_a_catalogue_of_our_own_is_one_in_hats(tmp_path: Path) -> None:
    own = on_shelf(tmp_path / "own", "stars", sources(500))
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nrole = "stars"\ncitation = "me"\nreference = "here"\n[texts]\nid = ["id"]\n'
        '[numbers]\nra = ["ra"]\ndec = ["dec"]\n[columns]\nkind = "\'star\'"\n'
    )
    add_catalogue(tmp_path / "shelf", "stars", str(tmp_path / "own" / "stars"), load_profile(str(tmp_path / "mine.toml")))
    added = Shelf(tmp_path / "shelf").open("stars")
    assert [added.read_tile(number)["id"].to_pylist() for number in range(len(added.tiles))] == [
        own.read_tile(number)["id"].to_pylist() for number in range(len(own.tiles))
    ]


def test_large_sources_are_gathered_when_it_is_told_to(tmp_path: Path) -> None:
    axes = np.where(np.arange(3000) % 50 == 0, 30.0 + np.arange(3000), 5.0)
    own = on_shelf(tmp_path / "own", "galaxies", sources(3000, semi_major_arcsec=pa.array(axes, pa.float32(), mask=np.arange(3000) % 7 == 1)))
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nrole = "galaxies"\ncitation = "me"\nreference = "here"\n[texts]\nid = ["id"]\n[numbers]\nra = ["ra"]\ndec = ["dec"]\n'
        'axis = ["semi_major_arcsec"]\n[columns]\nkind = "\'galaxy\'"\nsemi_major_arcsec = "axis"\n'
    )
    profile, shelf = load_profile(str(tmp_path / "mine.toml")), Shelf(tmp_path / "shelf")
    told: list[tuple[str, int, int]] = []
    with HatsServer(tmp_path / "own" / "galaxies") as server:
        add_catalogue(shelf.folder, "plain", server.url, profile)
        add_catalogue(shelf.folder, "large", server.url, profile, large=True, on_progress=lambda *said: told.append(said))
        plain, large = shelf.open("plain"), shelf.open("large")
        assert told[-1] == ("tiles", len(own.tiles), len(own.tiles))
        assert (plain.has_large, large.has_large, plain.version) == (False, True, large.version)
        found, expected = large.read_large(), own.read_large()
        assert found.num_rows == expected.num_rows > 30
        for name in ("id", "semi_major_arcsec", "tile", "row"):
            assert found[name].to_pylist() == expected[name].to_pylist()
        for row in found.slice(0, 5).to_pylist():
            assert large.read_tile(row["tile"])["id"][row["row"]].as_py() == row["id"]
        path = shelf.folder / "large" / "large.parquet"
        path.write_bytes(path.read_bytes()[:-10])
        with pytest.raises(TileDamaged, match=r"catalogue large, large\.parquet: its checksum does not fit"):
            large.read_large()
        assert [(flaw.file, flaw.why.partition(" instead")[0][:6]) for flaw in verify_catalogue(shelf, "large")] == [("large.parquet", "it has")]


def test_gathering_stops_at_a_damaged_tile_and_leaves_no_catalogue(tmp_path: Path, hats: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nrole = "galaxies"\ncitation = "me"\nreference = "here"\n[texts]\nid = ["source_id"]\n[numbers]\nra = ["ra"]\ndec = ["dec"]\n'
        'axis = ["noise3"]\n[columns]\nkind = "\'galaxy\'"\nsemi_major_arcsec = "axis"\n'
    )
    path = hats / "dataset" / "Norder=0" / "Dir=0" / "Npix=7.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(60_000) + whole[60_100:])
    profile, shelf = load_profile(str(tmp_path / "mine.toml")), Shelf(tmp_path / "shelf")
    with pytest.raises(UpstreamError, match=r"Npix=7\.parquet"):
        add_catalogue(shelf.folder, "galaxies", str(hats), profile, large=True)
    assert shelf.names() == []
    path.write_bytes(whole)
    add_catalogue(shelf.folder, "galaxies", str(hats), profile, large=True)
    assert shelf.open("galaxies").read_large().num_rows == 0


def test_behind_http_only_the_part_that_is_asked_for_is_read(tmp_path: Path, server: HatsServer) -> None:
    add_catalogue(tmp_path / "shelf", "gaia", server.url, PROFILE)
    catalogue = Shelf(tmp_path / "shelf").open("gaia")
    server.sent_bytes = server.requests = 0
    rows = catalogue.read_tile(3)
    whole = (server.folder / catalogue.tiles.path_of(3)).stat().st_size
    assert 0 < server.sent_bytes < 0.8 * whole  # one row group of two, 7 columns of 27, and the buffer of a small file
    sent = server.sent_bytes
    assert Shelf(tmp_path / "shelf").open("gaia").read_tile(3).equals(rows)
    assert server.sent_bytes == sent  # out of the cache
    check(catalogue)


def test_the_cache_of_tiles_is_bounded_and_mends_itself(tmp_path: Path, server: HatsServer) -> None:
    shelf = tmp_path / "shelf"
    add_catalogue(shelf, "gaia", server.url, PROFILE)
    catalogue = Shelf(shelf, cache_bytes=200_000).open("gaia")
    for number in range(24):
        catalogue.read_tile(number)
    kept = list((shelf / ".tiles").iterdir())
    assert 1 < len(kept) < 12
    assert sum(path.stat().st_size for path in kept) <= 200_000
    (newest,) = (shelf / ".tiles").glob("gaia-*-23.parquet")
    whole = catalogue.read_tile(23)
    newest.write_bytes(newest.read_bytes()[:-100])
    assert catalogue.read_tile(23).equals(whole)
    remove_catalogue(shelf, "gaia")
    assert list((shelf / ".tiles").iterdir()) == []


def test_on_s3(tmp_path: Path, hats: Path, s3_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = s3.settings_of(s3_port)
    store = S3Store(s3.BUCKET, config=settings, client_options={"allow_http": True})
    for path in hats.rglob("*"):
        if path.is_file():
            obstore.put(store, f"catalogues/gaia/{path.relative_to(hats)}", path.read_bytes())
    for name, value in settings.items():
        monkeypatch.setenv(f"AWS_{name.upper()}", value)
    add_catalogue(tmp_path / "shelf", "gaia", f"s3://{s3.BUCKET}/catalogues/gaia", PROFILE)
    catalogue = Shelf(tmp_path / "shelf").open("gaia")
    check(catalogue)
    assert list(verify_catalogue(Shelf(tmp_path / "shelf"), "gaia")) == []


def test_a_collection_is_that_of_its_main_catalogue(tmp_path: Path, hats: Path) -> None:
    collection = tmp_path / "collection"
    shutil.copytree(hats, collection / "gaia")
    (collection / "collection.properties").write_text("#HATS Collection\nobs_collection=all\nhats_primary_table_url=gaia\n")
    add_catalogue(tmp_path / "shelf", "here", str(collection), PROFILE)
    check(Shelf(tmp_path / "shelf").open("here"))
    with HatsServer(collection) as server:
        add_catalogue(tmp_path / "shelf", "there", f"{server.url}/", PROFILE)
        check(Shelf(tmp_path / "shelf").open("there"))


def test_a_file_that_changed_is_found(tmp_path: Path, server: HatsServer) -> None:
    shelf = Shelf(tmp_path / "shelf")
    add_catalogue(shelf.folder, "gaia", server.url, PROFILE)
    catalogue = shelf.open("gaia")
    path = server.folder / catalogue.tiles.path_of(0)
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)
    with pytest.raises(TileDamaged, match=r"catalogue gaia, tile 0 \(dataset/Norder=0/Dir=0/Npix=0.parquet\)"):
        catalogue.read_tile(0)
    (flaw,) = verify_catalogue(shelf, "gaia")
    assert (flaw.file, flaw.tile) == (catalogue.tiles.path_of(0), None)
    assert "it was replaced; add the catalogue again" in flaw.why
    path.unlink()
    (flaw,) = verify_catalogue(shelf, "gaia")
    assert flaw.why == f"it is no more in {server.url}"


def test_a_place_that_cannot_be_reached_is_named(tmp_path: Path, server: HatsServer) -> None:
    add_catalogue(tmp_path / "shelf", "gaia", server.url, PROFILE)
    catalogue = Shelf(tmp_path / "shelf").open("gaia")
    shutil.rmtree(server.folder / "dataset")
    with pytest.raises(TileDamaged, match="tile 7"):
        catalogue.read_tile(7)
    with pytest.raises(UpstreamError, match=r"Npix=0\.parquet"):
        add_catalogue(tmp_path / "shelf", "again", server.url, PROFILE)
    assert Shelf(tmp_path / "shelf").names() == ["gaia"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("hats.properties", None, "no catalogue in HATS"),
        ("partition_info.csv", None, r"no partition_info\.csv"),
        ("hats.properties", "hats_npix_suffix=/\n", "folders of several files"),
    ],
)
def test_what_is_no_catalogue_that_can_be_used_is_refused(tmp_path: Path, hats: Path, name: str, text: str | None, said: str) -> None:
    (hats / name).unlink()
    if text is not None:
        (hats / name).write_text(text)
    with pytest.raises(UserError, match=said):
        add_catalogue(tmp_path / "shelf", "gaia", str(hats), PROFILE)
    assert Shelf(tmp_path / "shelf").names() == []


def test_other_refusals(tmp_path: Path, hats: Path) -> None:
    with pytest.raises(UserError, match="no columns for id"):
        add_catalogue(tmp_path / "shelf", "gaia", str(hats), load_profile("vsx"))
    with pytest.raises(UserError, match="no folder and no address"):
        add_catalogue(tmp_path / "shelf", "gaia", str(tmp_path / "nowhere"), PROFILE)
    path = hats / "dataset" / "Norder=0" / "Dir=0" / "Npix=4.parquet"
    pq.write_table(pq.read_table(path, partitioning=None), path, write_statistics=False)
    with pytest.raises(UserError, match=r"row group 0 of .*Npix=4\.parquet has no statistics of _healpix_29"):
        add_catalogue(tmp_path / "shelf", "gaia", str(hats), PROFILE)
    pq.write_table(pq.read_table(path, partitioning=None).drop_columns("_healpix_29"), path)
    with pytest.raises(UserError, match=r"Npix=4\.parquet has no column _healpix_29"):
        add_catalogue(tmp_path / "shelf", "gaia", str(hats), PROFILE)
