"""Messages that are whole Avro container files, as ZTF sends them: their headers are remembered, so that each is parsed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import PacketError
from ._frames import BROKEN_OFF, CONTAINER, LONGER, MARK_BYTES, MARKS_DIFFER, NO_COUNT, SEVERAL, Frames, address_of, match_headers, read_blocks
from ._store import Schema, SchemaStore

MAGIC = b"Obj\x01"
"""The first bytes of a container."""

_REMEMBERED = 64
"""Headers that are remembered; the one seen first goes when there are more. A survey has one or two for each version of its schema."""

_FAULTS = {
    BROKEN_OFF: ("truncated", "the container's block runs past the end of the message"),
    SEVERAL: ("framing", "the container's block holds another number of packets than one"),
    LONGER: ("trailing", "the message goes on after the container's first block"),
    MARKS_DIFFER: ("malformed", "the marks before and after the container's block differ"),
    NO_COUNT: ("malformed", "the container's block has no count and size"),
}
"""Kind and text of what is wrong with a container's block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    """A container's header.

    Parameters
    ----------
    value : its bytes, without the mark that follows them.
    schema : of the packet.
    """

    value: bytes
    schema: Schema


class Containers:
    """Opens messages that are containers.

    Parameters
    ----------
    schemas : where the schemas of headers are added.
    """

    def __init__(self, schemas: SchemaStore) -> None:
        self._schemas = schemas
        self._headers: list[_Header] = []
        self._of_text: dict[bytes, Schema] = {}

    def open(self, values: Sequence[bytes], frames: Frames) -> dict[int, tuple[str, str]]:
        """Put the schemas and the packets' places into the frames of those messages that are containers.

        Returns
        -------
        dict
            Why and kind of those that cannot be opened, by row.
        """
        rows = np.flatnonzero(frames.ids == CONTAINER)
        if not len(rows):
            return {}
        unfit: dict[int, tuple[str, str]] = {}
        while len(rows):
            header_of = self._match(frames, rows)
            known = header_of >= 0
            unfit |= self._place(frames, rows[known], header_of[known])
            rows = self._learn(values, rows[~known], unfit)
        return unfit

    def _match(self, frames: Frames, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return which of the headers each message begins with, -1 for none."""
        found = np.full(len(rows), -1, np.int64)
        addresses = np.array([address_of(header.value) for header in self._headers], np.int64)
        sizes = np.array([len(header.value) for header in self._headers], np.int64)
        match_headers(frames.addresses[rows], frames.lengths[rows], addresses, sizes, found)
        return found

    def _place(self, frames: Frames, rows: npt.NDArray[np.int64], header_of: npt.NDArray[np.int64]) -> dict[int, tuple[str, str]]:
        """Fill in schemas and places of messages whose headers are known; return what is wrong with some of them."""
        if not len(rows):
            return {}
        sizes = np.array([len(header.value) for header in self._headers], np.int64)
        identities = np.array([header.schema.id for header in self._headers], np.int64)
        begins, ends, wrong = np.empty(len(rows), np.int64), frames.ends[rows], np.empty(len(rows), np.int64)
        read_blocks(frames.addresses[rows] + sizes[header_of], begins, ends, wrong)
        frames.begins[rows], frames.ends[rows], frames.ids[rows] = begins, ends, identities[header_of]
        return {int(rows[i]): (_FAULTS[int(wrong[i])][1], _FAULTS[int(wrong[i])][0]) for i in np.flatnonzero(wrong)}

    def _learn(self, values: Sequence[bytes], rows: npt.NDArray[np.int64], unfit: dict[int, tuple[str, str]]) -> npt.NDArray[np.int64]:
        """Learn the header of the first message that has a good one; return that and those after it, and note those before it."""
        for i, row in enumerate(rows.tolist()):
            try:
                self._headers.append(self._read(values[row]))
            except PacketError as error:
                unfit[row] = (error.why, error.kind)
            else:
                del self._headers[:-_REMEMBERED]
                return rows[i:]
        return rows[:0]

    def _read(self, value: bytes) -> _Header:
        """Return the header of a message.

        Raises
        ------
        PacketError
            If it is none, or names a codec, or its schema is of no survey.
        """
        metadata, size = read_metadata(value)
        codec = metadata.get("avro.codec", b"null").decode("utf-8", "replace")
        if codec != "null":
            raise PacketError(f"the container's codec is {codec!r}; in a message it must be null", kind="framing")
        text = metadata.get("avro.schema")
        if text is None:
            raise PacketError("the container's header has no schema", kind="framing")
        if text not in self._of_text:
            try:
                schema = self._schemas.add(text.decode())
            except UnicodeDecodeError as error:
                raise PacketError("the schema in the container's header is not UTF-8", kind="schema") from error
            if len(self._of_text) >= _REMEMBERED:
                self._of_text.clear()
            self._of_text[text] = schema
        return _Header(value=value[:size], schema=self._of_text[text])


def warm() -> None:
    """Load the compiled code, or compile it."""
    none = np.zeros(0, np.int64)
    match_headers(none, none, none, none, none)
    read_blocks(none, none, none, none)


def read_metadata(value: bytes) -> tuple[Mapping[str, bytes], int]:
    """Return the metadata in a container's header, and the header's size without its mark, bytes.

    Raises
    ------
    PacketError
        If the bytes do not begin with a header.
    """
    reader = _Reader(value, len(MAGIC))
    metadata: dict[str, bytes] = {}
    while (count := reader.integer()) != 0:
        if count < 0:
            reader.integer()  # the size of the block, for those who pass over it
        for _ in range(abs(count)):
            key = reader.chunk().decode("utf-8", "replace")
            metadata[key] = reader.chunk()
    return metadata, reader.at


def is_one_packet(value: bytes) -> bool:
    """Return whether the bytes of a file are what would be one message: a container with one packet, not compressed."""
    try:
        metadata, size = read_metadata(value)
        reader = _Reader(value, size + MARK_BYTES)
        count, size_bytes = reader.integer(), reader.integer()
    except PacketError:
        return False
    return count == 1 and metadata.get("avro.codec", b"null") == b"null" and reader.at + size_bytes + MARK_BYTES == len(value)


class _Reader:
    """Reads integers and strings from a header.

    Parameters
    ----------
    value : the message.
    at : where to begin.
    """

    def __init__(self, value: bytes, at: int) -> None:
        self._value = value
        self.at = at

    def integer(self) -> int:
        number = shift = 0
        while self.at < len(self._value) and shift < 64:
            byte = self._value[self.at]
            self.at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return (number >> 1) ^ -(number & 1)
            shift += 7
        raise PacketError("the container's header is damaged", kind="framing")

    def chunk(self) -> bytes:
        size = self.integer()
        if not 0 <= size <= len(self._value) - self.at:
            raise PacketError("the container's header is damaged", kind="framing")
        self.at += size
        return self._value[self.at - size : self.at]
