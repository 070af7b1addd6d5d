"""An archive and a blob store that do what a test tells them, and an archive side over them with a real spool."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from splanc.archive import ArchiveLoad, Loaded, PackFate, Place
from splanc.cache import LocalPacks, Spool
from splanc.ingest import ArchiveSide, NodeReport, Stores, Uploader
from splanc.metrics import Metrics
from splanc.packet import Batch, Cutouts, Partition
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
    packs_on: list[str | None] = field(default_factory=list)
    fates: dict[str, PackFate] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)

    def pack_fate(self, name: str, places: Collection[Place]) -> PackFate:
        assert places
        return self.fates.get(name, PackFate.archived)

    def mark_stored(self, name: str) -> None:
        if self.marks_failures:
            raise self.marks_failures.pop(0)
        self.stored.append(name)

    def load(self, load: ArchiveLoad) -> Loaded:
        self.loading.set()
        assert self.gate.wait(4)
        if self.failures:
            raise self.failures.pop(0)
        self.spans.append(dict(load.spans))
        self.packs_on.append(load.packs_on)
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
    """A folder on the same disk, unless it is told to be an object store."""

    def __init__(self, *, is_far: bool) -> None:
        self.is_far = is_far
        self.names: list[str] = []
        self.deleted: list[str] = []
        self.failures: list[Exception] = []

    def renames_from(self, folder: Path) -> bool:
        assert folder.is_dir()
        return not self.is_far

    def upload(self, path: Path, name: str) -> None:
        if self.failures:
            raise self.failures.pop(0)
        self.put_pack(path, name)

    def put_pack(self, path: Path, name: str) -> None:
        assert path.stat().st_size > 0
        self.names.append(name)

    def delete(self, name: str) -> None:
        self.deleted.append(name)


class Bench:
    """An archive side whose steps a test takes by hand, unless it starts the threads."""

    def __init__(self, folder: Path, max_bytes: int = 1 << 20, *, is_far: bool = False, local_max_bytes: int = 1 << 20) -> None:
        self.archive, self.blobs, self.metrics = ScriptedArchive(), ScriptedBlobs(is_far=is_far), Metrics()
        self.archive.gate.set()
        self.spool = Spool(folder / "cache", max_bytes)
        self.local = LocalPacks(folder / "packs" / "node-1", local_max_bytes)
        self.report = NodeReport("node-1", self.metrics)
        stores = Stores(archive=self.archive, blobs=self.blobs, spool=self.spool, local=self.local, rows=folder / "rows")  # type: ignore[arg-type]
        self.side = ArchiveSide(stores, "node-1", report=self.report, metrics=self.metrics, patience=0.0)
        self.uploader = Uploader(self.local, self.archive, self.blobs, metrics=self.metrics, patience=0.0)  # type: ignore[arg-type]

    def put(self, first: int, count: int = 2) -> bool:
        """Offer a batch of alerts with the span that it covers, and return whether it was taken."""
        return self.offer(batch_of([{}] * count, first_offset=first), first)

    def offer(self, batch: Batch, first: int = 0) -> bool:
        """Pack a batch and offer it."""
        self.side.pack(batch, np.ones(len(batch), np.bool_))
        return self.side.offer(self.side.packed(batch, {PLACE: (first, first + len(batch.messages))}))

    def offer_cutouts(self, first: int = 0) -> bool:
        """Offer a batch of two alerts with cutouts of 8 bytes of each kind."""
        batch = batch_of([{}, {}], first_offset=first)
        cutouts = Cutouts(starts=np.zeros(2, np.int64), lengths=np.array([3, 5], np.int64))
        return self.offer(replace(batch, cutouts=dict.fromkeys(batch.cutouts, cutouts)), first)

    def close(self) -> None:
        self.side.stop(0)
        self.uploader.stop(1)
        self.spool.close()
        self.local.close()

    def metric(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
