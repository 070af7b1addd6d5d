"""The common record: the columns that every survey and every schema version is mapped onto.

They are those of LSST's alert schema 11.1, and for `ssObject` those of 7.4, the last that carried it; they are spelt as the survey
spells them, with `dec` as `decl`. Every column may be NULL.
Units are the survey's: fluxes nJy, times MJD TAI in days, angles ICRS in degrees.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any

import pyarrow as pa

SCHEMA_FILES = MappingProxyType({"lsst.v11_1.json": ("diaSource", "diaForcedSource", "diaObject", "ssSource", "mpc_orbits"), "lsst.v7_4.json": ("ssObject",)})
"""The shipped Avro schemas that define the common record, and the names of the records, which are also those of a batch's tables:
the newest schema when the archive's tables were made, and the last one for what it no longer had."""

RENAMED = MappingProxyType({"dec": "decl"})
"""Survey's name to ours: `dec` is short for `DECIMAL` in SQL, and users of Lasair know `decl`."""

AB_ZERO_POINT = 31.4
"""AB magnitude of 1 nJy, as Rubin uses it (3631 Jy to three decimals)."""

ARROW_TYPES = MappingProxyType(
    {
        "boolean": pa.bool_(),
        "int": pa.int32(),
        "long": pa.int64(),
        "float": pa.float32(),
        "double": pa.float64(),
        "string": pa.string(),
        "bytes": pa.binary(),
        "timestamp-micros": pa.timestamp("us", "UTC"),
    }
)
"""Avro primitive (or logical) type to Arrow type."""


def column_name(field: str) -> str:
    """Return the name of a column, given the survey's name of the field."""
    return RENAMED.get(field, field)


def arrow_type(avro_type: Any) -> pa.DataType:
    """Return the Arrow type of an Avro primitive, or of its union with null; logical types that we do not know count as none."""
    if isinstance(avro_type, list):
        (avro_type,) = (branch for branch in avro_type if branch != "null")
    if isinstance(avro_type, dict):
        avro_type = next(name for name in (avro_type.get("logicalType"), avro_type["type"]) if name in ARROW_TYPES)
    return ARROW_TYPES[avro_type]


def _record_definitions(avro_type: Any) -> Iterator[dict[str, Any]]:
    """Yield every record defined inside an Avro type."""
    if isinstance(avro_type, list):
        for branch in avro_type:
            yield from _record_definitions(branch)
    elif isinstance(avro_type, dict):
        if avro_type["type"] == "record":
            yield avro_type
        yield from _record_definitions(avro_type.get("items", [field["type"] for field in avro_type.get("fields", ())]))


def _read_records() -> Mapping[str, pa.Schema]:
    """Return the common record, from the shipped schemas."""
    records: dict[str, pa.Schema] = {}
    for file, names in SCHEMA_FILES.items():
        text = resources.files(__package__).joinpath("schemas", file).read_text("utf-8")
        definitions = {record["name"].rpartition(".")[2]: record for record in _record_definitions(json.loads(text))}
        records |= {name: _columns(definitions[name]) for name in names}
    return MappingProxyType(records)


def _columns(record: Mapping[str, Any]) -> pa.Schema:
    return pa.schema([(column_name(field["name"]), arrow_type(field["type"])) for field in record["fields"]])


ALERT_COLUMNS = pa.schema(
    [
        ("message", pa.int32()),
        ("topic", pa.string()),
        ("partition", pa.int32()),
        ("offset", pa.int64()),
        ("timestamp", pa.timestamp("ms", "UTC")),
        ("schemaId", pa.int32()),
        ("diaSourceId", pa.int64()),
        ("diaObjectId", pa.int64()),
        ("ssObjectId", pa.int64()),
        ("visit", pa.int64()),
        ("detector", pa.int32()),
        ("band", pa.string()),
        ("midpointMjdTai", pa.float64()),
        ("ra", pa.float64()),
        ("decl", pa.float64()),
        ("psfFlux", pa.float32()),
        ("psfFluxErr", pa.float32()),
        ("snr", pa.float32()),
        ("reliability", pa.float32()),
        ("night", pa.int32()),
        ("nPrvDiaSources", pa.int32()),
        ("nPrvDiaForcedSources", pa.int32()),
        ("observation_reason", pa.string()),
        ("target_name", pa.string()),
        ("survey", pa.string()),
        ("objectId", pa.string()),
    ]
)
"""The columns of a batch's `alerts`, whatever the survey; a packet's own fields that are not among them follow.

`message` is the row in the batch's messages, `timestamp` Kafka's; ids of 0 are NULL; `night` is YYYYMMDD; `objectId` is the name that
the survey gives the object besides its diaObjectId, NULL for LSST.
"""

CUTOUTS = ("cutoutScience", "cutoutTemplate", "cutoutDifference")
"""Names of the cutouts that every batch has."""

RECORDS: Mapping[str, pa.Schema] = _read_records()
"""The columns of each table, by its name, in the survey's order; all may be NULL."""
