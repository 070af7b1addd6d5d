"""The compiled loops of filters: which rows pass, and the text of their records.

A *term* is a comparison of one column with what a filter states. Rows are narrowed to those that pass, term by term, so that a later term
looks at few; NULL passes none but `is_null`. Columns are of two kinds: numbers, in double precision with NaN for NULL, and integers
(ids, codes of texts, 0 and 1 for false and true), in 64 bits with NULLs apart, which are compared exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

NUMBERS, INTEGERS, CONDITIONS = range(3)
"""The stores."""

WITHIN, OUTSIDE, AMONG, NOT_AMONG, IS_NULL, NOT_NULL, TRUE = range(7)
"""What a term asks of a value: to lie within its bounds, both included, or outside; to be among its values, or not; to be NULL, or not; to be
true, which only conditions are asked."""

TERM = np.dtype(
    [
        ("test", np.int64),
        ("store", np.int64),
        ("column", np.int64),
        ("low", np.float64),
        ("high", np.float64),
        ("least", np.int64),
        ("most", np.int64),
        ("begin", np.int64),
        ("end", np.int64),
    ]
)
"""A term: its test; its column's store, and row there; the bounds of numbers; those of integers; where its values are."""
PIECE_BITS = 28
"""A piece of text is one number, so that the memory is asked once: where it begins, and in so many last bits its length."""

_LENGTH_MASK = (1 << PIECE_BITS) - 1

BLOCK = 16
"""Texts are copied in blocks of so many bytes, since most are shorter than that."""


@njit(cache=True, nogil=True)
def narrow(
    numbers: Any,
    integers: Any,
    unknown: Any,
    conditions: Any,
    terms: Any,
    term_ends: Any,
    values: Any,
    exact_values: Any,
    rows: Any,
    begins: Any,
    ends: Any,
    found: Any,
) -> Any:
    """Return the rows that pass each filter.

    Parameters
    ----------
    numbers : shape (n_number, n_row), NaN for NULL.
    integers, unknown : shape (n_integer, n_row); unknown is 1 for NULL.
    conditions : shape (n_condition, n_row); 1 for true.
    terms : of `TERM`, shape (n_term,), filter by filter.
    term_ends : where each filter's terms end, shape (n_filter,).
    values, exact_values : what terms compare with many values have of them, as numbers and as integers, shape (n_value,).
    rows : rows to begin with, shape (n,); those of a filter are `rows[begins[f]:ends[f]]`.
    found : where to put the rows; it is replaced if it is too short.

    Returns
    -------
    found : the rows that pass, filter by filter.
    stops : where each filter's end, shape (n_filter,).
    looks : how many rows each filter's terms looked at, shape (n_filter,).
    """
    n_filter = term_ends.size
    stops, looks = np.zeros(n_filter, np.int64), np.zeros(n_filter, np.int64)
    passing = np.empty(max(1, numbers.shape[1]), np.int32)
    filled = 0
    first = 0
    for f in range(n_filter):
        left = ends[f] - begins[f]
        current = rows[begins[f] : ends[f]]
        for t in range(first, term_ends[f]):
            if left == 0:
                break
            looks[f] += left
            term = terms[t]
            if term.store == CONDITIONS:
                left = _narrow_conditions(conditions[term.column], current, passing)
            elif term.store == INTEGERS:
                left = _narrow_integers(integers[term.column], unknown[term.column], term, exact_values, current, passing)
            else:
                left = _narrow_numbers(numbers[term.column], term, values, current, passing)
            current = passing[:left]
        first = term_ends[f]
        if filled + left > found.size:
            longer = np.empty(2 * (filled + left), np.int32)
            longer[:filled] = found[:filled]
            found = longer
        found[filled : filled + left] = current
        filled += left
        stops[f] = filled
    return found, stops, looks


@njit(cache=True, nogil=True)
def _narrow_conditions(column: Any, current: Any, passing: Any) -> Any:
    left = 0
    for row in current:
        passing[left] = row
        left += column[row]
    return left


@njit(cache=True, nogil=True)
def _narrow_numbers(column: Any, term: Any, values: Any, current: Any, passing: Any) -> Any:
    low, high, test = term.low, term.high, term.test
    left = 0
    if test == WITHIN:
        for row in current:
            passing[left] = row
            left += (column[row] >= low) & (column[row] <= high)
    elif test == OUTSIDE:
        for row in current:
            passing[left] = row
            left += (column[row] < low) | (column[row] > high)
    elif test == IS_NULL or test == NOT_NULL:
        for row in current:
            passing[left] = row
            left += np.isnan(column[row]) == (test == IS_NULL)
    else:
        for row in current:
            among = False
            for v in range(term.begin, term.end):
                among |= column[row] == values[v]
            passing[left] = row
            left += (among == (test == AMONG)) & ~np.isnan(column[row])
    return left


