from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from splanc.cli._filter_tree import draw
from splanc.filters import parse_filter
from splanc.packet import Batch
from splanc.past import Verdict, _follow, explain, find_alert, follow_alerts
from tests.unit.streams.batches import NIGHT, batch_of

from .rows import full_batch, keep, no_damage


def alert_of(objects: dict[str, Any] | None = None, **tables: list[dict[str, Any]]) -> Batch:
    """One alert of diaObject 7 with these values in `objects`, and these rows in other tables of a batch."""
    rows = {"diaObject": [] if objects is None else [{"diaObjectId": 7, **objects}], **tables}
    kinds = {"ra": pa.float64(), "decl": pa.float64(), "nDiaSources": pa.int32(), "arcsec": pa.float32(), "snr": pa.float32(), "r_psfFluxMean": pa.float32()}

    def table(of: list[dict[str, Any]]) -> pa.Table:
        columns = {name: pa.array([row[name] for row in of], kinds.get(name)) for name in of[0]}
        return pa.table({"alert": pa.array([0] * len(of), pa.int32())} | columns)

    batch = batch_of([{"diaObjectId": 7, "midpointMjdTai": 61_000.5}])
    return replace(batch, tables={name: table(of) for name, of in rows.items() if of})


def explained(where: str, alert: Batch, tables: str = "objects") -> tuple[Verdict, ...]:
    tree = parse_filter("objects.diaObjectId", tables, where)
    return explain(tree, alert, text=where).conditions


RA_30 = {"ra": 30.0, "decl": None, "nDiaSources": 5}
"""NULL is what the declination is."""


@pytest.mark.parametrize(
    ("where", "is_true"),
    [
        ("ra > 20", True),
        ("ra > 30", False),
        ("decl > 0", None),
        ("ra > 20 OR decl > 0", True),
        ("ra > 40 OR decl > 0", None),
        ("NOT (ra > 20)", False),
        ("NOT (decl > 0)", None),
        ("NOT (ra > 40 AND decl > 0)", True),
        ("decl IS NULL", True),
        ("decl IN (1, 2)", None),
        ("ra IN (1, 30)", True),
        ("ra XOR decl", None),
        ("ra / (nDiaSources - 5) > 1", None),
        ("nDiaSources", True),
        ("nDiaSources - 5", False),
        ("ra BETWEEN 20 AND 40", True),
        ("ra BETWEEN 31 AND 40", False),
        ("decl BETWEEN 31 AND 40", None),
    ],
)
def test_a_condition_is_true_false_or_null(where: str, is_true: bool | None) -> None:
    (verdict,) = explained(where, alert_of(RA_30))
    assert verdict.is_true is is_true
    assert verdict.text == where


def test_every_node_has_its_verdict() -> None:
    where = "ra > 20 AND (decl > 0 OR (ra < 10 AND nDiaSources = 5)) AND NOT (nDiaSources > 7)"
    first, second, third = explained(where, alert_of(RA_30))
    assert (first.text, first.is_true, first.values) == ("ra > 20", True, {"objects.ra": 30.0})
    assert (second.operation, second.is_true) == ("or", None)
    assert [(one.text, one.operation, one.is_true) for one in second.below] == [("decl > 0", None, None), ("ra < 10 AND nDiaSources = 5", "and", False)]
    assert [(one.text, one.is_true) for one in second.below[1].below] == [("ra < 10", False), ("nDiaSources = 5", True)]
    assert (third.operation, third.is_true, [one.is_true for one in third.below]) == ("not", True, [False])


@pytest.mark.parametrize(
    ("where", "distance"),
    [
        ("ra > 40", (10.0, 0.25)),
        ("ra >= 40", (10.0, 0.25)),
        ("ra < 30", (0.0, 0.0)),
        ("ra = 24", (6.0, 0.25)),
        ("ra < nDiaSources", (25.0, 5.0)),
        ("ra < 0", (30.0, None)),
        ("ra BETWEEN 31 AND 40", (1.0, 1 / 31)),
        ("ra BETWEEN 10 AND 24", (6.0, 0.25)),
        ("ra IN (10, 40, 20)", (10.0, 0.25)),
        ("2 * ra > 80 + 20", (40.0, 0.4)),
        ("decl > 40", None),
        ("ra > decl", None),
        ("ra > 20", None),
        ("ra <> 30", None),
        ("r_psfFluxMean > 5000", None),
    ],
)
def test_what_was_missed_by_how_much(where: str, distance: tuple[float, float | None] | None) -> None:
    (verdict,) = explained(where, alert_of(RA_30))
    if distance is None:
        assert verdict.distance is None
        return
    assert verdict.distance is not None
    absolute, relative = distance
    assert math.isclose(verdict.distance.absolute, absolute)
    assert verdict.distance.relative == (None if relative is None else pytest.approx(relative))


