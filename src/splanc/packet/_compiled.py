"""Decoding with the compiled loop: memory for the columns, growing it, and wrapping it as Arrow without copying."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._batch import Cutouts, Messages
from ._frames import Frames
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
    STRING,
    TEXT,
    TRAILING,
    TRUNCATED,
    TRUTH,
    VARINT,
    Control,
    gather_text,
    read_messages,
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
        addresses = frames.addresses[rows]
        run, faults = self._run(frames.begins[rows], frames.ends[rows])
        view = _View(self._layout, run)
        position = view.owners(0)
        message = rows[position].astype(np.int32)
        images = {table for table, _ in self._layout.plan.cutouts.values()}
        tables = {name: view.table(number) for number, name in enumerate(self._layout.plan.tables) if number > 0 and number not in images}
        bad = np.flatnonzero(faults[:, 0])
        return Part(
            message=message,
            fields=view.columns(0),
            tables=tables,
            cutouts=view.cutouts(addresses[position]),
            rejects=[rejection(messages, int(rows[i]), self._why(faults[i], int(addresses[i])), FAULTS[int(faults[i, 0])][0]) for i in bad],
        )

    def _run(self, begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]) -> tuple[Run, npt.NDArray[np.int64]]:
        """Return the columns of all packets, and the fault of each."""
        count = len(begins)
        faults = np.zeros((count, 4), np.int64)
        run = self._layout.run(_rounded(np.append(float(count), self._rates[1:] * count)))
        done = 0
        while (done := read_messages(done, begins, ends, run.control, faults)) < count:
            run = self._layout.grow(run, _more_room(run.control, done, count))
        self._rates = run.control.rows / count
        return run, faults

    def _why(self, fault: npt.NDArray[np.int64], address: int) -> str:
        """Return which field, what, and at which byte of the message at an address."""
        code, operation, at, top = (int(number) for number in fault)
        byte = at - address
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
        """Return the columns that are used, and are neither cutouts nor tables of their own."""
        first, last = self._layout.start[table], self._layout.start[table + 1]
        addresses = self._run.control.operations[first:last].tolist()
        operations = self._layout.operations[first:last]
        rows = self._rows[table]
        wanted = ((operation, words) for operation, words in zip(operations, addresses, strict=True) if operation.kind < BYTES and operation.used)
        return {operation.field: self._column(operation, rows, words) for operation, words in wanted}

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
        return {name: self._ranges(table, operation, addresses) for name, (table, operation) in self._layout.plan.cutouts.items()}

    def _ranges(self, table: int, operation: int, addresses: npt.NDArray[np.int64]) -> Cutouts:
        """Return the byte ranges of one operation; alerts without a row in its table have none."""
        rows = self._rows[table]
        data, side = self._run.control.operations[self._layout.start[table] + operation, 2:4].tolist()
        found, sizes = (self._words.array(address, rows, np.dtype(np.int64)) for address in (data, side))
        alerts = self.owners(table) if table else np.arange(rows)
        starts, lengths = np.zeros(len(addresses), np.int64), np.full(len(addresses), -1, np.int64)
        starts[alerts] = np.where(sizes < 0, 0, found - addresses[alerts])
        lengths[alerts] = sizes
        return Cutouts(starts=starts, lengths=lengths)


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