@njit(cache=True, nogil=True)
def _narrow_integers(column: Any, unknown: Any, term: Any, values: Any, current: Any, passing: Any) -> Any:
    least, most, test = term.least, term.most, term.test
    left = 0
    if test == WITHIN or test == OUTSIDE:
        for row in current:
            passing[left] = row
            inside = (column[row] >= least) & (column[row] <= most)
            left += (inside == (test == WITHIN)) & (unknown[row] == 0)
    elif test == IS_NULL or test == NOT_NULL:
        for row in current:
            passing[left] = row
            left += (unknown[row] != 0) == (test == IS_NULL)
    else:
        for row in current:
            among = False
            for v in range(term.begin, term.end):
                among |= column[row] == values[v]
            passing[left] = row
            left += (among == (test == AMONG)) & (unknown[row] == 0)
    return left


@njit(cache=True, nogil=True)
def mark_rows(fields: Any, field_ends: Any, begins: Any, counts: Any, rows: Any, used: Any) -> None:
    """Set `used` where a record needs a piece of text.

    Parameters
    ----------
    fields : where each field's column begins in `used`, shape (n_field,), filter by filter.
    field_ends : where each filter's fields end, shape (n_filter,).
    begins : where the rows of each field begin in `rows`, shape (n_field,).
    counts : number of records of each filter, shape (n_filter,).
    rows : rows of columns.
    """
    first = 0
    for f in range(field_ends.size):
        for k in range(first, field_ends[f]):
            for row in rows[begins[k] : begins[k] + counts[f]]:
                used[fields[k] + row] = 1
        first = field_ends[f]


@njit(cache=True, nogil=True)
def measure_records(fields: Any, field_ends: Any, begins: Any, counts: Any, rows: Any, pieces: Any, key_ends: Any) -> Any:
    """Return where each record ends if they stand one behind the other, shape (n_record,).

    Parameters
    ----------
    pieces : where each value's piece of text is (`PIECE_BITS`), one column behind the other; `fields` says where each begins.
    key_ends : where each field's key ends in the bytes of all keys, shape (n_field,).
    """
    ends = np.empty(counts.sum(), np.int64)
    first, record, filled = 0, 0, 0
    for f in range(field_ends.size):
        keys = key_ends[field_ends[f] - 1] - (key_ends[first - 1] if first else 0)
        for j in range(counts[f]):
            filled += keys + 1
            for k in range(first, field_ends[f]):
                filled += pieces[fields[k] + rows[begins[k] + j]] & _LENGTH_MASK
            ends[record] = filled
            record += 1
        first = field_ends[f]
    return ends


def _block_copier() -> Any:
    """Return a function that copies `BLOCK` bytes from one address to another."""

    @intrinsic
    def copy_block(_context: Any, _source: Any, _target: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            block = ir.IntType(8 * BLOCK).as_pointer()
            source, target = (builder.inttoptr(address, block) for address in arguments)
            builder.store(builder.load(source, align=1), target, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return copy_block


_copy_block = _block_copier()


@njit(cache=True, nogil=True)
def _copy(source: Any, target: Any, n_byte: Any) -> None:
    """Copy bytes from one address to another, block by block: what is copied too much is written over next."""
    for done in range(0, n_byte, BLOCK):
        _copy_block(source + done, target + done)


@njit(cache=True, nogil=True)
def write_records(
    fields: Any,
    field_ends: Any,
    begins: Any,
    counts: Any,
    rows: Any,
    pieces: Any,
    texts: Any,
    keys: Any,
    key_ends: Any,
    first: Any,
    stop: Any,
    out: Any,
) -> None:
    """Write the records of the filters from `first` to before `stop`: of each field its key and its piece of text, and a brace.

    Parameters
    ----------
    texts : the bytes of all pieces, and `BLOCK` more.
    keys : the fields' keys with what stands before and after them, bytes, and `BLOCK` more.
    out : room for the records, and `BLOCK` more.
    """
    from_keys, from_texts, to = np.int64(keys.ctypes.data), np.int64(texts.ctypes.data), np.int64(out.ctypes.data)
    filled = 0
    for f in range(first, stop):
        for j in range(counts[f]):
            for k in range(field_ends[f - 1] if f else 0, field_ends[f]):
                begin = key_ends[k - 1] if k else 0
                _copy(from_keys + begin, to + filled, key_ends[k] - begin)
                filled += key_ends[k] - begin
                piece = pieces[fields[k] + rows[begins[k] + j]]
                _copy(from_texts + (piece >> PIECE_BITS), to + filled, piece & _LENGTH_MASK)
                filled += piece & _LENGTH_MASK
            out[filled] = 125  # }
            filled += 1
