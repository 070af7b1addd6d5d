from __future__ import annotations

import json
import os
import time
from typing import Any

import numpy as np
import pytest

from splanc.ingest import NodeReport, _report
from splanc.metrics import STAGES, Metrics


def said(report: NodeReport) -> dict[str, Any]:
    return json.loads(
        report.record(state="running", partitions={"a/0": [5, None]}, waiting={"waiting_batches": 2, "waiting_bytes": 99, "local_packs": 1, "local_bytes": 50})
    )


def test_a_record_says_all_that_status_and_demo_read() -> None:
    metrics = Metrics()
    metrics.latency["publish"].add(np.array([0.5, 2.0]))
    report = NodeReport("node-1", metrics)
    report.count(received=10, rejected=1)
    report.count(received=5, published=9)
    report.newest_ms["publish"] = 123
    before = time.time()
    record = said(report)
    assert before <= record.pop("at") <= time.time()
    assert record.pop("incarnation").startswith("node-1@")
    assert record["latency"]["publish"] == metrics.latency["publish"].report()
    assert set(record.pop("cpu_seconds")) == {"process", *STAGES}
    assert {name: record[name] for name in ("received", "published", "archived", "rejected", "repeated")} == {
        "received": 15, "published": 9, "archived": 0, "rejected": 1, "repeated": 0
    }  # fmt: skip
    assert (record["node"], record["pid"], record["state"]) == ("node-1", os.getpid(), "running")
    assert (record["partitions"], record["waiting_batches"], record["waiting_bytes"]) == ({"a/0": [5, None]}, 2, 99)
    assert record["newest_ms"] == {"publish": 123, "archive": None}


def test_each_life_of_a_node_has_a_name_of_its_own() -> None:
    assert len({NodeReport("node-1", Metrics()).incarnation for _ in range(3)}) == 3


def test_only_known_counts_are_counted() -> None:
    with pytest.raises(KeyError):
        NodeReport("node-1", Metrics()).count(lost=1)


def test_rates_are_means_over_the_last_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(_report.time, "monotonic", lambda: now)
    report = NodeReport("node-1", Metrics())
    assert said(report)["rates"]["published"] == 0.0
    for _ in range(20):
        now += 1.0
        report.count(published=100)
        rates = said(report)["rates"]
    assert rates == {"received": 0.0, "published": 100.0, "archived": 0.0, "rejected": 0.0, "repeated": 0.0}
    for _ in range(12):
        now += 1.0
        rates = said(report)["rates"]
    assert rates["published"] == 0.0


def test_the_first_moment_is_no_rate_of_thousands(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 50.0
    monkeypatch.setattr(_report.time, "monotonic", lambda: now)
    report = NodeReport("node-1", Metrics())
    said(report)
    now += 0.001
    report.count(archived=500)
    assert said(report)["rates"]["archived"] == 500.0
