"""The decoder: messages of any mix of schemas to one batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..errors import PacketError
from ._assemble import assemble, merge
from ._batch import Batch, Messages
from ._compiled import CompiledDecoder
from ._containers import Containers
from ._containers import warm as warm_containers
from ._fallback import decode_slowly
from ._frames import NOT_FRAMED, Frames
from ._part import rejection
from ._store import Schema, SchemaStore
from .ztf import warm as warm_ztf

_RUN_BYTES = 2_000_000_000
"""The most bytes of messages in one run of the loop, so that 32-bit offsets of strings always suffice."""


class Decoder:
    """Decodes messages: in Confluent's wire format, or whole containers of one packet each.

    Parameters
    ----------
    schemas : where schemas are found by the id in a message's header.
    max_packet_bytes : larger messages are rejected.
    """

    def __init__(self, schemas: SchemaStore, max_packet_bytes: int) -> None:
        self._schemas = schemas
        self._max_packet_bytes = max_packet_bytes
        self._compiled: dict[int, CompiledDecoder] = {}
        self._containers = Containers(schemas)

    def decode(self, messages: Messages) -> Batch:
        """Return the messages as columns; those that cannot be read are among the batch's rejects.

        The batch refers to the messages' bytes: its cutouts are ranges of them.

        Raises
        ------
        UpstreamError
            If a schema is not known here and the registry does not answer; nothing is decoded, try again later.
        """
        frames = Frames.of(messages.values)
        ids = frames.ids
        unfit = self._unfit(frames)
        ids[list(unfit)] = NOT_FRAMED
        unfit |= self._containers.open(messages.values, frames)
        ids[list(unfit)] = NOT_FRAMED
        rejects = [rejection(messages, row, *reason) for row, reason in unfit.items()]
        batches = []
        for identity in np.unique(ids[ids != NOT_FRAMED]).tolist():
            rows = np.flatnonzero(ids == identity)
            try:
                schema = self._schemas.get(identity)
            except PacketError as error:
                rejects += [rejection(messages, row, error.why, error.kind) for row in rows.tolist()]
                continue
            batches += [self._decode_group(messages, frames, schema, some) for some in _slices(rows, frames.lengths[rows])]
        return merge(messages, batches, rejects)

    def _unfit(self, frames: Frames) -> dict[int, tuple[str, str]]:
        """Return why and kind of the messages that are not worth opening, by row."""
        unframed = ("it begins neither with a zero byte and the id of its schema nor as an Avro container", "framing")
        found = dict.fromkeys(np.flatnonzero(frames.ids == NOT_FRAMED).tolist(), unframed)
        found |= dict.fromkeys(np.flatnonzero(frames.lengths == 0).tolist(), ("the message is empty", "empty"))
        for row in np.flatnonzero(frames.lengths > self._max_packet_bytes).tolist():
            found[row] = (f"{frames.lengths[row]} bytes are more than ingest.max_packet_bytes, {self._max_packet_bytes}", "oversized")
        return found

    def _decode_group(self, messages: Messages, frames: Frames, schema: Schema, rows: npt.NDArray[np.int64]) -> Batch:
        """Return the batch of messages of one schema."""
        if schema.layout is None:
            return assemble(messages, schema, decode_slowly(messages, frames, schema, rows))
        if schema.id not in self._compiled:
            self._compiled[schema.id] = CompiledDecoder(schema.layout)
        return assemble(messages, schema, self._compiled[schema.id].decode(messages, frames, rows))


def _slices(rows: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield rows in runs of a bounded number of bytes."""
    runs = np.cumsum(lengths) // _RUN_BYTES
    for run in np.unique(runs):
        yield rows[runs == run]


def warm(schemas: SchemaStore, identity: int = 1101) -> None:
    """Load the compiled code, or compile it (seconds, once a machine), so that the first batch is not late."""
    layout = schemas.get(identity).layout
    none = Messages(values=[b"\0" * 5], topics=[""], partitions=np.zeros(1, np.int32), offsets=np.zeros(1, np.int64), timestamps_ms=np.zeros(1, np.int64))
    warm_containers()
    warm_ztf()
    if layout is not None:
        CompiledDecoder(layout).decode(none, Frames.of(none.values), np.zeros(1, np.int64))
