"""A batch that waits for the archive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..archive import REJECTS, ArchiveLoad, Pack
from ..packet import Batch, Partition, rejected_nights

Spans: TypeAlias = Mapping[Partition, tuple[int, int]]
"""Messages by partition: from the first offset to the one after the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A batch that waits for the archive: all that the archive needs of it, without the messages.

    Parameters
    ----------
    alerts, tables : as in `Batch`.
    rejects : the packets that could not be read, of schema `REJECTS`.
    spans : the messages that the batch covers; when it is archived, each partition's mark moves from the first to the last.
    pack : the local pack with its index, which has a row for each row of `alerts`; None when there are no cutouts.
    """

    alerts: pa.Table
    tables: Mapping[str, pa.Table]
    rejects: pa.Table
    spans: Spans
    pack: Pack | None

    @property
    def size_bytes(self) -> int:
        """Bytes of the columns and of the pack."""
        tables = [self.alerts, self.rejects, *self.tables.values()]
        packed = self.pack.size_bytes + self.pack.index.nbytes if self.pack else 0
        return sum(table.nbytes for table in tables) + packed

    def load(self, node: str, pack_on: str | None = None) -> ArchiveLoad:
        """Return the batch as the archive takes it.

        Parameters
        ----------
        node : who loads it.
        pack_on : the host on whose disk its pack waits for the blob store; None: the blob store has it.
        """
        return ArchiveLoad(
            alerts=self.alerts,
            tables=self.tables,
            spans=self.spans,
            node=node,
            index=self.pack.index if self.pack else None,
            packs=[self.pack.row()] if self.pack else [],
            packs_on=pack_on,
            rejects=self.rejects,
        )

    def within(self, spans: Spans) -> Waiting:
        """Return the part of the batch that lies in narrower spans.

        Parameters
        ----------
        spans : what is kept, and becomes the batch's spans; a partition that is not named is dropped.
        """
        kept = _inside(self.alerts, spans)
        rejects = self.rejects.filter(_inside(self.rejects, spans))
        if kept.all():
            return replace(self, rejects=rejects, spans=dict(spans))
        row = np.cumsum(kept) - 1
        return replace(
            self,
            alerts=self.alerts.filter(kept),
            tables={name: _filtered(table, kept, row) for name, table in self.tables.items()},
            rejects=rejects,
            spans=dict(spans),
            pack=_narrowed(self.pack, kept),
        )


def waiting_batch(batch: Batch, spans: Spans, pack: Pack | None) -> Waiting:
    """Return what the archive needs of a batch.

    Parameters
    ----------
    batch : as decoded.
    spans : the messages to archive; alerts and rejects outside are left out.
    pack : the pack of the batch, if it has one.
    """
    messages = batch.messages
    rows = np.array([row for row, _ in batch.rejects], np.int64)
    timestamps_ms = messages.timestamps_ms[rows]
    rejects = pa.Table.from_arrays(
        [
            pa.array([messages.topics[row] for row in rows], pa.string()),
            pa.array(messages.partitions[rows], pa.int32()),
            pa.array(messages.offsets[rows], pa.int64()),
            pa.array(timestamps_ms, pa.timestamp("ms", tz="UTC")),
            pa.array(rejected_nights(batch), pa.int32()),
        ],
        schema=REJECTS,
    )
    return Waiting(alerts=batch.alerts, tables=batch.tables, rejects=rejects, spans={}, pack=pack).within(spans)


def _inside(table: pa.Table, spans: Spans) -> npt.NDArray[np.bool_]:
    partitions, offsets = table["partition"].to_numpy(), table["offset"].to_numpy()
    inside = np.zeros(table.num_rows, np.bool_)
    for partition, (first, after) in spans.items():
        of_topic = pc.equal(table["topic"], pa.scalar(partition.topic)).to_numpy()
        inside |= of_topic & (partitions == partition.number) & (offsets >= first) & (offsets < after)
    return inside


def _filtered(table: pa.Table, kept: npt.NDArray[np.bool_], row: npt.NDArray[np.int64]) -> pa.Table:
    table = table.filter(kept[table["alert"].to_numpy()])
    field = table.schema.field("alert")
    return table.set_column(table.schema.get_field_index("alert"), field, pa.array(row[table["alert"].to_numpy()], field.type))


def _narrowed(pack: Pack | None, kept: npt.NDArray[np.bool_]) -> Pack | None:
    if pack is None:
        return None
    index = pack.index.filter(kept)
    return replace(pack, index=index) if index["pack"].null_count < index.num_rows else None
