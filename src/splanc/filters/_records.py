"""The records of matches: JSON put together from pieces of text, each value of a batch spelt once however many filters select it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from ._compiled import Field
from ._evaluate import Places
from ._kernels import BLOCK, PIECE_BITS, mark_rows, measure_records, write_records
from ._pieces import pieces_of
from ._terms import Expression
from .frames import Frame, Integers

_CHUNK_BYTES = 1 << 30
"""Arrow's strings have offsets of 31 bits; more text than this goes into chunks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """What filters found.

    Parameters
    ----------
    alerts : of all filters.
    begins, counts : where those of each filter begin, and how many there are, shape (n_filter,).
    spread : the rows of filters whose join has several an alert, by the filters' places.
    own : what these filters compute of them, by the fields' places.
    """

    alerts: Integers
    begins: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    spread: Mapping[int, Places]
    own: Mapping[int, pl.Series]


class _Wanted(NamedTuple):
    """What records are made of: of each field where its column begins among all values, and where its rows begin in `rows`."""

    columns: list[pl.Series]
    fields: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    rows: Integers


class Layout:
    """The fields of many filters, as the compiled loops have them."""

    def __init__(self, fields_of_filters: Sequence[Sequence[Field]]) -> None:
        self.fields = [one for fields in fields_of_filters for one in fields]
        self.ends = np.cumsum([len(fields) for fields in fields_of_filters], dtype=np.int64)
        self.filters = np.repeat(np.arange(len(fields_of_filters)), [len(fields) for fields in fields_of_filters])
        self.keys = np.frombuffer(b"".join(one.key for one in self.fields) + bytes(BLOCK), np.uint8).copy()
        self.key_ends = np.cumsum([len(one.key) for one in self.fields], dtype=np.int64)
        self.expressions = list(dict.fromkeys(one.expression for one in self.fields))
        places = {expression: place for place, expression in enumerate(self.expressions)}
        self.places = np.array([places[one.expression] for one in self.fields], np.int64)

    def of_filter(self, number: int) -> range:
        """Return the places of a filter's fields."""
        return range(int(self.ends[number - 1]) if number else 0, int(self.ends[number]))


def records_of(layout: Layout, hits: Hits, frame: Frame, values: Mapping[Expression, pl.Series]) -> Iterator[pa.Array]:
    """Yield the records, filter by filter, in chunks.

    Parameters
    ----------
    values : of the selected expressions that have a value for each alert.
    """
    wanted = _wanted(layout, hits, frame, values)
    texts, pieces = _spell(layout, wanted)
    where = (wanted.fields, layout.ends, wanted.begins, wanted.counts, wanted.rows)
    ends = np.append(0, measure_records(*where, pieces, layout.key_ends))
    last = np.append(0, np.cumsum(wanted.counts))
    first = 0
    while first < len(wanted.counts):
        # As many filters as fit into a chunk, or one.
        stop = max(first + 1, int(np.searchsorted(ends[last], ends[last[first]] + _CHUNK_BYTES, "right")) - 1)
        of_chunk = ends[last[first] : last[stop] + 1]
        out = np.empty(of_chunk[-1] - of_chunk[0] + BLOCK, np.uint8)
        write_records(*where, pieces, texts, layout.keys, layout.key_ends, first, stop, out)
        offsets = (of_chunk - of_chunk[0]).astype(np.int32)
        yield pa.Array.from_buffers(pa.string(), len(of_chunk) - 1, [None, pa.py_buffer(offsets), pa.py_buffer(out)])
        first = stop


def _wanted(layout: Layout, hits: Hits, frame: Frame, values: Mapping[Expression, pl.Series]) -> _Wanted:
    columns: dict[object, tuple[pl.Series, int]] = {}
    size = 0

    def place(key: object, series: pl.Series) -> int:
        nonlocal size
        if key not in columns:
            columns[key] = (series, size)
            size += len(series)
        return columns[key][1]

    shared = [place(one, values[one]) if one in values else 0 for one in layout.expressions]
    fields = np.array(shared, np.int64)[layout.places]
    begins = hits.begins[layout.filters]
    rows, n_row = [hits.alerts], len(hits.alerts)
    for number, places in hits.spread.items():
        if not hits.counts[number]:
            continue
        own = np.arange(hits.counts[number], dtype=np.int32)
        for field in layout.of_filter(number):
            expression = layout.fields[field].expression
            if expression.many is None:
                continue
            is_own = field in hits.own
            fields[field] = place(field, hits.own[field]) if is_own else place(expression, frame.column(*expression.inputs[0]))
            begins[field] = n_row
            rows.append(own if is_own else places[expression.many])
            n_row += len(own)
    return _Wanted([series for series, _ in columns.values()], fields, begins, hits.counts, np.concatenate(rows))


def _spell(layout: Layout, wanted: _Wanted) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Return the text of the values that records need, and where each value's piece of it is; those that none needs have none."""
    ends = np.cumsum([len(series) for series in wanted.columns], dtype=np.int64)
    used = np.zeros(ends[-1] if len(ends) else 0, np.uint8)
    mark_rows(wanted.fields, layout.ends, wanted.begins, wanted.counts, wanted.rows, used)
    marked = np.flatnonzero(used)
    stops = np.searchsorted(marked, ends)
    # Columns of one type are spelt as one.
    alike: dict[pl.DataType, list[tuple[pl.Series, npt.NDArray[np.int64]]]] = {}
    for series, end, begin, stop in zip(wanted.columns, ends, np.append(0, stops), stops, strict=False):
        if stop > begin:
            places = marked[begin:stop]
            taken = series if len(places) == len(series) else series.gather(places - (end - len(series)))
            alike.setdefault(series.dtype, []).append((taken.alias(""), places))
    pieces = np.zeros(len(used), np.int64)
    texts, filled = [], 0
    for columns in alike.values():
        spelt = pieces_of(pl.concat([series for series, _ in columns]))
        pieces[np.concatenate([places for _, places in columns])] = (spelt.starts + filled << PIECE_BITS) | spelt.lengths
        texts.append(spelt.text)
        filled += len(spelt.text)
    return np.concatenate([*texts, np.zeros(BLOCK, np.uint8)]), pieces
