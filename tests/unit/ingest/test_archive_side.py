from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from splanc.cache import SpoolDamaged
from splanc.errors import Superseded, UpstreamError
from splanc.ingest import ArchiveSide, _archive_side
from splanc.packet import Cutouts, concat
from tests.unit.streams.batches import TIMESTAMP_MS, batch_of

from .stores import PLACE, Bench

DOWN = UpstreamError("down")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The waits that a side asks for, in seconds before its patience."""
    asked: list[float] = []
    pause = ArchiveSide._pause

    def noted(self: ArchiveSide, seconds: float) -> bool:
        asked.append(seconds)
        return pause(self, seconds)

    monkeypatch.setattr(ArchiveSide, "_pause", noted)
    return asked


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 4
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_batches_are_archived_in_the_order_of_their_offers_and_counted(bench: Bench) -> None:
    for first in (0, 2, 4):
        assert bench.put(first)
    assert bench.side.waiting()[0] == 3
    for _ in range(3):
        bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}, {PLACE: (2, 4)}, {PLACE: (4, 6)}]
    assert bench.side.waiting() == (0, 0)
    assert (bench.report.counts["archived"], bench.report.counts["repeated"]) == (3, 3)
    assert bench.report.newest_ms["archive"] == TIMESTAMP_MS + 5
    assert bench.metric("splanc_stage_alerts_sent_total", stage="archive") == 6
    assert bench.metric("splanc_archive_alerts_repeated_total") == 3
    assert bench.metrics.latency["archive"].cumulative(())[-1] == 6
    assert bench.blobs.names == []


def test_cutouts_go_to_the_blob_store_before_the_rows_and_leave_the_cache(bench: Bench) -> None:
    batch = batch_of([{}, {}])
    cutouts = Cutouts(starts=np.zeros(2, np.int64), lengths=np.array([3, 5], np.int64))
    side = bench.side
    assert bench.offer(replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)))
    (pack,) = bench.spool.packs.rglob("*.pack")
    bench.archive.failures = [DOWN]
    side.transfer_next()
    assert pack.exists()
    assert (len(bench.blobs.names), bench.archive.spans) == (1, [])
    side.transfer_next()
    assert bench.blobs.names == [f"{pack.parent.name}/{pack.name}"] * 2
    assert pack.parent.name == "20260101"
    assert not pack.exists()
    assert bench.blobs.deleted == []


def test_a_pack_of_which_every_alert_was_repeated_is_deleted(bench: Bench) -> None:
    batch = batch_of([{}, {}])
    cutouts = Cutouts(starts=np.zeros(2, np.int64), lengths=np.array([3, 5], np.int64))
    bench.archive.all_repeated = True
    assert bench.offer(replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)))
    bench.side.transfer_next()
    assert bench.blobs.deleted == bench.blobs.names
    assert len(bench.blobs.names) == 1


def test_a_batch_of_rejected_packets_only_moves_the_mark(bench: Bench) -> None:
    assert bench.offer(batch_of([None, None]))
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert bench.report.newest_ms["archive"] is None
    assert bench.metric("splanc_stage_alerts_sent_total", stage="archive") == 0


def test_a_full_cache_holds_the_batch_back_until_there_is_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=1)
    assert bench.put(0)
    batch = batch_of([{}] * 2, first_offset=2)
    waiting = bench.side.packed(batch, {PLACE: (2, 4)})
    assert not bench.side.offer(waiting)
    assert bench.spool.state().batches == 1
    bench.side.transfer_next()
    assert bench.side.offer(waiting)
    bench.side.transfer_next()
    assert [spans[PLACE] for spans in bench.archive.spans] == [(0, 2), (2, 4)]
    bench.close()


def test_the_pack_of_a_batch_that_is_dropped_leaves_nothing(bench: Bench) -> None:
    batch = batch_of([{}])
    cutouts = Cutouts(starts=np.zeros(1, np.int64), lengths=np.full(1, 4, np.int64))
    packed = replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts))
    bench.side.pack(packed, np.ones(1, np.bool_))
    assert len(list(bench.spool.packs.rglob("*.pack"))) == 1
    bench.side.abandon_pack()
    assert list(bench.spool.packs.rglob("*.pack")) == []
    assert bench.offer(packed)
    bench.side.transfer_next()
    assert len(bench.blobs.names) == 1


def test_a_pack_holds_only_what_is_to_be_archived_of_each_part(bench: Bench) -> None:
    parts = [batch_of([{}, {}], first_offset=first) for first in (0, 2)]
    cutouts = Cutouts(starts=np.zeros(2, np.int64), lengths=np.array([3, 5], np.int64))
    parts = [replace(part, cutouts=dict.fromkeys(part.cutouts, cutouts)) for part in parts]
    bench.side.pack(parts[0], np.array([False, True]))
    bench.side.pack(parts[1], np.array([True, True]))
    waiting = bench.side.packed(concat([part.released() for part in parts]), {PLACE: (1, 4)})
    assert waiting.pack is not None
    assert waiting.alerts["offset"].to_pylist() == [1, 2, 3]
    assert waiting.pack.index["scienceLength"].to_pylist() == [5, 3, 5]
    assert waiting.pack.index["scienceStart"].to_pylist() == [0, 15, 24]


def test_clear_forgets_all_that_waits_wherever_it_is(bench: Bench) -> None:
    assert bench.put(0)
    assert bench.put(2)
    bench.side.clear()
    assert bench.side.waiting() == (0, 0)
    bench.side.transfer_next()
    assert bench.archive.spans == []
    assert bench.put(8)
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (8, 10)}]


def test_clear_waits_for_a_transfer_that_is_running(bench: Bench) -> None:
    bench.archive.gate.clear()
    bench.side.start()
    assert bench.put(0)
    await_true(bench.archive.loading.is_set)
    bench.archive.gate.set()
    bench.side.clear()
    assert bench.archive.spans == [{PLACE: (0, 2)}]


@pytest.mark.parametrize("error", [Superseded("a mark has moved"), SpoolDamaged(Path("x"), "is torn", {PLACE: (0, 2)})])
def test_a_batch_that_is_no_longer_ours_or_is_damaged_is_for_the_node_to_read_again(bench: Bench, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.put(0)
    if isinstance(error, SpoolDamaged):
        monkeypatch.setattr(bench.spool, "peek", lambda: (_ for _ in ()).throw(error))
    else:
        bench.archive.failures = [error]
    assert not bench.side.superseded()
    for _ in range(3):
        bench.side.transfer_next()
    assert bench.side.superseded()
    assert bench.archive.spans == []
    assert bench.metric("splanc_stage_alerts_dropped_total", stage="archive", reason=type(error).__name__, intentional="true") == 1
    assert bench.metric("splanc_stage_errors_total", stage="archive", error_type=type(error).__name__) == 0
    bench.side.clear()
    assert not bench.side.superseded()
    assert bench.side.waiting() == (0, 0)


def test_failures_wait_longer_each_time_and_are_said_once(bench: Bench, pauses: list[float]) -> None:
    bench.put(0)
    bench.archive.failures = [DOWN] * 6
    with capture_logs() as logs:
        for _ in range(7):
            bench.side.transfer_next()
    assert pauses == [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert [(line["event"], line["log_level"]) for line in logs] == [("archive side failing", "warning"), ("archive side works again", "info")]
    assert bench.metric("splanc_stage_errors_total", stage="archive", error_type="UpstreamError") == 6
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    bench.put(2)
    bench.archive.failures = [DOWN]
    bench.side.transfer_next()
    assert pauses[-1] == 0.5


def test_marks_are_unknown_while_the_archive_is_away(bench: Bench) -> None:
    assert bench.side.marks([PLACE]) == {PLACE: 7}
    bench.archive.marks_failures = [DOWN, DOWN]
    assert bench.side.marks([PLACE]) is None
    assert not bench.side.is_back()
    assert bench.side.is_back()
    assert bench.archive.asked == [[PLACE], [PLACE], [], []]


def test_an_archive_that_is_away_is_asked_every_other_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(tmp_path)
    now = 100.0
    monkeypatch.setattr(_archive_side.time, "monotonic", lambda: now)
    side = ArchiveSide(bench.side._stores, "node-1", report=bench.report, metrics=bench.metrics)
    bench.archive.marks_failures = [DOWN, DOWN]
    assert side.marks([PLACE]) is None
    assert [side.is_back(), len(bench.archive.asked)] == [False, 1]
    now += 1.9
    assert [side.is_back(), len(bench.archive.asked)] == [False, 1]
    now += 0.2
    assert [side.is_back(), len(bench.archive.asked)] == [False, 2]
    now += 2.1
    assert [side.is_back(), len(bench.archive.asked)] == [True, 3]
    bench.close()


def test_whatever_ends_the_thread_ends_the_node(bench: Bench) -> None:
    error = ZeroDivisionError("a mistake")
    bench.archive.failures = [error]
    with capture_logs() as logs:
        bench.side.start()
        assert bench.put(0)
        await_true(lambda: bench.side._died is not None)
    with pytest.raises(ZeroDivisionError, match="a mistake") as caught:
        bench.put(2)
    assert caught.value is error
    assert [(line["event"], line["log_level"]) for line in logs] == [("archive side died", "error")]


def test_stop_lets_what_waits_be_archived(bench: Bench) -> None:
    bench.archive.gate.clear()
    bench.side.start()
    assert bench.put(0)
    await_true(bench.archive.loading.is_set)
    assert bench.put(2)
    bench.archive.gate.set()
    bench.side.stop(3)
    assert [spans[PLACE] for spans in bench.archive.spans] == [(0, 2), (2, 4)]
    assert not bench.side._thread.is_alive()


def test_stop_does_not_wait_for_an_archive_that_is_away(bench: Bench) -> None:
    bench.archive.failures = [DOWN] * 100_000
    bench.side.start()
    assert bench.put(0)
    await_true(lambda: len(bench.archive.failures) < 100_000)
    began = time.monotonic()
    bench.side.stop(4)
    assert time.monotonic() - began < 2
    assert bench.archive.spans == []
    assert not bench.side._thread.is_alive()


def test_a_batch_that_the_disk_does_not_take_may_be_offered_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> bool:
        raise UpstreamError("disk full")

    with capture_logs() as logs, monkeypatch.context() as patch:
        patch.setattr(bench.spool, "put", refuse)
        assert [bench.put(0) for _ in range(3)] == [False] * 3
    assert [line["event"] for line in logs] == ["archive side failing"]
    assert bench.metric("splanc_stage_errors_total", stage="pack", error_type="UpstreamError") == 3
    assert bench.put(0)
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]


def test_what_filters_saw_is_kept_before_the_archive_has_it_and_not_written_again(bench: Bench, tmp_path: Path) -> None:
    bench.put(0)
    bench.archive.failures = [DOWN]
    bench.side.transfer_next()
    (file,) = (tmp_path / "rows").rglob("*.arrow")
    written = file.stat().st_mtime_ns
    assert bench.archive.spans == []
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert [path.stat().st_mtime_ns for path in (tmp_path / "rows").rglob("*.arrow")] == [written]
    bench.offer(batch_of([None, None], first_offset=2), 2)
    bench.side.transfer_next()
    assert len(list((tmp_path / "rows").rglob("*.arrow"))) == 1
    assert bench.metrics.cpu_by_stage["rows"] > 0


def test_rows_that_the_disk_does_not_take_hold_the_batch_back(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("no folder")
    bench.put(0)
    bench.side.transfer_next()
    assert bench.archive.spans == []
    assert bench.metric("splanc_stage_errors_total", stage="archive", error_type="UpstreamError") == 1
    (tmp_path / "rows").unlink()
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]


def test_without_a_folder_no_rows_are_kept(bench: Bench, tmp_path: Path) -> None:
    bench.side._stores = replace(bench.side._stores, rows=None)
    bench.put(0)
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert not (tmp_path / "rows").exists()
