from __future__ import annotations

import os
from pathlib import Path

import pytest

from splanc.compiled import compiling, keep_compiled_code


@pytest.fixture(autouse=True)
def _not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "so that it is put back")
    monkeypatch.delenv("NUMBA_CACHE_DIR")


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "sources" / "inner"
    folder.mkdir(parents=True)
    (folder / "caller.py").write_text("import numba")
    (folder / "callee.py").write_text("import numba")
    (folder / "other.py").write_text("")
    return folder.parent


def folder_of(sources: Path, root: Path) -> Path:
    os.environ.pop("NUMBA_CACHE_DIR", None)
    keep_compiled_code(sources, root)
    return Path(os.environ["NUMBA_CACHE_DIR"])


def test_any_changed_file_with_numba_gives_another_folder(sources: Path, tmp_path: Path) -> None:
    before = folder_of(sources, tmp_path)
    (sources / "inner" / "other.py").write_text("2")
    assert folder_of(sources, tmp_path) == before
    (sources / "inner" / "callee.py").write_text("from numba import njit")
    assert folder_of(sources, tmp_path) != before


def test_what_the_user_has_set_stays(sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", "mine")
    keep_compiled_code(sources, tmp_path)
    assert os.environ["NUMBA_CACHE_DIR"] == "mine"


def test_old_folders_go_and_others_stay(sources: Path, tmp_path: Path) -> None:
    old, other = tmp_path / "root" / "old", tmp_path / "root" / "other"
    for folder in (old, other):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    folder_of(sources, tmp_path / "root")
    assert (old.exists(), other.exists()) == (False, True)


def test_it_is_said_before_code_is_compiled_for_the_first_time(sources: Path, tmp_path: Path) -> None:
    folder_of(sources, tmp_path).mkdir(parents=True)
    done: list[str] = []

    def compile_all(what: str = "node") -> None:
        with compiling(what, lambda: done.append("said"), sources):
            done.append("done")

    compile_all()
    compile_all()
    assert done == ["said", "done", "done"]
    with pytest.raises(KeyboardInterrupt), compiling("other", lambda: done.append("said"), sources):
        raise KeyboardInterrupt
    compile_all("other")
    (sources / "inner" / "callee.py").write_text("from numba import njit")
    compile_all()
    assert done[3:] == ["said", "said", "done", "said", "done"]


def test_where_no_code_can_be_kept_it_is_said_each_time(sources: Path, tmp_path: Path) -> None:
    folder_of(sources, tmp_path / "missing")
    said: list[int] = []
    for number in range(2):
        with compiling("node", lambda number=number: said.append(number), sources):
            pass
    assert said == [0, 1]
