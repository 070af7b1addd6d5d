"""Cutouts come back as they were in the packet, or with a word on what happened to their pack."""

from __future__ import annotations

from pathlib import Path

import pytest

from splanc.archive.blobs import BlobStore
from splanc.archive.cutouts import read_cutouts, write_fits
from splanc.archive.footers import PackDamaged
from splanc.archive.packs import Pack, remake_pack, write_pack
from splanc.errors import UserError
from tests.unit.archive_blobs.batches import Alert, made_batch

NAME = "20251230/node-1.pack"

ALERTS: list[Alert] = [
    ("a", 0, 1, (b"science 1", b"template 1", b"difference 1")),
    ("a", 0, 2, (None, b"", b"difference 2")),
    ("a", 0, 3, (None, None, None)),
]


@pytest.fixture
def pack(tmp_path: Path) -> Pack:
    pack = write_pack(tmp_path / "packs", NAME, [made_batch(ALERTS)])
    assert pack is not None
    return pack


@pytest.fixture
def blobs(tmp_path: Path, pack: Pack) -> BlobStore:
    blobs = BlobStore(tmp_path / "blobs")
    blobs.put_pack(pack.path, pack.name)
    return blobs


def test_all_kinds(pack: Pack, blobs: BlobStore) -> None:
    rows = pack.index.to_pylist()
    assert read_cutouts(rows[0], blobs) == {"science": b"science 1", "template": b"template 1", "difference": b"difference 1"}
    assert read_cutouts(rows[1], blobs) == {"template": b"", "difference": b"difference 2"}
    assert read_cutouts(rows[2], blobs) == {}
    assert read_cutouts(dict.fromkeys(rows[0]), blobs) == {}


def test_a_changed_byte(pack: Pack, blobs: BlobStore, tmp_path: Path) -> None:
    file = tmp_path / "blobs" / NAME
    data = bytearray(file.read_bytes())
    data[12] ^= 1
    file.write_bytes(data)
    rows = pack.index.to_pylist()
    with pytest.raises(PackDamaged, match=rf"pack {NAME}: bytes of it have changed in .*blobs; `splanc cutout` makes it again"):
        read_cutouts(rows[0], blobs)
    assert read_cutouts(rows[1], blobs)["difference"] == b"difference 2"


@pytest.mark.parametrize("damage", ["gone", "torn", "zeros"])
def test_a_damaged_pack_is_made_again(pack: Pack, blobs: BlobStore, tmp_path: Path, damage: str) -> None:
    file = tmp_path / "blobs" / NAME
    whole = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(whole[:5] if damage == "torn" else bytes(len(whole)))
    row = pack.index.to_pylist()[0]
    batch = made_batch(ALERTS)
    made = read_cutouts(row, blobs, lambda _: remake_pack(tmp_path / "again", pack.row(), lambda _: batch.messages, lambda _: batch))
    assert made == {"science": b"science 1", "template": b"template 1", "difference": b"difference 1"}
    assert file.read_bytes() == whole
    assert read_cutouts(row, blobs) == made


def test_fits_files(tmp_path: Path) -> None:
    cutouts = {"science": b"SIMPLE s", "template": b"SIMPLE t", "difference": b"SIMPLE d"}
    out, template, difference = tmp_path / "out.x.fits", tmp_path / "out.x.template.fits", tmp_path / "out.x.difference.fits"
    assert write_fits(cutouts, out) == [out, template, difference]
    assert [path.read_bytes() for path in (out, template, difference)] == list(cutouts.values())
    assert write_fits({"template": b"t"}, tmp_path / "bare") == [tmp_path / "bare.template.fits"]
    compressed = [tmp_path / f"out.x.{kind}fits.gz" for kind in ("", "template.", "difference.")]
    assert write_fits(cutouts, compressed[0]) == compressed
    with pytest.raises(UserError, match="cannot write"):
        write_fits(cutouts, tmp_path / "no folder" / "out.fits")
