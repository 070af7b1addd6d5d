"""The registry of nodes: what each has last said of itself."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..config import Settings
from ..kafka import read_topic
from ..metrics import LatencyHistogram

ALIVE_SECONDS = 10.0
"""A node that has said nothing for this long is taken for dead."""

_RECORDS_READ = 2_000
"""Newest records of the nodes topic that are looked at: a thousand seconds of two nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """The last report of every life of every node, by incarnation."""

    reports: dict[str, dict[str, Any]]

    def alive(self) -> list[dict[str, Any]]:
        """Return the reports of nodes that have spoken lately and have not said goodbye, by name."""
        newest: dict[str, dict[str, Any]] = {}
        for report in sorted(self.reports.values(), key=lambda r: float(r["at"])):
            newest[report["node"]] = report
        return [r for _, r in sorted(newest.items()) if r["state"] != "stopped" and time.time() - r["at"] < ALIVE_SECONDS]

    def total(self, name: str) -> int:
        """Return the sum of a count over all lives of all nodes."""
        return sum(int(report[name]) for report in self.reports.values())

    def latency(self, side: str) -> LatencyHistogram:
        """Return the latencies of one side ("publish" or "archive") over all lives of all nodes."""
        merged = LatencyHistogram()
        for report in self.reports.values():
            merged.merge(report["latency"][side])
        return merged


def registry_of(records: Iterable[bytes]) -> Registry:
    """Return the registry that records of the nodes topic tell, later ones replacing earlier ones."""
    reports = {}
    for record in records:
        report = json.loads(record)
        reports[report["incarnation"]] = report
    return Registry(reports=reports)


def read_registry(settings: Settings) -> Registry:
    """Return the registry as the nodes topic tells it now."""
    return registry_of(record.value or b"" for record in read_topic(settings.kafka, settings.kafka.nodes_topic, last=_RECORDS_READ))
