"""From packets of one schema to a batch: the common record, the columns of `alerts`, and batches put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..errors import PacketError
from ._batch import Batch, Cutouts, Messages
from ._part import Part, rejection
from ._rows import join, take
from ._store import Schema
from ._survey import Columns, Survey, Unfit
from .record import ALERT_COLUMNS, CUTOUTS, RECORDS, column_name

_MOMENTS = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""The first and the last moment of the calendar, years 1 to 9999, µs since 1970."""


def assemble(messages: Messages, schema: Schema, part: Part) -> Batch:
    """Return the batch of packets of one schema, without those whose trigger is unusable."""
    try:
        found = schema.survey.record(part.tables, part.fields)
        tables = {name: _conform(name, found.get(name), schema.survey) for name in dict.fromkeys((*RECORDS, *found))}
    except Unfit as unfit:
        why = f"{unfit}: this version of splanc cannot keep it; update splanc, then replay the dead letters"
        rejects = [*part.rejects, *(rejection(messages, int(row), why, "schema") for row in part.message)]
        return empty_batch(messages, rejects)
    columns = _alerts(messages, schema, part, tables)
    batch = Batch(messages=messages, alerts=_table(columns), tables=tables, cutouts=_cutouts(part), rejects=part.rejects)
    return _without(batch, schema.survey.trigger, schema.survey.complaints(columns))


def _conform(name: str, columns: Columns | None, survey: Survey) -> pa.Table:
    """Return a table with the common record's columns first, NULL where the packets have none, and then their other columns."""
    if columns is None:
        return _empty_table(_with_alert(RECORDS[name]))
    found = _renamed(columns, survey.columns.get(name, {}))
    alert = found.pop("alert")
    zeros = pa.py_buffer(np.zeros(8 * (len(alert) + 1), np.uint8))
    common = {"alert": alert}
    for field, kind in _common_columns(name):
        column = found.pop(field, None)
        if column is None:
            column = _nulls(kind, len(alert), zeros)
        elif column.type != kind:
            column = _fitted(f"{name}.{field}", kind, column)
        common[field] = _in_calendar(column) if pa.types.is_timestamp(kind) else column
    return _table(common | found)


@cache
def _common_columns(name: str) -> tuple[tuple[str, pa.DataType], ...]:
    """Return names and types of the common record's columns of a table; none for a table that it does not have."""
    return tuple((field.name, field.type) for field in RECORDS.get(name, ()))


def _with_alert(record: pa.Schema) -> pa.Schema:
    return pa.schema([("alert", pa.int32()), *record])


def _table(columns: Mapping[str, pa.Array]) -> pa.Table:
    return pa.Table.from_arrays(list(columns.values()), names=list(columns))


def _renamed(columns: Mapping[str, pa.Array], older: Mapping[str, str]) -> dict[str, pa.Array]:
    """Return columns under their present names; where a packet has both the older and the present name, both stay."""
    present = {name: older[name] if name in older and older[name] not in columns else name for name in columns}
    return {column_name(present[name]): column for name, column in columns.items()}


def _nulls(kind: pa.DataType, rows: int, zeros: pa.Buffer) -> pa.Array:
    """Return an array of NULLs over zeros that all such arrays share."""
    buffers = 3 if pa.types.is_string(kind) else 2
    return pa.Array.from_buffers(kind, rows, [zeros] * buffers)


def _fitted(name: str, kind: pa.DataType, column: pa.Array) -> pa.Array:
    """Return a column in the common record's type; a writer may use another."""
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise Unfit(f"{name} is {column.type}, not {kind} ({error})") from error


def _in_calendar(column: pa.Array) -> pa.Array:
    """Return a column of moments, NULL for those before year 1 and after year 9999, which neither Python nor PostgreSQL can tell."""
    moments = column.cast(pa.int64())
    return pc.if_else(pc.and_(pc.greater_equal(moments, _MOMENTS[0]), pc.less_equal(moments, _MOMENTS[1])), column, pa.scalar(None, column.type))


def _alerts(messages: Messages, schema: Schema, part: Part, tables: Mapping[str, pa.Table]) -> dict[str, pa.Array]:
    """Return the columns of `alerts`: place in the log, the trigger's columns, the packets' own fields."""
    rows = part.message
    given: dict[str, pa.Array] = {
        "message": pa.array(rows),
        "topic": pa.array([messages.topics[row] for row in rows.tolist()], pa.string()),
        "partition": pa.array(messages.partitions[rows]),
        "offset": pa.array(messages.offsets[rows]),
        "timestamp": pa.array(messages.timestamps_ms[rows]).cast(pa.timestamp("ms", "UTC")),
        "schemaId": pa.array(np.full(len(rows), schema.id, np.int32)),
        "survey": pa.repeat(pa.scalar(schema.survey.name, pa.string()), len(rows)),
    }
    given |= schema.survey.alert_columns(tables, len(rows))
    given = {name: column for name, column in part.fields.items() if name not in given} | given
    common = {field.name: given.pop(field.name) if field.name in given else pa.nulls(len(rows), field.type) for field in ALERT_COLUMNS}
    return common | given


def _cutouts(part: Part) -> dict[str, Cutouts]:
    """Return the packets' cutouts, with those of the usual names that they do not have as *none*."""
    count = len(part.message)
    none = Cutouts(starts=np.zeros(count, np.int64), lengths=np.full(count, -1, np.int64))
    return dict.fromkeys(CUTOUTS, none) | dict(part.cutouts)


def _without(batch: Batch, trigger: str, complaints: Mapping[int, str]) -> Batch:
    """Return a batch with the alerts that there are complaints about among the rejects."""
    if not complaints:
        return batch
    rows = batch.alerts["message"].to_numpy()
    rejects = [*batch.rejects, *(rejection(batch.messages, int(rows[alert]), f"{trigger}: {text}", "value") for alert, text in complaints.items())]
    mask = np.ones(len(batch), np.bool_)
    mask[list(complaints)] = False
    return replace(take(batch, mask), rejects=rejects)


def empty_batch(messages: Messages, rejects: Sequence[tuple[int, PacketError]]) -> Batch:
    """Return a batch without alerts."""
    tables = {name: _empty_table(_with_alert(record)) for name, record in RECORDS.items()}
    none = Cutouts(starts=np.zeros(0, np.int64), lengths=np.zeros(0, np.int64))
    return Batch(messages=messages, alerts=_empty_table(ALERT_COLUMNS), tables=tables, cutouts=dict.fromkeys(CUTOUTS, none), rejects=rejects)


def _empty_table(schema: pa.Schema) -> pa.Table:
    return pa.Table.from_batches([], schema)


def merge(messages: Messages, batches: Sequence[Batch], rejects: Sequence[tuple[int, PacketError]]) -> Batch:
    """Return one batch of batches over the same messages, alerts and rejects in the order of the messages."""
    every = sorted([*rejects, *(reject for batch in batches for reject in batch.rejects)], key=itemgetter(0))
    if not batches:
        return empty_batch(messages, every)
    return join(messages, batches, every)
