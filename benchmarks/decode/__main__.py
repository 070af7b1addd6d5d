"""Decoding against fastavro, per CPU second, in one process: `python -m benchmarks.decode`.

Two corpora are made from the 27 real packets of Rubin's in `tests/data/packets`: their triggers stand for one another's history, under
fresh ids; their cutouts are their own. The third is the 9 real packets of ZTF's there, again and again, each a container with its schema,
which fastavro reads with its container reader. Each round times both decoders one after the other; the figures are medians over the rounds.
Prints a table, then one line of JSON.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import io
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import fastavro
import numpy as np

from splanc.config import SchemaSettings
from splanc.packet import Decoder, Messages, SchemaStore, encode, read_files

_FOLDER = Path(__file__).parents[2] / "tests" / "data" / "packets"
REAL_PACKETS = _FOLDER / "lsst_v10_0_real.avro"
ZTF_TARBALLS = (_FOLDER / "ztf_public_20200202.tar.gz", _FOLDER / "ztf_public_20231012.tar.gz")
SCHEMA_ID = 1000
SEED = 20251231

FORCED_FIELDS = ("diaObjectId", "ra", "dec", "visit", "detector", "psfFlux", "psfFluxErr", "midpointMjdTai", "scienceFlux", "scienceFluxErr", "band")
"""Fields of a forced source that are taken from a real trigger."""

CORPORA = {"history": (17, 37, 34, 74), "short": (0, 2, 0, 2)}
"""Least and most previous diaSources, least and most forced sources; `history` has a mean of 28 diaSources, the trigger's included, and 54 forced."""

TARGETS = {"history": 60.0, "short": 15.0, "ztf": 30.0}
"""How many times faster than fastavro."""


def history(records: list[dict[str, Any]], sizes: tuple[int, int, int, int], rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """Yield real packets without end, with made-up histories."""
    triggers = [record["diaSource"] for record in records]
    while True:
        for record in records:
            sources, forced = int(rng.integers(sizes[0], sizes[1] + 1)), int(rng.integers(sizes[2], sizes[3] + 1))
            yield record | {
                "prvDiaSources": [_source(triggers, rng) for _ in range(sources)] or None,
                "prvDiaForcedSources": [_forced_source(triggers, rng) for _ in range(forced)] or None,
            }


def _source(triggers: list[dict[str, Any]], rng: np.random.Generator) -> dict[str, Any]:
    return triggers[rng.integers(len(triggers))] | {"diaSourceId": int(rng.integers(1 << 57, 1 << 58))}


def _forced_source(triggers: list[dict[str, Any]], rng: np.random.Generator) -> dict[str, Any]:
    trigger = triggers[rng.integers(len(triggers))]
    times = {"timeProcessedMjdTai": trigger["timeProcessedMjdTai"], "timeWithdrawnMjdTai": None}
    return {name: trigger[name] for name in FORCED_FIELDS} | times | {"diaForcedSourceId": int(rng.integers(1 << 57, 1 << 58))}


def corpus(name: str, count: int, schemas: SchemaStore) -> Messages:
    """Return so many messages."""
    values = ztf_messages(count) if name == "ztf" else rubin_messages(name, count, schemas)
    zeros = np.zeros(count, np.int64)
    return Messages(values=values, topics=["alerts"] * count, partitions=np.zeros(count, np.int32), offsets=np.arange(count), timestamps_ms=zeros)


def ztf_messages(count: int) -> list[bytes]:
    """Return so many copies of ZTF's packets, each in memory of its own, those of one version after those of the other."""
    (real,) = read_files(ZTF_TARBALLS, SchemaStore(SchemaSettings(), Path()), on_error=_fail)
    return [bytes(bytearray(real.values[number * len(real) // count])) for number in range(count)]


def _fail(error: Exception) -> None:
    raise error


def rubin_messages(name: str, count: int, schemas: SchemaStore) -> list[bytes]:
    """Return so many packets with made-up histories."""
    with REAL_PACKETS.open("rb") as file:
        records: list[Any] = list(fastavro.reader(file))
    packets = history(records, CORPORA[name], np.random.default_rng(SEED))
    return [encode(schemas.get(SCHEMA_ID), packet) for packet, _ in zip(packets, range(count), strict=False)]


def read_by_fastavro(name: str, values: Sequence[bytes], schemas: SchemaStore) -> list[Any]:
    """Return the packets as dictionaries."""
    if name == "ztf":
        return [list(fastavro.reader(io.BytesIO(value))) for value in values]
    parsed = schemas.get(SCHEMA_ID).parsed
    return [fastavro.schemaless_reader(io.BytesIO(value[5:]), parsed, None) for value in values]


def cpu_seconds(function: Callable[[], object]) -> float:
    """Return the CPU time of all threads that a call takes, seconds."""
    gc.collect()
    begin = time.process_time()
    result = function()
    seconds = time.process_time() - begin
    del result
    return seconds


def memory_share(decoder: Decoder, messages: Messages) -> float:
    """Return the peak of memory while decoding, above what there was before, as a share of the messages."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # memory that earlier rounds left with the allocator would hide what this one takes
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = _status_kb("VmRSS")
    batch = decoder.decode(messages)
    peak = _status_kb("VmHWM")
    del batch
    return (peak - before) * 1024 / sum(map(len, messages.values))


def _status_kb(key: str) -> int:
    match = re.search(rf"^{key}:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii"), re.MULTILINE)
    assert match is not None
    return int(match[1])


def measure(name: str, schemas: SchemaStore, *, count: int, rounds: int) -> Mapping[str, float]:
    """Return the figures of one corpus."""
    messages = corpus(name, count, schemas)
    decoder = Decoder(schemas, max(map(len, messages.values)))
    some = messages.values[::8]
    batch = decoder.decode(messages)
    rows = {table: batch.tables[table].num_rows / count for table in ("diaSource", "diaForcedSource")}
    del batch
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(cpu_seconds(lambda: read_by_fastavro(name, some, schemas)) / len(some))
        ours.append(cpu_seconds(lambda: decoder.decode(messages)) / count)
    return {
        "packet_bytes": sum(map(len, messages.values)) / count,
        "diaSources": rows["diaSource"],
        "diaForcedSources": rows["diaForcedSource"],
        "fastavro_microseconds": 1e6 * statistics.median(theirs),
        "splanc_microseconds": 1e6 * statistics.median(ours),
        "ratio": statistics.median(a / b for a, b in zip(theirs, ours, strict=True)),
        "ratio_least": min(a / b for a, b in zip(theirs, ours, strict=True)),
        "target": TARGETS[name],
        "memory_share": memory_share(decoder, messages),
    }


def main() -> None:
    """Measure all corpora and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        schemas = SchemaStore(SchemaSettings(), Path(folder))
        figures = {name: measure(name, schemas, count=options.messages, rounds=options.rounds) for name in TARGETS}
    for name, values in figures.items():
        print(f"{name}:")
        for key, value in values.items():
            print(f"  {key:24} {value:12.3f}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
