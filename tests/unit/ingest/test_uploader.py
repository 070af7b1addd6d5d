"""Packs leave the disk for the blob store: oldest first, only when the archive has them, and never on a failure."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splanc.archive import PackFate
from splanc.cache import LocalPacks
from splanc.errors import UpstreamError

from .stores import PLACE, Bench

DOWN = UpstreamError("down")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, is_far=True)
    yield made
    made.close()


def archived(bench: Bench, count: int = 1) -> list[str]:
    """Archive batches with cutouts, and return the names of their packs, oldest first."""
    for first in range(0, 2 * count, 2):
        assert bench.offer_cutouts(first)
        bench.side.transfer_next()
    assert len(bench.archive.spans) == count
    return [pack.name for pack in bench.local.oldest_first()]


def events(logs: list) -> list[tuple[str, str]]:
    return [(line["event"], line["log_level"]) for line in logs]


def test_the_archive_does_not_wait_for_a_far_store(bench: Bench) -> None:
    names = archived(bench, 3)
    assert len(names) == 3
    assert None not in bench.archive.packs_on
    assert bench.blobs.names == []
    bench.uploader.upload_all()
    assert bench.blobs.names == bench.archive.stored == names
    assert bench.local.state() == (0, 0)
    assert list(bench.local.folder.rglob("*.pack")) == []
    assert bench.metric("splanc_upload_packs_bytes_total") > 3 * 24


def test_a_near_store_has_the_pack_before_the_archive(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.offer_cutouts()
    bench.side.transfer_next()
    assert bench.archive.packs_on == [None]
    assert len(bench.blobs.names) == 1
    assert bench.local.state() == (0, 0)
    bench.close()


def test_a_pack_whose_load_may_yet_come_waits_and_one_that_never_will_goes(bench: Bench) -> None:
    kept, lost, sent = archived(bench, 3)
    bench.archive.fates = {kept: PackFate.open, lost: PackFate.lost}
    bench.uploader.upload_all()
    assert bench.blobs.names == [sent]
    assert [pack.name for pack in bench.local.oldest_first()] == [kept]
    bench.archive.fates = {}
    bench.uploader.upload_all()
    assert bench.blobs.names == [sent, kept]


def test_failures_are_said_once_and_keep_the_order(bench: Bench) -> None:
    names = archived(bench, 2)
    bench.blobs.failures = [DOWN, DOWN]
    with capture_logs() as logs:
        for _ in range(3):
            bench.uploader.upload_all()
    assert events(logs) == [("upload failing", "warning"), ("upload works again", "info")]
    assert bench.metric("splanc_stage_errors_total", stage="upload", error_type="UpstreamError") == 2
    assert bench.blobs.names == names


def test_a_pack_stays_until_the_archive_has_noted_it(bench: Bench) -> None:
    (name,) = archived(bench)
    bench.archive.marks_failures = [DOWN]
    bench.uploader.upload_all()
    assert bench.blobs.names == [name]
    assert [pack.name for pack in bench.local.oldest_first()] == [name]
    bench.uploader.upload_all()
    assert bench.blobs.names == [name, name]
    assert bench.archive.stored == [name]
    assert bench.local.state() == (0, 0)


@pytest.mark.parametrize("at", [3, -3])
def test_a_pack_that_the_disk_has_changed_is_not_uploaded(bench: Bench, at: int) -> None:
    damaged, whole = archived(bench, 2)
    path = bench.local.folder / damaged
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with capture_logs() as logs:
        bench.uploader.upload_all()
    assert events(logs) == [("local pack damaged", "error")]
    assert logs[0]["kept"] == f"{path}.damaged"
    assert bench.blobs.names == [whole]
    assert bench.metric("splanc_stage_errors_total", stage="upload", error_type="PackDamaged") == 1


def test_a_restarted_node_goes_on(bench: Bench, tmp_path: Path) -> None:
    names = archived(bench, 2)
    bench.close()
    again = Bench(tmp_path, is_far=True)
    again.uploader.start()
    deadline = time.monotonic() + 4
    while again.local.state()[0]:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    assert again.archive.stored == names
    again.close()
    assert not again.uploader._thread.is_alive()


def test_a_node_that_stops_ends_its_uploads_but_does_not_wait_for_a_store_that_fails(bench: Bench, tmp_path: Path) -> None:
    names = archived(bench, 3)
    bench.uploader.start()
    bench.uploader.stop(4)
    assert bench.archive.stored == names
    failing = Bench(tmp_path / "failing", is_far=True)
    archived(failing)
    failing.blobs.failures = [DOWN] * 1_000_000
    failing.uploader.start()
    began = time.monotonic()
    failing.uploader.stop(4)
    assert time.monotonic() - began < 2
    assert failing.local.state()[0] == 1
    failing.close()


def test_packs_of_a_node_that_is_gone_are_uploaded(bench: Bench) -> None:
    (name,) = archived(bench)
    other = LocalPacks(bench.local.folder.parent / "gone", 1 << 20)
    path = bench.local.folder / name
    (other.folder / path.parent.name).mkdir()
    path.rename(other.folder / name)
    other.close()
    bench.local.drop(name)
    bench.uploader.upload_all()
    assert bench.archive.stored == [name]
    assert list(other.folder.rglob("*.pack")) == []


def test_at_the_bound_the_archive_side_waits_and_drops_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, is_far=True, local_max_bytes=1)
    assert all(bench.offer_cutouts(first) for first in (0, 2))
    with capture_logs() as logs:
        for _ in range(3):
            bench.side.transfer_next()
    assert events(logs) == [("archive side paused", "warning")]
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert bench.side.waiting()[0] == 1
    bench.uploader.upload_all()
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}, {PLACE: (2, 4)}]
    bench.uploader.upload_all()
    assert len(bench.archive.stored) == 2
    bench.close()


def test_a_failed_load_leaves_its_pack_for_the_next_try(bench: Bench) -> None:
    assert bench.offer_cutouts()
    bench.archive.failures = [DOWN]
    bench.side.transfer_next()
    assert bench.local.state()[0] == 1
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert bench.local.state()[0] == 1


def test_a_pack_of_which_every_alert_was_repeated_is_dropped(bench: Bench) -> None:
    bench.archive.all_repeated = True
    assert bench.offer_cutouts()
    bench.side.transfer_next()
    assert bench.local.state() == (0, 0)
    assert bench.blobs.deleted == []


def test_a_local_pack_that_is_gone_is_for_the_node_to_read_again(bench: Bench) -> None:
    assert bench.offer_cutouts()
    for path in bench.spool.packs.rglob("*.pack"):
        path.unlink()
    bench.side.transfer_next()
    assert bench.side.superseded()
    assert bench.archive.spans == []
