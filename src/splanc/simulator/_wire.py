"""Avro records written by column: each field has a slot of its greatest width, and what is not used of it is left out at the end.

So a thousand records cost a few array operations a field, whatever is null or of variable length in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]

_FIXED = {"boolean": np.dtype("?"), "float": np.dtype("<f4"), "double": np.dtype("<f8")}
"""Avro types of fixed size, as they stand on the wire."""

_VARINT_WIDTH = {"int": 5, "long": 10}
"""Most bytes that an integer takes."""

_ZERO: dict[str, Any] = {"boolean": False, "float": 0.0, "double": 0.0, "int": 0, "long": 0, "string": "", "bytes": b"", "array": []}
"""What a field is given that must have a value and has no default."""


def zigzag(values: npt.NDArray[np.int64]) -> tuple[Bytes, Bools]:
    """Return Avro integers, shape (n, 10), and which of the bytes count."""
    rest = ((values << 1) ^ (values >> 63)).view(np.uint64)[:, None] >> np.arange(0, 70, 7, dtype=np.uint64)
    more = np.concatenate([rest[:, 1:] != 0, np.zeros((len(values), 1), bool)], axis=1)
    used = np.concatenate([np.ones((len(values), 1), bool), more[:, :-1]], axis=1)
    return ((rest & np.uint64(0x7F)) | (more * np.uint64(0x80))).astype(np.uint8), used


def integer(value: int) -> bytes:
    """Return one Avro integer."""
    encoded, used = zigzag(np.array([value], np.int64))
    return encoded[used].tobytes()


def branches(avro_type: Any) -> tuple[Any, int | None, int | None]:
    """Return the type of a field's values, the union's branch of a value, and its branch of null; None where there is no union or no null.

    >>> branches(["null", "float"])
    ('float', 1, 0)
    """
    if not isinstance(avro_type, list):
        return avro_type, None, None
    value = next(i for i, branch in enumerate(avro_type) if branch != "null")
    return avro_type[value], value, avro_type.index("null") if "null" in avro_type else None


def primitive(avro_type: Any) -> str:
    """Return the name of the type under a logical type, or of the kind of a complex one."""
    return str(avro_type["type"]) if isinstance(avro_type, dict) else str(avro_type)


def filled(field: Mapping[str, Any], record: Mapping[str, Any]) -> Any:
    """Return a field's value in a record, else its default, else null, else zero."""
    value_type, _, null = branches(field["type"])
    if field["name"] in record:
        return record[field["name"]]
    return field.get("default", None if null is not None else _ZERO[primitive(value_type)])


def encode(avro_type: Any, value: Any) -> bytes:
    """Return the Avro encoding of a primitive, an empty array, or a union of one with null."""
    value_type, branch, null = branches(avro_type)
    if value is None:
        return integer(null or 0)
    start = b"" if branch is None else integer(branch)
    kind = primitive(value_type)
    if kind in _FIXED:
        return start + np.array(value, _FIXED[kind]).tobytes()
    if kind in _VARINT_WIDTH:
        return start + integer(value)
    data = value.encode() if isinstance(value, str) else bytes(value)
    return start + integer(len(data)) + data


@dataclass(frozen=True, slots=True, kw_only=True)
class _Slot:
    """Where a field stands in the padded record, bytes; `start` is after the union's branch."""

    begin: int
    start: int
    end: int
    kind: str
    branch: int | None
    null: int | None


class Layout:
    """A record type, with the records that others are made from.

    Parameters
    ----------
    fields : of the Avro record; primitives and their unions with null.
    prototypes : records to start from; missing fields take their defaults.
    """

    def __init__(self, fields: Sequence[Mapping[str, Any]], prototypes: Sequence[Mapping[str, Any]]) -> None:
        columns = [[encode(field["type"], filled(field, prototype)) for prototype in prototypes] for field in fields]
        self.slots: dict[str, _Slot] = {}
        for field, column in zip(fields, columns, strict=True):
            self.slots[field["name"]] = _slot(field["type"], column, max((slot.end for slot in self.slots.values()), default=0))
        width = max(slot.end for slot in self.slots.values())
        self.bytes = np.zeros((len(prototypes), width), np.uint8)
        self.used = np.zeros((len(prototypes), width), bool)
        for slot, column in zip(self.slots.values(), columns, strict=True):
            for row, encoded in enumerate(column):
                self.bytes[row, slot.begin : slot.begin + len(encoded)] = np.frombuffer(encoded, np.uint8)
                self.used[row, slot.begin : slot.begin + len(encoded)] = True


