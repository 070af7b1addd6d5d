from __future__ import annotations

import io
import math
from typing import Any

import fastavro
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splanc.simulator._prototypes import load_prototypes, real_alerts
from splanc.simulator._wire import Layout, Rows, arrays, encode, integers

FIELDS: list[dict[str, Any]] = [
    {"name": "id", "type": "long"},
    {"name": "n", "type": ["null", "int"], "default": None},
    {"name": "x", "type": "float"},
    {"name": "y", "type": ["double", "null"]},
    {"name": "flag", "type": ["null", "boolean"], "default": None},
    {"name": "band", "type": ["null", "string"], "default": None},
]
SCHEMA = fastavro.parse_schema({"type": "record", "name": "r", "fields": FIELDS})
LONGS = st.integers(-(2**63), 2**63 - 1)


def written(schema: Any, value: Any) -> bytes:
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, schema, value)
    return stream.getvalue()


@given(st.lists(LONGS, min_size=1))
def test_integers_are_avro_longs(values):
    assert integers(np.array(values, np.int64)) == [written("long", value) for value in values]


@given(st.lists(st.tuples(LONGS, st.none() | st.integers(-(2**31), 2**31 - 1), st.floats(width=32), st.none() | st.floats(), st.booleans()), min_size=1))
def test_rows_are_what_fastavro_writes(rows):
    prototype = {"id": 1, "n": None, "x": 0.0, "y": 1.0, "flag": None, "band": "r"}
    made = Rows(Layout(FIELDS, [prototype]), np.zeros(len(rows), np.int64))
    ids, ns, xs, ys, flags = zip(*rows, strict=True)
    made.set("id", np.array(ids, np.int64))
    made.set("n", np.array([n or 0 for n in ns]), np.array([n is not None for n in ns]))
    made.set("x", np.array(xs, np.float32))
    made.set("y", np.array([y or 0.0 for y in ys]), np.array([y is not None for y in ys]))
    made.set("flag", np.array(flags))
    made.set("band", np.full((len(rows), 1), ord("i"), np.uint8))
    made.set("not in this version", np.array(ids, np.int64))
    # As fastavro picks the branch of a union by the value's type, null stays null.
    want = [{"id": i, "n": n, "x": x, "y": y if y != 0.0 else 0.0, "flag": flag, "band": "i"} for i, n, x, y, flag in rows]
    assert made.pieces() == [written(SCHEMA, row) for row in want]


def test_runs_join_rows_and_may_be_empty():
    rows = Rows(Layout([{"name": "id", "type": "long"}], [{"id": 0}]), np.zeros(3, np.int64))
    rows.set("id", np.array([1, 2, 3]))
    runs = rows.pieces(np.array([0, 2, 0, 1]))
    assert runs == [b"", b"\x02\x04", b"", b"\x06"]
    assert arrays(np.array([0, 2, 0, 1]), runs) == [b"", b"\x04\x02\x04\x00", b"", b"\x02\x06\x00"]


def test_values_are_encoded_by_type():
    assert encode(["null", "bytes"], b"ab") == b"\x02\x04ab"
    assert encode(["null", "string"], None) == b"\x00"
    assert encode({"type": "array", "items": "long"}, []) == b"\x00"
    assert encode("boolean", True) == b"\x01"


@pytest.mark.parametrize("version", ["7.4", "9.0", "10.0", "11.0", "11.1"])
def test_prototypes_are_the_real_records(version):
    prototypes = load_prototypes(version)
    assert (len(prototypes.packets), prototypes.n_solar) == (29, 3)
    fields = next(field["type"]["fields"] for field in prototypes.fields if field["name"] == "diaSource")
    layout = prototypes.sources
    pieces = Rows(layout, np.arange(29)).pieces()
    schema = fastavro.parse_schema({"type": "record", "name": "s", "fields": fields})
    for packet, piece in zip(prototypes.packets[-3:], pieces[-3:], strict=True):
        real = real_alerts()[packet]["diaSource"]
        source = fastavro.schemaless_reader(io.BytesIO(piece), schema, None)
        assert isinstance(source, dict)
        shared = set(source) & set(real)
        assert len(shared) > 40
        assert {name: source[name] for name in shared} == {name: real[name] for name in shared}
        assert all(value in (None, 0, "") or math.isnan(value) for name, value in source.items() if name not in shared)
