from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from splanc.filters import FAILURES_ALLOWED, MATCHES, FilterRunner, Frame, Run, Source, State, to_polars
from splanc.filters.operations import OPERATIONS
from splanc.packet import Batch, take
from tests.unit.filters.batches import a_filter, batch_with

JUMPS = [{"alert": alert, "diaObjectId": 1000 + alert, "jump1": float(alert)} for alert in range(4)]


@pytest.fixture
def batch() -> Batch:
    return batch_with(4, objects=JUMPS)


def found(runner: FilterRunner, batch: Batch) -> dict[int, list[int]]:
    """The alerts that each filter with matches found."""
    table = runner.run_filters(batch).tables["filter_matches"]
    alerts: dict[int, list[int]] = {}
    for number, alert in zip(table["filter"].to_pylist(), table["alert"].to_pylist(), strict=True):
        alerts.setdefault(number, []).append(alert)
    return alerts


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Makes `exp` do what a test says, which is to raise unless it says otherwise."""
    does: dict[str, Any] = {"what": lambda _: 1 / 0}

    def polars(value: pl.Expr) -> pl.Expr:
        def as_told(series: pl.Series) -> pl.Series:
            return does["what"](series)

        return value.map_batches(as_told, return_dtype=pl.Float64)

    monkeypatch.setattr(to_polars, "OPERATIONS", {**OPERATIONS, "exp": replace(OPERATIONS["exp"], polars=polars, careful=None)})
    return does


def test_matches_are_in_order_and_survive_what_is_done_to_batches(batch: Batch) -> None:
    runner = FilterRunner([a_filter(7, "jump1 >= 1", version=3), a_filter(2, "jump1 > 2")])
    ran = runner.run_filters(batch)
    table = ran.tables["filter_matches"]
    assert table.schema == MATCHES
    assert table.to_pylist() == [
        {"alert": 3, "filter": 2, "version": 1, "record": '{"diaObjectId":1003}'},
        *({"alert": alert, "filter": 7, "version": 3, "record": f'{{"diaObjectId":{1000 + alert}}}'} for alert in (1, 2, 3)),
    ]
    kept = take(ran, pa.array([False, True, False, True]).to_numpy(zero_copy_only=False))
    assert kept.tables["filter_matches"].select(["alert", "filter"]).to_pylist() == [{"alert": a, "filter": f} for a, f in ((1, 2), (0, 7), (1, 7))]
    assert runner.run_filters(batch).tables["filter_matches"] == table


@pytest.mark.parametrize("alerts", [0, 3])
def test_without_alerts_or_filters_there_are_no_matches(alerts: int) -> None:
    for filters in ([], [a_filter(1, "jump1 > 0")]):
        table = FilterRunner(filters).run_filters(batch_with(alerts)).tables["filter_matches"]
        assert table.schema == MATCHES
        assert table.num_rows == 0


def test_only_active_filters_run_and_only_those_on_alerts(batch: Batch) -> None:
    filters = [a_filter(number, "jump1 = 2") for number in range(1, 7)]
    filters[0] = replace(filters[0], state=State.paused)
    filters[1] = replace(filters[1], state=State.deleted)
    for place, run in ((2, Run.muted), (3, Run.on_annotation), (4, Run.both)):
        filters[place] = replace(filters[place], definition=replace(filters[place].definition, run=run))
    assert found(FilterRunner(filters), batch) == {5: [2], 6: [2]}


def test_one_that_cannot_be_compiled_is_paused_and_the_others_run(batch: Batch) -> None:
    runner = FilterRunner([a_filter(1, "jump1 = 2"), a_filter(2, "no_such_column = 2")])
    (failure,) = runner.failures()
    assert (failure.filter, failure.paused) == (2, True)
    assert "no_such_column" in failure.reason
    assert found(runner, batch) == {1: [2]}
    runner.replace([a_filter(1, "jump1 = 2"), a_filter(2, "jump1 = 3", version=2)])
    assert runner.failures() == ()
    assert found(runner, batch) == {1: [2], 2: [3]}


@pytest.mark.parametrize("where", ["condition", "selected", "condition of several rows", "selected of several rows"])
def test_one_that_raises_is_left_out_then_paused_and_the_others_run(batch: Batch, broken: dict[str, Any], where: str) -> None:
    many = {"tables": "objects, watchlist:1"} if "several" in where else {}
    argument = "watchlist_hits.arcsec" if many else "jump1"
    bad = a_filter(2, "jump1 < 9", selected=f"exp({argument}) AS e", **many) if "selected" in where else a_filter(2, f"exp({argument}) > 0", **many)
    batch = batch_with(4, objects=JUMPS, watchlist=[{"alert": 1, "wl_id": 1, "arcsec": 0.5}])
    runner = FilterRunner([a_filter(1, "jump1 = 2"), bad, a_filter(3, "floor(jump1) = 1")])
    for times in range(1, FAILURES_ALLOWED + 1):
        assert found(runner, batch) == {1: [2], 3: [1]}
        (failure,) = runner.failures()
        assert (failure.filter, failure.times, failure.paused) == (2, times, times == FAILURES_ALLOWED)
        assert "ZeroDivisionError" in failure.reason
    broken["what"] = lambda series: series
    assert 2 not in found(runner, batch), "it is paused"
    runner.replace([a_filter(1, "jump1 = 2")])
    runner.replace([a_filter(1, "jump1 = 2"), bad])
    assert runner.failures() == ()
    assert 2 in found(runner, batch)


@pytest.mark.parametrize("broken_part", ["column", "rows"])
def test_a_table_that_cannot_be_read_stops_only_those_who_join_it(batch: Batch, monkeypatch: pytest.MonkeyPatch, broken_part: str) -> None:
    real = getattr(Frame, broken_part)

    def part(frame: Frame, source: Source, *name: str) -> Any:
        return 1 / 0 if source.table == "sherlock_classifications" else real(frame, source, *name)

    monkeypatch.setattr(Frame, broken_part, part)
    tables = "objects, sherlock_classifications"
    others = [
        a_filter(2, "classification = 'SN'", tables=tables),
        a_filter(3, "jump1 >= 0", selected="z", tables=tables),
        a_filter(4, "z > jump1", tables=tables),
    ]
    runner = FilterRunner([a_filter(1, "jump1 = 2"), *others])
    batch = batch_with(4, objects=JUMPS, sherlock_classifications=[{"alert": alert, "z": 9.0} for alert in range(4)])
    assert found(runner, batch) == {1: [2]}
    assert {failure.filter for failure in runner.failures()} == {2, 3, 4}


def test_failures_are_forgiven_unless_they_follow_one_another(batch: Batch, broken: dict[str, Any]) -> None:
    runner = FilterRunner([a_filter(1, "exp(jump1) = 2")])
    for _ in range(FAILURES_ALLOWED):
        broken["what"] = lambda _: 1 / 0
        assert found(runner, batch) == {}
        assert [failure.times for failure in runner.failures()] == [1]
        broken["what"] = lambda series: series
        assert found(runner, batch) == {1: [2]}
        assert runner.failures() == ()


def test_one_that_takes_too_long_is_left_out_and_the_others_run(batch: Batch, broken: dict[str, Any]) -> None:
    def slowly(series: pl.Series) -> pl.Series:
        time.sleep(0.03)
        return series

    broken["what"] = slowly
    runner = FilterRunner([a_filter(1, "jump1 = 2"), a_filter(2, "exp(jump1) > 0"), a_filter(3, "floor(jump1) = 1")], limit_seconds=0.02)
    assert found(runner, batch) == {1: [2], 3: [1]}
    (failure,) = runner.failures()
    assert failure.filter == 2
    assert "the limit is 0.02 s" in failure.reason


def test_what_filters_have_in_common_is_done_once(batch: Batch, broken: dict[str, Any]) -> None:
    calls = []
    broken["what"] = lambda series: calls.append(len(series)) or series
    alike = [a_filter(number, f"exp(jump1) > {number} AND jump1 < 9", selected="exp(jump1) AS e, ra", tables="objects, watchlist:3") for number in (0, 1)]
    alike += [a_filter(5, "exp(jump1) > 2 OR exp(jump1) IS NULL")]
    rows = [{"alert": alert, "wl_id": 3} for alert in range(4)]
    assert found(FilterRunner(alike), batch_with(4, objects=JUMPS, watchlist=rows)) == {0: [1, 2, 3], 1: [2, 3], 5: [3]}
    assert calls == [4, 4, 4], "once for the comparisons and the records, and twice inside of what is no comparison"


def test_sets_are_replaced_between_batches_from_any_thread(batch: Batch) -> None:
    runner = FilterRunner([])
    sets = [[a_filter(number, f"jump1 = {number}") for number in range(1, count)] for count in (2, 3, 4)]
    stop = threading.Event()

    def replacing() -> None:
        while not stop.wait(0.001):  # or batches would hardly get a turn
            for some in sets:
                runner.replace(some)

    thread = threading.Thread(target=replacing, daemon=True)
    thread.start()
    try:
        seen = [found(runner, batch) for _ in range(20)]
    finally:
        stop.set()
    thread.join()
    wanted = [{number: [number] for number in range(1, count)} for count in (1, 2, 3, 4)]
    assert all(one in wanted for one in seen)
    usage = runner.take_usage()
    assert sum(usage["matched"].to_pylist()) == sum(len(one) for one in seen), "nothing is forgotten where sets change"


def test_only_what_is_new_is_compiled(batch: Batch, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = FilterRunner([a_filter(1, "jump1 = 1")])
    monkeypatch.setattr("splanc.filters.runner.parse_filter", lambda *_: 1 / 0)
    runner.replace([a_filter(1, "jump1 = 1"), a_filter(1, "jump1 = 2", version=2)])
    assert [(failure.version, failure.paused) for failure in runner.failures()] == [(2, True)]
    assert found(runner, batch) == {1: [1]}


def test_what_filters_did_is_counted(batch: Batch, broken: dict[str, Any]) -> None:
    runner = FilterRunner([a_filter(1, "jump1 >= 2"), a_filter(2, "exp(jump1) > 0"), a_filter(3, "abs(jump1) < 0")])
    for _ in range(2):
        runner.run_filters(batch)
    usage = runner.take_usage().to_pylist()
    assert [(one["filter"], one["version"], one["evaluated"], one["matched"]) for one in usage] == [(1, 1, 8, 4), (2, 1, 0, 0), (3, 1, 8, 0)]
    assert all(usage[place]["seconds"] > 0 for place in (0, 2))
    assert [one["evaluated"] for one in runner.take_usage().to_pylist()] == [0, 0, 0]


def test_records_are_json(batch: Batch) -> None:
    text = 'a "quoted"\nline\\é'
    objects = [
        {"alert": 0, "diaObjectId": 2**63 - 1, "jump1": 0.1, "ra": 0.1, "latestPairColourBands": text},
        {"alert": 1, "diaObjectId": 5, "ra": float("inf")},
    ]
    selected = (
        "objects.diaObjectId, jump1, ra AS `Right Ascension`, latestPairColourBands AS t, jump1*2 AS twice, jump1 > 0 AS up, validityStartMjdTai AS " + '"é"'
    )
    runner = FilterRunner([a_filter(1, "objects.diaObjectId > 0", selected=selected)])
    records = runner.run_filters(batch_with(2, objects=objects)).tables["filter_matches"]["record"].to_pylist()
    assert runner.failures() == ()
    twice = 2 * float(pa.scalar(0.1, pa.float32()).as_py())
    first = {"diaObjectId": 2**63 - 1, "jump1": 0.1, "Right Ascension": 0.1, "t": text, "twice": twice, "up": True, "é": None}
    assert [json.loads(record) for record in records] == [first, dict.fromkeys(first) | {"diaObjectId": 5}]
    assert list(json.loads(records[0])) == list(first)
    assert '"diaObjectId":9223372036854775807,"jump1":0.1,' in records[0], "as the column's own type has it"
