"""Reading many topics at once as their records come, from offsets that the reader keeps."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import confluent_kafka
from confluent_kafka import KafkaError, TopicPartition

from ..config import KafkaSettings
from ..packet import Partition
from ._records import Record, records_in
from .client import client_config

_CHUNK = 500
"""Records taken at once."""

_PASSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION})
"""What is said of a topic that was deleted; the reader will notice."""


class Tap:
    """A reader of partitions that it is given by hand, of which some may rest.

    Parameters
    ----------
    group : for the right to read; nothing is marked in it.
    """

    def __init__(self, kafka: KafkaSettings, group: str) -> None:
        self._consumer = confluent_kafka.Consumer(_tap_config(kafka, group))
        self._starts: set[Partition] = set()
        self._resting: set[Partition] = set()

    def read(self, starts: Mapping[Partition, int]) -> None:
        """Read these partitions from these offsets, and no others."""
        self._consumer.assign([TopicPartition(partition.topic, partition.number, start) for partition, start in starts.items()])
        self._starts, self._resting = set(starts), set()

    def rest(self, partitions: Collection[Partition]) -> None:
        """Let these partitions rest, and no others; a record that is on its way may still come."""
        wanted = self._starts.intersection(partitions)
        for places, act in ((wanted - self._resting, self._consumer.pause), (self._resting - wanted, self._consumer.resume)):
            if places:
                act([TopicPartition(*partition) for partition in places])
        self._resting = wanted

    def take(self, seconds: float) -> list[Record]:
        """Return the next records of partitions that do not rest, in order in each, as many as come in time.

        Raises
        ------
        UserError, UpstreamError
            If Kafka fails in a way that the client does not mend.
        """
        return records_in(self._consumer.consume(_CHUNK, seconds), "reading the topics of filters", _PASSING)

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()


def _tap_config(kafka: KafkaSettings, group: str) -> dict[str, object]:
    return {
        **client_config(kafka),
        "group.id": group,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 10,
        "fetch.wait.max.ms": 100,
        "queued.max.messages.kbytes": 16_384,
    }
