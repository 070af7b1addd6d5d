from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splanc.filters import Tree, measure_cost, parse_filter, run_one
from splanc.filters.frames import Frame
from splanc.night import night_now
from splanc.packet import Batch
from splanc.past import _backtest, backtest, compact_night, misses, rate, read_night
from splanc.past._joined import frame_of
from tests.unit.streams.batches import NIGHT

from .rows import full_batch, keep, no_damage, seen_by_filters

Row = dict[str, Any]
Condition = Callable[[Row], bool | None]

WHERE = "objects.ra > 30 AND (objects.decl < 50 OR alert.snr >= 60) AND objects.raErr BETWEEN 10 AND 80"


def over(value: float | None, bound: float) -> bool | None:
    return None if value is None else value > bound


def either(one: bool | None, other: bool | None) -> bool | None:
    return True if one or other else None if one is None or other is None else False


def both(one: bool | None, other: bool | None) -> bool | None:
    return False if one is False or other is False else None if one is None or other is None else True


CONDITIONS: dict[str, Condition] = {
    "objects.ra > 30": lambda row: over(row["objects"]["ra"], 30),
    "objects.decl < 50 OR alert.snr >= 60": lambda row: either(
        None if row["objects"]["decl"] is None else row["objects"]["decl"] < 50, None if row["alert"]["snr"] is None else row["alert"]["snr"] >= 60
    ),
    "objects.raErr BETWEEN 10 AND 80": lambda row: None if row["objects"]["raErr"] is None else 10 <= row["objects"]["raErr"] <= 80,
}
"""What the conditions say, said again in Python."""

NO_ROW: Row = {"ra": None, "decl": None, "raErr": None, "diaObjectId": None}


def rows_by_hand(batch: Batch) -> Iterator[tuple[int, list[Row]]]:
    """Each alert's number and its rows of `objects`, `alert` and `watchlist:2`, also where a table has none."""
    tables = {name: table.to_pylist() for name, table in seen_by_filters(batch).tables.items()}
    for alert in range(len(batch)):
        objects = [row for row in tables["diaObject"] if row["alert"] == alert] or [None]
        hits = [row for row in tables["watchlist_hits"] if row["alert"] == alert and row["wl_id"] == 2] or [None]
        trigger = next(row for row in tables["trigger"] if row["alert"] == alert)
        yield alert, [{"objects": objects[0] or NO_ROW, "found": objects[0] is not None, "alert": trigger, "hit": hit} for hit in hits]


@pytest.fixture(scope="module")
def batches() -> list[Batch]:
    return [full_batch(first, 80, width=26) for first in range(0, 400, 80)]


