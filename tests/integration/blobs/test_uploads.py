"""Packs go from a node's disk to a real S3 server whatever happens on the way, and cutouts can be read at every moment."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psycopg
import pytest

from splanc.archive import BlobStore, PackDamaged
from splanc.config import Settings
from splanc.errors import UpstreamError
from splanc.head import _remake, cutouts_of, restore_packs
from splanc.packet import Batch, Decoder, Partition
from tests.integration.blobs.farnode import FarNode, sent, settings_with
from tests.support.s3 import SECRET, Faults, Link
from tests.unit.archive_blobs.batches import part, real_messages, warm_decoder

SPANS = {Partition("lsst-alerts", number): (100, 109) for number in range(3)}

Start = Callable[[Settings], FarNode]


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Decoder:
    return warm_decoder(tmp_path_factory.mktemp("schemas"))


@pytest.fixture
def batch(tmp_path: Path, decoder: Decoder) -> Batch:
    return decoder.decode(real_messages(tmp_path))


@pytest.fixture
def settings(tmp_path: Path, archive_dsn: str, s3_link: Link) -> Settings:
    return settings_with(tmp_path, archive_dsn, s3_link.port, f"s3://bucket/{tmp_path.name}")


@pytest.fixture
def start() -> Iterator[Start]:
    with ExitStack() as stack:

        def make(settings: Settings) -> FarNode:
            node = FarNode(settings)
            stack.callback(node.close)
            return node

        yield make


def all_readable(settings: Settings, batch: Batch) -> bool:
    return all(cutouts_of(settings, identity) == cutouts for identity, cutouts in list(sent(batch).items())[:5])


def wrong_secret(settings: Settings) -> Settings:
    return settings.model_copy(update={"blobs": settings.blobs.model_copy(update={"secret_access_key": type(settings.blobs.secret_access_key)("wrong")})})


def refuse(link: Link) -> None:
    link.close()


def be_unavailable(link: Link) -> None:
    link.faults = Faults(unavailable=True)


def cut(link: Link) -> None:
    link.faults = Faults(cut_after_bytes=1_000_000)


def mend(link: Link) -> None:
    link.close()
    link.faults = Faults()
    link.open()


def assert_stored(node: FarNode, batch: Batch) -> None:
    """The one pack of a node is in the store, and nowhere else."""
    (pack,) = node.packs()
    assert (pack["host"], pack["stored"] is not None) == (None, True)
    assert node.local.state() == (0, 0)
    assert [(blob.name, blob.size_bytes) for blob in node.blobs.list()] == [(pack["name"], pack["bytes"])]
    assert all_readable(node.settings, batch)


@pytest.mark.parametrize("fail", [refuse, be_unavailable, cut])
def test_a_store_that_fails(settings: Settings, s3_link: Link, batch: Batch, start: Start, fail: Callable[[Link], None]) -> None:
    node = start(settings)
    fail(s3_link)
    began = time.monotonic()
    node.archive_batch(batch, SPANS)
    assert time.monotonic() - began < 5
    (pack,) = node.packs()
    assert (pack["stored"], pack["host"] is not None, pack["night"]) == (None, True, int(pack["name"][:8]))
    assert all_readable(settings, batch)
    node.uploader.upload_all()
    assert node.packs() == [pack]
    assert node.local.state() == (1, pack["bytes"])
    assert node.metrics.registry.get_sample_value("splanc_stage_errors_total", {"stage": "upload", "error_type": "UpstreamError"}) == 1
    mend(s3_link)
    node.uploader.upload_all()
    assert_stored(node, batch)


def test_wrong_credentials_and_a_restart_with_the_right_ones(settings: Settings, batch: Batch, start: Start) -> None:
    node = start(wrong_secret(settings))
    node.archive_batch(batch, SPANS)
    node.uploader.upload_all()
    with pytest.raises(UpstreamError, match="check that it is up and that its credentials are set") as caught:
        node.blobs.head(node.packs()[0]["name"])
    assert SECRET not in str(caught.value)
    assert node.local.state()[0] == 1
    node.close()
    again = start(settings)
    again.uploader.upload_all()
    assert_stored(again, batch)


def test_a_slow_store_holds_up_nothing_but_the_upload(settings: Settings, s3_link: Link, batch: Batch, start: Start) -> None:
    node = start(settings)
    s3_link.faults = Faults(piece_seconds=0.05)
    node.uploader.start()
    began = time.monotonic()
    node.archive_batch(batch, SPANS)
    assert node.packs()[0]["stored"] is None
    while node.local.state()[0]:
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    assert time.monotonic() - began > 1
    node.uploader.stop(5)
    assert_stored(node, batch)


def test_a_node_that_died_before_its_load_leaves_a_pack_for_the_archive_to_judge(settings: Settings, batch: Batch, start: Start) -> None:
    node = start(settings)
    node.side.pack(batch, np.ones(len(batch), np.bool_))
    waiting = node.side.packed(batch, SPANS)
    assert waiting.pack is not None
    node.local.take(waiting.pack)
    node.close()
    again = start(settings)
    again.uploader.upload_all()
    assert again.local.state()[0] == 1
    again.archive_batch(batch, SPANS)
    assert again.local.state()[0] == 2
    again.uploader.upload_all()
    assert_stored(again, batch)


def test_a_pack_that_waits_elsewhere(settings: Settings, batch: Batch, start: Start, tmp_path: Path) -> None:
    node = start(settings)
    node.archive_batch(batch, SPANS)
    elsewhere = settings.model_copy(update={"data_dir": tmp_path / "elsewhere"})
    (identity, cutouts), *_ = sent(batch).items()
    with pytest.raises(UpstreamError, match=r"is still only on the disk of .*, with node node-1, which has yet to upload it"):
        cutouts_of(elsewhere, identity)
    node.uploader.upload_all()
    assert cutouts_of(elsewhere, identity) == cutouts


def test_packs_on_a_lost_disk_are_made_again(settings: Settings, batch: Batch, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    node = start(settings)
    node.archive_batch(batch, SPANS)
    (lost,) = node.packs()
    shutil.rmtree(settings.packs_folder)
    monkeypatch.setattr(_remake, "_messages_at", lambda _settings, place: part(batch.messages, np.zeros(27, np.bool_)))
    failed: list[PackDamaged] = []
    assert list(restore_packs(settings, lost["host"], failed.append)) == []
    assert [damage.name for damage in failed] == [lost["name"]]
    monkeypatch.setattr(_remake, "_messages_at", lambda _settings, place: part(batch.messages, batch.messages.partitions == place.partition))
    assert list(restore_packs(settings, "another", failed.append)) == []
    assert list(restore_packs(settings, lost["host"], failed.append)) == [lost["name"]]
    (stored,) = node.packs()
    assert (stored["host"], stored["stored"] is not None, len(failed)) == (None, True, 1)
    assert all_readable(settings, batch)


def test_a_cutout_is_one_ranged_request(settings: Settings, s3_link: Link, batch: Batch, start: Start) -> None:
    node = start(settings)
    node.archive_batch(batch, SPANS)
    node.uploader.upload_all()
    s3_link.requests.clear()
    (identity, cutouts), *_ = sent(batch).items()
    assert cutouts_of(settings, identity) == cutouts
    (request,) = s3_link.requests
    first, last = request.lower().split(b"range: bytes=")[1].split(b"\r")[0].split(b"-")
    assert int(last) - int(first) + 1 == sum(map(len, cutouts.values()))


def test_parts_and_single_pieces_have_the_e_tag_that_is_expected(settings: Settings, tmp_path: Path, s3_link: Link) -> None:
    blobs = BlobStore(settings.blobs_place, settings.blobs_s3)
    for size_bytes in (0, 1, 8 << 20, (8 << 20) + 1, 20_000_000):
        path = tmp_path / "local.pack"
        path.write_bytes(bytes(range(250)) * (size_bytes // 250) + b"x" * (size_bytes % 250))
        s3_link.requests.clear()
        blobs.upload(path, "20260101/x.pack")
        assert blobs.get("20260101/x.pack") == path.read_bytes()
        assert sum(request.startswith(b"GET") for request in s3_link.requests) == 1
    assert blobs.nights() == (20260101,)


def test_a_damaged_local_pack_is_not_handed_out(settings: Settings, batch: Batch, start: Start) -> None:
    node = start(settings)
    node.archive_batch(batch, SPANS)
    (identity, _), *_ = sent(batch).items()
    (path,) = node.local.folder.rglob("*.pack")
    path.write_bytes(bytes(path.stat().st_size))
    with psycopg.connect(settings.archive_dsn) as connection:
        connection.execute("UPDATE packs SET places = '[]'")
    with pytest.raises(PackDamaged, match="cannot be made again"):
        cutouts_of(settings, identity)
