"""The one process that delivers: of several that are started, Kafka lets one work, and another when that one has gone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import confluent_kafka
import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from ..config import KafkaSettings
from ..errors import UpstreamError
from ..packet import Partition
from ._records import Record, records_in
from .client import asking, client_config, in_words, is_transient

_CHUNK = 100
"""Records taken at once."""

_SEND_SECONDS = 10.0
"""Longest wait for Kafka to take a record."""

_HEARTBEATS = 6
"""Heartbeats in a session, as the nodes have them."""

_STALE = frozenset({KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.FENCED_INSTANCE_ID})
"""What Kafka answers to marks of a process whose work has gone, or is about to go, to another."""

_PASSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._MAX_POLL_EXCEEDED, KafkaError._UNKNOWN_PARTITION})
"""Errors that librdkafka mends by itself, or that end with the work going to another."""

_log = structlog.get_logger(__name__)


class Keeper:
    """A member of a group on a topic of one partition: who has the partition is the one that works, and may move the group's marks on any topic.

    Marks of one that was overtaken are refused by Kafka, however late it notices.

    Parameters
    ----------
    group : the consumer group of all processes that may do the work.
    topic : its records come to the one that works; read from the first that is not marked.
    session_seconds : a process that is silent for so long is followed by another.
    """

    def __init__(self, kafka: KafkaSettings, group: str, topic: str, session_seconds: float) -> None:
        self._group = group
        self._topic = topic
        self.term: int | None = None
        """Changes whenever the work came to this process; None while another process has it."""
        self._terms = 0
        self._consumer = confluent_kafka.Consumer(_keeper_config(kafka, group, session_seconds))
        self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        self._producer = Producer({**client_config(kafka), "message.timeout.ms": round(1000 * _SEND_SECONDS)})

    def take(self, seconds: float) -> list[Record]:
        """Return the topic's next records, waiting for the first of them; to be called every few seconds, or the work goes to another.

        Raises
        ------
        UpstreamError
            If Kafka fails in a way that the client does not mend.
        """
        records = records_in(self._consumer.consume(_CHUNK, seconds), f"reading {self._topic}", _PASSING)
        return records if self.term is not None else []

    def marks(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the group's marks: the offset to go on from, of those partitions that have one.

        Raises
        ------
        UserError, UpstreamError
            If they cannot be read.
        """
        asked = [TopicPartition(*partition) for partition in partitions]

        def question(seconds: float) -> dict[Partition, int]:
            places = self._consumer.committed(asked, timeout=seconds)
            for place in places:
                if place.error is not None:
                    raise KafkaException(place.error)
            return {Partition(place.topic, place.partition): place.offset for place in places if place.offset >= 0}

        return asking(f"reading the offsets of group {self._group}", question) if asked else {}

    def move(self, offsets: Mapping[Partition, int]) -> bool:
        """Move the group's marks, and return whether Kafka took them; what it did not take now, it may take later.

        Raises
        ------
        UserError, UpstreamError
            If Kafka fails in a way that no waiting mends.
        """
        places = [TopicPartition(partition.topic, partition.number, offset) for partition, offset in offsets.items()]
        try:
            done = self._consumer.commit(offsets=places, asynchronous=False)
            refused = next((place.error for place in done if place.error is not None), None)
        except KafkaException as failure:
            refused = failure.args[0]
        if refused is not None and not is_transient(refused) and refused.code() not in _STALE:
            raise in_words(refused, f"moving the offsets of group {self._group}")
        if refused is not None:
            _log.warning("marks not taken", error=refused.name(), text=refused.str())
        return refused is None

    def send(self, key: bytes, value: bytes) -> None:
        """Add a record to the topic; when this returns Kafka has it.

        Raises
        ------
        UpstreamError
            If Kafka did not take it.
        """
        failures: list[KafkaError] = []
        self._producer.produce(self._topic, value, key, on_delivery=lambda error, _message: failures.append(error) if error else None)
        if self._producer.flush(_SEND_SECONDS) or failures:
            raise UpstreamError(f"Kafka did not take a record of {len(value)} bytes for {self._topic}: {failures[0].str() if failures else 'no answer'}")

    def close(self) -> None:
        """Leave the work to another."""
        self._consumer.close()

    def _assigned(self, _consumer: confluent_kafka.Consumer, places: list[TopicPartition]) -> None:
        if any(place.partition == 0 for place in places):
            self._terms += 1
            self.term = self._terms

    def _revoked(self, _consumer: confluent_kafka.Consumer, _places: list[TopicPartition]) -> None:
        self.term = None


def _keeper_config(kafka: KafkaSettings, group: str, session_seconds: float) -> dict[str, object]:
    session_ms = round(1000 * session_seconds)
    return {
        **client_config(kafka),
        "group.id": group,
        "group.protocol": "classic",
        "session.timeout.ms": session_ms,
        "heartbeat.interval.ms": session_ms // _HEARTBEATS,
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "topic.metadata.refresh.interval.ms": 5_000,
    }
