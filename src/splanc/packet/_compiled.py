"""Decoding with the compiled loop: memory for the columns, growing it, and wrapping it as Arrow without copying."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._batch import Cutouts, Messages
from ._loop import (
    BLOCK,
    BOOLEAN,
    BRANCH,
    BYTES,
    COUNT,
    FLOAT,
    INT,
    INTEGER,
    LENGTH,
    NOT_FRAMED,
    STRING,
    TEXT,
    TRAILING,
    TRUNCATED,
    TRUTH,
    VARINT,
    Control,
    gather_text,
    read_messages,
    read_schema_ids,
)
from ._part import Part, rejection
from ._plan import Layout, Operation, Run

FAULTS = {
    TRUNCATED: ("truncated", "it runs past the end of the packet"),
    TRAILING: ("trailing", "the packet goes on after its last field"),
    BRANCH: ("malformed", "the branch of a union is neither 0 nor 1"),
    TRUTH: ("malformed", "a boolean is neither 0 nor 1"),
    VARINT: ("malformed", "an integer has more than 64 bits"),
    INTEGER: ("malformed", "an int has more than 32 bits"),
    LENGTH: ("malformed", "a length is negative"),
    TEXT: ("text", "a string is not UTF-8, or holds a NUL character"),
    COUNT: ("truncated", "an array claims more records than its bytes can hold"),
    BLOCK: ("malformed", "the size of an array's block is wrong"),
}
"""Kind and text of each fault of a message."""

_FIRST_GUESS = 4.0
"""Rows a message of each table to make room for before any were seen; a wrong guess costs one copy of the columns."""

_MARGIN = 1.2
"""Room is made for this many times the rows expected; what is not used is never touched, and takes no memory."""

_address_of = ctypes.pythonapi.PyBytes_AsString
_address_of.restype = ctypes.c_void_p
_address_of.argtypes = [ctypes.py_object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Where messages lie in memory, bytes, shape (n,) each; valid as long as the messages are kept."""

    addresses: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]

    @staticmethod
    def of(values: Sequence[bytes]) -> Frames:
        """Return where messages lie."""
        count = len(values)
        return Frames(addresses=np.fromiter(map(_address_of, values), np.int64, count), lengths=np.fromiter(map(len, values), np.int64, count))

    def schema_ids(self) -> npt.NDArray[np.int64]:
        """Return the id in each header, or `NOT_FRAMED`."""
        ids = np.full(len(self.addresses), NOT_FRAMED, np.int64)
        read_schema_ids(self.addresses, self.lengths, ids)
        return ids


