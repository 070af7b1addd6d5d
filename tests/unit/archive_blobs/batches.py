"""Batches with cutouts: of any shape made by hand, and of the real packets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.archive.checksums import warm
from splanc.archive.footers import KINDS
from splanc.config import SchemaSettings
from splanc.packet import Batch, Cutouts, Decoder, Messages, SchemaStore, read_files

REAL = Path(__file__).parents[2] / "data" / "packets" / "lsst_v10_0_real.avro"

Alert = tuple[str, int, int, tuple[bytes | None, bytes | None, bytes | None]]
"""Topic, partition, offset, and the cutouts by kind."""


def made_batch(alerts: list[Alert]) -> Batch:
    """A batch of messages that are cutouts with some bytes between them; diaSourceId is 1,000 · partition + offset."""
    values, starts, lengths = [], [], []
    for _, _, offset, cutouts in alerts:
        value = bytes([offset % 256]) * 7
        begins = []
        for cutout in cutouts:
            value += b"\x02--"
            begins.append(len(value))
            value += cutout or b""
        values.append(value + b"end")
        starts.append(begins)
        lengths.append([-1 if cutout is None else len(cutout) for cutout in cutouts])
    topics, partitions, offsets = [a[0] for a in alerts], np.array([a[1] for a in alerts], np.int32), np.array([a[2] for a in alerts], np.int64)
    messages = Messages(values=values, topics=topics, partitions=partitions, offsets=offsets, timestamps_ms=np.zeros(len(alerts), np.int64))
    columns = {
        "message": pa.array(np.arange(len(alerts), dtype=np.int32)),
        "topic": pa.array(topics, pa.string()),
        "partition": pa.array(partitions),
        "offset": pa.array(offsets),
        "diaSourceId": pa.array(1000 * partitions.astype(np.int64) + offsets),
    }
    ranges = np.array([starts, lengths], np.int64).reshape(2, len(alerts), 3)
    by_kind = {f"cutout{kind.title()}": Cutouts(starts=ranges[0, :, i], lengths=ranges[1, :, i]) for i, kind in enumerate(KINDS)}
    return Batch(messages=messages, alerts=pa.table(columns), tables={}, cutouts=by_kind, rejects=[])


def real_messages(folder: Path) -> Messages:
    """The real packets as if they had been read from three partitions of a topic, the partitions in turns."""
    (read,) = read_files([REAL], SchemaStore(SchemaSettings(), folder), on_error=_raise)
    row = np.arange(len(read))
    return replace(read, topics=["lsst-alerts"] * len(read), partitions=(row % 3).astype(np.int32), offsets=(100 + row // 3).astype(np.int64))


def warm_decoder(folder: Path) -> Decoder:
    """A decoder of real packets, all that is compiled at hand."""
    made = Decoder(SchemaStore(SchemaSettings(), folder), 1 << 24)
    made.decode(real_messages(folder))
    warm()
    return made


def part(messages: Messages, mask: np.ndarray) -> Messages:
    rows = np.flatnonzero(mask).tolist()
    return Messages(
        values=[messages.values[row] for row in rows],
        topics=[messages.topics[row] for row in rows],
        partitions=messages.partitions[rows],
        offsets=messages.offsets[rows],
        timestamps_ms=messages.timestamps_ms[rows],
    )


def _raise(error: Exception) -> None:
    raise error
