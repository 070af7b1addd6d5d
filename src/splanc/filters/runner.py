"""Running all filters on every batch, so that one that fails stops nobody else."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from polars.exceptions import PanicException

from ..packet import Batch
from ._compiled import Compiled, compile_filter
from ._evaluate import reason
from ._program import LIMIT_SECONDS, MATCHES, Outcome, Program
from ._terms import Expressions
from .definition import Filter
from .frames import Frame
from .language import parse_filter

MATCHES_TABLE = "filter_matches"
"""Name of the table of a batch that the matches are in."""

FAILURES_ALLOWED = 3
"""A filter that fails on so many batches one after another is paused."""

USAGE = pa.schema([("filter", pa.int64()), ("version", pa.int32()), ("evaluated", pa.int64()), ("matched", pa.int64()), ("seconds", pa.float64())])
"""What filters did: alerts that each was tried on, matches, and its processor time, seconds, with its share of what was done for several."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """What is wrong with a filter.

    Parameters
    ----------
    filter, version : of the filter.
    times : batches one after another that it failed on.
    reason : of the last failure, for its owner.
    paused : whether it is not run any more.
    """

    filter: int
    version: int
    times: int
    reason: str
    paused: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Totals:
    """Counts of a program's filters; all of shape (n_filter,)."""

    evaluated: npt.NDArray[np.int64]
    matched: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]

    @classmethod
    def zeros(cls, n_filter: int) -> _Totals:
        return cls(evaluated=np.zeros(n_filter, np.int64), matched=np.zeros(n_filter, np.int64), seconds=np.zeros(n_filter))

    def table(self, program: Program) -> pa.Table:
        columns = ([one.id for one in program.filters], [one.version for one in program.filters], self.evaluated, self.matched, self.seconds)
        return pa.table([pa.array(values, field.type) for values, field in zip(columns, USAGE, strict=True)], schema=USAGE)


class FilterRunner:
    """The stage that tries all filters, and what it remembers from batch to batch.

    A filter that cannot be compiled is paused at once, and one that fails `FAILURES_ALLOWED` batches running is then; `failures` says so to
    whoever can tell its owner. It stays paused until `replace` is called without it, or with another version of it.

    Parameters
    ----------
    filters : those to run; see `replace`.
    limit_seconds : a filter that takes longer on a batch has failed.
    """

    def __init__(self, filters: Iterable[Filter] = (), *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._limit_seconds = limit_seconds
        self._expressions = Expressions()
        self._replacing = threading.Lock()
        self._lock = threading.Lock()
        self._compiled: dict[tuple[int, int], Compiled] = {}
        self._failures: dict[tuple[int, int], Failure] = {}
        self._program = Program.of(())
        self._totals = _Totals.zeros(0)
        self._earlier: list[pa.Table] = []
        self.replace(filters)

    def replace(self, filters: Iterable[Filter]) -> None:
        """Run these filters from the next batch on, of them those that are active and run on alerts; only new versions are compiled.

        It may be called from any thread.
        """
        with self._replacing:
            wanted = {(one.id, one.version): one for one in filters if one.runs_on_alerts}
            compiled, broken = self._compile(wanted)
            program = Program.of(compiled.values())
            with self._lock:
                self._compiled = compiled
                self._failures = {key: failure for key, failure in self._failures.items() if key in wanted} | broken
                if self._totals.evaluated.any():
                    self._earlier.append(self._totals.table(self._program))
                self._program, self._totals = program, _Totals.zeros(len(program.filters))

    def run_filters(self, batch: Batch) -> Batch:
        """Return the batch with the table `filter_matches`, of schema `MATCHES`."""
        with self._lock:
            program = self._program
            stopped = {key for key, failure in self._failures.items() if failure.paused}
        paused = [place for place, one in enumerate(program.filters) if (one.id, one.version) in stopped] if stopped else []
        if not len(batch) or len(paused) == len(program.filters):
            return _with_matches(batch, MATCHES.empty_table())
        outcome = program.run(Frame.of(batch), left_out=paused, limit_seconds=self._limit_seconds)
        ran = np.full(len(program.filters), len(batch), np.int64)
        ran[[*paused, *outcome.failed]] = 0
        self._remember(program, outcome, ran)
        return _with_matches(batch, outcome.matches)

    def failures(self) -> tuple[Failure, ...]:
        """Return what is wrong with filters: those that are paused, and those that failed on the last batch they were tried on."""
        with self._lock:
            return tuple(self._failures.values())

    def take_usage(self) -> pa.Table:
        """Return what the filters did since this was last called, of schema `USAGE`; a version of a filter may have several rows."""
        with self._lock:
            tables = [*self._earlier, self._totals.table(self._program)]
            self._earlier, self._totals = [], _Totals.zeros(len(self._program.filters))
        return pa.concat_tables(tables)

    def _compile(self, wanted: Mapping[tuple[int, int], Filter]) -> tuple[dict[tuple[int, int], Compiled], dict[tuple[int, int], Failure]]:
        """Return the filters that can be compiled, and what is wrong with the others."""
        compiled: dict[tuple[int, int], Compiled] = {}
        broken: dict[tuple[int, int], Failure] = {}
        for key, one in wanted.items():
            if key in self._compiled:
                compiled[key] = self._compiled[key]
                continue
            try:
                tree = parse_filter(one.definition.selected, one.definition.tables, one.definition.conditions)
                compiled[key] = compile_filter(tree, self._expressions, id=one.id, version=one.version)
            except (Exception, PanicException) as error:  # noqa: BLE001 - whatever a filter raises is that filter's failure
                broken[key] = Failure(filter=one.id, version=one.version, times=1, reason=reason(error), paused=True)
        return compiled, broken

    def _remember(self, program: Program, outcome: Outcome, ran: npt.NDArray[np.int64]) -> None:
        """Count a run, and who failed; whoever did not fail has a clean slate."""
        with self._lock:
            if program is not self._program:
                self._earlier.append(_Totals(evaluated=ran, matched=outcome.matched, seconds=outcome.seconds).table(program))
                return
            self._totals = _Totals(
                evaluated=self._totals.evaluated + ran, matched=self._totals.matched + outcome.matched, seconds=self._totals.seconds + outcome.seconds
            )
            failing = {(program.filters[place].id, program.filters[place].version): why for place, why in outcome.failed.items()}
            self._failures = {key: failure for key, failure in self._failures.items() if failure.paused or key in failing}
            for key, why in failing.items():
                times = self._failures[key].times + 1 if key in self._failures else 1
                self._failures[key] = Failure(filter=key[0], version=key[1], times=times, reason=why, paused=times >= FAILURES_ALLOWED)


def _with_matches(batch: Batch, matches: pa.Table) -> Batch:
    return replace(batch, tables={**batch.tables, MATCHES_TABLE: matches})
