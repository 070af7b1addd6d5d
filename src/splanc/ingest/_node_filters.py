"""The filters of one node: the stage that tries them, and what is known of those that it tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Protocol

import pyarrow as pa

from ..filters.definition import Filter
from ..packet import Batch
from ._filter_watcher import Stopped


class _Failure(Protocol):
    """What is wrong with a filter; `filters.Failure` is one."""

    @property
    def filter(self) -> int: ...
    @property
    def version(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def paused(self) -> bool: ...


class Runner(Protocol):
    """What tries filters; `filters.FilterRunner` is one."""

    def replace(self, filters: Iterable[Filter]) -> None:
        """Run these filters from the next batch on."""

    def run_filters(self, batch: Batch) -> Batch:
        """Return the batch with the table of matches."""

    def take_usage(self) -> pa.Table:
        """Return what was done since this was last called: `filter`, `version`, `evaluated`, `seconds`."""

    def failures(self) -> tuple[_Failure, ...]:
        """Return what is wrong with filters."""


class NodeFilters:
    """A node's filters, which a thread of their own may replace at any time: a batch is published as the filters were that it was tried against."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._known: dict[tuple[int, int], Filter] = {}
        self._ran: dict[int, Filter] = {}
        self._cpu_us: Counter[int] = Counter()
        self._told: set[tuple[int, int]] = set()

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

    def stopped(self) -> list[Stopped]:
        """Return the filters that were stopped since this was last called."""
        paused = {(one.filter, one.version): one.reason for one in self._runner.failures() if one.paused}
        untold = [(number, version, reason) for (number, version), reason in paused.items() if (number, version) not in self._told]
        self._told = set(paused)  # what is run again may be stopped again
        return untold
