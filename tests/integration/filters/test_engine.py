"""The engine against the plain way: joins by Polars, the whole condition as one expression, the selected values row by row."""

from __future__ import annotations

import json
import math
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splanc.filters import TABLES, Context, Frame, Joined, Tree, _kernels, as_polars, parse_filter, run_one, warm
from tests.unit.filters.batches import batch_with

N = 40

WORDS = ("SN", "sn", "Nt", "AGN", "", "é", "É")

NUMBERS = ("jump1", "jump2", "objects.ra", "sherlock_classifications.z", "alert.psfFlux", "distance")
COUNTS = ("nDiaSources", "objects.diaObjectId", "nSourcesGood", "classificationReliability")
TEXTS = ("classification", "penultimatePairColourBands", "latestPairColourBands", "alert.band")
OF_WATCHLIST = ("watchlist_hits.arcsec", "watchlist_hits.cone_id")

BIG = 2**53


def rows(seed: int) -> dict[str, list[dict[str, Any]]]:
    """Rows of tables with NULLs, ties, large integers, numbers that are not finite, and alerts with no row, one and several."""
    rng = np.random.default_rng(seed)

    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.2 else value

    def number() -> Any:
        return maybe(rng.choice([-1.0, 0.0, 0.1, 0.5, 1.0, 2.0, math.inf, -math.inf, math.nan]) if rng.random() < 0.6 else float(rng.normal()))

    def count() -> Any:
        return maybe(int(rng.choice([0, 1, 2, 3])))

    def word() -> Any:
        return maybe(str(rng.choice(WORDS)))

    objects, sherlock, alerts, hits = [], [], [], []
    for alert in range(N):
        ids = {"diaObjectId": maybe(int(rng.choice([1, 2, BIG, BIG + 1, 2**63 - 1, -(2**63)])))}
        values = {"jump1": number(), "jump2": number(), "ra": number(), "nDiaSources": count(), "nSourcesGood": count()}
        if rng.random() < 0.9:
            objects.append({"alert": alert, **ids, **values, "penultimatePairColourBands": word(), "latestPairColourBands": word()})
        if rng.random() < 0.8:
            sherlock.append({"alert": alert, "z": number(), "distance": number(), "classification": word(), "classificationReliability": count()})
        alerts.append({"alert": alert, "psfFlux": number(), "band": word()})
        hits += [{"alert": alert, "wl_id": int(rng.choice([1, 1, 2])), "arcsec": number(), "cone_id": count()} for _ in range(rng.choice([0, 0, 1, 2, 3]))]
    return {"objects": objects, "sherlock_classifications": sherlock, "alert": alerts, "watchlist": hits}


@cache
def frame_of(seed: int) -> Frame:
    return Frame.of(batch_with(N, **rows(seed)))


@cache
def plainly_joined(joined: tuple[Joined, ...], seed: int) -> pl.DataFrame:
    """All columns of a join."""
    frame = frame_of(seed)
    table = pl.DataFrame({"alert": pl.Series(range(len(frame)), dtype=pl.Int32)})
    for one in joined:
        stored = frame.table(one.table)
        rows_of = pl.DataFrame([pl.Series(name, column) for name, column in zip(stored.column_names, stored.columns, strict=True)])
        rows_of = rows_of.with_columns(pl.when(pl.selectors.float().is_finite()).then(pl.selectors.float()))
        if one.parameter is not None:
            rows_of = rows_of.filter(pl.col(TABLES[one.table].parameter) == one.parameter)
        rows_of = rows_of.select("alert", pl.exclude("alert").name.prefix(f"{one.alias}."))
        table = table.join(rows_of, on="alert", how="inner", maintain_order="left_right")
    return table


def plainly(tree: Tree, seed: int) -> pl.DataFrame:
    """The alerts and the values that a filter finds, the plain way."""
    table, context = plainly_joined(tree.joined, seed), Context.at(frame_of(seed).now)
    if tree.conditions is not None:
        table = table.filter(as_polars(tree.conditions, context))
    return table.select(pl.col("alert"), *(as_polars(one.node, context).alias(one.name) for one in tree.selected))


