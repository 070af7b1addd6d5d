"""The blob store, in a folder and in memory; a real protocol is spoken in tests/integration/blobs."""

from __future__ import annotations

import errno
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from splanc.archive.blobs import BlobStore
from splanc.archive.footers import PackDamaged
from splanc.errors import UpstreamError, UserError

NAME = "20251230/node-1.pack"


@pytest.fixture(params=["folder", "file URL", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    places: dict[str, str | Path] = {"folder": tmp_path / "blobs here", "file URL": f"file://{tmp_path}/blobs%20here", "memory": "memory:///"}
    return BlobStore(places[request.param])


@pytest.fixture
def local(tmp_path: Path) -> Callable[[bytes], Path]:
    def write(data: bytes) -> Path:
        path = tmp_path / "local.pack"
        path.write_bytes(data)
        return path

    return write


def test_a_pack_is_moved_read_listed_and_deleted(blobs: BlobStore, local: Callable[[bytes], Path]) -> None:
    path = local(b"0123456789")
    blobs.put_pack(path, NAME)
    assert not path.exists()
    assert blobs.get_range(NAME, 0, 10) == b"0123456789"
    assert blobs.get_range(NAME, 3, 4) == b"3456"
    assert blobs.get_range(NAME, 3, 0) == b""
    blobs.put_pack(local(b"x"), "20251231/node-1.pack")
    assert sorted(blob.name for blob in blobs.list()) == [NAME, "20251231/node-1.pack"]
    assert [(blob.name, blob.size_bytes) for blob in blobs.list("20251230")] == [(NAME, 10)]
    assert list(blobs.list("20251")) == []
    assert blobs.head(NAME).size_bytes == 10
    assert abs((blobs.head(NAME).modified - datetime.now(UTC)).total_seconds()) < 60
    blobs.delete(NAME)
    blobs.delete(NAME)
    assert list(blobs.list("20251230")) == []


def test_moving_again(blobs: BlobStore, local: Callable[[bytes], Path]) -> None:
    path = local(b"torn")
    blobs.put_pack(path, NAME)
    blobs.put_pack(path, NAME)
    assert blobs.get_range(NAME, 0, 4) == b"torn"
    blobs.put_pack(local(b"made again"), NAME)
    assert blobs.get_range(NAME, 0, 10) == b"made again"


def test_packs_that_are_not_there(blobs: BlobStore, tmp_path: Path) -> None:
    for ask in (lambda: blobs.head(NAME), lambda: blobs.get_range(NAME, 0, 1), lambda: blobs.put_pack(tmp_path / "gone.pack", NAME)):
        with pytest.raises(PackDamaged, match=f"pack {NAME}: not in the blob store"):
            ask()


@pytest.mark.parametrize(("start", "length"), [(0, 11), (9, 2), (10, 1), (25, 3)])
def test_ranges_beyond_the_end(blobs: BlobStore, local: Callable[[bytes], Path], start: int, length: int) -> None:
    blobs.put_pack(local(b"0123456789"), NAME)
    with pytest.raises(PackDamaged, match=f"torn: it has 10 bytes in .*, but {start + length} were put there"):
        blobs.get_range(NAME, start, length)


@pytest.mark.parametrize("name", ["../x.pack", "a/../../x.pack", "/etc/x.pack", "a//b.pack", "a b.pack", "a/.hidden"])
def test_names_that_are_none(blobs: BlobStore, local: Callable[[bytes], Path], name: str) -> None:
    path = local(b"data")
    for ask in (lambda: blobs.head(name), lambda: blobs.get_range(name, 0, 1), lambda: blobs.put_pack(path, name), lambda: blobs.delete(name)):
        with pytest.raises(UserError, match="is not the name of a pack"):
            ask()
    assert path.exists()


@pytest.mark.parametrize("place", ["nope://bucket/x", "s3://", "s3:///"])
def test_places_that_are_none(place: str) -> None:
    with pytest.raises(UserError, match=rf"blobs\.url: '{place}' is no folder and no URL of an object store"):
        BlobStore(place)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match=r"blobs\.url: cannot use the folder .*file"):
        BlobStore(tmp_path / "file")


def test_another_disk(tmp_path: Path, local: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    blobs, path, replace = BlobStore(tmp_path / "blobs"), local(b"data"), Path.replace

    def across(self: Path, target: Path) -> Path:
        if self == path:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", across)
    blobs.put_pack(path, NAME)
    assert blobs.get_range(NAME, 0, 4) == b"data"
    assert not path.exists()
    (tmp_path / "blobs" / f"{NAME}.part").touch()
    assert [blob.name for blob in blobs.list()] == [NAME]
    assert [file.name for file in (tmp_path / "blobs" / "20251230").glob("*.pack")] == ["node-1.pack"]


def test_a_full_disk(tmp_path: Path, local: Callable[[bytes], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    blobs, path = BlobStore(tmp_path / "blobs"), local(b"data")
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(UpstreamError, match="No space left on device; check the folder"):
        blobs.put_pack(path, NAME)
    assert path.read_bytes() == b"data"
