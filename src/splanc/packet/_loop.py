"""The compiled loop: runs a plan over messages where they lie and writes Arrow run.

It reads raw addresses, so every read is preceded by a check against the message's end, and the caller keeps the messages alive.
A message that does not fit its plan is undone and noted, and the loop goes on with the next. Little-endian machines only.

Functions that read return the address after what they read, or a negative `-code` of what is wrong. They are all in one module
because numba keeps a function's machine code until its own file changes, even if it calls what has changed in another.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import structlog
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

Integers = npt.NDArray[np.int64]

BOOLEAN, INT, LONG, FLOAT, DOUBLE, STRING, BYTES, RECORD, ARRAY = range(9)
"""Kinds of operation: seven that write one value, and two that enter another table."""

DECODED, TRUNCATED, TRAILING, BRANCH, TRUTH, VARINT, INTEGER, LENGTH, TEXT, COUNT, BLOCK, FULL = range(12)
"""What became of a message. `FULL` is no fault of the message: a table has no room for it."""

HEADER_BYTES = 5
"""Confluent's wire format: a zero byte and the schema's id, big-endian in four bytes; then the Avro body."""

_FLOAT_INFINITY = np.uint32(0x7F800000)
_FLOAT_MAGNITUDE = np.uint32(0x7FFFFFFF)
_DOUBLE_INFINITY = np.uint64(0x7FF0000000000000)
_DOUBLE_MAGNITUDE = np.uint64(0x7FFFFFFFFFFFFFFF)
_ONES = np.uint64(0x0101010101010101)
_HIGHS = np.uint64(0x8080808080808080)
_LEAST_POINT = (0, 0, 0x80, 0x800, 0x10000)
"""The least code point that UTF-8 may write in this many bytes."""


_SHORT_TEXT = 8
"""Strings of up to so many bytes are kept instead of their address: a second visit to the message would cost a cache miss."""

OPERATION_WORDS = 6
"""An operation in memory, 64-bit integers.

What it does; the byte of the union's branch that means null (-1: no union); the address of its column (of `RECORD` and `ARRAY`: the
number of the table entered); the address of its second column (strings or their addresses, lengths of bytes); the address of its
bits of not-NULL; and the bytes of operations, from this one on, that do the same with the same union.
"""

_OPERATION_BYTES = 8 * OPERATION_WORDS
_NULL, _DATA, _SIDE, _VALID, _RUN = 8, 16, 24, 32, 40
"""Where an operation's words after the first are, bytes."""


class Control(NamedTuple):
    """What the loop is given; all 64-bit integers.

    Parameters
    ----------
    operations : of all tables, one after another, shape (n_operation, OPERATION_WORDS).
    start, least, owner : of each table: its first operation (one more at the end); the least bytes of a record;
        the address of the column with the row of each record's alert.
    rows, capacity : of each table: rows used, and rows there are.
    fault : what is wrong, in which operation (or full table), at which address (or rows needed), and the operation at the top.
    """

    operations: Integers
    start: Integers
    least: Integers
    owner: Integers
    rows: Integers
    capacity: Integers
    fault: Integers


def _compiled(function: Any, *, inline: bool = False) -> Any:
    """Compile at first use, and keep the machine code on disk where there is a place to write."""
    try:
        return njit(nogil=True, cache=True, forceinline=inline)(function)
    except RuntimeError:
        structlog.get_logger().warning("compiled code is not kept: no writable cache folder; set NUMBA_CACHE_DIR", function=function.__name__)
        return njit(nogil=True, forceinline=inline)(function)


def _inlined(function: Any) -> Any:
    """Compile into every caller: what runs once a field must not pay for a call."""
    return _compiled(function, inline=True)


