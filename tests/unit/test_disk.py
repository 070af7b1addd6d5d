from __future__ import annotations

import os
from pathlib import Path

import pytest

from splanc.disk import put_whole, to_disk


@pytest.fixture
def safe(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was on the disk for certain, in this order: a file by what is in it, a folder by the names in it."""
    said: list[str] = []

    def fsync(number: int) -> None:
        path = Path(f"/proc/self/fd/{number}").readlink()
        said.append(" ".join(sorted(one.name for one in path.iterdir())) if path.is_dir() else f"{path.name}: {path.read_text()}")

    monkeypatch.setattr(os, "fsync", fsync)
    return said


def test_a_file_has_its_name_when_it_is_on_the_disk_and_its_folder_then(tmp_path: Path, safe: list[str]) -> None:
    partial, path = tmp_path / "a.part", tmp_path / "a"
    path.write_text("old")
    partial.write_text("new")
    put_whole(partial, path)
    assert safe == ["a.part: new", "a"]
    assert path.read_text() == "new"


def test_a_folder_is_put_as_a_file_is(tmp_path: Path, safe: list[str]) -> None:
    partial = tmp_path / "a.part"
    partial.mkdir()
    (partial / "inside").touch()
    put_whole(partial, tmp_path / "shelf")
    assert safe == ["inside", "shelf"]


def test_what_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        to_disk(tmp_path / "none")
