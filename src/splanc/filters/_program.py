"""Many filters as one program: what they have in common is done once, and the rest in one compiled call."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from polars.exceptions import PanicException

from ._compiled import Compiled, compile_filter
from ._evaluate import Evaluated, Places, computed, evaluate, inputs_of, reason, too_long
from ._joins import joined_alerts, kept, spread
from ._kernels import narrow
from ._records import Hits, Layout, records_of
from ._stores import Terms
from ._terms import Expressions
from .frames import Frame, Integers, Source
from .tables import TABLES
from .tree import Column, Joined, Kind, Selected, Tree

LIMIT_SECONDS = 0.5
"""A filter may take so long on a batch, and what it asks for alone may; a thousand filters together take less."""

MATCHES = pa.schema([("alert", pa.int32()), ("filter", pa.int64()), ("version", pa.int32()), ("record", pa.string())])
"""The table `filter_matches` of a batch: one row a match, by filter and then by alert; `record` is a JSON object of what the filter selects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a program found on a frame.

    Parameters
    ----------
    matches : of schema `MATCHES`.
    matched : number of matches of each filter, shape (n_filter,).
    seconds : what each filter took, its share of what was done for several included, shape (n_filter,).
    failed : why filters failed, by their place; they have no matches.
    """

    matches: pa.Table
    matched: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    failed: dict[int, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """Filters that run together, by their ids.

    Parameters
    ----------
    filters : compiled with the same `Expressions`.
    joins : the different joins of theirs.
    join_of : which of these is each filter's, shape (n_filter,).
    many : the sources with several rows an alert, of filters that have any, by their places.
    terms, layout : the filters' conditions and records.
    """

    filters: tuple[Compiled, ...]
    joins: tuple[tuple[Source, ...], ...]
    join_of: npt.NDArray[np.int64]
    many: Mapping[int, tuple[Source, ...]]
    terms: Terms
    layout: Layout

    @classmethod
    def of(cls, filters: Iterable[Compiled]) -> Program:
        """Return the program of some filters."""
        ordered = tuple(sorted(filters, key=lambda one: one.id))
        joins = {sources: place for place, sources in enumerate(dict.fromkeys(one.sources for one in ordered))}
        many = {place: tuple(source for source in one.sources if source.many) for place, one in enumerate(ordered)}
        return cls(
            filters=ordered,
            joins=tuple(joins),
            join_of=np.array([joins[one.sources] for one in ordered], np.int64),
            many={place: sources for place, sources in many.items() if sources},
            terms=Terms([one.terms for one in ordered]),
            layout=Layout([one.fields for one in ordered]),
        )

    def run(self, frame: Frame, *, left_out: Iterable[int] = (), limit_seconds: float = LIMIT_SECONDS) -> Outcome:
        """Try all filters on a frame, but those whose places are left out."""
        run = _Run(self, frame, limit_seconds)
        run.runs[list(left_out)] = False
        hits = run.find()
        matches = run.matches(hits)
        return Outcome(matches=matches, matched=hits.counts, seconds=run.seconds, failed=run.failed)


class _Run:
    """One run of a program: who still takes part, and what it has cost."""

    def __init__(self, program: Program, frame: Frame, limit_seconds: float) -> None:
        n_filter = len(program.filters)
        self._program = program
        self._frame = frame
        self._limit_seconds = limit_seconds
        self._evaluated = Evaluated()
        self.runs = np.ones(n_filter, np.bool_)
        self.seconds = np.zeros(n_filter)
        self.failed: dict[int, str] = {}

    def find(self) -> Hits:
        """Return what the filters find; those that fail find nothing."""
        begins, ends, rows = self._joined()
        self._evaluate(self._program.terms, ends > begins)
        ends = np.where(self.runs, ends, begins)
        began = time.thread_time()
        program, terms = self._program, self._program.terms
        stores = terms.stores(self._evaluated.values, len(self._frame))
        found, stops, looks = narrow(*stores[:4], terms.on(stores), terms.ends, terms.values, terms.exact_values, rows, begins, ends, np.empty(1024, np.int32))
        self._share(time.thread_time() - began, looks)
        hits = self._spread(found, np.append(0, stops[:-1]), np.diff(stops, prepend=0))
        self._evaluate(program.layout, hits.counts > 0)
        hits.counts[~self.runs] = 0
        return hits

    def matches(self, hits: Hits) -> pa.Table:
        """Return the table of matches, with their records."""
        began = time.thread_time()
        program, counts = self._program, hits.counts
        records = pa.chunked_array(list(records_of(program.layout, hits, self._frame, self._evaluated.values)), pa.string())
        skipped = hits.begins - (np.cumsum(counts) - counts)
        alerts = hits.alerts[np.arange(counts.sum()) + np.repeat(skipped, counts)]
        ids = np.repeat(np.array([one.id for one in program.filters], np.int64), counts)
        versions = np.repeat(np.array([one.version for one in program.filters], np.int32), counts)
        self._share(time.thread_time() - began, counts * np.diff(program.layout.ends, prepend=0))
        return pa.table([pa.array(alerts), pa.array(ids), pa.array(versions), records], schema=MATCHES)

    def _joined(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Integers]:
        """Return where the alerts that each filter begins with begin and end, and these; filters with the same join share them."""
        alerts = []
        for place, sources in enumerate(self._program.joins):
            try:
                alerts.append(joined_alerts(self._frame, sources))
            except (Exception, PanicException) as error:  # noqa: BLE001 - whatever a filter raises is that filter's failure
                self._fail(np.flatnonzero(self._program.join_of == place).tolist(), reason(error))
                alerts.append(np.zeros(0, np.int32))
        ends = np.cumsum([len(one) for one in alerts], dtype=np.int64)
        begins = np.append(0, ends[:-1])
        return begins[self._program.join_of], ends[self._program.join_of], np.concatenate(alerts)

    def _evaluate(self, part: Terms | Layout, takes_part: npt.NDArray[np.bool_]) -> None:
        """Evaluate what filters that take part need of the conditions or of the records; a filter that needs what fails has failed."""
        needs = (self.runs & takes_part)[part.filters]
        places, filters = part.places[needs], part.filters[needs]
        known = set(self._evaluated.seconds)
        needed = [(place, part.expressions[place]) for place in np.unique(places).tolist() if part.expressions[place].many is None]
        evaluate([expression for _, expression in needed], self._frame, self._limit_seconds, self._evaluated)
        cost = np.zeros(len(part.expressions))
        for place, expression in needed:
            if expression not in known:
                cost[place] = self._evaluated.seconds.get(expression, 0.0)
            if expression in self._evaluated.failed:
                self._fail(np.unique(filters[places == place]).tolist(), self._evaluated.failed[expression])
        each = cost / np.maximum(np.bincount(places, minlength=len(cost)), 1)
        self.seconds += np.bincount(filters, each[places], len(self.seconds))

    def _spread(self, found: Integers, begins: npt.NDArray[np.int64], counts: npt.NDArray[np.int64]) -> Hits:
        """Return the hits, with the rows of those filters whose join has several an alert."""
        alerts, n_alert = [found], len(found)
        spread_of: dict[int, Places] = {}
        own: dict[int, pl.Series] = {}
        for place in [place for place in self._program.many if counts[place]]:
            began = time.perf_counter()
            try:
                places, values = self._rows_of(place, found[begins[place] : begins[place] + counts[place]])
            except (Exception, PanicException) as error:  # noqa: BLE001 - whatever a filter raises is that filter's failure
                self._fail([place], reason(error))
                continue
            seconds = time.perf_counter() - began
            self.seconds[place] += seconds
            if seconds > self._limit_seconds:
                self._fail([place], too_long(seconds, self._limit_seconds))
                continue
            begins[place], counts[place] = n_alert, len(places[None])
            alerts.append(places[None])
            n_alert += len(places[None])
            spread_of[place] = places
            own |= values
        return Hits(alerts=np.concatenate(alerts), begins=begins, counts=counts, spread=spread_of, own=own)

    def _rows_of(self, place: int, alerts: Integers) -> tuple[Places, dict[int, pl.Series]]:
        """Return the rows that a filter's join makes of alerts and its other conditions leave, and what it computes of them, by its fields."""
        frame, layout = self._frame, self._program.layout
        places = kept(frame, spread(frame, alerts, self._program.many[place]), self._program.filters[place].rest)
        fields = [field for field in layout.of_filter(place) if (one := layout.fields[field].expression).many is not None and not one.is_column]
        expressions = [layout.fields[field].expression for field in fields]
        n_row = len(places[None])
        values = computed(expressions, inputs_of(expressions, frame, places), n_row) if n_row and fields else ()
        return places, dict(zip(fields, values, strict=False))

    def _fail(self, places: Iterable[int], why: str) -> None:
        """Let filters take no further part."""
        for place in places:
            self.runs[place] = False
            self.failed.setdefault(place, why)

    def _share(self, seconds: float, work: npt.NDArray[np.int64]) -> None:
        """Share out what was done for all, by the work that it was for each."""
        self.seconds += seconds * work / max(1, work.sum())


def run_one(tree: Tree, frame: Frame, *, limit_seconds: float = LIMIT_SECONDS) -> Outcome:
    """Run one filter on a frame, as it runs among others."""
    return Program.of([compile_filter(tree, Expressions())]).run(frame, limit_seconds=limit_seconds)


def warm() -> None:
    """Load the compiled loops, or compile them (seconds, once a machine), so that the first batch is not late."""
    column = Column(source="objects", name="jump1", kind=Kind.number)
    tree = Tree(selected=(Selected(name="jump1", node=column),), joined=(Joined(table="objects", alias="objects"),), conditions=None)
    objects = pa.table({"alert": pa.array([0], pa.int32()), "jump1": pa.array([1.0], pa.float32())})
    run_one(tree, Frame(1, {TABLES["objects"].rows_of: objects}))