def _load(kind: Any) -> Any:
    """Return a function that reads a number at an address."""

    @intrinsic
    def load(_context: Any, _address: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.load(builder.inttoptr(arguments[0], ir.IntType(kind.bitwidth).as_pointer()), align=1)

        return kind(types.int64), generate

    return load


def _store(kind: Any) -> Any:
    """Return a function that writes a number at an address."""

    @intrinsic
    def store(_context: Any, _address: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            builder.store(arguments[1], builder.inttoptr(arguments[0], ir.IntType(kind.bitwidth).as_pointer()), align=1)
            return context.get_dummy_value()

        return types.void(types.int64, kind), generate

    return store


_load8, _load32, _load64, _load_word = (_load(kind) for kind in (types.uint8, types.uint32, types.uint64, types.int64))
_store8, _store32, _store64, _store_word = (_store(kind) for kind in (types.uint8, types.uint32, types.uint64, types.int64))


@_inlined
def _set_bit(bits: int, row: int) -> None:
    """Set the bit of a row, given the address of the first."""
    p = bits + (row >> 3)
    _store8(p, np.uint8(_load8(p) | np.uint8(1 << (row & 7))))


@_inlined
def _clear_bit(bits: int, row: int) -> None:
    """Clear the bit of a row, given the address of the first."""
    p = bits + (row >> 3)
    _store8(p, np.uint8(_load8(p) & np.uint8(~(1 << (row & 7)))))


@_inlined
def _varint(p: int, end: int) -> tuple[int, int]:
    """Return a zigzag varint of at most 64 bits and the address after it."""
    value = np.uint64(0)
    shift = np.uint64(0)
    while p < end:
        byte = np.uint64(_load8(p))
        p += 1
        value |= (byte & np.uint64(0x7F)) << shift
        if byte < 0x80:
            if shift == 63 and byte > 1:
                return np.int64(0), np.int64(-VARINT)
            return np.int64((value >> np.uint64(1)) ^ (np.uint64(0) - (value & np.uint64(1)))), np.int64(p)
        shift += np.uint64(7)
        if shift > 63:
            return np.int64(0), np.int64(-VARINT)
    return np.int64(0), np.int64(-TRUNCATED)


@_compiled
def _code_point_width(p: int, end: int) -> int:
    """Return the bytes of the UTF-8 sequence at an address, 0 if it is not one or is NUL (which PostgreSQL cannot store)."""
    lead = np.int64(_load8(p))
    if lead < 0x80:
        return 1 if lead else 0
    width = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    if lead < 0xC0 or lead > 0xF7 or end - p < width:
        return 0
    point = lead & (0x7F >> width)
    for i in range(1, width):
        byte = np.int64(_load8(p + i))
        if byte & 0xC0 != 0x80:
            return 0
        point = point << 6 | (byte & 0x3F)
    surrogate = point >> 11 == 0x1B
    return 0 if surrogate or point < _LEAST_POINT[width] or point > 0x10FFFF else width


@_compiled
def _is_text(p: int, end: int) -> bool:
    """Return whether the bytes are UTF-8 without NUL."""
    while p < end:
        if end - p >= 8:
            word = _load64(p)
            if (word | ((word - _ONES) & ~word)) & _HIGHS == 0:
                p += 8
                continue
        width = _code_point_width(p, end)
        if width == 0:
            return False
        p += width
    return True


@_inlined
def _span(p: int, end: int) -> tuple[int, int]:
    """Return the length of a string or bytes value and the address of its first byte."""
    length, p = _varint(p, end)
    if p < 0:
        return length, p
    if length < 0:
        return length, np.int64(-LENGTH)
    if length > end - p:
        return length, np.int64(-TRUNCATED)
    return length, p


@_inlined
def _short_text(p: int, length: int) -> int:
    """Return up to eight bytes as one word, the first lowest."""
    word = np.int64(0)
    for j in range(length):
        word |= np.int64(_load8(p + j)) << (8 * j)
    return word


@_compiled
def _read_string(p: int, end: int, operation: int, row: int) -> int:
    """Read a string: its length into the column, one row on, so that sums of lengths make offsets; aside, itself if short, else its address."""
    length, p = _span(p, end)
    if p < 0:
        return p
    if not _is_text(p, p + length):
        return np.int64(-TEXT)
    _store32(_load_word(operation + _DATA) + 4 * row + 4, np.uint32(length))
    _store_word(_load_word(operation + _SIDE) + 8 * row, _short_text(p, length) if length <= _SHORT_TEXT else p)
    return p + length


@_inlined
def _read_bytes(p: int, end: int, operation: int, row: int) -> int:
    """Read where bytes are, and how many."""
    length, p = _span(p, end)
    if p < 0:
        return p
    _store_word(_load_word(operation + _DATA) + 8 * row, p)
    _store_word(_load_word(operation + _SIDE) + 8 * row, length)
    return p + length


@_inlined
def _read_integer(p: int, end: int, operation: int, row: int) -> int:
    number, p = _varint(p, end)
    if p < 0:
        return p
    if _load_word(operation) == LONG:
        _store_word(_load_word(operation + _DATA) + 8 * row, number)
    else:
        if number != np.int64(np.int32(number)):
            return np.int64(-INTEGER)
        _store32(_load_word(operation + _DATA) + 4 * row, np.uint32(number))
    return p


@_inlined
def _read_boolean(p: int, end: int, operation: int, row: int) -> int:
    if p >= end:
        return np.int64(-TRUNCATED)
    byte = _load8(p)
    if byte > 1:
        return np.int64(-TRUTH)
    if byte:
        _set_bit(_load_word(operation + _DATA), row)
    return p + 1


@_inlined
def _read_double(p: int, end: int, operation: int, row: int) -> int:
    """Read a double; NaN becomes NULL."""
    if end - p < 8:
        return np.int64(-TRUNCATED)
    pattern = _load64(p)
    _store64(_load_word(operation + _DATA) + 8 * row, pattern)
    if pattern & _DOUBLE_MAGNITUDE > _DOUBLE_INFINITY:
        _clear_bit(_load_word(operation + _VALID), row)
    return p + 8


@_inlined
def _read_float(p: int, end: int, operation: int, row: int) -> int:
    """Read a float; NaN becomes NULL."""
    if end - p < 4:
        return np.int64(-TRUNCATED)
    pattern = _load32(p)
    _store32(_load_word(operation + _DATA) + 4 * row, pattern)
    if pattern & _FLOAT_MAGNITUDE > _FLOAT_INFINITY:
        _clear_bit(_load_word(operation + _VALID), row)
    return p + 4


@_inlined
def _read_value(p: int, end: int, operation: int, row: int) -> int:
    kind = _load_word(operation)
    if kind == FLOAT:
        return _read_float(p, end, operation, row)
    if kind == BOOLEAN:
        return _read_boolean(p, end, operation, row)
    if kind == DOUBLE:
        return _read_double(p, end, operation, row)
    if kind == LONG or kind == INT:
        return _read_integer(p, end, operation, row)
    if kind == STRING:
        return _read_string(p, end, operation, row)
    return _read_bytes(p, end, operation, row)


@_inlined
def _write_null(operation: int, row: int) -> None:
    """Clear the bit of not-NULL, and leave a defined value under it."""
    kind = _load_word(operation)
    data = _load_word(operation + _DATA)
    _clear_bit(_load_word(operation + _VALID), row)
    if kind == FLOAT or kind == INT:
        _store32(data + 4 * row, np.uint32(0))
    elif kind == STRING:
        _store32(data + 4 * row + 4, np.uint32(0))
    elif kind == BYTES:
        _store_word(data + 8 * row, 0)
        _store_word(_load_word(operation + _SIDE) + 8 * row, -1)
    elif kind != BOOLEAN:
        _store_word(data + 8 * row, 0)


@_inlined
def _enter_union(p: int, end: int, null: int) -> tuple[bool, int]:
    """Return whether a two-branch union is null, and the address after its branch number."""
    if p >= end:
        return False, np.int64(-TRUNCATED)
    branch = np.int64(_load8(p))
    if branch == null:
        return True, np.int64(p + 1)
    return False, np.int64(p + 1 if branch == 2 - null else -BRANCH)


@_inlined
def _read_floats(p: int, end: int, first: int, last: int, row: int) -> int:
    """Read operations that are all floats with a union of the same kind."""
    null = _load_word(first + _NULL)
    operation = first
    while operation < last:
        absent, p = _enter_union(p, end, null)
        if absent:
            _store32(_load_word(operation + _DATA) + 4 * row, np.uint32(0))
            _clear_bit(_load_word(operation + _VALID), row)
        elif p >= 0:
            p = _read_float(p, end, operation, row)
        if p < 0:
            return p
        operation += _OPERATION_BYTES
    return p


@_inlined
def _read_booleans(p: int, end: int, first: int, last: int, row: int) -> int:
    """Read operations that are all booleans with a union of the same kind."""
    null = _load_word(first + _NULL)
    operation = first
    while operation < last:
        absent, p = _enter_union(p, end, null)
        if absent:
            _clear_bit(_load_word(operation + _VALID), row)
        elif p >= 0:
            p = _read_boolean(p, end, operation, row)
        if p < 0:
            return p
        operation += _OPERATION_BYTES
    return p


@_inlined
def _read_any(p: int, end: int, operation: int, row: int) -> int:
    """Read one operation of any kind."""
    absent = False
    null = _load_word(operation + _NULL)
    if null >= 0:
        absent, p = _enter_union(p, end, null)
    if absent:
        _write_null(operation, row)
    elif p >= 0:
        p = _read_value(p, end, operation, row)
    return p


@_compiled
def _read_fields(p: int, end: int, first: int, last: int, row: int) -> int:
    """Read operations, those at the addresses from `first` to `last`, into one row.

    Floats and booleans come in long runs, each with a loop of its own: four fields in five.
    """
    operation = first
    while operation < last and p >= 0:
        kind = _load_word(operation)
        stop = min(last, operation + _load_word(operation + _RUN))
        if kind == FLOAT and _load_word(operation + _NULL) >= 0:
            p = _read_floats(p, end, operation, stop, row)
        elif kind == BOOLEAN and _load_word(operation + _NULL) >= 0:
            p = _read_booleans(p, end, operation, stop, row)
        else:
            stop = operation + _OPERATION_BYTES
            p = _read_any(p, end, operation, row)
        operation = stop
    return p


@_compiled
def _note_fault(p: int, end: int, operations: tuple[int, int], row: int, control: Control) -> None:
    """Read a faulty row again, field by field, to say where the fault is."""
    base = control.operations.ctypes.data
    for i in range(operations[0], operations[1]):
        operation = base + i * _OPERATION_BYTES
        after = _read_fields(p, end, operation, operation + _OPERATION_BYTES, row)
        if after < 0:
            control.fault[0], control.fault[1], control.fault[2] = -after, i, p
            return
        p = after


@_compiled
def _read_row(p: int, end: int, operations: tuple[int, int], row: int, control: Control) -> int:
    """Read a range of operations into one row."""
    base = control.operations.ctypes.data
    after = _read_fields(p, end, base + operations[0] * _OPERATION_BYTES, base + operations[1] * _OPERATION_BYTES, row)
    if after < 0:
        _note_fault(p, end, operations, row, control)
    return after


@_compiled
def _read_rows(p: int, end: int, table: int, count: int, control: Control) -> int:
    """Read so many records into a table, if it has room for them."""
    row = control.rows[table]
    if row + count >= control.capacity[table]:
        control.fault[0], control.fault[1], control.fault[2] = FULL, table, row + count + 1
        return np.int64(-FULL)
    control.rows[table] = row + count
    alert = np.uint32(control.rows[0] - 1)
    operations = (control.start[table], control.start[table + 1])
    for i in range(row, row + count):
        _store32(control.owner[table] + 4 * i, alert)
        p = _read_row(p, end, operations, i, control)
        if p < 0:
            return p
    return p


@_compiled
def _block_head(p: int, end: int, least: int) -> tuple[int, int, int]:
    """Return count and size of an array's block (size -1 if it is not said), and the address of its first record."""
    count, p = _varint(p, end)
    size = np.int64(-1)
    if p > 0 and count < 0:
        count = -count
        size, p = _varint(p, end)
        if p > 0 and (size < 0 or size > end - p):
            return count, size, np.int64(-BLOCK)
    if p > 0 and (count < 0 or count > (end - p) // least):
        return count, size, np.int64(-COUNT)
    return count, size, p


@_compiled
def _read_array(p: int, end: int, i: int, control: Control) -> int:
    """Read an array of records: blocks until an empty one."""
    table = control.operations[i, 2]
    while True:
        block = p
        count, size, p = _block_head(p, end, control.least[table])
        if p < 0:
            control.fault[0], control.fault[1], control.fault[2] = -p, i, block
            return p
        if count == 0:
            return p
        begin = p
        p = _read_rows(p, end, table, count, control)
        if p < 0:
            return p
        if size >= 0 and p - begin != size:
            control.fault[0], control.fault[1], control.fault[2] = BLOCK, i, block
            return np.int64(-BLOCK)


@_compiled
def _read_nested(p: int, end: int, i: int, control: Control) -> int:
    """Read a record or an array of records, or their absence."""
    kind, null, table = control.operations[i, 0], control.operations[i, 1], control.operations[i, 2]
    if null >= 0:
        absent, after = _enter_union(p, end, null)
        if after < 0:
            control.fault[0], control.fault[1], control.fault[2] = -after, i, p
        if absent or after < 0:
            return after
        p = after
    if kind == RECORD:
        return _read_rows(p, end, table, 1, control)
    return _read_array(p, end, i, control)


@_compiled
def _read_message(p: int, end: int, control: Control) -> int:
    """Read one message; its row in the table of alerts is the last."""
    alert = control.rows[0] - 1
    for i in range(control.start[0], control.start[1]):
        control.fault[3] = i
        if control.operations[i, 0] < RECORD:
            p = _read_row(p, end, (i, i + 1), alert, control)
        else:
            p = _read_nested(p, end, i, control)
        if p < 0:
            return p
    if p != end:
        control.fault[0], control.fault[2] = TRAILING, p
        return np.int64(-TRAILING)
    return p


@_compiled
def _restore_bits(operation: Integers, first: int, last: int) -> None:
    """Make the bits of rows what they were in fresh memory: not-NULL set, truths clear."""
    for row in range(first, last):
        _set_bit(operation[4], row)
        if operation[0] == BOOLEAN:
            _clear_bit(operation[2], row)


@_compiled
def _undo(before: Integers, control: Control) -> None:
    """Give back the rows of a message that could not be read, or for which there is no room."""
    for table in range(len(before)):
        for i in range(control.start[table], control.start[table + 1]):
            if control.operations[i, 0] < RECORD:
                _restore_bits(control.operations[i], before[table], control.rows[table])
        control.rows[table] = before[table]


@_compiled
def read_messages(first: int, begins: Integers, ends: Integers, control: Control, faults: Integers) -> int:
    """Read messages from `first` on.

    Parameters
    ----------
    begins, ends : addresses of each packet's first byte and of the one after its last, shape (n,).
    faults : filled with each message's fault (all zero where there is none), shape (n, 4).

    Returns
    -------
    int
        The message at which a table was full, or n.
    """
    before = control.rows.copy()
    for message in range(first, len(begins)):
        before[:] = control.rows
        _store32(control.owner[0] + 4 * before[0], np.uint32(message))
        control.rows[0] += 1
        if _read_message(begins[message], ends[message], control) >= 0:
            continue
        _undo(before, control)
        if control.fault[0] == FULL:
            return message
        faults[message, :] = control.fault
    return len(begins)


@_compiled
def gather_text(words: Integers, offsets: npt.NDArray[np.int32], text: npt.NDArray[np.uint8]) -> None:
    """Copy strings into one buffer: string i, which is in `words[i]` or at that address, goes to `text[offsets[i]:offsets[i + 1]]`."""
    for i in range(len(words)):
        first, last = offsets[i], offsets[i + 1]
        if last - first <= _SHORT_TEXT:
            for j in range(first, last):
                text[j] = np.uint8(words[i] >> (8 * (j - first)) & 0xFF)
        else:
            for j in range(first, last):
                text[j] = _load8(words[i] + j - first)
