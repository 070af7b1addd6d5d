"""Matches as Avro: a schema for each version of a filter, and records in it behind the header that registries' readers know.

What a filter selects is read from its record in JSON, so both formats say the same, digit for digit.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import fastavro
import numpy as np
import pyarrow as pa

from ..crossmatch import CLASSIFICATION_COLUMNS
from ..filters import Filter, Kind, Output, parse_filter
from ..packet import RECORDS
from ._alert_json import FORCED_COLUMNS, SOURCE_COLUMNS, Rows
from ._matches import Drafts, Ints, Mask

AVRO_OUTPUTS = (Output.stream, Output.lightcurve, Output.full)
"""The outputs whose records can be Avro; those of others are read by splanc alone."""

_KINDS = {
    Kind.boolean: "boolean",
    Kind.integer: "long",
    Kind.number: "double",
    Kind.text: "string",
    Kind.moment: "string",
    Kind.json: "string",
    Kind.null: "null",
}
"""Avro's types of what filters select; moments are spelt as in JSON."""

_ARROW = {pa.float32(): "float", pa.float64(): "double", pa.int32(): "int", pa.int64(): "long", pa.bool_(): "boolean", pa.string(): "string"}
"""Avro's types of the survey's columns."""

_HEADER = struct.Struct(">bI")
"""Before each record: a zero and the schema's id at the registry."""

_IS_THERE = b"\x02"
"""Before a value that may be null and is not."""

_LARGEST = 2**63
_OUR_KEYS = ("UTC", "alert")
_NOT_IN_NAMES = re.compile("[^A-Za-z0-9_]")


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and -_LARGEST <= value < _LARGEST else None


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


_TAKE: Mapping[str, Callable[[Any], Any]] = {
    "boolean": lambda value: None if value is None else bool(value),
    "long": _integer,
    "double": _number,
    "string": _text,
    "null": lambda _value: None,
}
"""A value of JSON as Avro takes it; what cannot be of its type is null, so that no value can stop a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What stands under a key of a filter's record."""

    key: str
    name: str
    type: str


def fields_of(one: Filter) -> list[Field]:
    """Return the fields of a filter's records, under names that Avro allows, each its own."""
    definition = one.definition
    tree = parse_filter(definition.selected, definition.tables, definition.conditions)
    taken = set(_OUR_KEYS)
    found = []
    for selected in tree.selected:
        plain = avro_name(selected.name)
        number, name = 1, plain
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        found.append(Field(key=selected.name, name=name, type=_KINDS[selected.node.kind]))
    return found


def avro_name(text: str) -> str:
    """Return a text as a name that Avro allows.

    >>> avro_name("2 r-mag")
    '_2_r_mag'
    """
    name = _NOT_IN_NAMES.sub("_", text)
    return f"_{name}" if not name or name[0].isdigit() else name


def schema_of(one: Filter, fields: Iterable[Field]) -> dict[str, Any]:
    """Return the schema of a filter's records; a field whose name is not the user's key has that as its `doc`.

    What an edit may add has a default, so that readers of the new schema can read what the old one wrote.
    """
    own = [_nullable(field.name, field.type) | ({} if field.name == field.key else {"doc": field.key}) for field in fields]
    alert = _ALERTS.get(one.definition.output)
    last = [] if alert is None else [_nullable("alert", alert)]
    return _record(avro_name(one.topic), [*own, {"name": "UTC", "type": "string"}, *last])


def _record(name: str, fields: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}


def _nullable(name: str, avro_type: Any) -> dict[str, Any]:
    return {"name": name, "type": "null" if avro_type == "null" else ["null", avro_type], "default": None}


def _rows(table: str, columns: Iterable[str]) -> dict[str, Any]:
    return _record(table, [_nullable(name, _ARROW[RECORDS[table].field(name).type]) for name in columns])


