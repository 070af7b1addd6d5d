from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from splanc.errors import FilterError
from splanc.filters import COST_LIMIT_US, TABLES, Frame, Source, check_cost, measure_cost, parse_filter, run_one, synthetic_frame, to_polars, values_of
from tests.unit.filters.batches import batch_with

PLAIN = parse_filter("objects.diaObjectId, ra", "objects, watchlist:7, annotator:fast", "jump1 > 2 AND fast.classification = 'SN'")


def test_a_cost_is_measured_and_a_limit_holds() -> None:
    assert 0 < measure_cost(PLAIN) < COST_LIMIT_US
    assert measure_cost(PLAIN, synthetic_frame(100, PLAIN.joined)) > 0
    assert check_cost(PLAIN) > 0
    with pytest.raises(FilterError, match=r"takes [\d,]+ µs of CPU per 10,000 alerts, 1 are allowed"):
        check_cost(PLAIN, limit_us=1)


def test_what_cannot_run_has_no_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splanc.filters._terms.as_polars", lambda node, _: pl.col("nothing") if node.kind == "boolean" else to_polars.as_polars(node, _))
    with pytest.raises(FilterError, match="cannot be run: ColumnNotFoundError"):
        measure_cost(parse_filter("ra", "objects", "jump1 > jump2"))


def test_made_rows_fill_all_tables() -> None:
    frame = synthetic_frame(200, PLAIN.joined)
    for name, table in TABLES.items():
        if table.parameter is None:
            assert len(frame.rows(Source(name)).rows) == 200
            for field in table.columns:
                values = frame.column(Source(name), field.name)
                assert len(values) == 200
                assert values.n_unique() > 1 or field.name in {"survey", "htm16"}, field.name
    assert len(frame.rows(Source("watchlist", 7)).rows) == len(frame.rows(Source("annotator", "fast")).rows) == 20
    assert run_one(PLAIN, frame).failed == {}


def test_parts_of_a_filter_have_values_on_all_rows_of_its_joins() -> None:
    objects = [{"alert": alert, "jump1": float(alert)} for alert in range(3)]
    hits = [{"alert": 1, "wl_id": 7, "arcsec": 1.0}, {"alert": 1, "wl_id": 7, "arcsec": None}, {"alert": 2, "wl_id": 7, "arcsec": 3.0}]
    tree = parse_filter("jump1", "objects, watchlist:7", "jump1 > 1 AND watchlist_hits.arcsec < 2")
    frame = Frame.of(batch_with(3, objects=objects, watchlist=hits))
    table = values_of(tree, [*tree.conjuncts(), tree.selected[0].node], frame)
    assert table.rows() == [(1, False, True, 1.0), (1, False, None, 1.0), (2, True, False, 2.0)]
    assert values_of(tree, tree.conjuncts(), Frame(3, {})).shape == (0, 3)
    assert np.array_equal(run_one(tree, frame).matches["alert"].to_numpy(), [])