def assert_equal(selected: str, tables: str, conditions: str, seed: int) -> int:
    tree = parse_filter(selected, tables, conditions)
    wanted = plainly(tree, seed)
    outcome = run_one(tree, frame_of(seed))
    assert outcome.failed == {}
    assert outcome.matches["alert"].to_pylist() == wanted["alert"].to_list()
    records = [json.loads(record) for record in outcome.matches["record"].to_pylist()]
    for name, column in zip(wanted.columns[1:], wanted.get_columns()[1:], strict=True):
        # In single precision a record has no more digits than tell a number from its neighbours.
        found = [float(np.float32(record[name])) if column.dtype == pl.Float32 and record[name] is not None else record[name] for record in records]
        assert found == column.to_list()
    return len(records)


numbers = st.sampled_from(NUMBERS)
counts = st.sampled_from(COUNTS)
texts = st.sampled_from(TEXTS)
constants = st.sampled_from(("0", "1", "2", "-1", "0.1", "0.5", "1e3", "-0.5", "9007199254740993", "1e300"))
whole = st.sampled_from(("0", "1", "2", "3", "2.5", "-1", "9007199254740992", "9007199254740993", "9223372036854775807", "1e19"))
words = st.sampled_from([f"'{word}'" for word in WORDS])
signs = st.sampled_from(("<", "<=", ">", ">=", "=", "<>", "!="))


def comparisons(columns: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    listed = st.lists(values, min_size=1, max_size=4).map(", ".join)
    return st.one_of(
        st.builds("{} {} {}".format, columns, signs, values),
        st.builds("{} {} {}".format, values, signs, columns),
        st.builds("{} {} ({})".format, columns, st.sampled_from(("IN", "NOT IN")), listed),
        st.builds("{} {}".format, columns, st.sampled_from(("IS NULL", "IS NOT NULL"))),
    )


def ranges(columns: st.SearchStrategy[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{} {} {} AND {}".format, columns, st.sampled_from(("BETWEEN", "NOT BETWEEN")), values, values)


computed = st.one_of(
    numbers,
    st.builds("({} {} {})".format, st.one_of(numbers, counts), st.sampled_from("+-*/"), st.one_of(numbers, constants)),
    st.builds("{}({})".format, st.sampled_from(("abs", "log10", "-2.5*log10", "floor")), numbers),
    st.builds("CASE WHEN {} > {} THEN {} ELSE {} END".format, numbers, constants, numbers, numbers),
)
simple = st.one_of(comparisons(computed, constants), comparisons(counts, whole), comparisons(texts, words), ranges(computed, constants), ranges(counts, whole))
conditions = st.recursive(
    simple,
    lambda inner: st.one_of(
        st.builds("({} OR {})".format, inner, inner),
        st.builds("NOT ({})".format, inner),
        st.builds("({} AND {})".format, inner, inner),
        st.builds("{} > {}".format, numbers, numbers),
        st.builds("{} LIKE '%N%'".format, texts),
        numbers,
        counts,
    ),
    max_leaves=5,
)
everything = st.lists(st.one_of(computed, counts, texts), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(everything, st.lists(conditions, max_size=4), st.integers(0, 9))
def test_the_engine_finds_what_the_plain_way_finds(selected: list[str], parts: list[str], seed: int) -> None:
    keys = ", ".join(f"{one} AS k{place}" for place, one in enumerate(selected))
    assert_equal(keys, "objects, sherlock_classifications, alert", " AND ".join(parts), seed)


of_two = st.sampled_from(("a.arcsec", "b.arcsec", "a.cone_id", "b.cone_id"))
of_hits = st.sampled_from(OF_WATCHLIST)
of_both = st.one_of(comparisons(of_hits, constants), st.builds("{} < {}".format, of_hits, numbers), conditions)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.one_of(computed, of_hits, st.builds("{} + {}".format, of_hits, numbers)), min_size=1, max_size=4),
    st.lists(of_both, max_size=3),
    st.integers(0, 9),
)
def test_a_row_comes_for_each_row_of_a_join(selected: list[str], parts: list[str], seed: int) -> None:
    keys = ", ".join(f"{one} AS k{place}" for place, one in enumerate(selected))
    assert_equal(keys, "objects, sherlock_classifications, alert, watchlist:1", " AND ".join(parts), seed)


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.one_of(of_two, st.builds("{} + {}".format, of_two, of_two)), min_size=1, max_size=4),
    st.lists(st.one_of(comparisons(of_two, constants), st.builds("{} < {}".format, of_two, of_two)), max_size=3),
    st.integers(0, 9),
)
def test_two_of_one_kind_make_a_row_for_each_pair(selected: list[str], parts: list[str], seed: int) -> None:
    keys = ", ".join(f"{one} AS k{place}" for place, one in enumerate(selected))
    assert_equal(keys, "objects, watchlist:1 AS a, watchlist:2 AS b", " AND ".join(parts), seed)