def _lists(sources: Iterable[str], forced: Iterable[str]) -> list[dict[str, Any]]:
    rows = {"diaSourcesList": _rows("diaSource", sources), "diaForcedSourcesList": _rows("diaForcedSource", forced)}
    return [_list(name, items) for name, items in rows.items()]


def _classes() -> dict[str, Any]:
    return _record("sherlock", [_nullable(field.name, _ARROW[field.type]) for field in CLASSIFICATION_COLUMNS])


def _list(name: str, items: Any) -> dict[str, Any]:
    return {"name": name, "type": {"type": "array", "items": items}, "default": []}


_ALERTS = {
    Output.lightcurve: _record("alert", _lists(SOURCE_COLUMNS, FORCED_COLUMNS)),
    Output.full: _record(
        "alert",
        [
            _nullable("diaObject", _rows("diaObject", RECORDS["diaObject"].names)),
            *_lists(RECORDS["diaSource"].names, RECORDS["diaForcedSource"].names),
            _list("diaNondetectionLimitsList", "double"),
            _nullable("ebv", "float"),
            {"name": "annotations", "type": _record("annotations", [_list("sherlock", _classes())]), "default": {"sherlock": []}},
        ],
    ),
}
"""The schema of the alert that records of an output carry."""

_PARSED_ALERTS = {output: fastavro.parse_schema(schema) for output, schema in _ALERTS.items()}


class Encoder:
    """Makes records of one version of a filter.

    Parameters
    ----------
    fields : see `fields_of`.
    identity : of the schema, at the registry.
    """

    def __init__(self, one: Filter, fields: Sequence[Field], identity: int) -> None:
        self.output = one.definition.output
        self._takes = [(field.key, field.name, _TAKE[field.type]) for field in fields]
        # A record is its fields one after the other: the alert, which many filters may want, is put behind.
        alone = schema_of(one, fields)
        self._schema = fastavro.parse_schema(alone | {"fields": [field for field in alone["fields"] if field["name"] != "alert"]})
        self._header = _HEADER.pack(0, identity)

    def encode(self, text: str, utc: str) -> bytes:
        """Return a record without its alert.

        Parameters
        ----------
        text : what the filter selects, a JSON object.
        utc : when it is published.
        """
        said = json.loads(text)
        return self._header + _encoded(self._schema, {name: take(said[key]) for key, name, take in self._takes} | {"UTC": utc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Records before it is known which of them may leave, whatever their format."""

    records: Sequence[bytes]

    @property
    def sizes(self) -> Ints:
        """Of the records, bytes, shape (n_record,)."""
        return np.array([len(record) for record in self.records], np.int64)

    def values(self, chosen: Mask) -> list[bytes]:
        """Return the chosen records."""
        return [record for record, is_chosen in zip(self.records, chosen, strict=True) if is_chosen]


def encoded(drafts: Drafts, ids: Ints, rows: Rows, encoders: Mapping[int, Encoder]) -> Encoded:
    """Return drafts in Avro where there is an encoder, the others in JSON; an alert is encoded once, however many filters want it.

    Parameters
    ----------
    ids, rows : of the filter and of the alert of each draft, shape (n_record,).
    encoders : by filter.
    """
    plain = iter(drafts.values(~np.isin(ids, list(encoders))))
    alerts: dict[tuple[Output, int], bytes] = {}

    def alert(output: Output, place: int, row: int) -> bytes:
        if output in _PARSED_ALERTS and (output, row) not in alerts:
            alerts[output, row] = _IS_THERE + _encoded(_PARSED_ALERTS[output], json.loads(drafts.parts["json"][place]))
        return alerts.get((output, row), b"")

    records = []
    for place, (number, row, text) in enumerate(zip(ids.tolist(), rows.tolist(), drafts.parts["text"], strict=True)):
        encoder = encoders.get(number)
        records.append(next(plain) if encoder is None else encoder.encode(text + "}", drafts.utc) + alert(encoder.output, place, row))
    return Encoded(records=records)


def _encoded(schema: Any, value: Any) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, value)
    return out.getvalue()
