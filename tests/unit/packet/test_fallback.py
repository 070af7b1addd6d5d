"""Schemas outside the compiled loop: fastavro decodes them into the same batch."""

from __future__ import annotations

import json
from importlib import resources

import pytest
import structlog

from splanc.packet import RECORDS, Decoder, encode
from tests.support.packets import RecordMaker, as_rows, messages_of, schema_store

ADDED = {
    "enum": ({"type": "enum", "name": "mood", "symbols": ["GOOD", "BAD"]}, "BAD", "BAD"),
    "map": ({"type": "map", "values": "double"}, {"a": 1.5, "b": float("nan")}, '{"a": 1.5, "b": null}'),
    "fixed": ({"type": "fixed", "name": "four", "size": 4}, b"abcd", b"abcd"),
    "nested": ({"type": "record", "name": "inner", "fields": [{"name": "z", "type": "int"}]}, {"z": 3}, '{"z": 3}'),
    "union": (["null", "long", "string"], "many", '"many"'),
    "list": ({"type": "array", "items": "int"}, [1, 2], "[1, 2]"),
    "bytes": ("bytes", b"\x00\xff", b"\x00\xff"),
}


def extended(kind):
    """The shipped schema with a field of an unusual type in diaSource, under its own version."""
    schema = json.loads((resources.files("splanc.packet") / "schemas" / "lsst.v11_1.json").read_text("utf-8").replace("lsst.v11_1", "lsst.v13_0"))
    schema["fields"][3]["type"]["fields"].append({"name": "unusual", "type": kind})
    return json.dumps(schema)


@pytest.mark.parametrize("what", ADDED)
def test_the_same_batch_with_one_column_more(tmp_path, what):
    kind, value, column = ADDED[what]
    (tmp_path / "lsst.v13_0.json").write_text(extended(kind), "utf-8")
    with structlog.testing.capture_logs() as logs:
        schemas = schema_store(tmp_path / "cache", folder=tmp_path)
        schema, usual = schemas.get(1300), schemas.get(1101)
        schemas.get(1300)
    assert [(log["log_level"], log["schema_id"]) for log in logs] == [("warning", 1300)]
    assert schema.layout is None
    decoder = Decoder(schemas, 10_000_000)
    maker = RecordMaker(usual, 21)
    records = [maker.record() for _ in range(6)]
    expected = decoder.decode(messages_of([encode(usual, record) for record in records]))
    for record in records:
        for source in (record["diaSource"], *(record["prvDiaSources"] or [])):
            source["unusual"] = value
    batch = decoder.decode(messages_of([encode(schema, record) for record in records]))
    assert batch.rejects == []
    assert batch.alerts.drop_columns("schemaId").equals(expected.alerts.drop_columns("schemaId"))
    for name in RECORDS:
        table = batch.tables[name]
        assert as_rows(table.drop_columns("unusual") if name == "diaSource" else table) == as_rows(expected.tables[name])
    assert set(map(str, batch.tables["diaSource"]["unusual"].to_pylist())) == {str(column)}
    for name, ranges in batch.cutouts.items():
        wanted = [record[name] for record in records]
        found = zip(batch.messages.values, ranges.starts.tolist(), ranges.lengths.tolist(), strict=True)
        assert [None if length < 0 else value[start : start + length] for value, start, length in found] == wanted


def test_damage_is_rejected(tmp_path):
    (tmp_path / "lsst.v13_0.json").write_text(extended(ADDED["map"][0]), "utf-8")
    schemas = schema_store(tmp_path / "cache", folder=tmp_path)
    schema = schemas.get(1300)
    record = RecordMaker(schemas.get(1101), 5).record() | {"prvDiaSources": None, "cutoutTemplate": b"x" * 50, "target_name": "MARK"}
    record["diaSource"]["unusual"] = {"a": 1.0}
    packet = encode(schema, record)
    values = [packet, *(packet[:size] for size in range(5, len(packet), 7)), packet + b"\x00", packet.replace(b"MARK", b"\x00ARK", 1)]
    batch = Decoder(schemas, 10_000_000).decode(messages_of(values))
    assert batch.alerts["message"].to_pylist() == [0]
    kinds = [error.kind for _, error in batch.rejects]
    assert set(kinds[:-2]) <= {"truncated", "malformed"}
    assert [error.kind for _, error in batch.rejects[-2:]] == ["malformed", "malformed"]
    assert "goes on after its last field" in batch.rejects[-2][1].why
    assert "NUL" in batch.rejects[-1][1].why
    assert batch.rejects[0][1].offset == 101


def test_history_before_the_trigger(tmp_path):
    schema = json.loads((resources.files("splanc.packet") / "schemas" / "lsst.v11_1.json").read_text("utf-8").replace("lsst.v11_1", "lsst.v13_0"))
    source = schema["fields"][3]["type"]
    schema["fields"][3]["type"] = source["name"]
    schema["fields"][4]["type"][1]["items"] = source
    schema["fields"][3], schema["fields"][4] = schema["fields"][4], schema["fields"][3]
    (tmp_path / "lsst.v13_0.json").write_text(json.dumps(schema), "utf-8")
    schemas = schema_store(tmp_path / "cache", folder=tmp_path)
    record = RecordMaker(schemas.get(1101), 5).record()
    record["prvDiaSources"] = [record["diaSource"] | {"diaSourceId": i} for i in (1, 2, 3)]
    batch = Decoder(schemas, 10_000_000).decode(messages_of([encode(schemas.get(1300), record)] * 2))
    trigger = record["diaSource"]["diaSourceId"]
    assert batch.tables["diaSource"]["diaSourceId"].to_pylist() == [trigger, 1, 2, 3] * 2
    assert batch.tables["diaSource"]["alert"].to_pylist() == [0] * 4 + [1] * 4
    assert batch.alerts["diaSourceId"].to_pylist() == [trigger] * 2


def test_a_column_of_another_type_is_a_reject_that_can_be_replayed(tmp_path):
    text = (resources.files("splanc.packet") / "schemas" / "lsst.v11_1.json").read_text("utf-8").replace("lsst.v11_1", "lsst.v13_0")
    schema = json.loads(text)
    detector = next(field for field in schema["fields"][3]["type"]["fields"] if field["name"] == "detector")
    detector["type"] = "long"
    (tmp_path / "lsst.v13_0.json").write_text(json.dumps(schema), "utf-8")
    schemas = schema_store(tmp_path / "cache", folder=tmp_path)
    record = RecordMaker(schemas.get(1101), 5).record() | {"prvDiaSources": None}
    record["diaSource"]["detector"] = 7
    fits = encode(schemas.get(1300), record)
    record["diaSource"]["detector"] = 2**40
    decoder = Decoder(schemas, 10_000_000)
    assert decoder.decode(messages_of([fits])).alerts["detector"].to_pylist() == [7]
    ((row, error),) = decoder.decode(messages_of([encode(schemas.get(1300), record)])).rejects
    assert (row, error.kind) == (0, "schema")
    assert error.why.startswith("diaSource.detector is int64, not int32")
