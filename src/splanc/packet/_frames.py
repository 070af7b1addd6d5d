"""The wire: where messages lie, which schema each names, and where its Avro body begins and ends.

There are two formats. Confluent's is a zero byte and the schema's id. The other is a whole Avro container file with one packet, which
carries its schema itself: a header (metadata with the schema's text and the codec), a mark of 16 bytes, the count and the size of the
one block, the packet, and the mark again.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core.typing.templates import signature

from ._loop import HEADER_BYTES, Integers, _compiled, _load8, _varint

NOT_FRAMED, CONTAINER = -1, -2
"""In the place of a schema id: the message begins with no header that we know, or it is a container."""

MARK_BYTES = 16
"""The mark that ends a container's header and each of its blocks."""

BROKEN_OFF, SEVERAL, LONGER, MARKS_DIFFER, NO_COUNT = range(1, 6)
"""What is wrong with a container's block; 0: nothing."""

_MAGIC = 0x016A624F
"""A container's first four bytes, `Obj` and 1, as a little-endian number."""

_memcmp: Any = types.ExternalFunction("memcmp", signature(types.int32, types.int64, types.int64, types.int64))
"""C's: twice as fast as a loop, as it fetches ahead. Numbers stand for the pointers."""

address_of = ctypes.pythonapi.PyBytes_AsString
address_of.restype = ctypes.c_void_p
address_of.argtypes = [ctypes.py_object]
"""Where the first byte of a message lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Where messages lie in memory, shape (n,) each; valid as long as the messages are kept.

    Parameters
    ----------
    addresses, lengths : of the messages, bytes.
    begins, ends : addresses of the first byte of the Avro body and of the one after it; until `Containers` has opened them, of
        containers as if they had Confluent's header.
    ids : the id of each schema, `NOT_FRAMED` or `CONTAINER`.
    """

    addresses: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    ids: npt.NDArray[np.int64]

    @staticmethod
    def of(values: Sequence[bytes]) -> Frames:
        """Return where messages lie."""
        count = len(values)
        addresses, lengths = np.fromiter(map(address_of, values), np.int64, count), np.fromiter(map(len, values), np.int64, count)
        ids = np.full(count, NOT_FRAMED, np.int64)
        read_schema_ids(addresses, lengths, ids)
        return Frames(addresses=addresses, lengths=lengths, begins=addresses + HEADER_BYTES, ends=addresses + lengths, ids=ids)


@_compiled
def read_schema_ids(addresses: Integers, lengths: Integers, ids: Integers) -> None:
    """Fill `ids` with the schema id in each message's header, `CONTAINER` or `NOT_FRAMED`."""
    for i in range(len(addresses)):
        p = addresses[i]
        if lengths[i] < HEADER_BYTES:
            ids[i] = NOT_FRAMED
            continue
        magic = np.int64(0)
        for j in range(4):
            magic |= np.int64(_load8(p + j)) << (8 * j)
        if magic & 0xFF != 0:
            ids[i] = CONTAINER if magic == _MAGIC else NOT_FRAMED
            continue
        ids[i] = 0
        for j in range(1, HEADER_BYTES):
            ids[i] = ids[i] << 8 | np.int64(_load8(p + j))


@_compiled
def _is_equal(p: int, q: int, size_bytes: int) -> bool:
    """Return whether two stretches of memory hold the same bytes."""
    return _memcmp(p, q, size_bytes) == 0


@_compiled
def match_headers(addresses: Integers, lengths: Integers, headers: Integers, sizes: Integers, found: Integers) -> None:
    """Fill `found` with which of the headers each message begins with, -1 for none; neighbours tend to have the same.

    Parameters
    ----------
    addresses, lengths : of the messages, bytes.
    headers, sizes : addresses and lengths of the headers, without the mark, bytes.
    """
    last = 0
    for i in range(len(addresses)):
        found[i] = -1
        for step in range(len(headers)):
            header = (last + step) % len(headers)
            if sizes[header] <= lengths[i] and _is_equal(addresses[i], headers[header], sizes[header]):
                found[i] = last = header
                break


@_compiled
def _block_of(p: int, end: int) -> tuple[int, int, int]:
    """Return begin and end of the packet in the one block of a container, and what is wrong; `p` is where its mark begins."""
    if end - p < MARK_BYTES:
        return p, p, BROKEN_OFF
    count, begin = _varint(p + MARK_BYTES, end)
    size, begin = _varint(begin, end) if begin > 0 else (count, begin)
    if begin < 0 or size < 0:
        return p, p, NO_COUNT
    if count != 1:
        return p, p, SEVERAL
    if size > end - begin - MARK_BYTES:
        return p, p, BROKEN_OFF
    if not _is_equal(p, begin + size, MARK_BYTES):
        return p, p, MARKS_DIFFER
    return begin, begin + size, 0 if begin + size + MARK_BYTES == end else LONGER


@_compiled
def read_blocks(marks: Integers, begins: Integers, ends: Integers, wrong: Integers) -> None:
    """Fill in where the packets of containers are, and what is wrong with each container.

    Parameters
    ----------
    marks : addresses of the mark that ends each header.
    begins, ends : filled; `ends` holds the end of each message before.
    wrong : filled; 0 where nothing is.
    """
    for i in range(len(marks)):
        begin, end, fault = _block_of(marks[i], ends[i])
        begins[i], ends[i], wrong[i] = begin, end, fault
