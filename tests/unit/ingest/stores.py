"""An archive and a blob store that do what a test tells them, and an archive side over them with a real spool."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splanc.archive import ArchiveLoad, Loaded
from splanc.cache import Spool
from splanc.ingest import ArchiveSide, NodeReport, Stores
from splanc.metrics import Metrics
from splanc.packet import Batch, Partition
from tests.unit.streams.batches import batch_of

PLACE = Partition("alerts", 0)


@dataclass
class ScriptedArchive:
    """Takes loads, after failing as often as it is told; a load waits while `gate` is closed."""

    failures: list[Exception] = field(default_factory=list)
    marks_failures: list[Exception] = field(default_factory=list)
    spans: list[dict[Partition, tuple[int, int]]] = field(default_factory=list)
    asked: list[list[Partition]] = field(default_factory=list)
    loading: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    all_repeated: bool = False

    def load(self, load: ArchiveLoad) -> Loaded:
        self.loading.set()
        assert self.gate.wait(4)
        if self.failures:
            raise self.failures.pop(0)
        self.spans.append(dict(load.spans))
        count = load.alerts.num_rows
        assert load.rejects is not None
        repeated = min(1, count) if not self.all_repeated else count
        archived = count - repeated
        cutouts = 3 * archived if load.index is not None else 0
        return Loaded(received=count + load.rejects.num_rows, archived=archived, repeated=repeated, rejected=load.rejects.num_rows, cutouts=cutouts)

    def marks(self, partitions: Collection[Partition]) -> dict[Partition, int | None]:
        self.asked.append(list(partitions))
        if self.marks_failures:
            raise self.marks_failures.pop(0)
        return dict.fromkeys(partitions, 7)


class ScriptedBlobs:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.deleted: list[str] = []

    def put_pack(self, path: Path, name: str) -> None:
        assert path.stat().st_size > 0
        self.names.append(name)

    def delete(self, name: str) -> None:
        self.deleted.append(name)


class Bench:
    """An archive side whose steps a test takes by hand, unless it starts the threads."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 20) -> None:
        self.archive, self.blobs, self.metrics = ScriptedArchive(), ScriptedBlobs(), Metrics()
        self.archive.gate.set()
        self.spool = Spool(folder, max_bytes)
        self.report = NodeReport("node-1", self.metrics)
        stores = Stores(archive=self.archive, blobs=self.blobs, spool=self.spool)  # type: ignore[arg-type]
        self.side = ArchiveSide(stores, "node-1", report=self.report, metrics=self.metrics, patience=0.0)

    def put(self, first: int, count: int = 2) -> bool:
        """Offer a batch of alerts with the span that it covers, and return whether it was taken."""
        return self.offer(batch_of([{}] * count, first_offset=first), first)

    def offer(self, batch: Batch, first: int = 0) -> bool:
        """Pack a batch and offer it."""
        self.side.pack(batch, np.ones(len(batch), np.bool_))
        return self.side.offer(self.side.packed(batch, {PLACE: (first, first + len(batch.messages))}))

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