def test_the_rows_are_such_that_something_can_be_found() -> None:
    tables = "objects, sherlock_classifications, watchlist:1"
    assert all(assert_equal("jump1, watchlist_hits.arcsec", tables, "jump1 < 1e9 AND classification IN ('sn', 'x')", seed) for seed in range(3))
    assert assert_equal("jump1", tables, "", 0)
    assert assert_equal("a.wl_id AS one, b.wl_id AS two", "watchlist:1 AS a, watchlist:2 AS b", "a.arcsec < b.arcsec", 0)


@pytest.mark.parametrize(
    ("condition", "alerts"),
    [
        ("objects.diaObjectId = 9007199254740993", [1]),
        ("objects.diaObjectId > 9007199254740992", [1]),
        ("objects.diaObjectId <> 9007199254740993", [0]),
        ("objects.diaObjectId IN (9007199254740992, 3)", [0]),
        ("objects.diaObjectId NOT IN (9007199254740993)", [0]),
        ("objects.diaObjectId BETWEEN 9007199254740993 AND 9223372036854775807", [1]),
        ("NOT objects.diaObjectId BETWEEN 9007199254740993 AND 9223372036854775807", [0]),
    ],
)
def test_integers_are_compared_exactly(condition: str, alerts: list[int]) -> None:
    objects = [{"alert": 0, "diaObjectId": BIG}, {"alert": 1, "diaObjectId": BIG + 1}, {"alert": 2, "diaObjectId": None}]
    outcome = run_one(parse_filter("objects.diaObjectId", "objects", condition), Frame.of(batch_with(3, objects=objects)))
    assert outcome.matches["alert"].to_pylist() == alerts


def test_single_precision_is_compared_as_double() -> None:
    frame = Frame.of(batch_with(1, objects=[{"alert": 0, "jump1": 0.1}]))
    for condition, count in (("jump1 = 0.1", 0), ("jump1 > 0.1", 1), ("jump1 = 0.10000000149011612", 1)):
        assert run_one(parse_filter("jump1", "objects", condition), frame).matches.num_rows == count


def test_many_matches_are_split_into_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of(1)
    tree = parse_filter("objects.ra, jump1", "objects", "")
    whole_table = run_one(tree, frame).matches
    monkeypatch.setattr("splanc.filters._records._CHUNK_BYTES", 100)
    chunked = run_one(tree, frame).matches
    assert chunked.equals(whole_table)
    assert isinstance(chunked["record"], pa.ChunkedArray)


def test_nothing_is_compiled_once_it_is_warm() -> None:
    warm()
    loops = (_kernels.narrow, _kernels.mark_rows, _kernels.measure_records, _kernels.write_records)
    compiled = [len(loop.signatures) for loop in loops]
    for condition in ("", "jump1 > 0", "nDiaSources > 1", "classification = 'sn'", "jump1 > jump2", "jump1 > 0 AND nDiaSources > 1 AND jump1 > jump2"):
        for tables in ("objects, sherlock_classifications", "objects, sherlock_classifications, watchlist:1"):
            assert_equal("jump1", tables, condition, 0)
    assert [len(loop.signatures) for loop in loops] == compiled == [1, 1, 1, 1]
