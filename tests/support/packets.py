"""Random packets of any schema, the long way of writing them, and what fastavro reads in them."""

from __future__ import annotations

import io
import math
import random
import struct
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from splanc.config import SchemaSettings
from splanc.packet import Batch, Messages, Schema, SchemaStore, frame_header
from splanc.packet._plan import named_records
from splanc.packet._rows import _concat_messages
from splanc.packet.record import column_name

REAL_PACKETS = Path(__file__).parents[1] / "data" / "packets" / "lsst_v10_0_real.avro"
SCHEMA_IDS = (704, 900, 1000, 1100, 1101)
"""Every schema version shipped."""

RECORD_FIELDS = {
    "diaSource": ("diaSource", "prvDiaSources"),
    "diaForcedSource": ("prvDiaForcedSources",),
    "diaObject": ("diaObject",),
    "ssSource": ("ssSource",),
    "mpc_orbits": ("mpc_orbits", "MPCORB"),
    "ssObject": ("ssObject",),
}
"""Fields of a packet that make up each table."""

MOMENTS = {"created_at", "updated_at", "fitting_datetime"}
"""Fields that hold moments."""

YEARS_US = (-62_135_596_800_000_000, 253_402_300_800_000_000)
"""The years 1 to 9999, µs since 1970: no other moments can be kept."""

_FLOATS = (math.nan, math.inf, -math.inf, 0.0, -0.0, 1.5, 1e-45, 3.4028234663852886e38, -1e10)
_INTEGERS = {"int": (-(2**31), 2**31 - 1, 0, -1, 63, 64, 8191, 8192), "long": (-(2**63), 2**63 - 1, 0, -1, 2**53 + 1, 169813006802223148)}
_TEXTS = ("", "r", "2025 AB12", "ñ-Ω-漢字", "🜨" * 5, "exactly8", "ninechars", "x" * 300)
_TRIGGER = {"ra": (0.0, 360.0), "dec": (-90.0, 90.0), "midpointMjdTai": (60_000.0, 70_000.0)}


def schema_store(cache_dir: Path, **settings: Any) -> SchemaStore:
    """Return a store that keeps what it fetches in `cache_dir`."""
    return SchemaStore(SchemaSettings(**settings), cache_dir)


def real_records() -> list[dict[str, Any]]:
    """Return the 27 real alerts."""
    with REAL_PACKETS.open("rb") as file:
        records: list[Any] = list(fastavro.reader(file))
    return records


def messages_of(values: Sequence[bytes], topic: str = "alerts") -> Messages:
    """Return messages with counted offsets, in partition 3."""
    count = len(values)
    offsets = np.arange(100, 100 + count, dtype=np.int64)
    return Messages(values=values, topics=[topic] * count, partitions=np.full(count, 3, np.int32), offsets=offsets, timestamps_ms=1_767_150_000_000 + offsets)


def one_batch(chunks: Iterable[Messages]) -> Messages:
    """Return the chunks of a batch as one."""
    return _concat_messages([messages_of([]), *chunks])


class RecordMaker:
    """Makes random records of a schema, with every trap that its types allow.

    Parameters
    ----------
    schema : what to make records of.
    seed : the same seed makes the same records.
    """

    def __init__(self, schema: Schema, seed: int) -> None:
        self._schema = schema
        self._named = named_records(schema.parsed)
        self._random = random.Random(seed)

    def record(self) -> dict[str, Any]:
        """Return a record that is an ordinary alert: its trigger has a place and a time."""
        record: dict[str, Any] = self._value(self._schema.parsed)
        record["diaSource"] |= {name: self._random.uniform(*limits) for name, limits in _TRIGGER.items()}
        record["diaSource"]["visit"] = 20251231_00000 + self._random.randrange(100_000)
        return record

    def _value(self, kind: Any) -> Any:
        if isinstance(kind, list):
            return None if self._random.random() < 0.25 else self._value(next(branch for branch in kind if branch != "null"))
        if isinstance(kind, str):
            return self._value(self._named[kind]) if kind in self._named else self._primitive(kind)
        if kind["type"] == "record":
            return {field["name"]: self._value(field["type"]) for field in kind["fields"]}
        if kind["type"] == "array":
            return [self._value(kind["items"]) for _ in range(self._random.choice((0, 1, 2, 5)))]
        return self._primitive(kind["type"])

    def _primitive(self, kind: str) -> Any:
        pick = self._random
        if kind == "boolean":
            return pick.random() < 0.5
        if kind in _INTEGERS:
            bits = 32 if kind == "int" else 64
            return pick.choice(_INTEGERS[kind]) if pick.random() < 0.5 else pick.getrandbits(bits) - 2 ** (bits - 1)
        if kind == "float":
            value = pick.choice(_FLOATS) if pick.random() < 0.5 else pick.gauss(0, 1e3)
            return struct.unpack("<f", struct.pack("<f", value))[0]
        if kind == "double":
            return pick.choice(_FLOATS) if pick.random() < 0.5 else pick.gauss(0, 1e300)
        return pick.choice(_TEXTS) if kind == "string" else pick.randbytes(pick.choice((0, 1, 200)))


