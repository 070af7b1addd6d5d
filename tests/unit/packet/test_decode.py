"""Decoding is equal to fastavro, field by field."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splanc.packet import ALERT_COLUMNS, CUTOUTS, RECORDS, Decoder, encode, take, trigger_rows
from splanc.packet._compiled import CompiledDecoder
from tests.support.packets import SCHEMA_IDS, LongEncoder, RecordMaker, as_rows, assert_equals_fastavro, messages_of, real_records


@pytest.fixture
def real(schemas):
    return messages_of([encode(schemas.get(1000), record) for record in real_records()])


def test_real_packets_are_what_fastavro_reads(schemas, decoder, real):
    batch = decoder.decode(real)
    assert len(batch) == 27
    assert batch.rejects == []
    assert assert_equals_fastavro(batch, schemas.get(1000)) == 29 * 98 + 24 * 82 + 3 * 39 + 3 * 53


@pytest.mark.parametrize("identity", SCHEMA_IDS)
def test_random_packets_are_what_fastavro_reads(schemas, decoder, identity):
    schema = schemas.get(identity)
    maker = RecordMaker(schema, seed=identity)
    batch = decoder.decode(messages_of([encode(schema, maker.record()) for _ in range(15)]))
    assert batch.rejects == []
    assert assert_equals_fastavro(batch, schema) > 3_000


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), identity=st.sampled_from(SCHEMA_IDS))
def test_arrays_in_any_blocks(schemas, decoder, seed, identity):
    schema = schemas.get(identity)
    maker, encoder = RecordMaker(schema, seed), LongEncoder(schema, seed)
    batch = decoder.decode(messages_of([encoder.encode(maker.record()) for _ in range(4)]))
    assert batch.rejects == []
    assert_equals_fastavro(batch, schema)


def test_columns_are_the_common_record_whatever_the_version(schemas, decoder):
    for identity in SCHEMA_IDS:
        schema = schemas.get(identity)
        batch = decoder.decode(messages_of([encode(schema, RecordMaker(schema, 1).record())]))
        assert pa.schema(list(batch.alerts.schema)[: len(ALERT_COLUMNS)]) == ALERT_COLUMNS
        assert list(batch.cutouts) == list(CUTOUTS)
        for name, record in RECORDS.items():
            assert pa.schema(list(batch.tables[name].schema)[: len(record) + 1]) == pa.schema([("alert", pa.int32()), *record])
        if identity > 1000:
            assert batch.alerts.column_names == ALERT_COLUMNS.names
            assert list(batch.tables) == list(RECORDS)


def test_the_common_record_of_each_table():
    assert {name: len(record) for name, record in RECORDS.items()} == {
        "diaSource": 102, "diaForcedSource": 14, "diaObject": 82, "ssSource": 39, "mpc_orbits": 53, "ssObject": 52
    }  # fmt: skip
    assert "decl" in RECORDS["diaSource"].names
    assert "dec" not in RECORDS["diaSource"].names
    assert "decErr" in RECORDS["diaSource"].names
    assert RECORDS["mpc_orbits"].field("created_at").type == pa.timestamp("us", "UTC")


def test_alerts_columns(schemas, decoder):
    schema = schemas.get(1101)
    record = RecordMaker(schema, 5).record()
    source = record["diaSource"] | {"diaObjectId": 2**62 + 1, "ssObjectId": 0, "visit": 2025123100245, "psfFlux": 1.5, "snr": float("nan"), "band": "r"}
    source |= {"diaSourceId": 169813006802223148, "detector": 42, "ra": 10.5, "dec": -30.25, "midpointMjdTai": 61041.25}
    forced = RecordMaker(schema, 6)._value(schema.parsed["fields"][5]["type"][1]["items"])
    record |= {"diaSource": source, "prvDiaSources": [source, source], "prvDiaForcedSources": [forced] * 3, "observation_reason": "ddf", "target_name": None}
    record["ssSource"] = None
    (row,) = as_rows(decoder.decode(messages_of([encode(schema, record)])).alerts)
    expected = {
        "message": 0, "topic": "alerts", "partition": 3, "offset": 100, "timestamp": 1_767_150_000_100, "schemaId": 1101,
        "diaSourceId": 169813006802223148, "diaObjectId": 2**62 + 1, "ssObjectId": None, "visit": 2025123100245, "detector": 42,
        "band": "r", "midpointMjdTai": 61041.25, "ra": 10.5, "decl": -30.25, "psfFlux": 1.5, "snr": None, "night": 20251231,
        "nPrvDiaSources": 2, "nPrvDiaForcedSources": 3, "observation_reason": "ddf", "target_name": None,
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


def test_solar_system_alerts_have_the_id_of_their_ss_source(schemas, decoder):
    schema = schemas.get(1101)
    maker = RecordMaker(schema, 7)
    records = []
    for trigger_id, source_id in ((5, 9), (0, 9), (None, 9), (0, 0), (None, None)):
        record = maker.record()
        record["diaSource"] |= {"ssObjectId": trigger_id, "diaObjectId": 0}
        record["ssSource"] = None
        if source_id is not None:
            record["ssSource"] = maker._value(maker._named["lsst.v11_1.ssSource"]) | {"ssObjectId": source_id}
        records.append(encode(schema, record))
    batch = decoder.decode(messages_of(records))
    assert batch.alerts["ssObjectId"].to_pylist() == [5, 9, 9, None, None]
    assert batch.alerts["diaObjectId"].to_pylist() == [None] * 5


def test_triggers_come_first_and_align_with_alerts(real, decoder):
    batch = decoder.decode(real)
    triggers = trigger_rows(batch)
    assert triggers["alert"].to_pylist() == list(range(27))
    assert triggers["diaSourceId"].to_pylist() == batch.alerts["diaSourceId"].to_pylist()
    assert triggers["diaSourceId"].to_pylist() == [record["diaSourceId"] for record in real_records()]


def test_older_names_become_the_present_ones(schemas, decoder):
    old = schemas.get(900)
    record = RecordMaker(old, 3).record()
    source = {field["name"]: 1.0 for field in old.parsed["fields"][7]["type"][1]["fields"]} | {"ssObjectId": 7, "diaSourceId": 8}
    source |= {"eclipticLambda": 11.0, "predictedVMagnitude": 21.5, "heliocentricX": 2.5, "residualRa": 0.5}
    orbit = {field["name"]: 2.0 for field in old.parsed["fields"][8]["type"][1]["fields"]} | {"mpcDesignation": "2025 AB", "ssObjectId": 7, "M": 33.0}
    batch = decoder.decode(messages_of([encode(old, record | {"ssSource": source, "MPCORB": orbit})]))
    (source_row,), (orbit_row,) = as_rows(batch.tables["ssSource"]), as_rows(batch.tables["mpc_orbits"])
    assert (source_row["eclLambda"], source_row["ephVmag"], source_row["helio_x"], source_row["residualRa"]) == (11.0, 21.5, 2.5, 0.5)
    assert source_row["ephOffsetRa"] is None
    assert (orbit_row["designation"], orbit_row["mean_anomaly"], orbit_row["h"], orbit_row["ssObjectId"]) == ("2025 AB", 33.0, 2.0, 7)
    oldest = schemas.get(704)
    record = RecordMaker(oldest, 3).record()
    record["diaSource"]["is_negative"] = True
    batch = decoder.decode(messages_of([encode(oldest, record)]))
    assert batch.alerts["nPrvDiaSources"].to_pylist() == [len(record["prvDiaSources"] or [])]
    assert trigger_rows(batch)["isNegative"].to_pylist() == [True]
    assert batch.alerts["alertId"].to_pylist() == [record["alertId"]]


def test_mixed_versions_keep_the_order_of_the_messages(schemas, decoder):
    makers = {identity: RecordMaker(schemas.get(identity), identity) for identity in SCHEMA_IDS}
    order = [SCHEMA_IDS[i % 5] for i in (0, 1, 2, 3, 4, 4, 2, 0, 1, 3, 3, 0)]
    values = [encode(schemas.get(identity), makers[identity].record()) for identity in order]
    batch = decoder.decode(messages_of(values))
    assert batch.alerts["message"].to_pylist() == list(range(12))
    assert batch.alerts["schemaId"].to_pylist() == order
    assert batch.alerts["offset"].to_pylist() == list(range(100, 112))
    for table in batch.tables.values():
        assert (np.diff(table["alert"].to_numpy()) >= 0).all()
    for row, identity in enumerate(order):
        alone = decoder.decode(messages_of([values[row]]))
        for name in RECORDS:
            table = batch.tables[name]
            mine = table.filter(pa.array(table["alert"].to_numpy() == row)).select(alone.tables[name].column_names)
            assert mine.drop_columns("alert").equals(alone.tables[name].drop_columns("alert")), (name, identity)
        for name, ranges in batch.cutouts.items():
            assert (ranges.starts[row], ranges.lengths[row]) == (alone.cutouts[name].starts[0], alone.cutouts[name].lengths[0])


def test_deep_histories_after_shallow_ones(schemas):
    schema = schemas.get(1101)
    maker = RecordMaker(schema, 9)
    shallow, deep = maker.record(), maker.record()
    shallow["prvDiaSources"] = shallow["prvDiaForcedSources"] = None
    deep["prvDiaSources"] = [deep["diaSource"] | {"diaSourceId": i} for i in range(700)]
    values = [encode(schema, shallow)] * 20 + [encode(schema, deep)] + [encode(schema, shallow)] * 20 + [encode(schema, deep)]
    decoder = Decoder(schemas, 10_000_000)
    decoder.decode(messages_of(values[:20]))
    batch = decoder.decode(messages_of(values))
    assert batch.alerts["nPrvDiaSources"].to_pylist() == [0] * 20 + [700] + [0] * 20 + [700]
    assert_equals_fastavro(take(batch, np.arange(42) == 20), schema)
    assert batch.tables["diaSource"]["diaSourceId"].to_pylist()[-700:] == list(range(700))


def test_growing_keeps_what_was_read(schemas):
    schema = schemas.get(1101)
    maker = RecordMaker(schema, 10)
    messages = messages_of([encode(schema, maker.record()) for _ in range(120)])
    small = Decoder(schemas, 10_000_000)
    small._compiled[1101] = CompiledDecoder(schema.layout)
    small._compiled[1101]._rates[:] = 0.0
    batch, usual = small.decode(messages), Decoder(schemas, 10_000_000).decode(messages)
    assert batch.alerts.equals(usual.alerts)
    assert all(batch.tables[name].equals(usual.tables[name]) for name in usual.tables)
    assert batch.tables["diaSource"].num_rows > 192


def test_nothing_to_decode(decoder):
    batch = decoder.decode(messages_of([]))
    assert len(batch) == 0
    assert batch.alerts.schema == ALERT_COLUMNS
    assert {name: table.num_rows for name, table in batch.tables.items()} == dict.fromkeys(RECORDS, 0)


def test_columns_are_valid_arrow(real, decoder):
    batch = decoder.decode(real)
    for table in (batch.alerts, *batch.tables.values()):
        table.validate(full=True)


def test_cutouts_are_ranges_of_the_messages(real, decoder):
    batch = decoder.decode(real)
    science = batch.cutouts["cutoutScience"]
    assert science.lengths.tolist() == [len(record["cutoutScience"]) for record in real_records()]
    assert real.values[3][science.starts[3] : science.starts[3] + 6] == b"SIMPLE"
