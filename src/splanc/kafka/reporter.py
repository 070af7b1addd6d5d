"""Records that may be lost: what a node says of itself."""

from __future__ import annotations

from contextlib import suppress

from confluent_kafka import Producer

from ..config import KafkaSettings
from .client import client_config

_QUEUE_MESSAGES = 100
"""Reports that may wait while Kafka is away; older ones are of no interest."""

_MESSAGE_MS = 5_000
"""A report that could not be delivered by then is dropped, milliseconds."""


class Reporter:
    """Sends records to one topic without waiting and without promise."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._topic = topic
        limits = {"queue.buffering.max.messages": _QUEUE_MESSAGES, "message.timeout.ms": _MESSAGE_MS, "linger.ms": 0}
        self._producer = Producer({**client_config(kafka), **limits})

    def send(self, key: bytes, value: bytes) -> None:
        """Send a record, or drop it while too many wait."""
        with suppress(BufferError):  # Kafka is away, and the next report will say more
            self._producer.produce(self._topic, value, key)
        self._producer.poll(0)

    def close(self) -> None:
        """Give the last records two seconds to leave."""
        self._producer.flush(2)
