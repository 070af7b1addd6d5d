"""Damaged packets: each is a reject that says where and why, and the others are read as if it were not there."""

from __future__ import annotations

import random
import tracemalloc
from collections import Counter

import numpy as np
import pytest

from splanc.packet import Decoder, encode, frame_header
from splanc.packet._compiled import CompiledDecoder
from tests.support.guard import GuardedMemory
from tests.support.packets import LongEncoder, RecordMaker, assert_equals_fastavro, messages_of, zigzag


@pytest.fixture
def schema(schemas):
    return schemas.get(1101)


@pytest.fixture
def record(schema):
    """A small alert with one of everything."""
    maker = RecordMaker(schema, 11)
    record = maker.record()
    while not all(record[field["name"]] for field in schema.parsed["fields"][4:]):
        record = maker.record()
    return record | {name: record[name][:1] for name in ("prvDiaSources", "prvDiaForcedSources", "cutoutScience", "cutoutTemplate", "cutoutDifference")}


@pytest.fixture
def packet(schema, record):
    return encode(schema, record)


def only_reject(decoder, *values):
    """Decode messages of which exactly the second is bad, and return why."""
    batch = decoder.decode(messages_of(values))
    ((row, error),) = batch.rejects
    assert row == 1
    assert (error.topic, error.partition, error.offset) == ("alerts", 3, 101)
    assert batch.alerts["message"].to_pylist() == [0, 2]
    return error


def test_truncation_at_every_byte(decoder, schema, packet):
    values = [packet[:size] for size in range(len(packet))]
    batch = decoder.decode(messages_of([packet, *values, packet]))
    assert len(batch.rejects) == len(packet)
    assert [row for row, _ in batch.rejects] == list(range(1, len(packet) + 1))
    assert Counter(error.kind for _, error in batch.rejects) == {"empty": 1, "framing": 4, "truncated": len(packet) - 5}
    assert batch.alerts["message"].to_pylist() == [0, len(packet) + 1]
    assert_equals_fastavro(batch, schema)


def test_no_read_outside_a_message(decoder, schema, packet):
    """Truncations again, each ending where a page that must not be read begins: a read outside would end the process."""
    memory = GuardedMemory(len(packet))
    compiled = CompiledDecoder(schema.layout)
    for size in (*range(5, len(packet), 5), len(packet)):
        _, faults = compiled._run((begin := np.array([memory.put(packet[:size])])) + 5, begin + size)
        assert (faults[0, 0] > 0) == (size < len(packet))


def test_bit_flips_are_rejected_or_read_as_fastavro_reads_them(decoder, schema, packet):
    pick = random.Random(4)
    values = []
    for _ in range(200):
        damaged = bytearray(packet)
        damaged[pick.randrange(5, len(packet))] ^= 1 << pick.randrange(8)
        values.append(bytes(damaged))
    batch = decoder.decode(messages_of(values))
    assert len(batch) + len(batch.rejects) == 200
    assert len(batch) > 30
    assert len(batch.rejects) > 10
    assert_equals_fastavro(batch, schema)


@pytest.mark.parametrize("seed", range(2))
def test_damage_does_not_touch_the_neighbours(decoder, schema, seed):
    pick = random.Random(seed)
    maker, encoder = RecordMaker(schema, seed), LongEncoder(schema, seed)
    values = []
    for i in range(60):
        value = encoder.encode(maker.record())
        values.append(value[: pick.randrange(len(value))] if i % 3 == 1 else value)
    batch = decoder.decode(messages_of(values))
    assert [row for row, _ in batch.rejects] == list(range(1, 60, 3))
    good = decoder.decode(messages_of([value for i, value in enumerate(values) if i % 3 != 1]))
    assert batch.alerts.select(["diaSourceId", "psfFlux"]).equals(good.alerts.select(["diaSourceId", "psfFlux"]))
    assert all(batch.tables[name].equals(good.tables[name]) for name in good.tables)


