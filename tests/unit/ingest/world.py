"""A simulated log, archive and group, in which a node can crash between any two effects."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import pyarrow as pa

from splanc.archive import ArchiveLoad, BlobStore, Loaded, PackFate, Place
from splanc.cache import LocalPacks, Spool
from splanc.errors import Superseded, UpstreamError
from splanc.ingest import ArchiveSide, IngestNode, NodeParts, NodeReport, Owned, Stores, Uploader
from splanc.kafka import Fenced, Rebalanced, TransactionAborted
from splanc.metrics import Metrics
from splanc.packet import CUTOUTS, Batch, Cutouts, Messages, Partition
from splanc.past import RowsDamaged, nights_in, read_night
from splanc.sky import index_sky

TOPIC = "alerts"

_worlds = count()


class Crash(BaseException):
    """The process ends here, with nothing tidied up."""


@dataclass
class World:
    """What outlives a node: Kafka, PostgreSQL, the blob store, and the group's generation; `packs` says whether each is stored."""

    length: int
    partitions: int
    chunk: int
    committed: dict[Partition, int] = field(default_factory=dict)
    marks: dict[Partition, int] = field(default_factory=dict)
    published: Counter[tuple[int, int]] = field(default_factory=Counter)
    archived: Counter[tuple[int, int]] = field(default_factory=Counter)
    packs: dict[str, bool] = field(default_factory=dict)
    blobs: BlobStore = field(default_factory=lambda: BlobStore("memory:///"))
    number: int = field(default_factory=partial(next, _worlds))
    generation: int = 0
    archive_up: bool = True
    refused: int = 0
    ticks: int = 0
    at_tick: Callable[[int], None] = lambda _tick: None

    def tick(self) -> None:
        """A boundary between two effects."""
        self.ticks += 1
        self.at_tick(self.ticks)

    @property
    def log(self) -> list[Partition]:
        return [Partition(TOPIC, number) for number in range(self.partitions)]

    def done(self) -> bool:
        """Whether both marks of all partitions are at the end."""
        return all(self.committed.get(p, 0) == self.length and self.marks.get(p, 0) == self.length for p in self.log)

    def check(self) -> None:
        """Nothing twice, and no mark past a missing effect."""
        for effects, marks in ((self.published, self.committed), (self.archived, self.marks)):
            assert max(effects.values(), default=1) == 1, effects.most_common(3)
            expected = {(p.number, offset) for p, mark in marks.items() for offset in range(mark)}
            assert set(effects) == expected
        self.check_packs()

    def check_packs(self) -> None:
        """A pack that is said to be stored is in the store, and nothing is there that no load named."""
        stored = {blob.name for blob in self.blobs.list()}
        assert {name for name, is_stored in self.packs.items() if is_stored} <= stored <= set(self.packs)

    def check_rows(self, folder: Path) -> None:
        """Each archived alert has its rows, and whoever reads them finds none twice."""
        batches = [batch for night in nights_in(self.rows(folder)) for batch in read_night(self.rows(folder), night, _refuse)]
        found = Counter((row["partition"], row["offset"]) for batch in batches for row in batch.alerts.select(["partition", "offset"]).to_pylist())
        assert max(found.values(), default=1) == 1
        assert set(found) >= set(self.archived)

    def rows(self, folder: Path) -> Path:
        """The folder of the rows that filters saw."""
        return folder / f"rows-{self.number}"


def _refuse(damage: RowsDamaged) -> None:
    raise damage


class SimulatedConsumer:
    def __init__(self, world: World, owned: Owned) -> None:
        self.world, self.owned = world, owned
        self.generation = 0
        self.positions: dict[Partition, int] = {}

    def join(self, partitions: Iterable[Partition]) -> None:
        self.generation = self.world.generation
        self.owned.remove(list(self.owned.partitions))
        self.owned.add(list(partitions))
        self.positions = {partition: self.world.committed.get(partition, 0) for partition in partitions}

    def collect(self) -> Iterator[Messages]:
        """A batch of two chunks of each partition."""
        for _ in range(2):
            self.world.tick()
            places = [(p, o) for p, start in self.positions.items() for o in range(start, min(start + self.world.chunk, self.world.length))]
            for partition, offset in places:
                self.positions[partition] = offset + 1
            if places:
                yield self._messages(places)

    def _messages(self, places: list[tuple[Partition, int]]) -> Messages:
        return Messages(
            values=[b"x"] * len(places),
            topics=[TOPIC] * len(places),
            partitions=np.array([p.number for p, _ in places], np.int32),
            offsets=np.array([o for _, o in places], np.int64),
            timestamps_ms=np.zeros(len(places), np.int64),
        )

    def heartbeat(self) -> None:
        if self.generation != self.world.generation:
            raise Rebalanced

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        return {p: self.world.committed.get(p) for p in partitions}

    def beginning(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, 0)

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        return dict.fromkeys(partitions, self.world.length)

    def seek(self, offsets: Mapping[Partition, int]) -> None:
        self.positions.update(offsets)


