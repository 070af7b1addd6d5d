"""From a writer's schema to a flat plan that the compiled loop runs, and its layout in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ._loop import ARRAY, BOOLEAN, BYTES, DOUBLE, FLOAT, INT, LONG, OPERATION_WORDS, RECORD, STRING, Control
from ._survey import Survey
from .record import arrow_type

KINDS = {"boolean": BOOLEAN, "int": INT, "long": LONG, "float": FLOAT, "double": DOUBLE, "string": STRING, "bytes": BYTES}
"""Avro's primitive types that the loop reads."""

LEAST_BYTES = {BOOLEAN: 1, INT: 1, LONG: 1, FLOAT: 4, DOUBLE: 8, STRING: 1, BYTES: 1}
"""The least bytes that a value takes, which bounds the count of records that a packet can claim."""

ALERTS = "alerts"
"""The plan's first table: the packet's own fields, one row a message."""


class UnsupportedSchema(Exception):
    """The schema is outside what the compiled loop reads; fastavro decodes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One step of the loop.

    Parameters
    ----------
    field : the field's name, as the survey spells it.
    kind : what the loop does.
    null : which branch of the field's union is null, -1 if it is no union.
    arrow_type : of the column; NULL of `RECORD` and `ARRAY`.
    table : of `RECORD` and `ARRAY`, the table entered.
    used : whether somebody wants the column.
    """

    field: str
    kind: int
    null: int
    arrow_type: pa.DataType
    table: int = -1
    used: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The steps of every table, `alerts` first; all sequences have one element a table.

    Parameters
    ----------
    tables : their names.
    operations : their steps.
    cutouts : table and step of each cutout, by the name of the packet's field. A table that is not `alerts` holds nothing else.
    """

    tables: Sequence[str]
    operations: Sequence[Sequence[Operation]]
    cutouts: Mapping[str, tuple[int, int]]


def split_union(avro_type: Any) -> tuple[int, Any]:
    """Return which branch is null (-1: no union) and the other branch.

    Raises
    ------
    UnsupportedSchema
        For any union but that of null with one type.
    """
    if not isinstance(avro_type, list):
        return -1, avro_type
    if len(avro_type) != 2 or "null" not in avro_type:
        raise UnsupportedSchema(f"union {avro_type}")
    null = avro_type.index("null")
    return null, avro_type[1 - null]


def primitive(avro_type: Any) -> str | None:
    """Return the name of a primitive type, with or without a logical type; None for others."""
    name = avro_type["type"] if isinstance(avro_type, dict) else avro_type
    return name if isinstance(name, str) and name in KINDS else None


def named_records(avro_type: Any) -> dict[str, Any]:
    """Return every record defined inside a type, by full name."""
    if isinstance(avro_type, list):
        return {name: record for branch in avro_type for name, record in named_records(branch).items()}
    if not isinstance(avro_type, dict):
        return {}
    inner = [field["type"] for field in avro_type.get("fields", ())] + [avro_type[key] for key in ("items", "values") if key in avro_type]
    own = {avro_type["name"]: avro_type} if avro_type["type"] == "record" else {}
    return own | named_records(inner)


class _Compiler:
    """Collects tables while it walks the packet's fields."""

    def __init__(self, schema: Mapping[str, Any], survey: Survey) -> None:
        self._named = named_records(schema)
        self._survey = survey
        self._records: dict[str, str] = {}
        self._tables: list[str] = [ALERTS]
        self._operations: list[Sequence[Operation]] = [()]
        self._cutouts: dict[str, tuple[int, int]] = {}
        self._operations[0] = [self._top(field, number) for number, field in enumerate(schema["fields"])]

    def plan(self) -> Plan:
        return Plan(tables=tuple(self._tables), operations=tuple(map(tuple, self._operations)), cutouts=self._cutouts)

    def _top(self, field: Mapping[str, Any], number: int) -> Operation:
        """Return the operation of one of the packet's own fields."""
        null, avro_type = split_union(field["type"])
        name = primitive(avro_type)
        if name == "bytes":
            self._cutouts[field["name"]] = (0, number)
        if name:
            return Operation(field=field["name"], kind=KINDS[name], null=null, arrow_type=arrow_type(avro_type))
        is_array = isinstance(avro_type, dict) and avro_type["type"] == "array"
        record = avro_type["items"] if is_array else avro_type
        record = self._named.get(record) if isinstance(record, str) else record
        if not isinstance(record, dict) or record["type"] != "record":
            raise UnsupportedSchema(f"{field['name']}: {avro_type}")
        self._check_trigger(field["name"], is_plain=null < 0 and not is_array)
        table = self._enter(self._survey.tables.get(field["name"], field["name"]), record)
        self._note_cutout(field["name"], table, is_array=is_array)
        return Operation(field=field["name"], kind=ARRAY if is_array else RECORD, null=null, arrow_type=pa.null(), table=table)

    def _check_trigger(self, field: str, *, is_plain: bool) -> None:
        """Make sure that the trigger is always there, and is the first row of its table."""
        if field == self._survey.trigger and (not is_plain or self._survey.tables[field] in self._tables):
            raise UnsupportedSchema(f"{field}: must be a record, before the history")

    def _note_cutout(self, field: str, table: int, *, is_array: bool) -> None:
        """Note that a field's record holds a cutout, if it does: then it holds one, and its table is nothing but that."""
        images = [number for number, operation in enumerate(self._operations[table]) if operation.kind == BYTES]
        if not images:
            return
        if is_array or len(images) > 1 or field in self._survey.tables:
            raise UnsupportedSchema(f"{field}: bytes in a record that is no cutout")
        self._cutouts[field] = (table, images[0])

    def _enter(self, table: str, record: Mapping[str, Any]) -> int:
        """Return the number of a table, made at its first use."""
        if table in self._records:
            if self._records[table] != record["name"]:
                raise UnsupportedSchema(f"{table}: both {self._records[table]} and {record['name']}")
            return self._tables.index(table)
        if not record["fields"]:
            raise UnsupportedSchema(f"{table}: no fields")
        self._records[table] = record["name"]
        self._tables.append(table)
        used = self._survey.used.get(table)
        self._operations.append([_inner(table, field, used=used is None or field["name"] in used) for field in record["fields"]])
        return len(self._tables) - 1


