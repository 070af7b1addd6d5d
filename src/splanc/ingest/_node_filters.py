"""The filters of one node: the stage that tries them, and what is known of those that it tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from ..filters import Failure, Filter, FilterRunner
from ..packet import Batch


class NodeFilters:
    """A node's filters, which a thread of their own may replace at any time: a batch is published as the filters were that it was tried against."""

    def __init__(self, runner: FilterRunner) -> None:
        self._runner = runner
        self._known: dict[tuple[int, int], Filter] = {}
        self._ran: dict[int, Filter] = {}
        self._cpu_us: Counter[int] = Counter()

    def replace(self, filters: Iterable[Filter]) -> None:
        """Run these filters from the next batch on."""
        given = tuple(filters)
        # Those before stay known: a batch may be under way. A version is never another one again, so it is a few for each edit.
        self._known = self._known | {(one.id, one.version): one for one in given}
        self._runner.replace(given)

    def run_filters(self, batch: Batch) -> Batch:
        """Return the batch with the table `filter_matches`."""
        batch = self._runner.run_filters(batch)
        usage = self._runner.take_usage()
        columns = [usage[name].to_pylist() for name in ("filter", "version", "evaluated", "seconds")]
        ran = {}
        for number, version, evaluated, seconds in zip(*columns, strict=True):
            if evaluated:
                ran[number] = self._known[number, version]
                self._cpu_us[number] += round(seconds * 1e6)
        self._ran = ran
        return batch

    def ran(self) -> Mapping[int, Filter]:
        """Return the filters that the last batch was tried against, by id; those that failed are not among them."""
        return self._ran

    def take_cpu_us(self) -> Mapping[int, float]:
        """Return the processor time of each filter since this was last called, µs."""
        taken, self._cpu_us = self._cpu_us, Counter()
        return {number: us for number, us in taken.items() if us}

    def failures(self) -> tuple[Failure, ...]:
        """Return what is wrong with filters."""
        return self._runner.failures()
