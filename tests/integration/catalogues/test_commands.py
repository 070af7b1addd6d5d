"""`splanc catalogue`: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from splanc.cli import app
from splanc.crossmatch.catalogues import Shelf
from tests.support.catalogues import on_shelf, sources


class Site:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = folder / "catalogues"

    def run(self, *arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["catalogue", *map(str, arguments), "--data-dir", str(self.folder)])
        assert result.exit_code == code, result.output
        return result


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "site")


CSV = "source_id,ra,dec,phot_g_mean_mag\n1,10,20,15\n2,11,99,16\n3,12,20,17\n"


def test_import_show_list_and_remove(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV)
    done = site.run("import", tmp_path / "a.csv", "--profile", "gaia_dr3", "--name", "mine")
    assert done.stdout == f"{site.shelf / 'mine'}\n"
    assert f"1 rows cannot be used; which and why: {site.shelf / 'mine' / 'rejected.csv'}" in done.stderr
    assert "no columns pmra, pmdec, parallax" in done.stderr.replace("phot_variable_flag, ", "")
    assert "2 rows; please cite Gaia Collaboration" in done.stderr
    shown = json.loads(site.run("show", "mine", "--json").stdout)
    assert (shown["rows"], shown["rejected"], shown["profile"], shown["sources"]) == (2, 1, "gaia_dr3", [str(tmp_path / "a.csv")])
    assert shown["size_bytes"] > 1000
    text = site.run("show", "mine").stdout
    assert "licence        CC BY-SA 3.0 IGO" in text
    assert f"rejected_file  {site.shelf / 'mine' / 'rejected.csv'}" in text
    (line,) = site.run("list", "--json").stdout.splitlines()
    assert json.loads(line)["version"] == shown["version"]
    assert all(word in site.run("list").stdout for word in ("mine", "Gaia DR3", "2016", shown["version"], "Vallenari"))
    site.run("remove", "mine")
    assert Shelf(site.shelf).names() == []
    assert "no catalogue in" in site.run("list").stderr


def test_columns_that_the_profile_does_not_know_are_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(CSV.replace("ra,dec", "alpha,delta"))
    run = ("import", tmp_path / "a.csv", "--profile", "gaia_dr3")
    said = site.run(*run, code=2).stderr.replace("\n", " ")
    assert "begin with 'source_id,alpha,delta,phot_g_mean_mag'" in said
    assert "no columns for ra (from" in said
    assert "--column ra=NAME" in said
    site.run(*run, "--column", "ra=alpha", "--column", "dec=delta")
    assert json.loads(site.run("show", "gaia_dr3", "--json").stdout)["rows"] == 2
    assert "'alpha' is not INPUT=NAME" in site.run(*run, "--column", "alpha", code=2).stderr


def test_wrong_requests_exit_with_2_and_say_what_to_do(site: Site, tmp_path: Path) -> None:
    assert "did you mean 'gaia_dr3'" in site.run("import", tmp_path / "a.csv", "--profile", "gaia_dr33", code=2).stderr
    assert "no file" in site.run("import", tmp_path / "a.csv", "--profile", "gaia_dr3", code=2).stderr
    on_shelf(site.shelf, "openngc", sources(10), "openngc")
    for command in ("show", "remove", "verify"):
        assert "did you mean 'openngc'" in site.run(command, "opengnc", code=2).stderr
    assert "no folder and no address" in site.run("add", "x", tmp_path / "none", "--profile", "gaia_dr3", code=2).stderr


def test_verify_names_the_damaged_file_and_tile(site: Site) -> None:
    catalogue = on_shelf(site.shelf, "stars", sources(20_000))
    on_shelf(site.shelf, "whole", sources(10))
    assert site.run("verify").stderr == "splanc: looked at 2 catalogues; nothing amiss\n"
    file = catalogue.tiles.path_of(5)
    path = site.shelf / "stars" / file
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 4
    path.write_bytes(data)
    said = site.run("verify", code=1)
    (line,) = said.stdout.splitlines()
    assert line.startswith("stars, tile ")
    assert f": {file}: " in line
    assert "looked at 2 catalogues; 1 amiss" in said.stderr
    site.run("verify", "whole")
    (site.shelf / "stars" / "hats.properties").write_text("")
    path.unlink()
    lines = site.run("verify", "stars", code=1).stdout.splitlines()
    assert any(f"{file}: " in line and "tile" in line for line in lines)
    assert any(line.startswith("stars: hats.properties: it has 0 bytes instead of") for line in lines)


def test_a_catalogue_that_is_lost_is_missed(site: Site) -> None:
    import shutil

    on_shelf(site.shelf, "stars", sources(10))
    shutil.rmtree(site.shelf / "stars")
    assert "splanc catalogue remove stars" in site.run("list", code=2).stderr
    assert "stars" in site.run("verify", code=1).stdout
    site.run("remove", "stars")
    assert Shelf(site.shelf).names() == []


def test_add_uses_a_catalogue_where_it_lies(site: Site, tmp_path: Path) -> None:
    on_shelf(tmp_path / "other", "stars", sources(100, semi_major_arcsec=np.arange(100.0)))
    (tmp_path / "mine.toml").write_text(
        'title = "Mine"\nrole = "stars"\ncitation = "me"\nreference = "here"\n[texts]\nid = ["id"]\n'
        '[numbers]\nra = ["ra"]\ndec = ["dec"]\naxis = ["semi_major_arcsec"]\n[columns]\nkind = "\'star\'"\nsemi_major_arcsec = "axis"\n'
    )
    done = site.run("add", "stars", tmp_path / "other" / "stars", "--profile", tmp_path / "mine.toml")
    assert "100 rows; please cite me" in done.stderr
    assert json.loads(site.run("show", "stars", "--json").stdout)["place"] == str(tmp_path / "other" / "stars")
    site.run("verify", "stars")
    site.run("remove", "stars")
    site.run("add", "stars", tmp_path / "other" / "stars", "--profile", tmp_path / "mine.toml", "--large")
    assert Shelf(site.shelf).open("stars").read_large().num_rows == 70
    site.run("remove", "stars")
    assert (tmp_path / "other" / "stars" / "catalogue.json").exists()
