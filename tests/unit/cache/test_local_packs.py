"""Packs that wait for the blob store: bounded, in order, there after the node, and taken over when it is gone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from splanc.archive import Pack, PackDamaged, write_pack
from splanc.cache import LocalPacks, local_pack
from splanc.errors import UpstreamError
from tests.unit.archive_blobs.batches import made_batch

Write = Callable[[str], Pack]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def make(name: str) -> Pack:
        pack = write_pack(tmp_path / "spool", name, [made_batch([("a", 0, 1, (b"x" * 100, None, None))])])
        assert pack is not None
        return pack

    return make


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalPacks]:
    packs = LocalPacks(tmp_path / "packs" / "node-1", 1 << 20)
    yield packs
    packs.close()


def names(packs: LocalPacks) -> list[str]:
    return [pack.name for pack in packs.oldest_first()]


def test_packs_are_taken_found_and_dropped(local: LocalPacks, write: Write, tmp_path: Path) -> None:
    later, earlier = write("20260102/n-1.pack"), write("20260101/n-2.pack")
    content = later.path.read_bytes()
    for pack in (later, earlier, later):
        local.take(pack)
    assert names(local) == ["20260101/n-2.pack", "20260102/n-1.pack"]
    assert local.state() == (2, later.size_bytes + earlier.size_bytes)
    assert not later.path.exists()
    found = local_pack(tmp_path / "packs", "20260102/n-1.pack")
    assert found is not None
    assert found.read_bytes() == content
    local.drop(later.name)
    local.drop(later.name)
    assert local_pack(tmp_path / "packs", "20260102/n-1.pack") is None
    assert names(local) == ["20260101/n-2.pack"]
    assert sorted(path.name for path in local.folder.iterdir()) == ["20260101", "lock"]


def test_a_pack_is_on_the_disk_before_it_counts(local: LocalPacks, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    pack, synced = write("20260101/n.pack"), []
    monkeypatch.setattr(os, "fsync", lambda number: synced.append(Path(f"/proc/self/fd/{number}").readlink()))
    local.take(pack)
    assert synced == [pack.path, local.folder / "20260101", local.folder]


def test_a_pack_that_is_gone(local: LocalPacks, write: Write) -> None:
    pack = write("20260101/n.pack")
    pack.path.unlink()
    with pytest.raises(PackDamaged, match=r"pack 20260101/n\.pack: the local file .* is gone"):
        local.take(pack)
    assert local.state() == (0, 0)


def test_the_bound(tmp_path: Path, write: Write) -> None:
    pack = write("20260101/n.pack")
    local = LocalPacks(tmp_path / "packs" / "small", pack.size_bytes + 10)
    assert local.has_room(1 << 40)
    local.take(pack)
    assert local.has_room(10)
    assert not local.has_room(11)
    local.drop(pack.name)
    assert local.has_room(1 << 40)
    local.close()


def test_what_waits_outlives_the_node(local: LocalPacks, write: Write) -> None:
    pack = write("20260101/n.pack")
    local.take(pack)
    local.close()
    again = LocalPacks(local.folder, 1 << 20)
    assert names(again) == [pack.name]
    assert again.state() == (1, pack.size_bytes)
    again.close()


def test_packs_of_a_node_that_is_gone_are_taken_over_one_by_one(local: LocalPacks, write: Write) -> None:
    other = LocalPacks(local.folder.parent / "node-2", 1 << 20)
    for name in ("20260101/n.pack", "20260102/n.pack"):
        other.take(write(name))
    assert local.adopt() is None
    other.close()
    adopted = local.adopt()
    assert adopted is not None
    assert (adopted.name, adopted.path) == ("20260101/n.pack", local.folder / "20260101" / "n.pack")
    assert adopted.path.stat().st_size == adopted.size_bytes
    assert names(local) == ["20260101/n.pack"]
    back = LocalPacks(other.folder, 1 << 20)
    assert names(back) == ["20260102/n.pack"]
    assert local.adopt() is None
    back.close()
    assert local.adopt() is not None
    assert local.adopt() is None


def test_a_damaged_pack_is_set_aside(local: LocalPacks, write: Write) -> None:
    pack = write("20260101/n.pack")
    local.take(pack)
    aside = local.set_aside(pack.name)
    assert aside == local.folder / "20260101" / "n.pack.damaged"
    assert aside.stat().st_size == pack.size_bytes
    assert local.state() == (0, 0)
    local.close()
    again = LocalPacks(local.folder, 1 << 20)
    assert again.state() == (0, 0)
    again.close()


def test_a_folder_that_cannot_be_used(tmp_path: Path, local: LocalPacks, write: Write) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UpstreamError, match=r"cannot use the folder .* for packs of cutouts: .*; set another data_dir"):
        LocalPacks(tmp_path / "file" / "node", 1)
    pack = write("20260101/n.pack")
    (local.folder / "20260101").touch()
    with pytest.raises(UpstreamError, match=r"cannot keep the pack of cutouts .*; make room there"):
        local.take(pack)
    assert pack.path.exists()
