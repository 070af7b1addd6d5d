"""The batch: alerts as columns, from decoding until they leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import PacketError


class Partition(NamedTuple):
    """One partition of a topic."""

    topic: str
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Messages:
    """Raw messages with their place in the log; all sequences have shape (n_message,).

    Parameters
    ----------
    values : the messages as they came, Confluent wire format.
    topics : the topic of each; files give their path.
    partitions, offsets : place in the topic; files give -1 and the record number.
    timestamps_ms : Kafka's timestamps, UTC milliseconds since 1970.
    """

    values: Sequence[bytes]
    topics: Sequence[str]
    partitions: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    timestamps_ms: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.values)

    def by_partition(self) -> Iterator[tuple[Partition, npt.NDArray[np.bool_]]]:
        """Yield each partition with a mask of its messages, shape (n_message,)."""
        topics = np.asarray(self.topics, dtype=object)
        for topic in sorted(set(self.topics)):
            of_topic = topics == topic
            for number in np.unique(self.partitions[of_topic]):
                yield Partition(topic, int(number)), of_topic & (self.partitions == number)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutouts:
    """Byte ranges of one kind of cutout inside the messages, shape (n_alert,) each; length -1 where there is none."""

    starts: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Alerts as columns.

    Parameters
    ----------
    messages : the raw messages, which the cutouts are ranges of; empty bytes once released.
    alerts : one row an alert: the packet's own fields, `message` (row in `messages`), `topic`, `partition`,
        `offset`, `timestamp` (Kafka's), and the trigger's `visit`, `night`, `diaObjectId`, `midpointMjdTai`, ….
    tables : the records by name (`diaSource`, `diaForcedSource`, `diaObject`, `ssSource`, `mpc_orbits`);
        each has a first column `alert`, the row in `alerts` it came with, ascending. In `diaSource` the first
        row of each alert is the trigger, the rest its history in packet order.
    cutouts : byte ranges by name (`cutoutScience`, `cutoutTemplate`, `cutoutDifference`); no names once released.
    rejects : the packets that could not be read, with the `message` row of each.
    """

    messages: Messages
    alerts: pa.Table
    tables: Mapping[str, pa.Table]
    cutouts: Mapping[str, Cutouts]
    rejects: Sequence[tuple[int, PacketError]]

    def __len__(self) -> int:
        return self.alerts.num_rows

    def with_alert_column(self, name: str, values: pa.Array) -> Batch:
        """Return the batch with one more column of `alerts`, shape (n_alert,)."""
        return replace(self, alerts=self.alerts.append_column(name, values))

    def released(self) -> Batch:
        """Return the batch without the messages' bytes, nine tenths of it: only rejects keep theirs, as dead letters need them."""
        values = [b""] * len(self.messages)
        for row, _ in self.rejects:
            values[row] = self.messages.values[row]
        return replace(self, messages=replace(self.messages, values=values), cutouts={})
