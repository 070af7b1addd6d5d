from __future__ import annotations

import fcntl
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from splanc.crossmatch.catalogues import REJECTED, Division, Imported, Shelf, Sizes, import_catalogue, load_profile
from splanc.errors import UserError
from tests.support.catalogues import sources

PROFILE = load_profile("gaia_dr3")
SMALL = Sizes(chunk_rows=300, run_rows=700, division=Division(partition_rows=500, tile_rows=100))


def published(path: Path, count: int = 2000, seed: int = 1) -> Path:
    """Write stars as Gaia's archive does, every 100th of them without a position."""
    rows = pl.DataFrame(pl.from_arrow(sources(count, seed))).with_columns(dec=pl.when(pl.int_range(pl.len()) % 100 != 7).then("dec"))
    rows.rename({"id": "source_id"}).write_csv(path)
    return path


def run(shelf: Path, *files: Path, **options) -> Imported:
    return import_catalogue(shelf, "stars", files, PROFILE, sizes=SMALL, **options)


def names(shelf: Path) -> list[str]:
    catalogue = Shelf(shelf).open("stars")
    return [name for number in range(len(catalogue.tiles)) for name in catalogue.read_tile(number)["id"].to_pylist()]


def test_every_usable_row_is_in_the_catalogue_and_every_other_is_named(tmp_path: Path) -> None:
    files = [published(tmp_path / "a.csv"), published(tmp_path / "b.csv", 500, seed=2)]
    done = run(tmp_path / "shelf", *files)
    assert (done.manifest.n_rows, done.manifest.rejected, done.resumed) == (2475, 25, False)
    assert len(names(tmp_path / "shelf")) == 2475
    assert "phot_g_mean_mag" in done.unknown
    bad = pl.read_csv(done.folder / REJECTED)
    assert len(bad) == 25
    assert bad.row(0, named=True) == {"file": str(files[0]), "row": 9, "reason": "it has no position", "content": bad["content"][0]}
    assert bad["content"][0].startswith("id=7; ra=")
    assert bad["file"].unique().sort().to_list() == [str(path) for path in files]


def test_progress_is_told(tmp_path: Path) -> None:
    told = []
    run(tmp_path / "shelf", published(tmp_path / "a.csv"), on_progress=lambda *said: told.append(said))
    assert [said for said in told if said[0] == "reading"] == [("reading", rows, None) for rows in (891, 1782, 1980)]
    assert told[-1] == ("writing", 1980, 1980)


