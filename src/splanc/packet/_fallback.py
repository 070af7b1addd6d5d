"""Decoding with fastavro, for schemas that have what the compiled loop does not read.

Slow, one packet at a time; the result is the same. Types without a column type of ours become JSON text.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from typing_extensions import override

from ._batch import Cutouts, Messages
from ._frames import Frames
from ._part import Part, rejection
from ._plan import named_records, primitive
from ._store import Schema
from .record import arrow_type


class _Exact(io.BytesIO):
    """A packet's bytes; fastavro itself takes a short read, or a negative length, for a value."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        value = super().read(size)
        if size is None or len(value) != size:
            raise EOFError("it runs past the end of the packet, or a length is negative")
        return value


def decode_slowly(messages: Messages, frames: Frames, schema: Schema, rows: npt.NDArray[np.int64]) -> Part:
    """Return the alerts of those messages whose rows are given."""
    packets, message, rejects = [], [], []
    begins, ends = frames.begins - frames.addresses, frames.ends - frames.addresses
    for row in rows.tolist():
        try:
            packets.append(_read(schema.plain, messages.values[row], (int(begins[row]), int(ends[row])), schema.survey.trigger))
            message.append(row)
        except Exception as error:  # noqa: BLE001 - fastavro raises whatever damaged bytes lead it to
            rejects.append(rejection(messages, row, f"fastavro: {error!r}", "truncated" if isinstance(error, EOFError) else "malformed"))
    collector = _Collector(schema)
    collector.collect(packets)
    cutouts = {name: _find(messages, message, [_image(packet[name]) for packet in packets]) for name in collector.cutouts}
    return Part(message=np.array(message, np.int32), fields=collector.fields, tables=collector.tables, cutouts=cutouts, rejects=rejects)


def _read(plain: Any, value: bytes, span: tuple[int, int], trigger: str) -> dict[str, Any]:
    """Return the packet in a span of a message as a dictionary, with None for NaN."""
    stream = _Exact(value[slice(*span)])
    packet: Any = fastavro.schemaless_reader(stream, plain, None)
    if stream.tell() != span[1] - span[0]:
        raise ValueError(f"the packet goes on after its last field (byte {stream.tell() + span[0]})")
    fastavro.validate(packet, plain)
    if packet[trigger] is None:
        raise ValueError(f"{trigger} is null")
    found: dict[str, Any] = _cleaned(packet)
    return found


def _cleaned(value: Any) -> Any:
    """Return a value with None for NaN.

    Raises
    ------
    ValueError
        If it holds a NUL character, which PostgreSQL cannot store.
    """
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_cleaned(item) for item in value]
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, str) and "\0" in value:
        raise ValueError("a string holds a NUL character")
    return value


def _image(value: Any) -> bytes | None:
    """Return the cutout in a field: its bytes, or those in its record."""
    return next(part for part in value.values() if isinstance(part, bytes)) if isinstance(value, dict) else value


def _find(messages: Messages, rows: Sequence[int], values: Sequence[bytes | None]) -> Cutouts:
    """Return where the bytes of each value are in its message."""
    starts = [0 if value is None else messages.values[row].index(value) for row, value in zip(rows, values, strict=True)]
    lengths = [-1 if value is None else len(value) for value in values]
    return Cutouts(starts=np.array(starts, np.int64), lengths=np.array(lengths, np.int64))


class _Collector:
    """Sorts the packets' fields into columns, tables and cutouts."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._records = named_records(schema.parsed)
        self.fields: dict[str, pa.Array] = {}
        self._tables: dict[str, pa.Table] = {}
        self.cutouts: list[str] = []

    def collect(self, packets: Sequence[Mapping[str, Any]]) -> None:
        trigger = self._schema.survey.trigger
        for field in sorted(self._schema.parsed["fields"], key=lambda field: field["name"] != trigger):
            name, kind = field["name"], _without_null(field["type"])
            record = self._record(kind)
            if record is not None and name not in self._schema.survey.tables and _holds_image(kind, record):
                self.cutouts.append(name)
            elif record is not None:
                self._add_table(self._schema.survey.tables.get(name, name), record, [packet[name] for packet in packets])
            elif primitive(kind) == "bytes":
                self.cutouts.append(name)
            else:
                self.fields[name] = _column(kind, [packet[name] for packet in packets])

    def _record(self, kind: Any) -> Mapping[str, Any] | None:
        """Return the record that a field holds, one or an array of; None if it holds none."""
        if isinstance(kind, dict) and kind["type"] == "array":
            kind = kind["items"]
        found: Mapping[str, Any] | None = self._records.get(kind["name"] if isinstance(kind, dict) and "name" in kind else kind) if _hashable(kind) else None
        return found

    def _add_table(self, table: str, record: Mapping[str, Any], values: Sequence[Any]) -> None:
        """Add the records of one field to their table; each alert's rows stay together."""
        rows = [(alert, row) for alert, value in enumerate(values) for row in _as_list(value)]
        columns = {field["name"]: _column(_without_null(field["type"]), [row[field["name"]] for _, row in rows]) for field in record["fields"]}
        added = pa.table({"alert": pa.array([alert for alert, _ in rows], pa.int32())} | columns)
        if table in self._tables:
            added = pa.concat_tables([self._tables[table], added], promote_options="permissive")
            added = added.take(np.argsort(added["alert"].to_numpy(), kind="stable"))
        self._tables[table] = added

    @property
    def tables(self) -> dict[str, dict[str, pa.Array]]:
        """The columns of each table."""
        return {name: dict(zip(table.column_names, (column.combine_chunks() for column in table.columns), strict=True)) for name, table in self._tables.items()}


def _holds_image(kind: Any, record: Mapping[str, Any]) -> bool:
    """Return whether a field that is a record, not an array of them, holds bytes that are always there."""
    return not (isinstance(kind, dict) and kind["type"] == "array") and any(primitive(field["type"]) == "bytes" for field in record["fields"])


def _hashable(kind: Any) -> bool:
    return isinstance(kind, str) or (isinstance(kind, dict) and "name" in kind)


def _as_list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _without_null(avro_type: Any) -> Any:
    """Return a type without the null branch of its union; unions of more stay unions."""
    if not isinstance(avro_type, list):
        return avro_type
    branches = [branch for branch in avro_type if branch != "null"]
    return branches[0] if len(branches) == 1 else branches


def _column(kind: Any, values: Sequence[Any]) -> pa.Array:
    """Return a column: primitives as they are, enums as strings, fixed as bytes, everything else as JSON text."""
    if not isinstance(kind, list) and primitive(kind):
        return pa.array(values, pa.int64() if primitive(kind) == "long" else arrow_type(primitive(kind))).cast(arrow_type(kind))
    if isinstance(kind, dict) and kind["type"] == "enum":
        return pa.array(values, pa.string())
    if isinstance(kind, dict) and kind["type"] == "fixed":
        return pa.array(values, pa.binary())
    return pa.array([None if value is None else json.dumps(value, default=bytes.hex) for value in values], pa.string())