def _slot(avro_type: Any, encoded: Sequence[bytes], begin: int) -> _Slot:
    value_type, branch, null = branches(avro_type)
    kind = primitive(value_type)
    start = begin if branch is None else begin + 1
    widths = {**_VARINT_WIDTH, **{name: dtype.itemsize for name, dtype in _FIXED.items()}}
    end = start + widths[kind] if kind in widths else begin + max(map(len, encoded))
    return _Slot(begin=begin, start=start, end=end, kind=kind, branch=branch, null=null)


class Rows:
    """Records in the making: copies of prototypes, whose columns are then set.

    Parameters
    ----------
    layout : the record type.
    prototypes : the prototype of each, shape (n,).
    """

    def __init__(self, layout: Layout, prototypes: npt.NDArray[np.int64]) -> None:
        self._slots = layout.slots
        self._bytes = layout.bytes[prototypes]
        self._used = layout.used[prototypes]

    def set(self, name: str, values: npt.NDArray[Any], present: Bools | None = None) -> None:
        """Set a column; a field that this version of the schema does not have is passed over.

        Parameters
        ----------
        values : numbers, or characters as bytes of shape (n, k) for strings of k.
        present : which values are not null; None says all. The field must be nullable where one is.
        """
        if (slot := self._slots.get(name)) is None:
            return
        if slot.branch is not None:
            self._bytes[:, slot.begin] = 2 * slot.branch
        if slot.kind in _FIXED:
            dtype = _FIXED[slot.kind]
            encoded = np.ascontiguousarray(values, dtype).view(np.uint8).reshape(len(values), dtype.itemsize)
            used = np.ones((1, 1), bool)
        elif slot.kind in _VARINT_WIDTH:
            encoded, used = zigzag(np.asarray(values, np.int64))
        else:
            encoded = np.concatenate([np.full((len(values), 1), 2 * values.shape[1], np.uint8), values], axis=1)
            used = np.arange(slot.end - slot.start)[None] <= values.shape[1]
        width = min(slot.end - slot.start, encoded.shape[1])
        self._bytes[:, slot.start : slot.start + width] = encoded[:, :width]
        self._used[:, slot.start : slot.end] = used[:, : slot.end - slot.start]
        if present is not None:
            assert slot.null is not None
            self._bytes[~present, slot.begin] = 2 * slot.null
            self._used[~present, slot.start : slot.end] = False

    def has(self, name: str) -> Bools:
        """Return which values of a column are not null, shape (n,)."""
        slot = self._slots[name]
        return np.array(self._used[:, slot.start])

    def pieces(self, counts: npt.NDArray[np.int64] | None = None) -> list[bytes]:
        """Return the records' bytes, joined in runs of the given counts, or each by itself."""
        lengths = np.count_nonzero(self._used, axis=1)
        ends = np.concatenate([[0], np.cumsum(lengths)])
        if counts is not None:
            ends = ends[np.concatenate([[0], np.cumsum(counts)])]
        data = self._bytes[self._used].tobytes()
        return [data[start:end] for start, end in pairwise(ends.tolist())]


def integers(values: npt.NDArray[np.int64]) -> list[bytes]:
    """Return each value as an Avro integer."""
    encoded, used = zigzag(values)
    data, ends = encoded[used].tobytes(), [0, *np.cumsum(used.sum(axis=1)).tolist()]
    return [data[start:end] for start, end in pairwise(ends)]


def arrays(counts: npt.NDArray[np.int64], runs: Sequence[bytes]) -> list[bytes]:
    """Return arrays of records, each in one block; nothing for an empty one."""
    return [head + run + b"\x00" if run else b"" for head, run in zip(integers(counts), runs, strict=True)]
