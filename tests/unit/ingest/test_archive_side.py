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
from splanc.ingest import ArchiveSide, Work, _archive_side
from splanc.packet import Cutouts
from tests.unit.streams.batches import TIMESTAMP_MS, batch_of

from .stores import PLACE, Bench, work_of

DOWN = UpstreamError("down")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.side.stop(0)
    made.spool.close()


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
        bench.put(first)
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
    assert side.offer(Work(batch=replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)), spans={PLACE: (0, 2)}))
    side.pack_next()
    (pack,) = bench.spool.packs.rglob("*.pack")
    assert bench.metric("splanc_stage_alerts_sent_total", stage="pack") == 2
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
    assert bench.side.offer(Work(batch=replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)), spans={PLACE: (0, 2)}))
    bench.side.pack_next()
    bench.side.transfer_next()
    assert bench.blobs.deleted == bench.blobs.names
    assert len(bench.blobs.names) == 1


def test_a_batch_of_rejected_packets_only_moves_the_mark(bench: Bench) -> None:
    bench.side.offer(Work(batch=batch_of([None, None]), spans={PLACE: (0, 2)}))
    bench.side.pack_next()
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
    assert bench.report.newest_ms["archive"] is None
    assert bench.metric("splanc_stage_alerts_sent_total", stage="archive") == 0


def test_there_is_room_for_one_offer_until_it_is_packed(bench: Bench) -> None:
    assert bench.side.offer(work_of(0))
    assert not bench.side.offer(work_of(2))
    assert bench.side.waiting()[0] == 1
    bench.side.pack_next()
    assert bench.side.offer(work_of(2))


def test_a_full_cache_holds_the_batch_back_until_there_is_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path, max_bytes=1)
    bench.archive.gate.clear()
    bench.side.start()
    try:
        assert bench.side.offer(work_of(0))
        await_true(bench.archive.loading.is_set)
        assert bench.side.offer(work_of(2))
        await_true(lambda: bench.side.offer(work_of(4)))
        time.sleep(0.02)
        assert not bench.side.offer(work_of(6))
        assert bench.spool.state().batches == 1
        bench.archive.gate.set()
        await_true(lambda: len(bench.archive.spans) == 3)
    finally:
        bench.archive.gate.set()
        bench.side.stop(1)
        bench.spool.close()
    assert [spans[PLACE] for spans in bench.archive.spans] == [(0, 2), (2, 4), (4, 6)]


def test_clear_forgets_all_that_waits_wherever_it_is(bench: Bench) -> None:
    bench.put(0)
    bench.put(2)
    assert bench.side.offer(work_of(4))
    bench.side.clear()
    assert bench.side.waiting() == (0, 0)
    bench.side.pack_next()
    bench.side.transfer_next()
    assert bench.archive.spans == []
    bench.put(8)
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (8, 10)}]


def test_what_is_being_packed_when_all_is_cleared_is_forgotten_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []

    def write_and_clear(folder: Path, name: str, batch: object) -> object:
        bench.side.clear()
        written.append(pack := write_pack(folder, name, batch))
        return pack

    write_pack = _archive_side.write_pack
    monkeypatch.setattr(_archive_side, "write_pack", write_and_clear)
    batch = batch_of([{}])
    cutouts = Cutouts(starts=np.zeros(1, np.int64), lengths=np.full(1, 4, np.int64))
    bench.side.offer(Work(batch=replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)), spans={PLACE: (0, 1)}))
    bench.side.pack_next()
    assert bench.side.waiting() == (0, 0)
    assert not written[0].path.exists()


def test_clear_waits_for_a_transfer_that_is_running(bench: Bench) -> None:
    bench.archive.gate.clear()
    bench.side.start()
    assert bench.side.offer(work_of(0))
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


def test_a_pack_that_cannot_be_written_is_tried_again(bench: Bench, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [UpstreamError("disk full")] * 6
    write_pack = _archive_side.write_pack

    def write(*arguments: object) -> object:
        if refusals:
            raise refusals.pop()
        return write_pack(*arguments)

    monkeypatch.setattr(_archive_side, "write_pack", write)
    bench.put(0)
    assert pauses == [0.5, 1.0, 2.0, 5.0, 5.0, 5.0]
    assert bench.side.waiting()[0] == 1
    assert bench.metric("splanc_stage_errors_total", stage="pack", error_type="UpstreamError") == 6


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
    bench.spool.close()


@pytest.mark.parametrize("where", ["transfer", "pack"])
def test_whatever_ends_a_thread_ends_the_node(bench: Bench, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = ZeroDivisionError("a mistake")
    if where == "transfer":
        bench.archive.failures = [error]
    else:
        monkeypatch.setattr(_archive_side, "waiting_batch", lambda *_arguments: (_ for _ in ()).throw(error))
    with capture_logs() as logs:
        bench.side.start()
        assert bench.side.offer(work_of(0))
        await_true(lambda: bench.side._died is not None)
    with pytest.raises(ZeroDivisionError, match="a mistake") as caught:
        bench.side.offer(work_of(2))
    assert caught.value is error
    assert [(line["event"], line["log_level"]) for line in logs] == [("archive side died", "error")]


def test_stop_lets_what_waits_be_archived(bench: Bench) -> None:
    bench.archive.gate.clear()
    bench.side.start()
    assert bench.side.offer(work_of(0))
    await_true(bench.archive.loading.is_set)
    assert bench.side.offer(work_of(2))
    bench.archive.gate.set()
    bench.side.stop(3)
    assert [spans[PLACE] for spans in bench.archive.spans] == [(0, 2), (2, 4)]
    assert not any(thread.is_alive() for thread in bench.side._threads)


def test_stop_does_not_wait_for_an_archive_that_is_away(bench: Bench) -> None:
    bench.archive.failures = [DOWN] * 100_000
    bench.side.start()
    assert bench.side.offer(work_of(0))
    await_true(lambda: len(bench.archive.failures) < 100_000)
    began = time.monotonic()
    bench.side.stop(4)
    assert time.monotonic() - began < 2
    assert bench.archive.spans == []
    assert not any(thread.is_alive() for thread in bench.side._threads)


def test_a_batch_that_the_disk_does_not_take_is_put_again(bench: Bench, pauses: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    refusals: list[Exception] = [UpstreamError("disk full")] * 3
    put = bench.spool.put

    def refuse(*arguments: Any) -> bool:
        if refusals:
            raise refusals.pop()
        return put(*arguments)

    monkeypatch.setattr(bench.spool, "put", refuse)
    with capture_logs() as logs:
        bench.put(0)
    assert len(pauses) == 3
    assert [line["event"] for line in logs] == ["archive side failing"]
    assert bench.metric("splanc_stage_errors_total", stage="pack", error_type="UpstreamError") == 3
    bench.side.transfer_next()
    assert bench.archive.spans == [{PLACE: (0, 2)}]
