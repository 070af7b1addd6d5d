"""Backtest: what a filter would have passed on past nights, what it would have sent, and what it would have cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import FilterError
from ..filters import COST_ALERTS, Expressions, Program, Tree, compile_filter, measure_cost, warm
from ..night import night_now
from ..packet import Batch
from ._joined import frame_of, wanted_by
from ._nights import OnDamage, nights_in, read_night

ASK_ABOVE = 0.05
"""Share of alerts; a filter that passes more should be meant to."""

SAMPLE = 10
"""Objects that a backtest names for each night."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NightTest:
    """What a filter would have done in a night.

    Parameters
    ----------
    night : YYYYMMDD.
    alerts, matches : alerts it would have been tried on, and those it would have passed.
    record_bytes : of the records of its matches, with what it selects and nothing else.
    cost_us : processor time of trying it on 10,000 alerts, µs, reading them left out; a night that has fewer is repeated for that.
    sample : up to ten of the objects, chosen by a hash of their ids: diaObjectIds, or ssObjectIds of what moves.
    """

    night: int
    alerts: int
    matches: int
    record_bytes: int
    cost_us: float
    sample: tuple[int, ...]

    @property
    def rate(self) -> float:
        """The share of alerts that it passes."""
        return self.matches / self.alerts if self.alerts else 0.0


@dataclass(slots=True)
class _Counts:
    alerts: int = 0
    matches: int = 0
    record_bytes: int = 0
    seconds: float = 0.0
    sample: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    first: Batch | None = None


def backtest(folder: Path, tree: Tree, night: int, on_damage: OnDamage) -> NightTest:
    """Try a filter on a past night.

    Parameters
    ----------
    folder : of all nights.
    tree : the filter.

    Raises
    ------
    FilterError
        If it fails on some rows.
    """
    program = Program.of([compile_filter(tree, Expressions())])
    warm()  # loading the compiled loops is no cost of the filter's
    counts = _Counts()
    for batch in read_night(folder, night, on_damage, wanted=wanted_by([tree])):
        frame = frame_of(batch)
        if counts.first is None:
            counts.first = batch
            program.run(frame)  # this one finds columns and threads cold
        outcome = program.run(frame)
        if outcome.failed:
            raise FilterError(f"the filter fails on alerts of the night {night}: {outcome.failed[0]}", code="run")
        counts.alerts += len(batch)
        counts.matches += outcome.matches.num_rows
        counts.record_bytes += pc.sum(pc.binary_length(outcome.matches["record"])).as_py() or 0
        counts.seconds += float(outcome.seconds[0])
        counts.sample = _chosen(np.concatenate([counts.sample, _objects(batch, outcome.matches["alert"])]))
    return NightTest(
        night=night,
        alerts=counts.alerts,
        matches=counts.matches,
        record_bytes=counts.record_bytes,
        cost_us=_cost_us(tree, counts),
        sample=tuple(sorted(counts.sample.tolist())),
    )


def rate(folder: Path, tree: Tree, nights: Sequence[int] = (), *, on_damage: OnDamage) -> float | None:
    """Return the share of alerts that a filter would have passed; None if there are no rows to try it on.

    Parameters
    ----------
    folder : of all nights.
    nights : which ones; none: the newest that is over, or else the present one.
    """
    there = nights_in(folder)
    over = [night for night in there if night < night_now()]
    tests = [backtest(folder, tree, night, on_damage) for night in nights or (over or there)[-1:]]
    alerts = sum(test.alerts for test in tests)
    return sum(test.matches for test in tests) / alerts if alerts else None


def _cost_us(tree: Tree, counts: _Counts) -> float:
    """Return what the filter costs, µs for 10,000 alerts. A night that has fewer is repeated: they would mostly take what any run takes."""
    if counts.first is None or counts.alerts >= COST_ALERTS:
        return 1e6 * COST_ALERTS * counts.seconds / max(1, counts.alerts)
    return measure_cost(tree, frame_of(_repeated(counts.first)))


def _repeated(batch: Batch) -> Batch:
    """Return the alerts of a batch again and again, 10,000 or a few more."""
    times = -(-COST_ALERTS // len(batch))
    shifts = np.arange(times, dtype=np.int32)[:, None] * np.int32(len(batch))
    tables = {}
    for name, table in batch.tables.items():
        alert = pa.array((table["alert"].to_numpy() + shifts).ravel())
        tables[name] = pa.concat_tables([table] * times).combine_chunks().set_column(table.column_names.index("alert"), "alert", alert)
    return replace(batch, alerts=pa.concat_tables([batch.alerts] * times).combine_chunks(), tables=tables)


def _objects(batch: Batch, alerts: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    ids = pc.coalesce(batch.alerts["diaObjectId"], batch.alerts["ssObjectId"]).take(alerts)
    return np.asarray(ids.drop_null().to_numpy(), np.int64)


def _chosen(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return the ten ids of the smallest hashes: any ten, and the same in whichever order they come."""
    different = np.unique(ids)
    with np.errstate(over="ignore"):
        hashes = different.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(32)
        hashes *= np.uint64(0xD6E8FEB86659FD93)
    return different[np.argsort(hashes, kind="stable")[:SAMPLE]]