class SimulatedPublishSide:
    """One Kafka transaction a batch, refused when the member's generation is no longer the group's."""

    def __init__(self, world: World, consumer: SimulatedConsumer) -> None:
        self.world, self.consumer = world, consumer

    def publish(self, batch: Batch, offsets: Mapping[Partition, int], stay_alive: Callable[[], None]) -> None:
        self.world.tick()
        if self.world.refused:
            self.world.refused -= 1
            stay_alive()
            raise TransactionAborted("the output topic is refused")
        if self.consumer.generation != self.world.generation:
            raise Fenced("another member owns these partitions")
        self.world.published.update(zip(batch.alerts["partition"].to_pylist(), batch.alerts["offset"].to_pylist(), strict=True))
        self.world.committed.update(offsets)
        self.world.tick()


class SimulatedArchive:
    """One PostgreSQL transaction a batch, with the compare-and-set of the marks."""

    def __init__(self, world: World) -> None:
        self.world = world

    def marks(self, partitions: Iterable[Partition]) -> dict[Partition, int | None]:
        self.world.tick()
        if not self.world.archive_up:
            raise UpstreamError("down")
        return {p: self.world.marks.get(p) for p in partitions}

    def load(self, load: ArchiveLoad) -> Loaded:
        self.world.tick()
        if not self.world.archive_up:
            raise UpstreamError("down")
        if any(self.world.marks.get(p, 0) != first for p, (first, _) in load.spans.items()):
            raise Superseded("a mark has moved")
        assert load.index is not None
        assert load.index["pack"].null_count == 0
        assert load.index.num_rows == load.alerts.num_rows
        self.world.archived.update(zip(load.alerts["partition"].to_pylist(), load.alerts["offset"].to_pylist(), strict=True))
        self.world.marks.update({p: following for p, (_, following) in load.spans.items()})
        assert load.packs_on is not None
        self.world.packs.update({pack["name"]: False for pack in load.packs})
        self.world.tick()
        return Loaded(archived=load.alerts.num_rows, received=load.alerts.num_rows, cutouts=3 * load.alerts.num_rows)

    def pack_fate(self, name: str, places: Iterable[Place]) -> PackFate:
        self.world.tick()
        if name in self.world.packs:
            return PackFate.archived
        passed = all(self.world.marks.get(Partition(place.topic, place.partition), 0) > place.first for place in places)
        return PackFate.lost if passed else PackFate.open

    def mark_stored(self, name: str) -> None:
        self.world.tick()
        self.world.packs[name] = True
        self.world.tick()


class SimulatedDecoder:
    def decode(self, messages: Messages) -> Batch:
        n = len(messages)
        columns = {
            "message": pa.array(np.arange(n, dtype=np.int32)),
            "topic": pa.array(messages.topics, pa.string()),
            "partition": pa.array(messages.partitions),
            "offset": pa.array(messages.offsets),
            "diaSourceId": pa.array(1000 * messages.partitions.astype(np.int64) + messages.offsets),
            "timestamp": pa.array(messages.timestamps_ms, pa.timestamp("ms", "UTC")),
            "night": pa.array(np.zeros(n, np.int32)),
            "ra": pa.array(np.zeros(n)),
            "decl": pa.array(np.zeros(n)),
        }
        whole = Cutouts(starts=np.zeros(n, np.int64), lengths=np.ones(n, np.int64))
        return Batch(messages=messages, alerts=pa.table(columns), tables={}, cutouts=dict.fromkeys(CUTOUTS, whole), rejects=())


class SimulatedNode:
    """A real node with its real archive side and uploader, over the simulated world; `step` lets each part do one thing."""

    def __init__(self, world: World, name: str, folder: Path) -> None:
        self.world, self.owned, metrics = world, Owned(), Metrics()
        self.states: list[str] = []
        self.folder = folder
        self.consumer = SimulatedConsumer(world, self.owned)
        self.spool = Spool(folder / "cache" / name, 1 << 20)
        self.local = LocalPacks(folder / "packs" / name, 1 << 20)
        archive = SimulatedArchive(world)
        stores = Stores(archive=archive, blobs=world.blobs, spool=self.spool, local=self.local, rows=world.rows(folder))  # type: ignore[arg-type]
        self.uploader = Uploader(self.local, archive, world.blobs, metrics=metrics, patience=0.0)  # type: ignore[arg-type]
        report = NodeReport(name, metrics)
        self.archive_side = ArchiveSide(stores, name, report=report, metrics=metrics, patience=0.0)
        parts = NodeParts(
            consumer=self.consumer,  # type: ignore[arg-type]
            owned=self.owned,
            decoder=SimulatedDecoder(),  # type: ignore[arg-type]
            stages=(index_sky,),
            publish_side=SimulatedPublishSide(world, self.consumer),  # type: ignore[arg-type]
            archive_side=self.archive_side,
            report=report,
            metrics=metrics,
            local=self.local,
            send_report=lambda record: self.states.append(json.loads(record)["state"]),
        )
        self.node = IngestNode(parts, lambda: False, patience=0.0)

    def take_over(self) -> None:
        """Become the only owner of all partitions; whoever had them does not know yet."""
        self.world.generation += 1
        self.consumer.join(self.world.log)

    def step(self) -> None:
        """Let the loop and the thread of the archive side do what they can, once each."""
        try:
            self.node.attempt()
        finally:
            self.archive_side.transfer_next()

    def check_rows(self) -> None:
        """What filters saw of each archived alert is there, and nothing twice."""
        self.world.check_rows(self.folder)

    def close(self) -> None:
        self.archive_side.abandon_pack()
        self.spool.close()
        self.local.close()
