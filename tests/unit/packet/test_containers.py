"""Messages that are containers: opened by headers that are remembered, and what is said of damaged ones."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from splanc.packet import Decoder, encode
from splanc.packet._containers import _REMEMBERED, read_metadata
from splanc.packet._frames import _block_of, _is_equal
from tests.support.guard import GuardedMemory
from tests.support.packets import RecordMaker, as_rows, assert_equals_fastavro, messages_of, schema_store
from tests.support.ztf import container, read, real_messages


@pytest.fixture
def own(tmp_path):
    """A decoder with schemas of its own."""
    return Decoder(schema_store(tmp_path), max_packet_bytes=10_000_000)


@pytest.fixture(scope="module")
def real():
    return real_messages()


@pytest.fixture
def body(real):
    """Where the packet of the first real message begins: after its header, mark, count and size."""
    return read_metadata(real[0])[1] + 16 + 1 + 3


def only_reject(own, real, message):
    """Decode a message between two good ones, and return kind and text of its rejection."""
    batch = own.decode(messages_of([real[0], message, real[4]]))
    ((row, error),) = batch.rejects
    assert (row, error.offset) == (1, 101)
    assert batch.alerts["message"].to_pylist() == [0, 2]
    assert as_rows(batch.alerts)[0]["objectId"] == "ZTF20aajcdad"
    return error.kind, error.why


def test_headers_are_parsed_once(own, real, monkeypatch):
    added = []
    add = own._schemas.add
    monkeypatch.setattr(own._schemas, "add", lambda text: added.append(text) or add(text))
    for _ in range(3):
        assert own.decode(messages_of(real * 3)).rejects == []
    assert len(added) == 2


def test_many_headers_are_not_all_remembered(own, real):
    schema, packet = read(real[4])
    messages = [container(schema, packet, made=str(number)) for number in range(_REMEMBERED + 10)]
    batch = own.decode(messages_of([*messages, *messages]))
    assert batch.rejects == []
    assert batch.alerts["schemaId"].unique().to_pylist() == [1_000_000_401]
    assert len(own._containers._headers) == _REMEMBERED


def test_a_container_of_the_other_survey(own):
    """Any survey's packets may come in containers."""
    schema = own._schemas.get(1101)
    record = RecordMaker(schema, 3).record()
    framed, contained = own.decode(messages_of([encode(schema, record)])), own.decode(messages_of([container(schema.parsed, record)]))
    assert contained.rejects == []
    assert as_rows(contained.tables["diaSource"]) == as_rows(framed.tables["diaSource"])
    assert_equals_fastavro(framed, schema)
    for name, ranges in contained.cutouts.items():
        start, length = int(ranges.starts[0]), int(ranges.lengths[0])
        assert (None if length < 0 else contained.messages.values[0][start : start + length]) == record[name]


def test_a_schema_outside_the_compiled_loop(own, real):
    """fastavro reads it, and makes the same of it."""
    schema, packet = read(real[4])
    odd = json.loads(json.dumps(schema))
    odd["fields"].append({"name": "mood", "type": {"type": "enum", "name": "moods", "symbols": ["GOOD", "BAD"]}})
    odd["version"] = "4.09"
    message = container(odd, {**packet, "mood": "BAD"})
    batch = own.decode(messages_of([real[4], message, message[:-40]]))
    assert [(row, error.kind) for row, error in batch.rejects] == [(2, "truncated")]
    assert batch.alerts["mood"].to_pylist() == [None, "BAD"]
    usual, unusual = ([{**row, "alert": 0} for row in as_rows(batch.tables["diaForcedSource"]) if row["alert"] == alert] for alert in (0, 1))
    assert usual == unusual
    for name, ranges in batch.cutouts.items():
        start, length = int(ranges.starts[1]), int(ranges.lengths[1])
        assert message[start : start + length] == packet[name]["stampData"]


