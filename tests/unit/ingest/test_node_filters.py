from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa

from splanc.filters.definition import Filter
from splanc.ingest import NodeFilters
from splanc.packet import Batch
from tests.unit.streams.batches import batch_of
from tests.unit.streams.filters import filter_of


@dataclass
class ScriptedRunner:
    """Says what it is told to."""

    usage: list[tuple[int, int, int, float]] = field(default_factory=list)
    given: tuple[Filter, ...] = ()

    def replace(self, filters: Iterable[Filter]) -> None:
        self.given = tuple(filters)

    def run_filters(self, batch: Batch) -> Batch:
        return batch

    def take_usage(self) -> pa.Table:
        return pa.table(dict(zip(("filter", "version", "evaluated", "seconds"), map(list, zip(*self.usage, strict=True)), strict=True)))


def test_a_batch_is_published_as_the_filters_were_that_tried_it() -> None:
    runner = ScriptedRunner()
    filters = NodeFilters(runner)  # type: ignore[arg-type]
    older, newer, other = filter_of(1, version=1), filter_of(1, version=2, topic="elsewhere"), filter_of(2, version=1)
    filters.replace([older, other])
    filters.replace([newer])  # while the batch is under way
    runner.usage = [(1, 1, 10, 0.0), (2, 1, 0, 0.0), (1, 2, 0, 0.0)]
    filters.run_filters(batch_of([{}]))
    assert filters.ran() == {1: older}
    runner.usage = [(1, 2, 10, 0.0)]
    filters.run_filters(batch_of([{}]))
    assert filters.ran() == {1: newer}
    assert runner.given == (newer,)


def test_processor_time_is_told_once() -> None:
    runner = ScriptedRunner(usage=[(1, 3, 10, 0.002), (2, 3, 10, 0.0)])
    filters = NodeFilters(runner)  # type: ignore[arg-type]
    filters.replace([filter_of(1), filter_of(2)])
    for _ in range(2):
        filters.run_filters(batch_of([{}]))
    assert filters.take_cpu_us() == {1: 4000}
    assert filters.take_cpu_us() == {}