def test_a_table_without_a_row_is_a_reason() -> None:
    where = "ra > 20 AND watchlist.arcsec < 5"
    tree = parse_filter("objects.diaObjectId", "objects, watchlist:3", where)
    explanation = explain(tree, alert_of(RA_30, watchlist_hits=[{"wl_id": 4, "arcsec": 1.0}]), text=where)
    assert not explanation.matched
    assert explanation.tables == {"objects": True, "watchlist:3": False}
    assert [one.is_true for one in explanation.conditions] == [True, None]
    nothing = explain(parse_filter("objects.diaObjectId", "objects", ""), alert_of(None, trigger=[{"snr": 5.0}]), text="")
    assert (nothing.matched, nothing.tables, nothing.conditions) == (False, {"objects": False}, ())


def test_of_several_rows_that_is_shown_in_which_most_is_true() -> None:
    where = "ra > 20 AND watchlist.arcsec < 5"
    tree = parse_filter("objects.diaObjectId", "objects, watchlist:3", where)
    hits = [{"wl_id": 3, "arcsec": 9.0}, {"wl_id": 4, "arcsec": 1.0}, {"wl_id": 3, "arcsec": 2.0}]
    explanation = explain(tree, alert_of(RA_30, watchlist_hits=hits), text=where)
    assert (explanation.matched, explanation.rows) == (True, 2)
    assert explanation.conditions[1].values == {"watchlist_hits.arcsec": 2.0}


def test_the_alert_is_named_and_all_of_it_is_json() -> None:
    where = "ra > 20 AND (decl > 0 OR ra > 40)"
    explanation = explain(parse_filter("objects.diaObjectId", "objects", where), alert_of(RA_30), text=where)
    assert explanation.alert == {"diaObjectId": 7, "ssObjectId": None, "diaSourceId": 1000, "visit": 2026010100001, "midpointMjdTai": 61_000.5}
    record = explanation.record()
    assert record["conditions"][1]["below"][1] == {
        "text": "ra > 40",
        "operation": None,
        "is_true": False,
        "values": {"objects.ra": 30.0},
        "distance": {"absolute": 10.0, "relative": 0.25},
        "below": [],
    }


def test_an_explanation_is_drawn_as_a_tree() -> None:
    where = "ra > 20 AND (decl > 0 OR ra > 40) AND watchlist.arcsec < 5"
    explanation = explain(parse_filter("objects.diaObjectId", "objects, watchlist:3", where), alert_of(RA_30), text=where)
    drawn = io.StringIO()
    draw(explanation, Console(file=drawn, width=200))
    assert drawn.getvalue().splitlines() == [
        "false does not pass: diaObjectId 7, diaSourceId 1000, visit 2026010100001, midpointMjdTai 61000.5",
        "├── false in watchlist:3",
        "├── true  ra > 20   objects.ra = 30",
        "├── NULL  OR",
        "│   ├── NULL  decl > 0   objects.decl = NULL",
        "│   └── false ra > 40   objects.ra = 30   missed by 10 (25 %)",
        "└── NULL  watchlist.arcsec < 5   watchlist_hits.arcsec = NULL",
    ]


def test_a_stored_alert_is_explained_as_the_batch_was(tmp_path: Path) -> None:
    batch = full_batch(0, 12)
    keep(tmp_path, batch)
    alert = find_alert(tmp_path, 54, no_damage)
    assert alert is not None
    (offset,) = alert.alerts["offset"].to_pylist()
    (row,) = [row for row in batch.tables["diaObject"].to_pylist() if row["alert"] == offset]
    (verdict,) = explained("ra > -1 AND healpix29 > 0", alert)[:1]
    assert verdict.values == {"objects.ra": row["ra"]}


def test_the_next_alert_of_an_object_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_follow, "_POLL_SECONDS", 0.0)
    keep(tmp_path, full_batch(0, 12, width=5))
    looks = iter(range(3))

    def is_over() -> bool:
        """New files come between two looks."""
        look = next(looks)
        if look == 0:
            keep(tmp_path, full_batch(12, 3, width=5), 12)
        if look == 1:
            keep(tmp_path, full_batch(15, 8, width=5, night=NIGHT + 1), 15)
        return look == 2

    found = list(follow_alerts(tmp_path, 52, no_damage, should_stop=is_over))
    assert [batch.alerts["diaSourceId"].to_pylist() for batch in found] == [[1016]]
