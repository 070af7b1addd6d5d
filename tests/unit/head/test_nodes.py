from __future__ import annotations

import pytest

from splanc.head import registry_of
from splanc.head._nodes import ALIVE_SECONDS

from .reports import record


def test_the_last_report_of_each_life_is_kept() -> None:
    registry = registry_of(
        [
            record("n1", 1, published=5),
            record("n2", 1, published=1),
            record("n1", 1, published=8),
            record("n1", 2, published=3),
            record("n2", 1, published=2),
        ]
    )
    assert {name: report["published"] for name, report in registry.reports.items()} == {"n1@1": 8, "n1@2": 3, "n2@1": 2}
    assert registry.total("published") == 13


def test_alive_is_who_spoke_lately_in_its_newest_life() -> None:
    registry = registry_of(
        [
            record("n3", 1, published=3),
            record("n1", 2, ago=1, published=2),
            record("n1", 1, ago=5, published=1),
            record("silent", 1, ago=ALIVE_SECONDS + 1),
            record("stopped", 1, ago=3),
            record("stopped", 1, ago=1, state="stopped"),
            record("restarted", 1, ago=2, state="stopped"),
            record("restarted", 2, ago=1, published=9),
        ]
    )
    assert [(report["node"], report["published"]) for report in registry.alive()] == [("n1", 2), ("n3", 3), ("restarted", 9)]


def test_latencies_of_all_lives_add_up() -> None:
    registry = registry_of([record("n1", 1, latency=1.0), record("n1", 2, latency=4.0), record("n2", 1, latency=16.0), record("n3", 1)])
    latency = registry.latency("archive")
    assert latency.cumulative(())[-1] == 3
    assert latency.percentile(0.5) == pytest.approx(4.0, rel=0.05)
    assert latency.max_seconds == 16.0


def test_nobody_has_spoken_yet() -> None:
    registry = registry_of([])
    assert (registry.alive(), registry.total("published"), registry.latency("publish").percentile(0.5)) == ([], 0, None)
