"""Rows of batches: some of them, several batches as one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from splanc.packet import RECORDS, concat, encode, take, trigger_rows
from tests.support.packets import RecordMaker, messages_of


@pytest.fixture
def values(schemas):
    makers = {identity: RecordMaker(schemas.get(identity), identity) for identity in (704, 1101)}
    return [encode(schemas.get(identity), makers[identity].record()) for identity in (1101, 704, 1101, 1101, 704, 1101)]


def test_take_nothing_away_is_the_same_batch(decoder, values):
    batch = decoder.decode(messages_of(values))
    assert take(batch, np.ones(6, np.bool_)) is batch


@pytest.mark.parametrize("mask", [(1, 0, 1, 1, 0, 0), (0, 0, 0, 0, 0, 1), (0, 0, 0, 0, 0, 0)])
def test_take(decoder, values, mask):
    batch = decoder.decode(messages_of([*values, b""]))
    some = take(batch, np.array(mask, np.bool_))
    rows = np.flatnonzero(mask)
    assert some.alerts.equals(batch.alerts.take(rows))
    assert some.rejects is batch.rejects
    for name, table in batch.tables.items():
        parts = [table.filter(pa.array(table["alert"].to_numpy() == row)).drop_columns("alert") for row in rows]
        assert some.tables[name].drop_columns("alert").equals(pa.concat_tables(parts) if parts else table.slice(0, 0).drop_columns("alert"))
        counts = np.bincount(table["alert"].to_numpy(), minlength=6)[rows]
        assert some.tables[name]["alert"].to_pylist() == np.repeat(np.arange(len(rows)), counts).tolist()
    for name, ranges in batch.cutouts.items():
        assert some.cutouts[name].starts.tolist() == ranges.starts[rows].tolist()
        assert some.cutouts[name].lengths.tolist() == ranges.lengths[rows].tolist()
    assert trigger_rows(some)["diaSourceId"].to_pylist() == some.alerts["diaSourceId"].to_pylist()


def test_concat_is_decoding_all_at_once(decoder, values):
    parts = [values[:2], [b""], [b"bad", *values[2:5]], [], values[5:]]
    whole = concat([decoder.decode(messages_of(part)) for part in parts])
    every = [value for part in parts for value in part]
    expected = decoder.decode(messages_of(every))
    assert list(whole.messages.values) == every
    assert [row for row, _ in whole.rejects] == [row for row, _ in expected.rejects] == [2, 3]
    columns = [name for name in expected.alerts.column_names if name not in ("offset", "timestamp")]
    assert whole.alerts.select(columns).equals(expected.alerts.select(columns))
    for name in RECORDS:
        assert whole.tables[name].select(expected.tables[name].column_names).equals(expected.tables[name])
    for name, ranges in expected.cutouts.items():
        assert whole.cutouts[name].starts.tolist() == ranges.starts.tolist()
        assert whole.cutouts[name].lengths.tolist() == ranges.lengths.tolist()


def test_concat_of_one_is_itself(decoder, values):
    batch = decoder.decode(messages_of(values))
    assert concat([batch]) is batch
    with pytest.raises(ValueError, match="at least one"):
        concat([])