def test_memory_is_that_of_a_run_whatever_the_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sorted at a time is bounded: nothing larger reaches the sorting."""
    from splanc.crossmatch.catalogues import _runs

    sorted_rows: list[int] = []
    whole = _runs.in_sky_order
    monkeypatch.setattr(_runs, "in_sky_order", lambda rows: sorted_rows.append(rows.num_rows) or whole(rows))
    run(tmp_path / "shelf", published(tmp_path / "a.csv", 6_000))
    assert max(sorted_rows) < 700 + 300
    assert sum(sorted_rows) == 2 * 5_940  # once into runs, once into files


def test_the_name_is_not_taken_twice(tmp_path: Path) -> None:
    shelf, path = tmp_path / "shelf", published(tmp_path / "a.csv")
    first = run(shelf, path).manifest
    with pytest.raises(UserError, match="--replace"):
        run(shelf, path)
    published(path, 300)
    assert run(shelf, path, replace=True).manifest.version != first.version
    assert len(names(shelf)) == 297
    assert Shelf(shelf).names() == ["stars"]
    assert list((shelf / ".work").glob("*/*")) == []


def test_the_same_files_make_the_same_version(tmp_path: Path) -> None:
    path = published(tmp_path / "a.csv")
    assert run(tmp_path / "one", path).manifest.version == run(tmp_path / "two", path).manifest.version


def test_files_without_a_usable_row_make_no_catalogue(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("source_id,ra,dec\n1,,\n2,400,0\n")
    with pytest.raises(UserError, match=rf"none of the 2 rows can be used; the first: {path}, row 2: it has no position"):
        run(tmp_path / "shelf", path)
    path.write_text("source_id,ra,dec\n")
    with pytest.raises(UserError, match="no rows"):
        run(tmp_path / "shelf", path)
    assert Shelf(tmp_path / "shelf").names() == []
    path.write_text("source_id,ra,dec\n1,2,3\n")
    assert run(tmp_path / "shelf", path).manifest.n_rows == 1


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no file .*b\.csv"):
        run(tmp_path / "shelf", published(tmp_path / "a.csv"), tmp_path / "b.csv")
    with pytest.raises(UserError, match="no file to import"):
        run(tmp_path / "shelf")


def test_two_do_not_import_the_same(tmp_path: Path) -> None:
    work = tmp_path / "shelf" / ".work"
    work.mkdir(parents=True)
    with (work / "stars.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(UserError, match="somebody else is importing stars"):
            run(tmp_path / "shelf", published(tmp_path / "a.csv"))
    assert run(tmp_path / "shelf", tmp_path / "a.csv").manifest.n_rows == 1980


class Stopped(Exception):
    """Raised where a process might be killed."""


@pytest.mark.parametrize("after", [0, 2, 6])
def test_what_was_stopped_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    files = [published(tmp_path / "a.csv"), published(tmp_path / "b.csv", 900, seed=2)]
    whole = run(tmp_path / "whole", *files).manifest
    steps: list[int] = []

    def stop(what: str, done: int, total: int | None) -> None:
        steps.append(done)
        if len(steps) > after:
            raise Stopped

    shelf = tmp_path / "shelf"
    with pytest.raises(Stopped):
        run(shelf, *files, on_progress=stop)
    assert Shelf(shelf).names() == []
    again: list[int] = []
    done = run(shelf, *files, on_progress=lambda what, rows, total: again.append(rows))
    assert done.resumed
    assert (done.manifest.version, done.manifest.rejected) == (whole.version, whole.rejected)
    assert (done.folder / REJECTED).read_bytes() == (tmp_path / "whole" / "stars" / REJECTED).read_bytes()
    assert again[0] >= steps[-1]  # nothing is done again


def test_work_on_other_files_is_begun_anew(tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int | None) -> None:
        raise Stopped

    path = published(tmp_path / "a.csv")
    with pytest.raises(Stopped):
        run(tmp_path / "shelf", path, on_progress=stop)
    done = run(tmp_path / "shelf", published(tmp_path / "a.csv", 1000, seed=3))
    assert (done.resumed, done.manifest.n_rows) == (False, 990)


NED_D = """Galaxy ID,D (Mpc),Method
MESSIER 031,0.78,Cepheids
MESSIER 031,0.74,RR Lyrae
NGC 9999,10,Tully-Fisher
MESSIER 031,0.80,Cepheids
MESSIER 033,0.84,Cepheids
"""

NED = """Object Name|RA|DEC|Type
MESSIER 033|23.46207|30.66022|G
MESSIER 031|10.68479|41.26906|G
"""


def test_names_get_positions_and_distances_become_one(tmp_path: Path) -> None:
    (tmp_path / "ned_d.csv").write_text(NED_D)
    (tmp_path / "ned.txt").write_text(NED)
    profile = load_profile("ned_d")
    with pytest.raises(UserError, match="--positions"):
        import_catalogue(tmp_path / "shelf", "ned_d", [tmp_path / "ned_d.csv"], profile)
    done = import_catalogue(tmp_path / "shelf", "ned_d", [tmp_path / "ned_d.csv"], profile, positions=tmp_path / "ned.txt")
    catalogue = Shelf(tmp_path / "shelf").open("ned_d")
    rows = [row for number in range(len(catalogue.tiles)) for row in catalogue.read_tile(number).to_pylist()]
    assert {row["id"]: (row["ra"], row["distance_mpc"]) for row in rows} == {"MESSIER 031": (10.68479, 0.78), "MESSIER 033": (23.46207, 0.84)}
    assert pl.read_csv(done.folder / REJECTED).select("row", "reason").rows() == [(4, "it has no position")]


def test_runs_of_more_rows_than_a_file_are_read_piece_by_piece() -> None:
    from splanc.crossmatch.catalogues._runs import groups_of

    parts = list(groups_of(np.array([5, 1, 1, 9, 3]), 6))
    assert [(part.start, part.stop) for part in parts] == [(0, 2), (2, 3), (3, 4), (4, 5)]
    assert list(groups_of(np.array([], np.int64), 6)) == []