class CompiledDecoder:
    """Decodes messages of one schema; remembers how many rows a message takes.

    Parameters
    ----------
    layout : of the schema's plan.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._rates = np.full(len(layout.plan.tables), _FIRST_GUESS)

    def decode(self, messages: Messages, frames: Frames, rows: npt.NDArray[np.int64]) -> Part:
        """Return the alerts of those messages whose rows are given."""
        addresses, lengths = frames.addresses[rows], frames.lengths[rows]
        run, faults = self._run(addresses, lengths)
        view = _View(self._layout, run)
        position = view.owners(0)
        message = rows[position].astype(np.int32)
        tables = {name: view.table(number) for number, name in enumerate(self._layout.plan.tables) if number > 0}
        bad = np.flatnonzero(faults[:, 0])
        return Part(
            message=message,
            fields=view.columns(0),
            tables=tables,
            cutouts=view.cutouts(addresses[position]),
            rejects=[rejection(messages, int(rows[i]), self._why(faults[i]), FAULTS[int(faults[i, 0])][0]) for i in bad],
        )

    def _run(self, addresses: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64]) -> tuple[Run, npt.NDArray[np.int64]]:
        """Return the columns of all messages, and the fault of each."""
        count = len(addresses)
        faults = np.zeros((count, 4), np.int64)
        run = self._layout.run(_rounded(np.append(float(count), self._rates[1:] * count)))
        done = 0
        while (done := read_messages(done, addresses, lengths, run.control, faults)) < count:
            run = self._layout.grow(run, _more_room(run.control, done, count))
        self._rates = run.control.rows / count
        return run, faults

    def _why(self, fault: npt.NDArray[np.int64]) -> str:
        """Return which field, what, and where."""
        code, operation, byte, top = (int(number) for number in fault)
        text = FAULTS[code][1]
        if code == TRAILING:
            return f"{text} (byte {byte})"
        names = [self._layout.operations[number].field for number in dict.fromkeys((top, operation))]
        return f"{'.'.join(names)}: {text} (field at byte {byte})"


def _rounded(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return capacities for so many rows: with a margin; odd multiples of 64, so that columns are aligned but do not fall on the same cache lines."""
    return ((rows * _MARGIN).astype(np.int64) // 64 + 2 | 1) * 64


def _more_room(control: Control, done: int, count: int) -> npt.NDArray[np.int64]:
    """Return capacities for all messages, from the rows that those done took; at least what the full table needs at once."""
    full, needed = control.fault[1], control.fault[2]
    expected = np.where(control.rows > 0.5 * control.capacity, control.rows * (count / max(done, 1)), 0.0)
    expected = np.minimum(expected, 8.0 * control.capacity)
    expected[full] = max(expected[full], needed, 2 * control.capacity[full])
    return np.maximum(control.capacity, _rounded(expected))


class _View:
    """A finished run as Arrow arrays over its memory."""

    def __init__(self, layout: Layout, run: Run) -> None:
        self._layout = layout
        self._run = run
        self._rows = run.control.rows.tolist()
        self._words, self._halves, self._truths, self._valid = (_Memory(memory) for memory in (run.words, run.halves, run.truths, run.valid))

    def owners(self, table: int) -> npt.NDArray[np.int32]:
        """Return the alert of each row (of the first table: the message)."""
        return self._halves.array(int(self._run.control.owner[table]), self._rows[table], np.dtype(np.int32))

    def table(self, table: int) -> dict[str, pa.Array]:
        """Return the columns of a record, and that of its alerts."""
        return {"alert": pa.array(self.owners(table))} | self.columns(table)

    def columns(self, table: int) -> dict[str, pa.Array]:
        """Return the columns that are neither cutouts nor tables of their own."""
        first, last = self._layout.start[table], self._layout.start[table + 1]
        addresses = self._run.control.operations[first:last].tolist()
        operations = self._layout.operations[first:last]
        rows = self._rows[table]
        return {operation.field: self._column(operation, rows, words) for operation, words in zip(operations, addresses, strict=True) if operation.kind < BYTES}

    def _column(self, operation: Operation, rows: int, words: Sequence[int]) -> pa.Array:
        data, side, valid = words[2:5]
        present = self._valid.buffer(valid, (rows + 7) // 8)
        if operation.kind == STRING:
            buffers = [present, *self._strings(data, side, rows)]
        elif operation.kind == BOOLEAN:
            buffers = [present, self._truths.buffer(data, (rows + 7) // 8)]
        elif operation.kind in (INT, FLOAT):
            buffers = [present, self._halves.buffer(data, 4 * rows)]
        else:
            buffers = [present, self._words.buffer(data, 8 * rows)]
        return pa.Array.from_buffers(operation.arrow_type, rows, buffers)

    def _strings(self, data: int, side: int, rows: int) -> tuple[pa.Buffer, pa.Buffer]:
        """Return offsets and text of a string column; its lengths become the offsets in place."""
        offsets = self._halves.array(data, rows + 1, np.dtype(np.int32))
        offsets[0] = 0
        np.cumsum(offsets, out=offsets)
        text = np.empty(offsets[-1], np.uint8)
        gather_text(_Memory(self._run.texts).array(side, rows, np.dtype(np.int64)), offsets, text)
        return self._halves.buffer(data, 4 * (rows + 1)), pa.py_buffer(text)

    def cutouts(self, addresses: npt.NDArray[np.int64]) -> dict[str, Cutouts]:
        """Return the byte ranges, given the address of each alert's message."""
        found = {}
        for i, operation in enumerate(self._layout.plan.operations[0]):
            if operation.kind == BYTES:
                data, side = self._run.control.operations[i, 2:4].tolist()
                lengths = self._words.array(side, self._rows[0], np.dtype(np.int64)).copy()
                starts = self._words.array(data, self._rows[0], np.dtype(np.int64)) - addresses
                found[operation.field] = Cutouts(starts=np.where(lengths < 0, 0, starts), lengths=lengths)
        return found


class _Memory:
    """One memory of a run, by address."""

    def __init__(self, whole: npt.NDArray[Any]) -> None:
        self._bytes = whole.view(np.uint8)
        self._buffer = pa.py_buffer(whole)
        self._address = whole.ctypes.data

    def buffer(self, address: int, size_bytes: int) -> pa.Buffer:
        return self._buffer.slice(address - self._address, size_bytes)

    def array(self, address: int, rows: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
        first = address - self._address
        return self._bytes[first : first + rows * dtype.itemsize].view(dtype)