@pytest.mark.parametrize(
    ("value", "kind", "why"),
    [
        (b"", "empty", "the message is empty"),
        (b"\x00\x00\x00", "framing", "begins neither with a zero byte"),
        (b"Obj\x01\x04\x14avro.codec", "framing", "the container's header is damaged"),
        (frame_header(123456) + b"x", "schema", "schema id 123456 is not known"),
        (frame_header(1101), "truncated", "diaSourceId: it runs past the end of the packet (field at byte 5)"),
        (frame_header(1101) + b"\xff" * 9 + b"\x02", "malformed", "diaSourceId: an integer has more than 64 bits (field at byte 5)"),
        (frame_header(1101) + b"\x80" * 10, "malformed", "diaSourceId: an integer has more than 64 bits (field at byte 5)"),
        (frame_header(1101) + b"\x02\x04", "malformed", "observation_reason: the branch of a union is neither 0 nor 1 (field at byte 6)"),
        (frame_header(1101) + b"\x02\x02\x01", "malformed", "observation_reason: a length is negative (field at byte 6)"),
        (frame_header(1101) + b"\x02\x02\x02\xff", "text", "observation_reason: a string is not UTF-8, or holds a NUL character (field at byte 6)"),
        (frame_header(1101) + b"\x02\x02\x02\x00", "text", "observation_reason: a string is not UTF-8, or holds a NUL character (field at byte 6)"),
        (frame_header(1101) + b"\x02\x02\x02", "truncated", "observation_reason: it runs past the end of the packet (field at byte 6)"),
    ],
)
def test_what_is_said(decoder, packet, value, kind, why):
    error = only_reject(decoder, packet, value, packet)
    assert error.kind == kind
    assert why in error.why
    assert str(error).startswith("alerts[3] offset 101: ")


def test_fields_of_records_are_named(decoder, schema, record, packet):
    detector = encode(schema, record | {"diaSource": record["diaSource"] | {"detector": 77}})
    before = 5 + len(zigzag(record["diaSourceId"]))
    visit = zigzag(record["diaSource"]["visit"]) + zigzag(77)
    at = detector.index(visit, before) + len(visit) - len(zigzag(77))
    broken = detector[:at] + zigzag(2**40) + detector[at + len(zigzag(77)) :]
    error = only_reject(decoder, packet, broken, packet)
    assert error.kind == "malformed"
    assert error.why == f"diaSource.detector: an int has more than 32 bits (field at byte {at})"


def test_booleans_are_0_or_1(decoder, schema, record, packet):
    source = {name: None if name not in ("x", "y") else 0.0 for name in record["diaSource"]} | {
        name: record["diaSource"][name]
        for name in (
            "diaSourceId",
            "visit",
            "detector",
            "midpointMjdTai",
            "ra",
            "dec",
            "psfNdata",
            "trailNdata",
            "dipoleNdata",
            "timeProcessedMjdTai",
            "bboxSize",
        )
    }
    good = encode(schema, record | {"diaSource": source | {"glint_trail": True}, "prvDiaSources": None, "prvDiaForcedSources": None})
    absent = encode(schema, record | {"diaSource": source, "prvDiaSources": None, "prvDiaForcedSources": None})
    at = next(i for i, (one, other) in enumerate(zip(good, absent, strict=False)) if one != other)
    assert good[at : at + 2] == b"\x02\x01"
    error = only_reject(decoder, packet, good[: at + 1] + b"\x07" + good[at + 2 :], packet)
    assert error.why == f"diaSource.glint_trail: a boolean is neither 0 nor 1 (field at byte {at})"


def test_trailing_bytes(decoder, packet):
    error = only_reject(decoder, packet, packet + b"\x00", packet)
    assert error.kind == "trailing"
    assert error.why == f"the packet goes on after its last field (byte {len(packet)})"


def test_oversized(schemas, packet):
    decoder = Decoder(schemas, max_packet_bytes=len(packet))
    error = only_reject(decoder, packet, packet + b"\x00", packet)
    assert error.kind == "oversized"
    assert str(len(packet)) in error.why


def head_of_history(schema, record):
    """The packet up to its array of previous diaSources."""
    whole = encode(schema, record | {"prvDiaSources": None, "prvDiaForcedSources": None, "diaObject": None, "ssSource": None, "mpc_orbits": None,
                                     "cutoutDifference": None, "cutoutScience": None, "cutoutTemplate": None})  # fmt: skip
    assert whole.endswith(b"\x00" * 8)
    return whole[:-8] + b"\x02"


@pytest.mark.parametrize("count", [2**10, 2**20, 2**31, 2**32 + 1, 2**40, 2**62, 2**63 - 1, -(2**63), -(2**62), -5])
def test_absurd_counts_take_no_memory(decoder, schema, record, packet, count):
    value = head_of_history(schema, record) + zigzag(count) + zigzag(2**61) + b"\x00" * 400
    decoder.decode(messages_of([packet]))
    tracemalloc.start()
    error = only_reject(decoder, packet, value, packet)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.kind in {"malformed", "truncated"}
    assert error.why.startswith("prvDiaSources")
    assert peak < 4_000_000


