"""A node's filters follow the archive's, and go on when it is away."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from splanc.archive import FilterChanges
from splanc.errors import UpstreamError
from splanc.filters import Failure
from splanc.filters.definition import Definition, Filter, Output, Run, State
from splanc.ingest import FilterWatcher
from splanc.metrics import Metrics

DAY = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
DEFINITION = Definition(name="ä", owner="maria", selected="objects.diaObjectId", output=Output.full)


def a_filter(number: int, *, run: Run = Run.on_alert, state: State = State.active, version: int = 1) -> Filter:
    return Filter(
        id=number,
        version=version,
        definition=replace(DEFINITION, run=run),
        topic=f"lasair_{number}",
        state=state,
        bytes_per_day=10**12,
        created=DAY,
        changed=DAY,
        notes=("n",),
    )


@dataclass
class ScriptedStore:
    """The changes that a test makes, and what it is told."""

    filters: list[Filter] = field(default_factory=list)
    away: bool = False
    paused: list[tuple[int, str, int | None]] = field(default_factory=list)

    def changed_since(self, number: int) -> FilterChanges:
        if self.away:
            raise UpstreamError("down")
        return FilterChanges(number=len(self.filters), filters=tuple(self.filters[number:]), complete=number == 0)

    def pause(self, filter_id: int, reason: str, version: int | None = None) -> bool:
        if self.away:
            raise UpstreamError("down")
        self.paused.append((filter_id, reason, version))
        self.filters.append(replace(next(one for one in self.filters if one.id == filter_id), state=State.paused))
        return True


class Bench:
    """A watcher over a scripted store, and what it hands on."""

    def __init__(self, folder: Path, store: ScriptedStore | None = None) -> None:
        self.store = store or ScriptedStore()
        self.copy = folder / "filters.json"
        self.taken: list[tuple[int, ...]] = []
        self.failing: list[Failure] = []
        self.told: list[tuple[bytes, dict[str, object]]] = []
        self.metrics = Metrics()
        self.take: Callable[[tuple[Filter, ...]], None] = lambda filters: self.taken.append(tuple(one.id for one in filters))
        self.watcher = FilterWatcher(
            self.store,  # type: ignore[arg-type]
            self.copy,
            runner=self,  # type: ignore[arg-type]
            metrics=self.metrics,
            tell=lambda key, value: self.told.append((key, json.loads(value))),
            seconds=0.005,
        )

    def replace(self, filters: tuple[Filter, ...]) -> None:
        self.take(filters)
        self.failing = [failure for failure in self.failing if (failure.filter, failure.version) in {(one.id, one.version) for one in filters}]

    def failures(self) -> tuple[Failure, ...]:
        return tuple(self.failing)

    def errors(self, kind: str) -> float | None:
        return self.metrics.registry.get_sample_value("splanc_stage_errors_total", {"stage": "watch_filters", "error_type": kind})


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_filters_are_taken_when_they_change_and_only_then(bench: Bench) -> None:
    bench.store.filters = [a_filter(2), a_filter(1)]
    bench.watcher.load()
    assert bench.taken == [(1, 2)]
    bench.watcher.poll()
    bench.store.filters += [a_filter(3, version=2)]
    bench.watcher.poll()
    bench.watcher.poll()
    assert bench.taken == [(1, 2), (1, 2, 3)]
    assert bench.metrics.registry.get_sample_value("splanc_filters_running") == 3
    for gone in (a_filter(1, state=State.paused), a_filter(2, state=State.deleted), a_filter(3, run=Run.muted)):
        bench.store.filters += [gone]
        bench.watcher.poll()
    assert bench.taken[2:] == [(2, 3), (3,), ()]
    bench.store.filters += [a_filter(1, run=Run.both), a_filter(2, run=Run.on_annotation)]
    bench.watcher.poll()
    assert bench.taken[5:] == [(1,)]


def test_a_database_that_was_replaced_replaces_all_filters(bench: Bench) -> None:
    bench.store.filters = [a_filter(1), a_filter(2)]
    bench.watcher.load()
    bench.store.changed_since = lambda number: FilterChanges(number=1, filters=(a_filter(9),), complete=True)  # type: ignore[method-assign]
    bench.watcher.poll()
    assert bench.taken == [(1, 2), (9,)]


def test_with_the_archive_away_the_known_filters_go_on_and_one_warning_says_so(bench: Bench) -> None:
    bench.store.filters = [a_filter(1)]
    bench.watcher.load()
    bench.store.away = True
    with capture_logs() as logs:
        for _ in range(3):
            bench.watcher.poll()
        bench.store.away = False
        bench.watcher.poll()
    assert [(line["event"], line["log_level"]) for line in logs] == [("filters not read", "warning"), ("filters read again", "info")]
    assert bench.taken == [(1,)]
    assert bench.errors("UpstreamError") == 3


def test_a_node_that_starts_with_the_archive_away_runs_what_was_known(bench: Bench, tmp_path: Path) -> None:
    bench.store.filters = [a_filter(1), a_filter(2, run=Run.both), a_filter(3, state=State.paused)]
    bench.watcher.load()
    again = Bench(tmp_path, ScriptedStore(away=True))
    taken: list[Filter] = []
    again.take = taken.extend
    again.watcher.load()
    assert taken == bench.store.filters[:2]
    again.store.away = False
    again.watcher.poll()
    assert len(taken) == 2
    assert again.metrics.registry.get_sample_value("splanc_filters_running") == 0
    assert bench.copy.read_bytes() == b"[]"


def test_the_copy_is_private_and_nothing_else_is_left(bench: Bench, tmp_path: Path) -> None:
    bench.watcher.load()
    assert bench.copy.read_bytes() == b"[]"
    bench.store.filters = [a_filter(1)]
    bench.watcher.poll()
    assert bench.copy.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [bench.copy]


@pytest.mark.parametrize("damaged", [b"", b"{", b'[{"id": 1}]', b"\xff"])
def test_a_damaged_copy_is_no_copy(bench: Bench, damaged: bytes) -> None:
    bench.copy.write_bytes(damaged)
    bench.store.away = True
    with capture_logs() as logs:
        bench.watcher.load()
    assert [line["event"] for line in logs] == ["filters not read", "copy of the filters unreadable", "filters"]
    assert bench.taken == [()]
    assert bench.errors("ValidationError") == 1


def test_no_copy_can_be_written_and_filters_run_all_the_same(bench: Bench, tmp_path: Path) -> None:
    bench.copy.mkdir()
    bench.store.filters = [a_filter(1)]
    with capture_logs() as logs:
        bench.watcher.load()
    assert bench.taken == [(1,)]
    assert "copy of the filters not written" in [line["event"] for line in logs]
    assert list(tmp_path.iterdir()) == [bench.copy]


def a_failure(number: int, version: int, *, paused: bool) -> Failure:
    return Failure(filter=number, version=version, times=3, reason="it divides", paused=paused)


def test_what_the_node_has_paused_is_paused_when_the_archive_answers(bench: Bench) -> None:
    bench.store.filters = [a_filter(1, version=4), a_filter(2)]
    bench.watcher.load()
    bench.failing = [a_failure(1, 4, paused=True), a_failure(2, 1, paused=False)]
    bench.store.away = True
    with capture_logs() as logs:
        bench.watcher.poll()
        bench.store.away = False
        bench.watcher.poll()
        bench.watcher.poll()
    assert bench.store.paused == [(1, "it divides", 4)]
    assert [line["filter"] for line in logs if line["event"] == "filter paused"] == [1]
    assert bench.taken == [(1, 2), (2,)]
    ((key, notice),) = bench.told
    assert (key, notice["id"], notice["filter"], notice["kind"]) == (b"maria", "paused/1/4", "ä", "paused")
    assert notice["text"] == "Your filter ä is paused on all nodes: it divides. Edit it, then let it run again with `splanc filter resume`."


def test_the_thread_looks_again_and_again_and_survives_mistakes(bench: Bench) -> None:
    def refuse(_filters: tuple[Filter, ...]) -> None:
        bench.take = take
        raise AssertionError("a mistake")

    take, bench.take = bench.take, refuse
    bench.store.filters = [a_filter(1)]
    with capture_logs() as logs:
        bench.watcher.start()
        deadline = time.monotonic() + 4
        while not bench.taken:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        bench.watcher.stop()
    assert bench.taken == [(1,)]
    assert bench.errors("unexpected") == 1
    assert [line["log_level"] for line in logs] == ["error", "info"]
    assert not bench.watcher._thread.is_alive()
