"""A log that nodes share: what each appends, all read in one order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, KafkaError, KafkaException, Message, TopicPartition

from ..config import KafkaSettings
from ..errors import UpstreamError
from .client import client_config, in_words, is_transient

_PATIENCE_SECONDS = 10.0
"""Longest wait for an appended record to be taken, or to be read back: it takes milliseconds."""

_CHUNK = 500
"""Records taken at once."""

_WAIT_SECONDS = 0.02
"""Longest wait for a chunk to fill."""


class SharedLog:
    """One partition of a topic, which every node appends to and reads from its beginning; nothing is opened before it is used.

    Records are not part of any transaction: they stand as soon as they are taken, in the one order that all readers see.
    """

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        self._kafka = kafka
        self._topic = topic
        self._producer: confluent_kafka.Producer | None = None
        self._consumer: confluent_kafka.Consumer | None = None
        self._next = 0
        self._assigned = False

    def append(self, value: bytes) -> int:
        """Append a record and return its offset.

        Raises
        ------
        UpstreamError
            If Kafka does not take it, or does not say so; it may stand in the log all the same.
        """
        said: list[tuple[KafkaError | None, int]] = []

        def delivered(error: KafkaError | None, message: Message) -> None:
            said.append((error, cast(int, message.offset())))

        if self._producer is None:
            limits = {"enable.idempotence": True, "linger.ms": 0, "message.timeout.ms": round(_PATIENCE_SECONDS * 1000)}
            self._producer = confluent_kafka.Producer({**client_config(self._kafka), **limits})
        try:
            self._producer.produce(self._topic, value, partition=0, on_delivery=delivered)
        except KafkaException as error:
            raise in_words(error.args[0], f"appending to {self._topic}") from error
        self._producer.flush(2 * _PATIENCE_SECONDS)
        if not said or said[0][0] is not None:
            reason = said[0][0].str() if said and said[0][0] else "no answer"
            raise UpstreamError(f"{self._topic} did not take a record: {reason}")
        offset = said[0][1]
        if offset < self._next:  # the log was made anew
            self._next, self._assigned = 0, False
        return offset

    def read_to(self, offset: int) -> Iterator[tuple[int, bytes]]:
        """Yield the records that were not read yet, with their offsets, at least up to the one at an offset, which must stand in the log.

        Raises
        ------
        UpstreamError
            If that record does not come.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._next <= offset:
            for message in self._assigned_consumer().consume(_CHUNK, _WAIT_SECONDS):
                error = message.error()
                if error is not None and not is_transient(error):
                    self._assigned = False  # what came with it is read again
                    raise in_words(error, f"reading {self._topic}")
                if error is None:
                    deadline = time.monotonic() + _PATIENCE_SECONDS
                    self._next = cast(int, message.offset()) + 1
                    yield self._next - 1, message.value() or b""
            if time.monotonic() > deadline:
                raise UpstreamError(f"{self._topic} does not give back its record {offset} within {_PATIENCE_SECONDS:.0f} s")

    def close(self) -> None:
        """Close what was opened."""
        for client in (self._producer, self._consumer):
            if client is not None:
                client.close()

    def _assigned_consumer(self) -> confluent_kafka.Consumer:
        if self._consumer is None:
            self._consumer = confluent_kafka.Consumer(self._reader_config())
        if not self._assigned:
            self._consumer.assign([TopicPartition(self._topic, 0, self._next or OFFSET_BEGINNING)])
            self._assigned = True
        return self._consumer

    def _reader_config(self) -> dict[str, Any]:
        return {
            **client_config(self._kafka),
            "group.id": self._kafka.group,  # librdkafka wants one; with partitions given by hand it neither joins nor commits
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 10,
        }