def test_many_small_records_are_bounded_by_the_message(decoder, schema, record, packet):
    """A count that the remaining bytes could just hold makes room for no more than a few times those bytes."""
    size = 2_000_000
    least = int(schema.layout._least[1])
    value = head_of_history(schema, record) + zigzag(size // least) + b"\xff" * size
    tracemalloc.start()
    error = only_reject(decoder, packet, value, packet)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.kind == "malformed"
    assert peak < 20 * size


def test_wrong_block_size(decoder, schema, record, packet):
    good = LongEncoder(schema, 0)
    source = good._write(good._named["lsst.v11_1.diaSource"], record["diaSource"])
    value = head_of_history(schema, record) + zigzag(-1) + zigzag(len(source) - 1) + source + zigzag(0) + b"\x00" * 7
    error = only_reject(decoder, packet, value, packet)
    assert error.why.startswith("prvDiaSources: the size of an array's block is wrong")
    right = value.replace(zigzag(-1) + zigzag(len(source) - 1) + source, zigzag(-1) + zigzag(len(source)) + source)
    assert decoder.decode(messages_of([right])).alerts["nPrvDiaSources"].to_pylist() == [1]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"ra": float("nan")}, "ra is not in 0 to 360"),
        ({"ra": 360.5}, "ra is not in 0 to 360"),
        ({"dec": float("inf")}, "dec is not in -90 to 90"),
        ({"midpointMjdTai": 1e300}, "midpointMjdTai is not between the years 1900 and 2100"),
        ({"visit": -5}, "visit is not of a night between the years 1900 and 2100"),
    ],
)
def test_triggers_without_place_or_time(decoder, schema, record, packet, changes, why):
    error = only_reject(decoder, packet, encode(schema, record | {"diaSource": record["diaSource"] | changes}), packet)
    assert (error.kind, error.why) == ("value", f"diaSource: {why}")


def test_nulls_and_nan_in_nullable_fields_are_ordinary(decoder, schema, record):
    nullable = {field["name"]: field["type"][1] for field in schema.parsed["fields"][3]["type"]["fields"] if isinstance(field["type"], list)}
    source = record["diaSource"] | {name: float("nan") for name, kind in nullable.items() if kind in ("float", "double")}
    lasting = record["diaObject"] | {"firstDiaSourceMjdTai": None, "lastDiaSourceMjdTai": float("nan")}
    batch = decoder.decode(messages_of([encode(schema, record | {"diaSource": source, "diaObject": lasting}),
                                        encode(schema, record | {"diaSource": record["diaSource"] | dict.fromkeys(nullable)})]))  # fmt: skip
    assert batch.rejects == []
    assert batch.alerts["psfFlux"].to_pylist() == [None, None]
    assert batch.tables["diaObject"]["firstDiaSourceMjdTai"].to_pylist()[0] is None
    assert batch.tables["diaObject"]["lastDiaSourceMjdTai"].to_pylist()[0] is None


@pytest.mark.parametrize("text", ["\ud800", "a\0b", "\x80"])
def test_text_that_postgresql_cannot_store(decoder, schema, record, packet, text):
    data = text.encode("utf-8", "surrogatepass") if text != "\x80" else b"\x80longer than eight bytes"
    marker = "M" * len(data)
    good = encode(schema, record | {"target_name": marker})
    assert only_reject(decoder, packet, good.replace(marker.encode(), data, 1), packet).kind == "text"


def test_every_code_point_but_nul(decoder, schema, record):
    texts = ["".join(map(chr, range(first, min(first + 0x800, 0x110000)))) for first in range(0, 0x110000, 0x800) if first != 0xD800]
    texts[0] = texts[0][1:]
    batch = decoder.decode(messages_of([encode(schema, record | {"target_name": text}) for text in texts]))
    assert batch.rejects == []
    assert batch.alerts["target_name"].to_pylist() == texts


def test_overlong_utf8_is_refused(decoder, schema, record, packet):
    for data in (b"\xc0\x80", b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xed\xa0\x80", b"\xe2\x82"):
        good = encode(schema, record | {"target_name": "M" * len(data)})
        assert only_reject(decoder, packet, good.replace(b"M" * len(data), data, 1), packet).kind == "text"
