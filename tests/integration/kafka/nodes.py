"""Consumers as nodes use them, and messages for them to read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from confluent_kafka import Producer

from splanc.config import IngestSettings, KafkaSettings, Settings
from splanc.kafka import Consumer, Outbox, Rebalanced, client_config
from splanc.packet import Messages, Partition
from tests.support.packets import one_batch

PATIENCE_SECONDS = 30.0

FIRST_MS = int(time.time() * 1000)
"""Timestamp of the first message; Kafka deletes at once what is older than a topic's retention."""


def settings_for(kafka: KafkaSettings, **ingest: float) -> Settings:
    return Settings(kafka=kafka, ingest=IngestSettings(**{"session_seconds": 2.0, **ingest}))


@dataclass
class Node:
    """A consumer that remembers what it was told."""

    settings: Settings
    name: str
    starts: Mapping[Partition, int] | None = None
    owned: set[Partition] = field(default_factory=set)
    rebalances: int = 0

    def __post_init__(self) -> None:
        self.consumer = Consumer(self.settings, self.name, on_assign=self._gain, on_revoke=self.owned.difference_update)

    def _gain(self, partitions: list[Partition]) -> Mapping[Partition, int] | None:
        self.owned.update(partitions)
        return self.starts

    def collect(self) -> Messages | None:
        """Return a batch, or None after a rebalance."""
        try:
            return one_batch(self.consumer.collect())
        except Rebalanced:
            self.rebalances += 1
            return None

    def await_partitions(self, count: int) -> None:
        """Poll until this node owns so many; nothing may be there to be read."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.owned) != count:
            assert time.monotonic() < deadline, f"{self.name} owns {self.owned}, not {count}"
            batch = self.collect()
            assert batch is None or len(batch) == 0

    def drain(self, count: int) -> list[Messages]:
        """Return batches with so many messages in all."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        batches: list[Messages] = []
        while sum(map(len, batches)) < count:
            assert time.monotonic() < deadline, f"only {sum(map(len, batches))} of {count} came"
            batch = self.collect()
            if batch is not None and len(batch):
                batches.append(batch)
        return batches


@contextmanager
def joined(kafka: KafkaSettings, name: str, **ingest: float) -> Iterator[Node]:
    """Yield a node that has all partitions of an input topic that is empty yet."""
    node = Node(settings_for(kafka, **ingest), name)
    try:
        node.await_partitions(kafka.partitions)
        yield node
    finally:
        node.consumer.close()


def produce(kafka: KafkaSettings, values: Iterable[bytes], partitions: int | None = None) -> None:
    """Write messages to the input topic, one after the other into its partitions."""
    producer = Producer({**client_config(kafka), "linger.ms": 20})
    for index, value in enumerate(values):
        producer.produce(kafka.input_topics[0], value, partition=index % (partitions or kafka.partitions), timestamp=FIRST_MS + index)
    assert producer.flush(PATIENCE_SECONDS) == 0


def publish(outbox: Outbox, topic: str, values: Sequence[bytes], offsets: Mapping[Partition, int] | None = None, membership: object = None) -> None:
    with outbox.transaction() as transaction:
        transaction.send(topic, values)
        transaction.commit(offsets or {}, membership)


def numbers(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


def values_of(batches: Iterable[Messages]) -> list[bytes]:
    return [value for batch in batches for value in batch.values]