@pytest.fixture(params=["small files", "one file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, batches: list[Batch]) -> Path:
    for number, batch in enumerate(batches):
        keep(tmp_path, batch, 80 * number)
    if request.param == "one file":
        compact_night(tmp_path, NIGHT, no_damage, part_rows=64)
    return tmp_path


def test_a_backtest_finds_what_the_conditions_say(folder: Path, batches: list[Batch]) -> None:
    passed = [
        (row["objects"], batch.alerts["diaObjectId"][alert].as_py() or batch.alerts["ssObjectId"][alert].as_py())
        for batch in batches
        for alert, rows in rows_by_hand(batch)
        for row in rows[:1]
        if row["found"] and all(condition(row) for condition in CONDITIONS.values())
    ]
    assert 20 < len(passed) < 200
    found = backtest(folder, parse_filter("objects.diaObjectId AS oid, ra", "objects, alert", WHERE), NIGHT, no_damage)
    assert (found.night, found.alerts, found.matches) == (NIGHT, 400, len(passed))
    assert found.rate == len(passed) / 400
    # Numbers of this size are spelt alike by everybody.
    records = [json.dumps({"oid": row["diaObjectId"], "ra": row["ra"]}, separators=(",", ":")) for row, _ in passed]
    assert found.record_bytes == sum(map(len, records))
    objects = {identity for _, identity in passed}
    assert len(found.sample) == min(10, len(objects))
    assert set(found.sample) <= objects
    assert found.cost_us > 0


def test_the_same_objects_are_named_whatever_order_they_come_in(tmp_path: Path, batches: list[Batch]) -> None:
    tree = parse_filter("objects.diaObjectId", "objects", "objects.ra > 30")
    for number, batch in enumerate(batches):
        keep(tmp_path, batch, 80 * number)
    before = backtest(tmp_path, tree, NIGHT, no_damage)
    compact_night(tmp_path, NIGHT, no_damage)
    assert backtest(tmp_path, tree, NIGHT, no_damage).sample == before.sample


def test_the_rate_is_that_of_the_newest_night_that_is_over_or_of_those_asked_for(tmp_path: Path) -> None:
    tree = parse_filter("objects.diaObjectId", "objects", "")
    assert rate(tmp_path, tree, on_damage=no_damage) is None
    keep(tmp_path, full_batch(0, 4, night=NIGHT, width=12))
    keep(tmp_path, full_batch(4, 3, night=NIGHT + 1, width=12), 4)
    assert rate(tmp_path, tree, on_damage=no_damage) == 1 / 3
    assert rate(tmp_path, tree, [NIGHT, NIGHT + 1], on_damage=no_damage) == 3 / 7
    keep(tmp_path, full_batch(7, 1, night=night_now(), width=12), 7)
    assert rate(tmp_path, tree, on_damage=no_damage) == 1 / 3


def test_misses_are_those_counted_by_hand(folder: Path, batches: list[Batch]) -> None:
    conditions: dict[str, Condition] = {
        "in objects": lambda row: row["found"],
        "in watchlist:2": lambda row: row["hit"] is not None,
        "in alert": lambda _row: True,
        "watchlist.arcsec < 90": lambda row: None if row["hit"] is None or row["hit"]["arcsec"] is None else row["hit"]["arcsec"] < 90,
        **CONDITIONS,
    }
    failed, alone, matched = dict.fromkeys(conditions, 0), dict.fromkeys(conditions, 0), 0
    for batch in batches:
        for _, rows in rows_by_hand(batch):
            truth = [{name: condition(row) is True for name, condition in conditions.items()} for row in rows]
            passes = any(all(one.values()) for one in truth)
            matched += passes
            for name in conditions:
                failed[name] += not any(one[name] for one in truth)
                alone[name] += not passes and any(not one[name] and sum(one.values()) == len(one) - 1 for one in truth)
    assert matched > 2
    assert sum(count > 0 for count in alone.values()) >= 3
    where = f"{WHERE} AND watchlist.arcsec < 90"
    found = misses(folder, parse_filter("objects.diaObjectId", "objects, watchlist:2, alert", where), NIGHT, no_damage, text=where)
    assert (found.alerts, found.matched) == (400, matched)
    assert {one.condition: (one.failed, one.alone) for one in found.conditions} == {name: (failed[name], alone[name]) for name in conditions}
    order = [(one.alone, one.failed) for one in found.conditions]
    assert order == sorted(order, reverse=True)


def test_a_night_without_alerts_for_a_filter_has_a_rate_of_nothing(tmp_path: Path) -> None:
    keep(tmp_path, full_batch(0, 1, width=12))
    found = backtest(tmp_path, parse_filter("objects.diaObjectId", "objects", ""), NIGHT, no_damage)
    assert (found.alerts, found.matches, found.rate, found.record_bytes, found.sample) == (1, 0, 0.0, 0, ())


def test_the_cost_of_a_night_of_few_alerts_is_that_of_ten_thousand(folder: Path, batches: list[Batch], monkeypatch: pytest.MonkeyPatch) -> None:
    """Few alerts take what a run takes; a night of four hundred would be said to cost twenty times as much."""
    tree = parse_filter("objects.diaObjectId, ra", "objects, alert", WHERE)
    tried: list[Frame] = []

    def measured(tree: Tree, frame: Frame) -> float:
        tried.append(frame)
        return measure_cost(tree, frame)

    monkeypatch.setattr(_backtest, "measure_cost", measured)
    found = backtest(folder, tree, NIGHT, no_damage)
    (frame,) = tried
    assert 10_000 <= len(frame) < 10_000 + 400
    batch = next(read_night(folder, NIGHT, no_damage))
    (alone, repeated) = (run_one(tree, rows).matches for rows in (frame_of(batch), frame))
    times = len(frame) // len(batch)
    assert repeated.num_rows == times * alone.num_rows > 0
    assert repeated["record"].to_pylist() == times * alone["record"].to_pylist()
    assert repeated["alert"].to_pylist() == [alert + time * len(batch) for time in range(times) for alert in alone["alert"].to_pylist()]
    assert found.cost_us < 25_000
