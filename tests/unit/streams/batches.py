"""Batches made by hand: an alert, or a packet that cannot be read, for each message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from splanc.errors import PacketError
from splanc.packet import ALERT_COLUMNS, CUTOUTS, Batch, Cutouts, Messages

NIGHT = 20260101
VISIT = 2026010100001
TIMESTAMP_MS = 1_767_330_000_000
"""Kafka's timestamp of the first message: 2 January 2026, 05:00 UTC, in the night before it."""


def batch_of(entries: Sequence[Mapping[str, Any] | None], *, topic: str = "alerts", partition: int = 0, first_offset: int = 0) -> Batch:
    """Return a batch; an entry says what is special about an alert, None stands for a packet that cannot be read."""
    count = len(entries)
    offsets = np.arange(first_offset, first_offset + count, dtype=np.int64)
    messages = Messages(
        values=[b"packet %d" % offset for offset in offsets],
        topics=[topic] * count,
        partitions=np.full(count, partition, np.int32),
        offsets=offsets,
        timestamps_ms=TIMESTAMP_MS + offsets,
    )
    alerts = [_alert(row, messages) | dict(entry) for row, entry in enumerate(entries) if entry is not None]
    rejects = [
        (row, PacketError("it ends too early", kind="truncated", topic=topic, partition=partition, offset=int(offsets[row])))
        for row, entry in enumerate(entries)
        if entry is None
    ]
    none = Cutouts(starts=np.zeros(len(alerts), np.int64), lengths=np.full(len(alerts), -1, np.int64))
    table = pa.Table.from_pylist(alerts, ALERT_COLUMNS)
    return Batch(messages=messages, alerts=table, tables={}, cutouts=dict.fromkeys(CUTOUTS, none), rejects=rejects)


def _alert(row: int, messages: Messages) -> dict[str, Any]:
    offset = int(messages.offsets[row])
    return {
        "message": row,
        "topic": messages.topics[row],
        "partition": int(messages.partitions[row]),
        "offset": offset,
        "timestamp": int(messages.timestamps_ms[row]),
        "diaSourceId": 1000 + offset,
        "visit": VISIT,
        "night": NIGHT,
    }
