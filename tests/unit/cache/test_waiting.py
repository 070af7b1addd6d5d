"""A waiting batch is what the archive needs of a batch, and can be narrowed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from splanc.archive.packs import write_pack
from splanc.cache import waiting_batch
from splanc.packet import Decoder, Partition
from tests.unit.archive_blobs.batches import real_messages
from tests.unit.cache.waiting import contents, expected, made_waiting

A, B, C = Partition("a", 0), Partition("a", 1), Partition("b", 0)


def test_narrower_spans(tmp_path: Path) -> None:
    waiting = made_waiting({A: (0, 8), B: (3, 9), C: (0, 4)}, tmp_path / "x.pack", 10)
    assert contents(waiting) == expected({A: (0, 8), B: (3, 9), C: (0, 4)})
    for spans in ({A: (0, 8), B: (3, 9)}, {B: (6, 9), C: (0, 1)}, {C: (2, 4)}, {A: (0, 100), B: (0, 100), C: (0, 100)}):
        narrowed = waiting.within(spans)
        kept = {partition: (max(span[0], waiting.spans[partition][0]), min(span[1], waiting.spans[partition][1])) for partition, span in spans.items()}
        assert contents(narrowed) == expected(kept)
        assert narrowed.spans == spans


def test_a_batch_without_alerts_has_no_pack(tmp_path: Path) -> None:
    waiting = made_waiting({A: (0, 8), B: (3, 4)}, tmp_path / "x.pack", 10)
    assert contents(waiting.within({B: (3, 4)})) == ([], ["a1:3"], [])
    assert waiting.within({B: (3, 4)}).pack is None
    assert waiting.within({A: (2, 3)}).pack is not None


def test_size_counts_columns_and_pack(tmp_path: Path) -> None:
    bare, packed = made_waiting({A: (0, 8)}), made_waiting({A: (0, 8)}, tmp_path / "x.pack", 1_000_000)
    assert packed.pack is not None
    assert packed.size_bytes - bare.size_bytes == 1_000_000 + packed.pack.index.nbytes
    assert bare.size_bytes == sum(table.nbytes for table in (bare.alerts, bare.rejects, *bare.tables.values()))


def test_from_real_packets_some_of_them_damaged(tmp_path: Path, decoder: Decoder) -> None:
    messages = real_messages(tmp_path)
    values = list(messages.values)
    values[4] = values[4][:100]  # partition 1, offset 101
    values[6] = b""  # partition 0, offset 102
    batch = decoder.decode(replace(messages, values=values, timestamps_ms=np.full(27, 1_767_157_200_123)))
    spans = {Partition("lsst-alerts", 0): (101, 200), Partition("lsst-alerts", 1): (100, 109)}
    pack = write_pack(tmp_path, "x.pack", [batch])
    waiting = waiting_batch(batch, spans, pack)
    rows = list(zip(waiting.alerts["partition"].to_pylist(), waiting.alerts["offset"].to_pylist(), strict=True))
    assert sorted(rows) == [(0, 101), *((0, offset) for offset in range(103, 109)), (1, 100), *((1, offset) for offset in range(102, 109))]
    sources = waiting.tables["diaSource"].to_pylist()
    ids = waiting.alerts["diaSourceId"].to_pylist()
    assert {ids[source["alert"]] for source in sources if source["diaSourceId"] == ids[source["alert"]]} == set(ids)
    assert [(row["topic"], row["partition"], row["offset"], row["night"]) for row in waiting.rejects.to_pylist()] == [
        ("lsst-alerts", 1, 101, 20251231),
        ("lsst-alerts", 0, 102, 20251231),
    ]
    assert waiting.rejects["timestamp"].to_pylist()[0].isoformat() == "2025-12-31T05:00:00.123000+00:00"
    load = waiting.load("node-1")
    assert pack is not None
    assert waiting.pack is not None
    assert (load.alerts, load.tables, load.rejects, load.spans, load.node) == (waiting.alerts, waiting.tables, waiting.rejects, spans, "node-1")
    assert load.index is waiting.pack.index
    assert load.packs == [pack.row()]


def test_without_pack() -> None:
    load = made_waiting({A: (0, 2)}).load("node-1")
    assert load.index is None
    assert load.packs == []
