"""Filters that are changed anywhere are live on every node within five seconds, whatever happens to PostgreSQL meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from structlog.testing import capture_logs

from splanc.archive import FilterStore
from splanc.config import load_settings
from splanc.filters import Failure, FilterRunner
from splanc.filters.definition import Definition, Filter, State
from splanc.ingest import FilterWatcher
from splanc.metrics import Metrics

MINE = Definition(name="Bright", owner="maria", selected="objects.diaObjectId", conditions="g_psfFlux > 200000")

LIVE_SECONDS = 5.0


class Node:
    """A watcher that looks ten times as often as by default, so that the limit holds on a machine ten times as slow, and the filters that it runs."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.running: dict[str, int] = {}
        self.failing: list[Failure] = []
        self.changed = threading.Condition()
        settings = load_settings(folder)
        self.watcher = FilterWatcher(
            FilterStore(dsn),
            settings.filters_copy,
            runner=self,  # type: ignore[arg-type]
            metrics=Metrics(),
            tell=lambda _key, _value: None,
            seconds=settings.filters.poll_seconds / 10,
        )

    def failures(self) -> tuple[Failure, ...]:
        return tuple(self.failing)

    def replace(self, filters: tuple[Filter, ...]) -> None:
        with self.changed:
            self.failing = []
            self.running = {one.definition.name: one.version for one in filters}
            self.changed.notify_all()

    def runs(self, wanted: dict[str, int]) -> bool:
        """Wait until it runs these filters, by name, in these versions."""
        with self.changed:
            return self.changed.wait_for(lambda: self.running == wanted, LIVE_SECONDS)


@contextmanager
def started(*nodes: Node) -> Iterator[None]:
    for node in nodes:
        node.watcher.load()
        node.watcher.start()
    try:
        yield
    finally:
        for node in nodes:
            node.watcher.stop()


@pytest.fixture
def nodes(archive_dsn: str, tmp_path: Path) -> tuple[Node, Node]:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    return Node(archive_dsn, tmp_path / "a"), Node(archive_dsn, tmp_path / "b")


def test_all_nodes_run_what_was_changed_within_five_seconds(archive_dsn: str, nodes: tuple[Node, Node]) -> None:
    store = FilterStore(archive_dsn)
    first = store.create(MINE)
    with started(*nodes):
        assert [node.running for node in nodes] == [{"Bright": 1}] * 2
        store.create(replace(MINE, name="New"))
        store.edit(first, replace(MINE, conditions="ra > 1"), cost_us=1.0, bytes_per_day=None, records_per_visit=None)
        assert all(node.runs({"Bright": 2, "New": 1}) for node in nodes)
        nodes[0].failing.append(Failure(filter=first.id, version=2, times=3, reason="it divides", paused=True))
        assert all(node.runs({"New": 1}) for node in nodes)
    paused = store.get("maria", "Bright")
    assert (paused.state, paused.reason) == (State.paused, "it divides")


def test_with_postgresql_away_nodes_go_on_and_start(archive_dsn: str, nodes: tuple[Node, Node], postgres_server: str, tmp_path: Path) -> None:
    store = FilterStore(archive_dsn)
    store.create(MINE)
    database = psycopg.conninfo.conninfo_to_dict(archive_dsn)["dbname"]
    with capture_logs() as logs, started(nodes[0]), psycopg.connect(postgres_server, autocommit=True) as server:
        server.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        deadline = time.monotonic() + LIVE_SECONDS
        while "filters not read" not in [line["event"] for line in logs]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        again = Node(archive_dsn, tmp_path / "a")
        again.watcher.load()
        assert again.running == nodes[0].running == {"Bright": 1}
        server.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        store.create(replace(MINE, name="Later"))
        assert nodes[0].runs({"Bright": 1, "Later": 1})


def test_a_filter_that_cannot_run_is_paused_with_the_reason_and_others_go_on(archive_dsn: str, tmp_path: Path) -> None:
    """As after a release that no longer knows a column."""
    store, runner = FilterStore(archive_dsn), FilterRunner()
    broken, sound = store.create(replace(MINE, conditions="g_psfFlux > 1 AND gone > 2")), store.create(replace(MINE, name="Sound"))
    told: list[bytes] = []
    watcher = FilterWatcher(store, tmp_path / "filters.json", runner=runner, metrics=Metrics(), tell=lambda key, _: told.append(key), seconds=1.0)
    watcher.load()
    with capture_logs() as logs:
        watcher.poll()
        watcher.poll()
    assert [(line["filter"], line["version"]) for line in logs if line["event"] == "filter paused"] == [(broken.id, 1)]
    paused = store.get("maria", "Bright")
    assert paused.state is State.paused
    assert "gone" in paused.reason
    assert told == [b"maria"]
    assert runner.failures() == ()
    assert runner.take_usage()["filter"].to_pylist() == [sound.id]
    store.edit(paused, MINE, cost_us=1.0, bytes_per_day=None, records_per_visit=None)
    store.resume(paused.id)
    watcher.poll()
    assert runner.take_usage()["filter"].to_pylist() == [broken.id, sound.id]
