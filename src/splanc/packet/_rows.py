"""Rows of batches: some of them, several batches as one, the triggers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import PacketError
from ._batch import Batch, Cutouts, Messages


def trigger_rows(batch: Batch) -> pa.Table:
    """Return the triggers: row i of the result is the diaSource that alert i of the batch is for."""
    sources = np.bincount(_owners(batch.tables["diaSource"]), minlength=len(batch))
    return batch.tables["diaSource"].take(np.cumsum(sources) - sources)


def take(batch: Batch, mask: npt.NDArray[np.bool_]) -> Batch:
    """Return the batch with only the alerts where `mask`, shape (n_alert,), is true; itself when it always is.

    The messages and the rejects stay as they are.
    """
    if mask.all():
        return batch
    position = (np.cumsum(mask) - 1).astype(np.int32)
    tables = {}
    for name, table in batch.tables.items():
        owners = _owners(table)
        kept = mask[owners]
        tables[name] = table.filter(pa.array(kept)).set_column(0, "alert", pa.array(position[owners[kept]]))
    cutouts = {name: Cutouts(starts=ranges.starts[mask], lengths=ranges.lengths[mask]) for name, ranges in batch.cutouts.items()}
    return replace(batch, alerts=batch.alerts.filter(pa.array(mask)), tables=tables, cutouts=cutouts)


def concat(batches: Sequence[Batch]) -> Batch:
    """Return one batch with the messages, alerts and rejects of all, in order.

    Raises
    ------
    ValueError
        If there are no batches.
    """
    if not batches:
        raise ValueError("concat needs at least one batch")
    if len(batches) == 1:
        return batches[0]
    messages = _concat_messages([batch.messages for batch in batches])
    first = np.cumsum([0, *(len(batch.messages) for batch in batches)])
    shifted = [_shift_messages(batch, int(shift)) for batch, shift in zip(batches, first, strict=False)]
    rejects = [(row + int(shift), error) for batch, shift in zip(batches, first, strict=False) for row, error in batch.rejects]
    return join(messages, shifted, rejects)


def join(messages: Messages, batches: Sequence[Batch], rejects: Sequence[tuple[int, PacketError]]) -> Batch:
    """Return one batch over `messages` of batches whose `message` columns are rows in it, sorted by them."""
    if len(batches) == 1:
        return replace(batches[0], messages=messages, rejects=rejects)
    alerts = _concat_tables([batch.alerts for batch in batches])
    rows = alerts["message"].to_numpy()
    order = None if (np.diff(rows) > 0).all() else np.argsort(rows, kind="stable")
    first = np.cumsum([0, *map(len, batches)])
    names = dict.fromkeys(name for batch in batches for name in batch.tables)
    tables = {}
    for name in names:
        parts = [_shift_alerts(batch.tables[name], int(shift)) for batch, shift in zip(batches, first, strict=False) if name in batch.tables]
        tables[name] = _in_order(_concat_tables(parts), order)
    cutouts = {name: _concat_cutouts(batches, name, order) for name in dict.fromkeys(name for batch in batches for name in batch.cutouts)}
    if order is not None:
        alerts = alerts.take(order).combine_chunks()
    return Batch(messages=messages, alerts=alerts, tables=tables, cutouts=cutouts, rejects=rejects)


def _owners(table: pa.Table) -> npt.NDArray[np.int32]:
    """Return the alert of each row."""
    owners: npt.NDArray[np.int32] = table["alert"].to_numpy()
    return owners


def _concat_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Return tables one after another; a column that some do not have is NULL there."""
    return pa.concat_tables(tables, promote_options="permissive").combine_chunks()


def _in_order(table: pa.Table, order: npt.NDArray[np.int64] | None) -> pa.Table:
    """Return a table for alerts in a new order: `order[i]` is the old row of alert i."""
    if order is None:
        return table
    position = np.empty(len(order), np.int32)
    position[order] = np.arange(len(order), dtype=np.int32)
    owners = position[_owners(table)]
    rows = np.argsort(owners, kind="stable")
    return table.take(rows).combine_chunks().set_column(0, "alert", pa.array(owners[rows]))


def _shift_alerts(table: pa.Table, shift: int) -> pa.Table:
    return table.set_column(0, "alert", pa.array(_owners(table) + np.int32(shift)))


def _shift_messages(batch: Batch, shift: int) -> Batch:
    rows = batch.alerts["message"].to_numpy() + np.int32(shift)
    return replace(batch, alerts=batch.alerts.set_column(0, "message", pa.array(rows)))


def _concat_cutouts(batches: Sequence[Batch], name: str, order: npt.NDArray[np.int64] | None) -> Cutouts:
    """Return the byte ranges of one name, none where a batch has none."""
    none = [Cutouts(starts=np.zeros(len(batch), np.int64), lengths=np.full(len(batch), -1, np.int64)) for batch in batches]
    parts = [batch.cutouts.get(name, absent) for batch, absent in zip(batches, none, strict=True)]
    starts, lengths = np.concatenate([part.starts for part in parts]), np.concatenate([part.lengths for part in parts])
    return Cutouts(starts=starts, lengths=lengths) if order is None else Cutouts(starts=starts[order], lengths=lengths[order])


def _concat_messages(messages: Sequence[Messages]) -> Messages:
    return Messages(
        values=[value for part in messages for value in part.values],
        topics=[topic for part in messages for topic in part.topics],
        partitions=np.concatenate([part.partitions for part in messages]),
        offsets=np.concatenate([part.offsets for part in messages]),
        timestamps_ms=np.concatenate([part.timestamps_ms for part in messages]),
    )
