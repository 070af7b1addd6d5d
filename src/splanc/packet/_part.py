"""What both decoders give: packets of one schema as columns, under the names that their writer gave them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..errors import PacketError
from ._batch import Cutouts, Messages


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Packets of one schema.

    Parameters
    ----------
    message : row in the messages of each alert, shape (n_alert,), ascending.
    fields : the packets' own fields, shape (n_alert,) each.
    tables : columns of the records by the survey's names of table and field, and `alert`, the row in `message`, ascending.
    cutouts : byte ranges in the messages.
    rejects : those that could not be read, by row in the messages.
    """

    message: npt.NDArray[np.int32]
    fields: Mapping[str, pa.Array]
    tables: Mapping[str, Mapping[str, pa.Array]]
    cutouts: Mapping[str, Cutouts]
    rejects: Sequence[tuple[int, PacketError]]


def rejection(messages: Messages, row: int, why: str, kind: str) -> tuple[int, PacketError]:
    """Return a reject: the message's row, and why it cannot be read with its place in the stream."""
    partition, offset = int(messages.partitions[row]), int(messages.offsets[row])
    return row, PacketError(why, kind=kind, topic=messages.topics[row], partition=partition, offset=offset)