def zigzag(number: int) -> bytes:
    """Return an Avro integer."""
    number = (number << 1) ^ (number >> 63)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


class LongEncoder:
    """Encodes records with arrays in several blocks, some of them with their size, as other writers do.

    Parameters
    ----------
    schema : of the records.
    seed : decides on the blocks.
    """

    def __init__(self, schema: Schema, seed: int) -> None:
        self._schema = schema
        self._named = named_records(schema.parsed)
        self._random = random.Random(seed)

    def encode(self, record: Mapping[str, Any]) -> bytes:
        return frame_header(self._schema.id) + self._write(self._schema.parsed, record)

    def _write(self, kind: Any, value: Any) -> bytes:
        if isinstance(kind, list):
            branch = next(i for i, one in enumerate(kind) if (one == "null") == (value is None))
            return zigzag(branch) + (b"" if value is None else self._write(kind[branch], value))
        kind = self._named.get(kind, kind) if isinstance(kind, str) else kind
        if isinstance(kind, dict) and kind["type"] == "record":
            return b"".join(self._write(field["type"], value[field["name"]]) for field in kind["fields"])
        if isinstance(kind, dict) and kind["type"] == "array":
            return self._blocks([self._write(kind["items"], item) for item in value])
        return self._primitive(kind["type"] if isinstance(kind, dict) else kind, value)

    def _blocks(self, items: list[bytes]) -> bytes:
        out = b""
        while items:
            count = self._random.randint(1, len(items))
            block, items = b"".join(items[:count]), items[count:]
            out += zigzag(-count) + zigzag(len(block)) + block if self._random.random() < 0.5 else zigzag(count) + block
        return out + zigzag(0)

    def _primitive(self, kind: str, value: Any) -> bytes:
        if kind in ("int", "long"):
            return zigzag(value)
        if kind in ("string", "bytes"):
            data = value.encode() if kind == "string" else value
            return zigzag(len(data)) + data
        return struct.pack({"boolean": "<?", "float": "<f", "double": "<d"}[kind], value)


def without_logical_types(kind: Any) -> Any:
    """Return a schema whose values are plain numbers."""
    if isinstance(kind, list):
        return [without_logical_types(one) for one in kind]
    if isinstance(kind, dict):
        return {key: without_logical_types(value) for key, value in kind.items() if key != "logicalType" and not key.startswith("__")}
    return kind


def read_with_fastavro(schema: Schema, message: bytes) -> dict[str, Any]:
    """Return what fastavro reads in a message, timestamps as numbers."""
    plain = fastavro.parse_schema(without_logical_types(schema.parsed), _force=True)
    record: Any = fastavro.schemaless_reader(io.BytesIO(message[5:]), plain, None)
    return record


def as_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return a table's rows, timestamps as numbers."""
    columns = {
        name: (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
        for name, column in zip(table.column_names, table.columns, strict=True)
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def nan_to_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def expected_rows(schema: Schema, table: str, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table that a record makes, under the common record's names."""
    older = schema.survey.columns.get(table, {})
    rows: list[dict[str, Any]] = []
    for field in RECORD_FIELDS[table]:
        value = record.get(field)
        rows += value if isinstance(value, list) else [] if value is None else [value]
    named = [{column_name(older.get(name, name)): nan_to_none(value) for name, value in row.items()} for row in rows]
    return [
        {name: None if name in MOMENTS and value is not None and not YEARS_US[0] <= value < YEARS_US[1] else value for name, value in row.items()}
        for row in named
    ]


def assert_equals_fastavro(batch: Batch, schema: Schema) -> int:
    """Assert that every value of every alert is what fastavro reads in its message; return how many were compared."""
    compared = 0
    rows = {name: as_rows(batch.tables[name]) for name in RECORD_FIELDS}
    for alert, (message, place) in enumerate(zip(batch.alerts["message"].to_pylist(), as_rows(batch.alerts), strict=True)):
        value = batch.messages.values[message]
        record = read_with_fastavro(schema, value)
        for name, table in rows.items():
            found = [row for row in table if row["alert"] == alert]
            expected = expected_rows(schema, name, record)
            assert len(found) == len(expected), (name, alert)
            for got, wanted in zip(found, expected, strict=True):
                differing = {field for field in wanted if got[field] != wanted[field]}
                assert not differing, (name, alert, {field: (got[field], wanted[field]) for field in differing})
                assert all(got[field] is None for field in got if field not in wanted and field != "alert")
                compared += len(wanted)
        for name, ranges in batch.cutouts.items():
            start, length = int(ranges.starts[alert]), int(ranges.lengths[alert])
            assert (None if length < 0 else value[start : start + length]) == record[name]
        assert place["observation_reason"] == record.get("observation_reason")
        assert place["target_name"] == record.get("target_name")
    return compared