def _inner(table: str, field: Mapping[str, Any], *, used: bool) -> Operation:
    """Return the operation of a record's field: a primitive."""
    null, avro_type = split_union(field["type"])
    name = primitive(avro_type)
    if name is None:
        raise UnsupportedSchema(f"{table}.{field['name']}: {avro_type}")
    return Operation(field=field["name"], kind=KINDS[name], null=null, arrow_type=arrow_type(avro_type), used=used)


def compile_plan(schema: Mapping[str, Any], survey: Survey) -> Plan:
    """Return the plan of a parsed schema (names in full).

    Raises
    ------
    UnsupportedSchema
        If it has anything but primitives, records and arrays of records one level deep, and their unions with null.
    """
    return _Compiler(schema, survey).plan()


def _running(counts: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return the sum of the elements before each, and of all; shape (n + 1,)."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64)


def _following(properties: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return how many columns of a matrix, from each on, are equal; shape (n_column,)."""
    ends = np.append(np.flatnonzero((np.diff(properties) != 0).any(axis=0)) + 1, properties.shape[1])
    positions = np.arange(properties.shape[1])
    return ends[np.searchsorted(ends, positions, side="right")] - positions


_USES = {
    "words": {LONG: 1, DOUBLE: 1, BYTES: 2},
    "halves": {INT: 1, FLOAT: 1, STRING: 1},
    "truths": {BOOLEAN: 1},
    "valid": dict.fromkeys(LEAST_BYTES, 1),
    "texts": {STRING: 1},
}
"""How many columns of each memory a kind takes. Each table has one more of `halves`: its alerts."""

_BITS = ("truths", "valid")
"""Memories that have one bit a row."""

_HALVES = (INT, FLOAT, STRING)
"""Kinds whose column has four bytes a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A plan laid out over memory, for one run of the loop.

    Parameters
    ----------
    control : what the loop is given; it holds the addresses of the memory below.
    words, halves, truths, valid, texts : columns of 8-byte and 4-byte values, of bits of booleans and of not-NULL, and strings or their addresses.
    """

    control: Control
    words: npt.NDArray[np.uint64]
    halves: npt.NDArray[np.uint32]
    truths: npt.NDArray[np.uint8]
    valid: npt.NDArray[np.uint8]
    texts: npt.NDArray[np.int64]


class Layout:
    """Where a plan's columns lie: those of one table and one memory are the rows of a matrix (column, capacity).

    Parameters
    ----------
    plan : what to lay out.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.operations = flat = [operation for operations in plan.operations for operation in operations]
        self.start = _running([len(operations) for operations in plan.operations])
        self._kind = np.array([operation.kind for operation in flat], np.int64)
        self._null = np.array([2 * operation.null if operation.null >= 0 else -1 for operation in flat], np.int64)
        self._entered = np.array([operation.table for operation in flat], np.int64)
        self._table = np.repeat(np.arange(len(plan.tables)), np.diff(self.start))
        self._same = 8 * OPERATION_WORDS * _following(np.stack([self._kind, self._null, self._table]))
        self._least = np.array([_least_bytes(operations) for operations in plan.operations], np.int64)
        self._first: dict[str, npt.NDArray[np.int64]] = {}
        self._count: dict[str, npt.NDArray[np.int64]] = {}
        for memory, uses in _USES.items():
            used = _running([uses.get(operation.kind, 0) for operation in flat])
            base = used[self.start]
            self._first[memory] = used[:-1] - base[self._table]
            self._count[memory] = np.diff(base) + (memory == "halves")

    def run(self, capacity: npt.NDArray[np.int64]) -> Run:
        """Return fresh memory for so many rows of each table (multiples of 64), with nothing in it."""
        size = {memory: int((count * capacity).sum()) for memory, count in self._count.items()}
        memories: dict[str, npt.NDArray[Any]] = {
            "words": np.empty(size["words"], np.uint64),
            "halves": np.empty(size["halves"], np.uint32),
            "truths": np.zeros(size["truths"] // 8, np.uint8),
            "valid": np.full(size["valid"] // 8, 0xFF, np.uint8),
            "texts": np.empty(size["texts"], np.int64),
        }
        at = {memory: self._addresses(memory, whole, capacity) for memory, whole in memories.items()}
        kind = self._kind
        data = np.select([kind >= RECORD, kind == BOOLEAN, np.isin(kind, _HALVES)], [self._entered, at["truths"], at["halves"]], at["words"])
        side = np.where(kind == STRING, at["texts"], at["words"] + 8 * capacity[self._table])
        control = Control(
            operations=np.ascontiguousarray(np.stack([kind, self._null, data, side, at["valid"], self._same], axis=1)),
            start=self.start,
            least=self._least,
            owner=memories["halves"].ctypes.data + 4 * (np.cumsum(self._count["halves"] * capacity) - capacity),
            rows=np.zeros(len(capacity), np.int64),
            capacity=capacity,
            fault=np.zeros(4, np.int64),
        )
        return Run(control=control, **memories)

    def _addresses(self, memory: str, whole: npt.NDArray[Any], capacity: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the address of each operation's first column in one memory, bytes."""
        base = _running(list(self._count[memory] * capacity))[self._table]
        unit, scale = (8, 1) if memory in _BITS else (1, whole.itemsize)
        return whole.ctypes.data + (base + self._first[memory] * capacity[self._table]) // unit * scale

    def grow(self, run: Run, capacity: npt.NDArray[np.int64]) -> Run:
        """Return memory for more rows, with what is in a run's."""
        grown = self.run(capacity)
        grown.control.rows[:] = run.control.rows
        for memory in _USES:
            for old, new in zip(self._matrices(run, memory), self._matrices(grown, memory), strict=True):
                new[:, : old.shape[1]] = old
        return grown

    def _matrices(self, run: Run, memory: str) -> list[npt.NDArray[Any]]:
        """Return each table's matrix of columns in one memory."""
        capacity = run.control.capacity // (8 if memory in _BITS else 1)
        count = self._count[memory]
        base = _running(list(count * capacity))
        whole = getattr(run, memory)
        return [whole[base[t] : base[t + 1]].reshape(count[t], capacity[t]) for t in range(len(count))]


def _least_bytes(operations: Sequence[Operation]) -> int:
    return sum(1 if operation.null >= 0 else LEAST_BYTES.get(operation.kind, 1) for operation in operations)
