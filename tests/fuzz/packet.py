"""Damaged packets of every schema, for as long as wished: `python -m tests.fuzz.packet --seconds 600`.

Each round makes packets of LSST's schemas, or takes real ones of ZTF's, damages most of them, and decodes them all. Whatever the damage,
each message must be an alert or a reject, and LSST's alerts what fastavro reads; no neighbour may change; memory stays bounded; and no
byte outside a message may be read.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
import tracemalloc
from pathlib import Path

import numpy as np

from splanc.packet import Decoder, Schema, encode, warm
from splanc.packet._compiled import CompiledDecoder
from splanc.packet._containers import read_metadata
from tests.support import ztf
from tests.support.guard import GuardedMemory
from tests.support.packets import SCHEMA_IDS, LongEncoder, RecordMaker, as_rows, assert_equals_fastavro, messages_of, schema_store, zigzag

MEMORY_FACTOR = 40
"""The most memory that decoding may take, in sizes of the messages, and …"""

MEMORY_BYTES = 8_000_000
"""… besides."""

_COUNTS = (1, 3, 100, 2**15, 2**31 - 1, 2**31, 2**40, 2**63 - 1, -1, -(2**31), -(2**63))


def damage(packet: bytes, pick: random.Random) -> bytes:
    """Return a packet with one to three things done to its body."""
    value = bytearray(packet)
    for _ in range(pick.randint(1, 3)):
        at = pick.randrange(5, max(len(value), 6))
        end = at + pick.randint(1, 12)
        what = pick.randrange(6)
        if what == 0:
            value[at : at + 1] = bytes([value[at] ^ 1 << pick.randrange(8)]) if at < len(value) else b"\x01"
        elif what == 1:
            del value[at:]
        elif what == 2:
            value[at:end] = pick.randbytes(end - at)
        elif what == 3:
            value[at:at] = pick.randbytes(pick.randint(1, 12))
        elif what == 4:
            del value[at:end]
        else:
            value[at : at + 1] = zigzag(pick.choice(_COUNTS))
    return bytes(value)


def make_round(schema: Schema, seed: int) -> tuple[list[bytes], list[bool]]:
    """Return messages, and which of them are as they were written."""
    pick = random.Random(seed)
    maker, long_encoder = RecordMaker(schema, seed), LongEncoder(schema, seed)
    values, whole = [], []
    for _ in range(4):
        record = maker.record()
        packet = long_encoder.encode(record) if pick.random() < 0.5 else encode(schema, record)
        values += [packet, *(damage(packet, pick) for _ in range(12))]
        whole += [True, *([False] * 12)]
    return values, whole


def make_ztf_round(real: list[bytes], seed: int) -> tuple[list[bytes], list[bool]]:
    """Return messages made of real ones of ZTF, and which of them are as they were sent."""
    pick = random.Random(seed)
    values, whole = [], []
    for _ in range(4):
        message = pick.choice(real)
        first = pick.choice((0, read_metadata(message)[1], len(message) - 40, read_metadata(message)[1] + 20))
        values += [message, *(message[:first] + damage(b"     " + message[first:], pick)[5:] for _ in range(12))]
        whole += [True, *([False] * 12)]
    return values, whole


def check_ztf_round(decoder: Decoder, values: list[bytes], whole: list[bool]) -> tuple[int, int]:
    """Decode a round of ZTF's, assert that damage harms nobody else, and return how many were alerts and rejects."""
    batch = decoder.decode(messages_of(values))
    decoded = batch.alerts["message"].to_pylist()
    assert sorted([*decoded, *(row for row, _ in batch.rejects)]) == list(range(len(values)))
    assert set(np.flatnonzero(whole).tolist()) <= set(decoded)
    for name, wanted in ztf.expected(ztf.read(values[0])[1]).items():
        ztf.assert_close([row for row in as_rows(batch.tables[name]) if row["alert"] == 0], wanted)
    for ranges in batch.cutouts.values():
        sizes = np.array([len(values[row]) for row in decoded])
        assert ((ranges.starts >= 0) & (ranges.starts + ranges.lengths <= sizes)).all()
    for column in (column for table in batch.tables.values() for column in table.columns):
        column.validate(full=True)
    return len(batch), len(batch.rejects)


def check_round(decoder: Decoder, schema: Schema, values: list[bytes], whole: list[bool]) -> tuple[int, int]:
    """Decode a round, assert all that must hold, and return how many were alerts and rejects."""
    messages = messages_of(values)
    tracemalloc.start()
    batch = decoder.decode(messages)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < MEMORY_FACTOR * sum(map(len, values)) + MEMORY_BYTES, peak
    decoded = batch.alerts["message"].to_pylist()
    assert sorted([*decoded, *(row for row, _ in batch.rejects)]) == list(range(len(values)))
    assert set(np.flatnonzero(whole).tolist()) <= set(decoded)
    assert_equals_fastavro(batch, schema)
    return len(batch), len(batch.rejects)


def check_bounds(schema: Schema, values: list[bytes]) -> None:
    """Decode each message where reading past its end would end the process."""
    assert schema.layout is not None
    memory = GuardedMemory(max(map(len, values)))
    compiled = CompiledDecoder(schema.layout)
    for value in values:
        if len(value) >= 5:
            address = memory.put(value)
            compiled._run(np.array([address + 5]), np.array([address + len(value)]))


def fuzz(seconds: float, seed: int) -> tuple[int, int, int]:
    """Run rounds for so long; return how many, and how many alerts and rejects there were. A failure names its round's seed."""
    alerts = rejects = rounds = 0
    until = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        schemas = schema_store(Path(folder))
        decoder = Decoder(schemas, max_packet_bytes=10_000_000)
        warm(schemas)  # loading the compiled code takes memory of its own, once
        real = ztf.real_messages()
        while time.monotonic() < until:
            values, whole = make_ztf_round(real, seed + rounds)
            try:
                good, bad = check_ztf_round(decoder, values, whole)
            except Exception as error:
                raise AssertionError(f"ZTF, seed {seed + rounds}: {error!r}") from error
            alerts, rejects = alerts + good, rejects + bad
            schema = schemas.get(SCHEMA_IDS[rounds % len(SCHEMA_IDS)])
            values, whole = make_round(schema, seed + rounds)
            try:
                good, bad = check_round(decoder, schema, values, whole)
                check_bounds(schema, values)
            except Exception as error:
                raise AssertionError(f"schema {schema.id}, seed {seed + rounds}: {error!r}") from error
            alerts, rejects, rounds = alerts + good, rejects + bad, rounds + 1
    return rounds, alerts, rejects


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    rounds, alerts, rejects = fuzz(options.seconds, options.seed)
    print(f"{rounds} rounds: {alerts} alerts, {rejects} rejects, nothing wrong")


if __name__ == "__main__":
    main()