def test_what_is_said(own, real, body):
    schema, packet = read(real[4])
    good = real[0]
    assert only_reject(own, real, container(schema, packet, codec="deflate")) == ("framing", "the container's codec is 'deflate'; in a message it must be null")
    assert only_reject(own, real, container(schema, packet, packet)) == ("trailing", "the message goes on after the container's first block")
    assert only_reject(own, real, good[: body - 4] + b"\x04" + good[body - 3 :]) == (
        "framing",
        "the container's block holds another number of packets than one",
    )
    assert only_reject(own, real, container(schema))[0] in {"truncated", "malformed"}
    assert only_reject(own, real, good + b"x") == ("trailing", "the message goes on after the container's first block")
    assert only_reject(own, real, good[:-1]) == ("truncated", "the container's block runs past the end of the message")
    flipped = good[:-1] + bytes([good[-1] ^ 1])
    assert only_reject(own, real, flipped) == ("malformed", "the marks before and after the container's block differ")
    assert only_reject(own, real, good[: body - 3] + b"\xff" * 12) == ("malformed", "the container's block has no count and size")
    assert only_reject(own, real, good[:100]) == ("framing", "the container's header is damaged")
    assert only_reject(own, real, b"Obj\x01\x00" + good[body - 20 :]) == ("framing", "the container's header has no schema")
    assert only_reject(own, real, good[:body] + b"\xff" * 4 + good[body + 4 :]) == ("malformed", f"schemavsn: a length is negative (field at byte {body})")
    strange = container({"type": "record", "name": "x", "fields": [{"name": "y", "type": "int"}]}, {"y": 1})
    kind, why = only_reject(own, real, strange)
    assert kind == "schema"
    assert why.endswith("(x) is of no survey that splanc knows")
    poor = json.loads(json.dumps(schema).replace('"magpsf"', '"mugpsf"'))
    packet["candidate"]["mugpsf"] = packet["candidate"].pop("magpsf")
    for point in packet["prv_candidates"]:
        point["mugpsf"] = point.pop("magpsf")
    assert only_reject(own, real, container(poor, packet)) == ("schema", "schema ztf.alert of ztf: candidate lacks magpsf")


def test_truncation_everywhere(own, real):
    good = real[1]
    header = read_metadata(good)[1]
    cuts = [*range(40), *range(40, len(good), 997), *range(header, header + 24), len(good) - 1]
    batch = own.decode(messages_of([good, *(good[:size] for size in cuts), good]))
    assert [row for row, _ in batch.rejects] == list(range(1, len(cuts) + 1))
    assert {error.kind for _, error in batch.rejects} == {"empty", "framing", "truncated", "malformed"}
    assert batch.alerts["message"].to_pylist() == [0, len(cuts) + 1]


def test_flipped_bits_cost_nobody_else(own, real):
    pick = random.Random(4)
    values = []
    for _ in range(150):
        damaged = bytearray(pick.choice(real))
        damaged[pick.randrange(len(damaged))] ^= 1 << pick.randrange(8)
        values += [bytes(damaged), real[0]]
    batch = own.decode(messages_of(values))
    assert len(batch) + len(batch.rejects) == len(values)
    assert {row for row, _ in batch.rejects} <= set(range(0, len(values), 2))


def test_no_read_outside_a_message(real):
    """Blocks that end where a page that must not be read begins: a read outside would end the process."""
    header = read_metadata(real[6])[1]
    block = real[6][header:]
    memory = GuardedMemory(len(block))
    for size in (*range(60), len(block) - 17, len(block) - 16, len(block) - 1, len(block)):
        address = memory.put(block[:size])
        _, _, wrong = _block_of(address, address + size)
        assert (wrong == 0) == (size == len(block))
    other = np.frombuffer(block, np.uint8).copy()
    address = memory.put(block)
    for size in (0, 1, 7, 511, 512, 513, 1024, len(block)):
        assert _is_equal(address + len(block) - size, other.ctypes.data + len(block) - size, size)
    other[600] ^= 1
    assert not _is_equal(address, other.ctypes.data, len(block))
    assert _is_equal(address, other.ctypes.data, 600)
