"""Imports that are killed, as processes are, and begun again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from splanc.crossmatch.catalogues import REJECTED, Shelf, import_catalogue, load_profile
from splanc.errors import UserError
from tests.integration.catalogues.killed import SIZES
from tests.support.catalogues import sources

ROOT = Path(__file__).resolve().parents[3]


def published(path: Path, count: int) -> Path:
    rows = pl.DataFrame(pl.from_arrow(sources(count))).with_columns(ra=pl.when(pl.int_range(pl.len()) % 50 != 3).then("ra").otherwise(999.0))
    rows.rename({"id": "source_id"}).write_csv(path)
    return path


def test_an_import_killed_anywhere_goes_on_and_is_never_seen_half_made(tmp_path: Path) -> None:
    file = published(tmp_path / "stars.csv", 20_000)
    whole = import_catalogue(tmp_path / "whole", "stars", [file], load_profile("gaia_dr3"), sizes=SIZES)
    shelf = tmp_path / "shelf"
    for steps in (0, 2, 5, 2, 4, 0):  # in the first run, later ones, while files are written, several times in a row
        killed = subprocess.run([sys.executable, "-m", "tests.integration.catalogues.killed", str(shelf), str(file), str(steps)], cwd=ROOT, check=False)
        assert killed.returncode == -signal.SIGKILL
        assert Shelf(shelf).names() == []
        with pytest.raises(UserError, match="no catalogue 'stars'"):
            Shelf(shelf).open("stars")
    again = import_catalogue(shelf, "stars", [file], load_profile("gaia_dr3"), sizes=SIZES)
    assert again.resumed
    assert (again.manifest.version, again.manifest.n_rows, again.manifest.rejected) == (whole.manifest.version, 19_600, 400)
    assert (again.folder / REJECTED).read_bytes() == (whole.folder / REJECTED).read_bytes()
    assert list((shelf / ".work").glob("*/*")) == []


def test_the_command_killed_half_way_goes_on(tmp_path: Path) -> None:
    file = published(tmp_path / "stars.csv", 2_100_000)
    command = [str(Path(sys.executable).with_name("splanc")), "catalogue", "import", str(file), "--profile", "gaia_dr3", "--data-dir", str(tmp_path)]
    with subprocess.Popen(command) as process:
        runs = tmp_path / "catalogues" / ".work" / "gaia_dr3" / "runs"
        while not list(runs.glob("run-*[0-9]")):
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    shelf = Shelf(tmp_path / "catalogues")
    assert shelf.names() == []
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "went on with an import that had been killed" in said.stderr
    assert "42,000 rows cannot be used; which and why: " in said.stderr
    assert said.stdout.strip() == str(tmp_path / "catalogues" / "gaia_dr3")
    assert shelf.open("gaia_dr3").n_rows == 2_058_000
